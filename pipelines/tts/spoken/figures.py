"""Numbers in British words: cardinals, ordinals, years, decimals and digits one by one."""

from __future__ import annotations

import re
from functools import lru_cache

# One number as written: 1,234.5 or .5 or 007.
NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d*\.\d+|\d+)"
# From here on nobody says a number as a whole.
_LONGEST_CARDINAL = 12
_SCALES = ("", " thousand", " million", " billion")
_NAMES = ("nought", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_FRACTIONS = {2: "half", 3: "third", 4: "quarter"}
_YEARS = range(1010, 2100)

NUMBER_WORDS = frozenset(
    "one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty sixty seventy"
    " eighty ninety hundred thousand million billion dozen several few many some".split()
)


@lru_cache(maxsize=2048)
def _below_thousand(number: int, *, ordinal: bool = False) -> str:
    # It loads every language there is, which takes 50 ms.
    from num2words import num2words

    return str(num2words(number, to="ordinal" if ordinal else "cardinal"))


@lru_cache(maxsize=2048)
def cardinal(number: int) -> str:
    """Return a whole number below a billion billions in words: 1005 is "one thousand and five"."""
    groups: list[str] = []
    rest, last = number, number % 1000
    for scale in _SCALES:
        rest, group = divmod(rest, 1000) if scale != _SCALES[-1] else (0, rest)
        if group:
            groups.insert(0, (_below_thousand(group) if group < 1000 else cardinal(group)) + scale)
    if not groups:
        return "zero"
    if len(groups) > 1 and 0 < last < 100:
        groups[-1] = "and " + groups[-1]
    return " ".join(groups)


def ordinal(number: int) -> str:
    """Return the ordinal in words: 21 is "twenty-first"."""
    last = number % 1000
    if number < 1000:
        return _below_thousand(number, ordinal=True)
    if not last:
        return cardinal(number) + "th"
    joint = " and " if last < 100 else " "
    return cardinal(number - last) + joint + _below_thousand(last, ordinal=True)


def digits(text: str, *, nought: str = "oh") -> str:
    """Return every digit of `text` by itself: "0117" is "oh one one seven"."""
    return " ".join(nought if mark == "0" else _NAMES[int(mark)] for mark in text if mark.isdigit())


def number(text: str) -> str:
    """Return a figure of the form `NUMBER` in words; a code with leading zeros or of great length digit by digit."""
    whole, point, part = text.replace(",", "").partition(".")
    if len(whole) > _LONGEST_CARDINAL or (len(whole) > 1 and whole[0] == "0"):
        words = digits(whole)
    elif point and not int(whole or "0"):
        words = "nought"
    else:
        words = cardinal(int(whole))
    return f"{words} point {digits(part, nought='nought')}" if point else words


def is_year(number: int) -> bool:
    """Return whether a number of four digits may be a year that people say in pairs."""
    return number in _YEARS


def year(number: int) -> str:
    """Return a year in words: 2016 is "twenty sixteen", 2005 is "two thousand and five"."""
    return cardinal(number) if number % 1000 < 10 else pairs(number)


def pairs(number: int) -> str:
    """Return a number of up to four digits in two halves: 120 is "one twenty", 105 is "one oh five"."""
    first, last = divmod(number, 100)
    if not first:
        return cardinal(last)
    if not last:
        return cardinal(number) if not first % 10 else cardinal(first) + " hundred"
    return f"{cardinal(first)} {'oh ' if last < 10 else ''}{cardinal(last)}"


def fraction(above: int, below: int) -> str | None:
    """Return n/d in words with its article: "half", "three quarters"; None where it is no usual fraction."""
    if not 0 < above < below or below > 10:
        return None
    name = _FRACTIONS.get(below) or ordinal(below)
    if above == 1:
        return name if below == 2 else "a " + name
    return f"{cardinal(above)} {name}s"


_DIGITS = re.compile(r"\d")


def without_digits(text: str) -> str:
    """Return `text` with every digit that no rule has read as its word."""
    return _DIGITS.sub(lambda found: f" {_NAMES[int(found[0])]} ", text) if _DIGITS.search(text) else text
