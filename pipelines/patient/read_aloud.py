"""What of a card can't be read aloud as it is written."""

from __future__ import annotations

from pipelines.patient.card import Card
from pipelines.patient.wording import spoken_lines
from pipelines.tts.spoken.unreadable import unreadable


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
