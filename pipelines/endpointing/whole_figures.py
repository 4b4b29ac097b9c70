"""Whether a figure is whole for certain: it has its unit or its other half, or is all that was asked for."""

from __future__ import annotations

import re

from pipelines.endpointing.spoken_figures import last_figure, tied_to

_UNITS = frozenset(
    "mg mgs milligram milligrams mcg microgram micrograms g gram grams kg kilo kilos kilogram kilograms ml millilitre "
    "millilitres milliliter milliliters litre litres liter liters cm centimetre centimetres metre metres meter meters "
    "tablet tablets pill pills capsule capsules puff puffs drop drops spoon spoons spoonful spoonfuls cup cups glass "
    "glasses unit units dose doses seconds minute minutes hour hours day days night nights week weeks month months "
    "year years degree degrees percent pound pounds stone am pm o'clock".split()
)
# An answer in figures has so few words: "about ten, I think".
_ANSWER = 5
_ASKED = re.compile(r"\b(how|what|which|where|when)\b.*\?\s*$", re.DOTALL)


def has_unit(words: list[str]) -> bool:
    """Return whether the words end on a figure with its unit, or its other half: "five milligrams", "140 over 90"."""
    if words[-1:] and words[-1] in _UNITS:
        return last_figure(words[-8:-1]) is not None
    figure = last_figure(words[-12:])
    return figure is not None and not figure.joint and tied_to(words[-12:], figure, frozenset({"over"})) is not None


def answers_with_figure(words: list[str], after: str) -> bool:
    """Return whether the words are no more than the figure that was asked for, with or without its unit."""
    if not 0 < len(words) <= _ANSWER or not _ASKED.search(after.lower()):
        return False
    return has_unit(words) or last_figure(words) is not None
