"""The numbers that a text names, in digits or in words, as values that can be compared."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipelines.endpointing.numerals import DIGITS, TEENS, TENS

_UNITS = {word: value for value, word in enumerate((*DIGITS, *TEENS))}
_TENS = {word: 10 * place for place, word in enumerate(TENS) if word}
_ORDINALS = {
    "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10,
    "eleventh": 11, "twelfth": 12, "fifteenth": 15, "twentieth": 20, "thirtieth": 30,
}  # fmt: skip
# What names a number without being one. A pair, a few, once: nobody counts these.
_NAMED = {
    "couple": 2, "twice": 2, "dozen": 12, "fortnight": 2, "decade": 10, "decades": 10, "dozens": 12, "twins": 2,
    "teens": 13, "twenties": 20, "thirties": 30, "forties": 40, "fifties": 50, "sixties": 60, "seventies": 70,
    "eighties": 80, "nineties": 90,
}  # fmt: skip
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[a-z]+")
# Figures of speech.
_IDIOMS = re.compile(
    r"\b(?:one (?:of|thing|day|way|more|another|by one)|no one|the two of (?:us|them|you)|both of|a hundred percent"
    r"|one hundred percent|24/7|twenty[- ]four seven|second to none|(?:a|one|two) (?:second|seconds|minute|moment|sec)"
    r"|(?:one|two) or (?:two|three) (?:things|questions|words)|at sixes and sevens|(?:a )?million (?:things|times)"
    r"|in two minds|put two and two together|nine to five|thanks a million)\b"
)


def amounts(text: str) -> frozenset[float]:
    """Return the numbers that a text names above one, as values: "a hundred and eleven" is 111, "twice" is 2."""
    return frozenset(value for value in _values(_IDIOMS.sub(" ", text.lower())) if value > 1)


def _values(text: str) -> Iterator[float]:
    run: list[str] = []
    for word in [*_TOKEN.findall(text.replace("-", " ")), ""]:
        if word in _UNITS or word in _TENS or word in _SCALES or (word == "and" and run and run[-1] in _SCALES):
            run.append(word)
            continue
        yield from _run_values(run)
        run = []
        if word[:1].isdigit():
            yield from _digits(word)
        elif word in _ORDINALS or word in _NAMED:
            yield float(_ORDINALS.get(word) or _NAMED[word])


def _digits(word: str) -> Iterator[float]:
    try:
        value = float(word.replace(",", ""))
    except ValueError:  # a version, a date: its parts
        yield from (float(part) for part in re.findall(r"\d+", word))
        return
    yield value
    # A year is also said in two halves.
    if "." not in word and 1100 <= value <= 2099:
        yield from (value // 100, value % 100)


def _run_values(run: list[str]) -> Iterator[float]:
    """Yield the values of number words in a row: "twenty one" is 21, "four five" are two numbers."""
    value, last = 0.0, ""
    for word in run:
        if word == "and":
            continue
        if word in _SCALES:
            value, last = max(1.0, value) * _SCALES[word], "scale"
            continue
        size = _UNITS.get(word, _TENS.get(word, 0))
        joins = last == "scale" or (last == "tens" and size < 10)
        if last and not joins:
            yield value
            value = 0.0
        value, last = value + size, "tens" if word in _TENS else "unit"
    if last:
        yield value
