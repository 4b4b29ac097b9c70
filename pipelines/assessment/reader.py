"""The interpreter asked sentence by sentence: the same understanding as in the talk, looked at more closely."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.assessment.spoken import ActReading
from pipelines.engines import HistoryItem, Interpreter, InterpretRequest
from pipelines.patient.card import Card

# So that no greeting is expected any more, and what was explained may be asked back.
_UNDER_WAY = (
    HistoryItem("candidate", "Let me tell you what I have found so far and what we can do about it for you today."),
    HistoryItem("patient", "All right."),
)


class InterpretedSentences:
    """A SentenceReader that asks an interpreter about a card."""

    def __init__(self, interpreter: Interpreter, card: Card) -> None:
        self._interpreter = interpreter
        self._card = card

    def read(self, texts: Sequence[str]) -> list[ActReading]:
        """Return what each sentence is taken for."""
        return [self._read(text) for text in texts]

    def _read(self, text: str) -> ActReading:
        taken = self._interpreter.interpret(InterpretRequest(self._card, text, history=_UNDER_WAY))
        return ActReading(taken.act.value, taken.confidence, {match.cue: match.probability for match in taken.cues})
