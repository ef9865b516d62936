"""Personal data with a written form of its own: a pattern, and a check where it would lie.

Sources: RFC 5321; ISO 13616; ITU-T E.123 and E.164, national numbering plans; the agencies named
in :mod:`~qa_scoring.transcripts.checkdigits`. Possessive or bounded repeats behind a look-behind
keep every pattern linear.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from qa_scoring.transcripts import checkdigits
from qa_scoring.transcripts.digits import DIGIT_WORD

# An e-mail address is named as one this many characters before it, at most.
_NAMED_WITHIN = 40


class Form(NamedTuple):
    """A written form. ``check`` gives the end of the data within the match, None if it is none."""

    kind: str
    pattern: re.Pattern[str]
    check: Callable[[re.Match[str]], int | None] = lambda match: match.end()


def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.VERBOSE | re.IGNORECASE)


def _bare(match: re.Match[str]) -> str:
    return re.sub(r"[^A-Z\d]", "", match[0].upper())


def _if(check: Callable[[str], bool]) -> Callable[[re.Match[str]], int | None]:
    return lambda match: match.end() if check(_bare(match)) else None


def _iban_end(match: re.Match[str]) -> int | None:
    """The pattern runs on into the next words; the country says how long the IBAN is."""
    text = match[0].upper()
    kept = [index for index, char in enumerate(text) if char.isalnum()]
    length = checkdigits.iban_length(text[:2])
    if length is None or length > len(kept):
        return None
    end = kept[length - 1] + 1
    is_whole = not text[end : end + 1].isalnum()
    return match.start() + end if is_whole and checkdigits.iban(_bare(match)[:length]) else None


def _trunk_phone_end(match: re.Match[str]) -> int | None:
    """National numbers with a leading 0 have 9 to 12 digits; ZIP+4 and dates look alike."""
    is_zip = re.fullmatch(r"\d{5}[ -]\d{4}", match[0])
    is_date = re.match(r"\d\d?([-./ ])\d\d?\1\d{4}", match[0])
    return match.end() if 9 <= len(_bare(match)) <= 12 and not is_zip and not is_date else None


_JOINER = "(?i:dot|period|underscore|dash|hyphen|minus|plus)"
_MAIL_PROVIDERS = (
    "g ?mail|google ?mail|yahoo|hot ?mail|outlook|i ?cloud|aol|proton(?: ?mail)?|live|msn|gmx"
    "|comcast|verizon|btinternet|web|orange|free|libero|me|mac"
)


def _spoken_mail_end(match: re.Match[str]) -> int | None:
    """ "it at amazon dot com" is no address: ask for a joined name, a mail host, or the word."""
    before = match.string[max(0, match.start() - _NAMED_WITHIN) : match.start()]
    is_joined = re.search(rf" {_JOINER} ", match["local"])
    is_mail = re.match(rf"(?i:{_MAIL_PROVIDERS})\b", match["host"])
    return match.end() if is_joined or is_mail or re.search(r"(?i)e-?mail", before) else None


_SPOKEN_MAIL = rf"""
    (?<![\w'-]) (?! \d++\b | {DIGIT_WORD}\b | (?<=\b\w[ ])\w\b )  # from its first letter only
    (?P<local> (?!at\b) [\w'-]{{1,40}}+
      (?: (?> [ ]{_JOINER}[ ]
            | (?<=\b\w)[ ](?=\w\b) | [ ](?={DIGIT_WORD}\b|\d) )
          (?!at\b) [\w'-]{{1,40}}+ ){{0,40}} )
    (?: [ ]at[ ] | [ ]?@[ ]? | [ ]?[(\[{{](?:at|@)[)\]}}][ ]? )
    (?P<host> [\w-]{{1,40}}+ (?:[ ]mail)?
      (?: (?: [ ](?:dot|[.])[ ] | [ ]?[(\[{{]dot[)\]}}][ ]? | [.] ) [^\W\d_]{{2,20}}+ ){{1,3}} )
"""

FORMS = (
    Form(
        "EMAIL", _pattern(r"(?<![\w.+%-]) [\w.+%-]{1,254}+ @ (?:[\w-]{1,63}\.){1,6} [^\W\d_]{2,24}")
    ),
    Form("EMAIL", _pattern(_SPOKEN_MAIL), _spoken_mail_end),
    Form("IBAN", _pattern(r"(?<![\w]) [A-Z]{2}\d\d (?:[ -]?[A-Z\d]){11,30}+"), _iban_end),
    # United States, SSN and ITIN: 3-2-4
    Form(
        "NATIONAL_ID",
        _pattern(r"(?<![\w-]) \d{3} ([ -]) \d\d \1 \d{4} (?![\w-])"),
        _if(checkdigits.us_ssn),
    ),
    # United Kingdom, NINO: prefixes that HMRC never issues are left out
    Form(
        "NATIONAL_ID",
        _pattern(
            r"(?<!\w) (?!BG|GB|KN|NK|NT|TN|ZZ) [A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]"
            r"[ -]? \d\d [ -]? \d\d [ -]? \d\d [ -]? [A-D] (?!\w)"
        ),
    ),
    # Spain, DNI and NIE
    Form(
        "NATIONAL_ID",
        _pattern(r"(?<![\w-]) (?:\d{8}|[XYZ]-?\d{7}) -? [A-Z] (?!\w)"),
        _if(checkdigits.spanish_id),
    ),
    # France, NIR: sex, year, month, department, commune, order, key
    Form(
        "NATIONAL_ID",
        _pattern(
            r"(?<!\w) [12] [ ]?\d\d [ ]?\d\d [ ]?(?:\d\d|2[AB]) [ ]?\d{3} [ ]?\d{3} [ ]?\d\d (?!\w)"
        ),
        _if(checkdigits.french_nir),
    ),
    # Italy, codice fiscale; L to V stand for digits where two people would share a code
    Form(
        "NATIONAL_ID",
        _pattern(
            r"(?<!\w) [A-Z]{6} [\dL-NP-V]{2} [A-EHLMPR-T] [\dL-NP-V]{2}"
            r"[A-Z] [\dL-NP-V]{3} [A-Z] (?!\w)"
        ),
        _if(checkdigits.codice_fiscale),
    ),
    # India, Aadhaar: 4-4-4
    Form(
        "NATIONAL_ID",
        _pattern(r"(?<![\w-]) (?<!\d[ ]) [2-9]\d{3} ([ -]) \d{4} \1 \d{4} (?![\w-]) (?![ ]\d)"),
        _if(checkdigits.verhoeff),
    ),
    # International: + or 00, country, then groups
    Form(
        "PHONE",
        _pattern(
            r"(?<![\w+]) (?:\+[ ]?|(?<![.,:/-])(?<!\d[ ])00[ ]?)"
            r"[(]? [1-9] (?:[ .()/-]{0,3}\d){7,14} (?!\d)"
        ),
    ),
    # North America: 3-3-4, with the separators that make it a phone number
    Form(
        "PHONE",
        _pattern(
            r"(?<![\w$/-]) (?<!\d[.,]) (?:1[ .-]?)?"
            r"(?:[(]\d{3}[)][ .-]? | \d{3}[ .-]) \d{3}[ .-]\d{4} (?![\w-])"
        ),
    ),
    # Europe, leading 0: 06 12 34 56 78, 020 7946 0958, 0171/1234567, (030) 123456
    Form(
        "PHONE",
        _pattern(
            r"(?<![\w$.,/+-]) (?<!\d:) [(]? 0[1-9]\d{0,3} [)]? [ ./-]"
            r"\d{2,8} (?:[ .-]\d{2,8}){0,4} (?![\w-])"
        ),
        _trunk_phone_end,
    ),
    # Spain, Portugal, Poland: 612 345 678
    Form(
        "PHONE",
        _pattern(
            r"(?<![\w$/-]) (?<!\d[., ]) [4-9]\d{2} ([ -]) \d{3} \1"
            r"(?!000)\d{3} (?![\w-]) (?![ ][\d€$£])"
        ),
    ),
)
