"""How a patient's lines begin: what may be spoken before anybody asks."""

from __future__ import annotations

from pipelines.engines import SpeakRequest
from pipelines.patient.card import Card
from pipelines.patient.wording import spoken_lines
from pipelines.tts.clauses import split_clauses
from pipelines.tts.manner import voice_of


def beginnings_of(card: Card) -> list[SpeakRequest]:
    """Return the first clause of each of the card's lines, each once, in the card's order."""
    voice = voice_of(card)
    lines = [split_clauses(line) for _, line in spoken_lines(card)]
    first = dict.fromkeys(clauses[0][0] for clauses in lines if clauses)
    return [SpeakRequest(f"{card.id}/{number}", text, voice, card.pronunciations) for number, text in enumerate(first)]
