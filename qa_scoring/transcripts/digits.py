"""Digit runs: numbers written or said, read as digits.

A phone call's transcript says "double four one, oh nine"; a chat says "441-09". Both are the same
run of digits in groups, so the same rules can read both. Spoken numbers are read in English.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_UNITS = {
    "zero": "0", "oh": "0", "o": "0", "nought": "0", "naught": "0", "one": "1", "two": "2",
    "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
}  # fmt: skip
_TEENS = {
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14",
    "fifteen": "15", "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19",
    "hundred": "00", "thousand": "000",
}  # fmt: skip
_TENS = {
    "twenty": "2", "thirty": "3", "forty": "4", "fifty": "5",
    "sixty": "6", "seventy": "7", "eighty": "8", "ninety": "9",
}  # fmt: skip
_REPEATS = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}


def _any(words: dict[str, str] | dict[str, int]) -> str:
    return "|".join(words)


DIGIT_WORD = f"(?:{_any(_UNITS)}|{_any(_TEENS)}|{_any(_TENS)})"

# Dates, times, amounts and Amazon's order numbers are numbers too, but never part of another.
_OTHER_NUMBER = r"""
    (?<![\w.,/-]) (?:
      \d{4}-\d\d-\d\d (?:[T ]\d\d:\d\d[\d:.]{0,12}+)? (?![-.]?\d)
    | \d{1,2} (?P<mark>[-./]) \d{1,2} (?P=mark) (?:\d{4}|\d\d) (?![-.]?\d)
    | \d{1,2} [:/] \d\d (?::\d\d)? (?!\d)
    | \d{3}-\d{7}-\d{7} (?!\d)
    | [$€£¥₹] \s? \d [\d.,]{0,20}+
    | \d [\d.,]{0,20}+ \s? (?:[€£¥₹%]|(?i:dollars?|bucks|euros?|pounds?|percent|usd|eur|gbp)\b)
    )
"""
_NUMBER = re.compile(
    rf"""
    (?P<other> {_OTHER_NUMBER} )
  | (?P<written> (?<![A-Z\d_$]) \d++ (?![A-Z_]) )
  | \b (?i: (?P<repeat>{_any(_REPEATS)}) \s (?P<repeated>{_any(_UNITS)}|\d)
          | (?P<tens>{_any(_TENS)}) (?:[\s-] (?P<tens_unit>{_any(_UNITS)}) )?
          | (?P<word>{_any(_UNITS)}|{_any(_TEENS)}) ) \b
    """,
    re.VERBOSE,
)

_LONGEST_GAP = 12
_GAP = re.compile(
    r" {1,3}| ?[-()] ?|\) -?|[,.;]? {1,2}"
    r"|[,.]? (?:uh|um|er|erm|then|and then|dash|hyphen|minus|space|okay|ok)[,.]? ",
    re.IGNORECASE,
)


class Group(NamedTuple):
    """Digits said in one breath: ``text[start:end]`` read as ``digits``."""

    digits: str
    start: int
    end: int


def digit_runs(text: str) -> Iterator[list[Group]]:
    """Runs of digit groups in order; dates, times and amounts belong to none."""
    run: list[Group] = []
    for match in _NUMBER.finditer(text):
        group = None
        if match["other"] is None:
            group = Group(_digits(match), match.start(), match.end())
        if run and (group is None or not _continues(text, run[-1], group)):
            yield run
            run = []
        if group is not None:
            run.append(group)
    if run:
        yield run


def _digits(match: re.Match[str]) -> str:
    if written := match["written"]:
        return written
    if repeat := match["repeat"]:
        said = match["repeated"].lower()
        return _UNITS.get(said, said) * _REPEATS[repeat.lower()]
    if tens := match["tens"]:
        return _TENS[tens.lower()] + _UNITS[(match["tens_unit"] or "zero").lower()]
    word = match["word"].lower()
    return _UNITS.get(word) or _TEENS[word]


def _continues(text: str, before: Group, after: Group) -> bool:
    """Whether two groups are one number: not ``3.14``, nor two long numbers in a list."""
    if after.start - before.end > _LONGEST_GAP:
        return False
    gap = text[before.end : after.start]
    if gap == ".":
        return len(before.digits) >= 3 and len(after.digits) >= 3
    if gap.startswith(","):
        return len(before.digits) <= 4 and len(after.digits) <= 4 and bool(_GAP.fullmatch(gap))
    return gap in (" ", "-") or bool(_GAP.fullmatch(gap))
