"""Digits written out as the words that say them, so that "Take 5 tablets." and "take five tablets" are the same words.

Recognisers write "140/90" or "one forty over ninety", as they like.
"""

from __future__ import annotations

import re

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}

_ANY = re.compile(r"[0-9]")
_DATE = re.compile(r"\b([0-9]{1,2})([./-])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})\b")
_THOUSANDS = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))")
_SLASH = re.compile(r"(?<=[0-9]) ?/ ?(?=[0-9])")
_RANGE = re.compile(r"\b([0-9]{1,3}) ?[-\u2013] ?(?=[0-9]{1,3}\b(?![-\u2013]))")
_NUMBER = re.compile(r"([0-9]+)(?:\.([0-9]+))?(st|nd|rd|th)?")
# Numbers with more digits are read digit by digit, as those of telephones are.
_AT_ONCE = 4


def spelled_out(text: str) -> str:
    """Return a text, lower case, with its digits as words: "38.5" as "thirty eight point five".

    Blanks around these words may be doubled.
    """
    if not _ANY.search(text):
        return text
    text = _DATE.sub(r"\1 \3 \4", text)
    text = _SLASH.sub(" over ", _THOUSANDS.sub("", text))
    text = _RANGE.sub(r"\1 to ", text).replace("%", " percent").replace("\u00b0", " degrees ")
    return _NUMBER.sub(_said, text)


def _said(found: re.Match[str]) -> str:
    whole, decimals, ordinal = found.groups()
    words = _cardinal(whole)
    if decimals:
        words += ["point", *_one_by_one(decimals)]
    elif ordinal:
        words[-1] = _ordinal(words[-1])
    return f" {' '.join(words)} "


def _cardinal(digits: str) -> list[str]:
    """Return how a number is mostly said: 140 as one, 1984 in two halves, 07911 digit by digit."""
    count, thousands = len(digits), digits.endswith("000") and len(digits) <= _AT_ONCE + 2
    if (digits[0] == "0" and count > 1) or (count > _AT_ONCE and not thousands):
        return _one_by_one(digits)
    if count < _AT_ONCE or thousands:
        return _below_million(int(digits))
    if not 10 <= int(digits[:2]) <= 20:
        return _one_by_one(digits)
    half = digits[2:]
    later = ["hundred"] if half == "00" else _one_by_one(half) if half[0] == "0" else _below_million(int(half))
    return [*_below_million(int(digits[:2])), *later]


def _below_million(value: int) -> list[str]:
    if value >= 1000:
        return [*_below_million(value // 1000), "thousand"]
    if value >= 100:
        return [DIGITS[value // 100], "hundred", *(["and", *_below_million(value % 100)] if value % 100 else [])]
    if value >= 20:
        return [TENS[value // 10], *([DIGITS[value % 10]] if value % 10 else [])]
    return [TEENS[value - 10] if value >= 10 else DIGITS[value]]


def _one_by_one(digits: str) -> list[str]:
    return [DIGITS[int(digit)] for digit in digits]


def _ordinal(word: str) -> str:
    return _ORDINALS.get(word) or (f"{word[:-1]}ieth" if word.endswith("y") else f"{word}th")
