"""The nine criteria of the speaking test and their indicators, in our own words.

The names and the scales are those of the test; the public descriptions of its levels belong to its makers and are not
repeated here. Examiners bring them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["linguistic", "clinical"]


# By kind, what each mark means, in our own words: the makers' descriptions of the levels are theirs.
_SCALES: dict[Kind, tuple[str, ...]] = {
    "linguistic": ("nothing to mark", "very weak", "weak", "limited", "mostly good", "good", "very good"),
    "clinical": ("does not work", "works in part", "works well", "works very well"),
}


@dataclass(frozen=True, slots=True)
class Criterion:
    """What is marked from 0 to `most`; `indicators` are what to look for, by their ids."""

    id: str
    kind: Kind
    name: str
    most: int
    indicators: tuple[tuple[str, str], ...] = ()

    def in_words(self, mark: float) -> str:
        """Return what a mark from 0 to `most` means, in words; one between two marks, as a mean is, has both."""
        words = _SCALES[self.kind]
        below, above = words[math.floor(mark)], words[math.ceil(mark)]
        return below if below == above else f"between {below} and {above}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        shown = [{"id": one, "text": text} for one, text in self.indicators]
        return {"id": self.id, "kind": self.kind, "name": self.name, "most": self.most, "indicators": shown}


CRITERIA: tuple[Criterion, ...] = (
    Criterion("intelligibility", "linguistic", "Intelligibility", 6),
    Criterion("fluency", "linguistic", "Fluency", 6),
    Criterion("appropriateness", "linguistic", "Appropriateness of language", 6),
    Criterion("grammar", "linguistic", "Resources of grammar and expression", 6),
    Criterion(
        "relationship",
        "clinical",
        "Relationship building",
        3,
        (
            ("A1", "opens well: greets, says who they are and why they are here"),
            ("A2", "listens closely and is respectful"),
            ("A3", "does not judge"),
            ("A4", "shows that they understand feelings and the situation"),
        ),
    ),
    Criterion(
        "perspective",
        "clinical",
        "Understanding the patient's perspective",
        3,
        (
            ("B1", "asks for ideas, worries and wishes"),
            ("B2", "notices cues and takes them up"),
            ("B3", "ties explanations to what the patient has told"),
        ),
    ),
    Criterion(
        "structure",
        "clinical",
        "Providing structure",
        3,
        (
            ("C1", "goes forward in an order that makes sense"),
            ("C2", "says when the topic changes"),
            ("C3", "orders explanations: in parts, again, summed up"),
        ),
    ),
    Criterion(
        "gathering",
        "clinical",
        "Information gathering",
        3,
        (
            ("D1", "lets the patient tell it, and rarely interrupts"),
            ("D2", "asks open questions first, then closed ones"),
            ("D3", "avoids two questions at once and questions that suggest an answer"),
            ("D4", "asks again where something is vague"),
            ("D5", "sums up and lets the patient correct it"),
        ),
    ),
    Criterion(
        "giving",
        "clinical",
        "Information giving",
        3,
        (
            ("E1", "finds out what the patient knows already"),
            ("E2", "explains in small parts, waits, and adapts"),
            ("E3", "asks for the patient's thoughts and feelings"),
            ("E4", "checks what was understood"),
            ("E5", "asks what else the patient needs to know"),
        ),
    ),
)
BY_ID = {criterion.id: criterion for criterion in CRITERIA}
