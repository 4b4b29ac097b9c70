"""Figures at the end of what was said: their numbers, and the words that join them.

A figure is a row of *numbers*: "thirty eight" is one, "one twenty" two, "oh seven nine one" four. `numerals.py` writes
digits as words before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipelines.endpointing.numerals import DIGITS, TEENS, TENS

_VALUES = (
    {word: value for value, word in enumerate(DIGITS)}
    | {word: 10 + value for value, word in enumerate(TEENS)}
    | {word: 10 * value for value, word in enumerate(TENS) if word}
    | {"oh": 0, "o": 0, "nought": 0, "naught": 0, "nil": 0}
)
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
_REPEATS = {"double": 2, "triple": 3, "treble": 3}
_YEAR = re.compile(r"(19|20)\d\d")


@dataclass(frozen=True, slots=True)
class SpokenFigure:
    """A figure that ends a text: the index of its first word, and its numbers, as digits, in the order they were said.

    `joint` says that its last word asks for more digits ("two point", "one double"), `point` that it has decimals.
    """

    begins: int
    numbers: tuple[str, ...]
    joint: bool
    point: bool

    @property
    def digits(self) -> str:
        """All digits."""
        return "".join(self.numbers)

    @property
    def one_by_one(self) -> bool:
        """Whether several digits were said one after the other."""
        return len(self.numbers) > 1 and all(len(number) == 1 for number in self.numbers)

    @property
    def year(self) -> bool:
        """Whether it ends on a year: 1984, 19 and 84, 20 and 0 and 5."""
        return any(_YEAR.fullmatch("".join(self.numbers[-count:])) for count in (1, 2, 3))


def last_figure(words: list[str]) -> SpokenFigure | None:
    """Return the figure that ends the words, None if they do not end on one."""
    begins = len(words)
    while begins and _belongs(words, begins - 1):
        begins -= 1
    row = words[begins:]
    if not any(word in _VALUES or word in _SCALES for word in row):
        return None
    return SpokenFigure(
        begins, tuple(map(str, _numbers(row))), row[-1] in _REPEATS or row[-1] == "point", "point" in row
    )


def tied_to(words: list[str], figure: SpokenFigure, joints: frozenset[str]) -> SpokenFigure | None:
    """Return the figure before this one that a joint ties to it ("four to six"), None if there is none."""
    begins = figure.begins
    return last_figure(words[: begins - 1]) if begins and words[begins - 1] in joints else None


def _belongs(words: list[str], at: int) -> bool:
    """Return whether the word is part of the figure that ends the words."""
    word, before, after = words[at], words[at - 1] if at else "", words[at + 1] if at + 1 < len(words) else ""
    if word in ("and", "a"):
        return (before in _SCALES and after in _VALUES) if word == "and" else after in _SCALES
    return word in _VALUES or word in _SCALES or word in _REPEATS or (word == "point" and before in _VALUES)


def _numbers(row: list[str]) -> list[int]:
    numbers: list[int] = []
    # A number below `grows` is added to the last one: "thirty" grows by "eight", "one hundred" by "forty".
    grows, times = 0, 1
    for word in row:
        if word in _REPEATS:
            times = _REPEATS[word]
        elif word in _SCALES:
            numbers.append(max(numbers.pop() if numbers else 1, 1) * _SCALES[word])
            grows = _SCALES[word]
        elif word == "point":
            grows = 0
        elif word in _VALUES:
            value = _VALUES[word]
            if 0 < value < grows:
                numbers[-1] += value
            else:
                numbers += [value] * times
            grows, times = 10 if value >= 20 else 0, 1
    return numbers
