"""What of a card can't be read aloud as it is written."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.patient.card import Card
from pipelines.tts.spoken.unreadable import unreadable


def spoken_lines(card: Card) -> Iterator[tuple[str, str]]:
    """Yield all that the patient says, each text with its place on the card: "cues.onset.says.0"."""
    if card.opening is not None:
        yield "opening", card.opening
    for cue in card.cues:
        yield from ((f"cues.{cue.id}.says.{index}", text) for index, text in enumerate(cue.says))
    for fact in card.facts:
        yield from ((f"facts.{fact.id}.says.{index}", text) for index, text in enumerate(fact.says))
    for name, texts in card.lines:
        yield from ((f"lines.{name}.{index}", text) for index, text in enumerate(texts))


def warnings(card: Card) -> list[str]:
    """Return one line for each text of the patient's with pieces that nobody could read aloud; empty when all can."""
    found = []
    for place, text in spoken_lines(card):
        if pieces := unreadable(text, card.pronunciations):
            named = ", ".join(f"'{piece[:40]}'" for piece in pieces[:5])
            found.append(
                f"{place}: {named} can't be read aloud; write it out as it is said, or add it to pronunciations"
            )
    return found
