"""Whether what a candidate sums up agrees with what the patient has told: in its numbers and its sides."""

from __future__ import annotations

import re
from collections.abc import Sequence

CORRECTED_LINE = "Not quite. {said}"

_NUMBERS = {
    name: str(number)
    for number, name in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
}
_NUMBERS |= {"thirty": "30", "forty": "40", "fifty": "50"}
_UNITS = (
    "second minute hour day night week month year tablet puff time cigarette cup glass pound kilo stone degree"
).split()
_AMOUNT = re.compile(
    rf"\b(\d+|{'|'.join(_NUMBERS)})(?: or (?:so|\w+))?(?: more| whole| full)? ({'|'.join(_UNITS)})s?\b", re.IGNORECASE
)
_SIDES = frozenset({"left", "right"})
# "That's right", "right now", "all right": no side.
_NO_SIDE = re.compile(
    r"\b(?:that'?s|is (?:that|it|this)|all|am i|get (?:that|it)|got (?:that|it)) right\b|\bright\W*$", re.IGNORECASE
)


def disagreeing(summary: str, told: Sequence[str]) -> str:
    """Return the first of the told texts that says otherwise than the summary, empty if none does.

    A text disagrees that has amounts of the same units as the summary and shares none of them, or only the other side.
    """
    claimed, sides = _amounts(summary), _sides(_NO_SIDE.sub("", summary))
    units = {unit for _, unit in claimed}
    agreed = {unit for text in told for number, unit in _amounts(text) if (number, unit) in claimed}
    for text in told:
        own = {(number, unit) for number, unit in _amounts(text) if unit in units - agreed}
        other_side = len(sides) == 1 and len(_sides(text)) == 1 and not sides & _sides(text)
        if own or other_side:
            return text
    return ""


def _amounts(text: str) -> set[tuple[str, str]]:
    found = _AMOUNT.findall(text.lower())
    return {(_NUMBERS.get(number, number), unit) for number, unit in found}


def _sides(text: str) -> frozenset[str]:
    return _SIDES & set(re.findall(r"\w+", text.lower()))
