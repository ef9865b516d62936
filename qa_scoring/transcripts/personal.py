"""Where personal data stands in a text: what each kind looks like, and what proves it.

Three sources of matches, each linear in the text:

====================  =====================================================================
fixed written forms   ``forms.FORMS``: a pattern, and a check where it would lie
card numbers          any run of 13 to 19 digits, written or spoken, that passes Luhn
bare digits           ``_CUED``: a number that only a word before it gives away ("my pin is")
====================  =====================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from qa_scoring.transcripts import checkdigits
from qa_scoring.transcripts.digits import DIGIT_WORD, Group, digit_runs
from qa_scoring.transcripts.forms import FORMS

# When matches overlap they are masked as one, under the first of these kinds.
KINDS = ("EMAIL", "IBAN", "CARD", "NATIONAL_ID", "PHONE", "CVV", "PIN")

# A cue speaks for a number that begins at most this many characters after it.
CUE_REACH = 40


# Most turns hold no number and no address: one look is enough for those.
_HINT = re.compile(rf"[\d@]|\b(?:at|{DIGIT_WORD})\b", re.IGNORECASE)


class Match(NamedTuple):
    """``text[start:end]`` is personal data of one of :data:`KINDS`."""

    start: int
    end: int
    kind: str


class _Cued(NamedTuple):
    """Bare digits after a cue: how many, and the check digit they must carry."""

    kind: str
    cue: str
    least: int
    most: int
    check: Callable[[str], bool] = bool


def find_personal_data(text: str, *, asked: str | None = None) -> Iterator[Match]:
    """Every match, in no order, overlaps included.

    Args:
        text:   folded: ASCII digits, plain spaces and dashes, nothing invisible
        asked:  a cue of :func:`last_cue` that still speaks at the start of ``text``
    """
    if _HINT.search(text) is None:
        return
    has_digits = any(digit in text for digit in "0123456789")
    for form in FORMS:
        if not has_digits and form.kind != "EMAIL":
            continue
        for match in form.pattern.finditer(text):
            end = form.check(match)
            if end is not None:
                yield Match(match.start(), end, form.kind)
    runs = list(digit_runs(text))
    for run in runs:
        yield from _cards(run)
    yield from _after_cues(text, runs, asked)


def last_cue(text: str) -> str | None:
    """The cue that a turn ends on, as in "And your security code?"; None without one."""
    tail = text[-2 * CUE_REACH :]
    cues = [match for match in _CUE.finditer(tail) if not match[0].startswith("[")]
    return cues[-1].lastgroup if cues else None


def _cards(run: list[Group]) -> Iterator[Match]:
    """The longest card number from each group on; whole groups only, leading digit 2 to 6 or 8.

    No bank card starts with another digit (ISO/IEC 7812); timestamps and ISBNs do.
    """
    digits = "".join(group.digits for group in run)
    if len(digits) < 13:
        return
    sums = checkdigits.LuhnSums(digits)
    ends: dict[int, int] = {}
    position = 0
    for group in run:
        position += len(group.digits)
        ends[position] = group.end
    position = 0
    for group in run:
        if digits[position] in "234568":
            for end in range(position + 19, position + 12, -1):
                if end in ends and sums.holds(position, end):
                    yield Match(group.start, ends[end], "CARD")
                    break
        position += len(group.digits)


def _after_cues(text: str, runs: list[list[Group]], asked: str | None) -> Iterator[Match]:
    """Numbers that the nearest cue before them gives away, e.g. never "order 1656367028"."""
    cues = _CUE.finditer(text) if runs else iter(())
    upcoming = next(cues, None)
    cue, cue_end = asked, 0
    for run in runs:
        while upcoming is not None and upcoming.end() <= run[0].start:
            cue, cue_end = upcoming.lastgroup, upcoming.end()
            upcoming = next(cues, None)
        first = 0
        while cue in _CUED and first < len(run) and run[first].start - cue_end <= CUE_REACH:
            rule = _CUED[cue]
            after = _prefix(run, first, rule)
            if after is None:
                first += 1
                continue
            yield Match(run[first].start, run[after - 1].end, rule.kind)
            # "call 555 123 4567 or 555 765 4321": one phone number leads to the next
            cue, cue_end = (cue, run[after - 1].end) if rule.kind == "PHONE" else (None, 0)
            first = after


def _prefix(run: list[Group], first: int, rule: _Cued) -> int | None:
    """Index after the longest stretch of groups from ``first`` that fits the rule."""
    digits = ""
    found = None
    for index in range(first, len(run)):
        digits += run[index].digits
        if len(digits) > rule.most:
            break
        if len(digits) >= rule.least and rule.check(digits):
            found = index + 1
    return found


_CUED = {
    "phone": _Cued(
        "PHONE",
        r"\[PHONE\] | (?:tele|cell|mobile[ ])?phones?(?:[ ]number)? | tel | cell(?:ular)? | mobile"
        r"| call(?:back)? | dial | ring | fax | whats[ ]?app | text[ ](?:me|us)"
        r"| (?:reach|contact)[ ](?:me|us|him|her)"
        r"| (?:my|your|his|her|contact|callback|best|home|work)[ ]number | number"
        r"| telefon\w{0,8} | rufnummer | handy\w{0,6} | t[ée]l[ée]phone | portable | tel[ée]fono"
        r"| m[óo]vil | cellulare | telefoonnummer | mobiel\w{0,6}",
        7,
        15,
    ),
    "sin": _Cued("NATIONAL_ID", r"sin | social[ ]insurance(?:[ ]number)?", 9, 9, checkdigits.luhn),
    "ssn": _Cued(
        "NATIONAL_ID", r"ssn | social(?:[ ]security)?(?:[ ]number)?", 9, 9, checkdigits.us_ssn
    ),
    "bsn": _Cued("NATIONAL_ID", r"bsn | burgerservicenummer", 8, 9, checkdigits.dutch_bsn),
    "tax": _Cued(
        "NATIONAL_ID",
        r"steuer-?id\w{0,20} | steuernummer | tax[ ](?:id|number)",
        11,
        11,
        checkdigits.german_tax_id,
    ),
    "cvv": _Cued(
        "CVV", r"cvv2? | cvc2? | csc | (?:security|card)[ ]code | (?:on|at)[ ]the[ ]back", 3, 4
    ),
    "pin_code": _Cued("PIN", r"pin[ ]?code", 4, 4),  # India's postal PIN code has six
    "pin": _Cued("PIN", r"pin(?:[ ]number)? | passcode", 4, 6),
}

# What a number is when it is nobody's: these end the reach of a cue before them.
_NOBODYS = r"""
    (?: orders? | items? | products? | tracking | confirmation | reference | ref | account | acct
      | policy | case | ticket | invoice | receipt | serial | model | sku | upc | isbn | booking
      | reservation | flight | transaction | payment | customer | user | member(?:ship)? | card
      | zip | postal | postcode | amount | total | price | id )
    (?: [ ](?:numbers?|no|ids?|codes?) ){0,2}
"""
_CUE = re.compile(
    # the letters of a label are no words, but one phone number leads to the next
    rf"(?P<nobodys> \[(?!PHONE\])[A-Z_]{{3,12}}\] | (?<!\w)(?:{_NOBODYS})(?!\w) ) | "
    + " | ".join(rf"(?P<{name}> (?<!\w)(?:{rule.cue})(?!\w) )" for name, rule in _CUED.items()),
    re.VERBOSE | re.IGNORECASE,
)
