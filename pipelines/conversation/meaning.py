"""What the words that wait for an answer were taken for."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.conversation.commands import Command, Interpret, Record
from pipelines.conversation.memory import Memory
from pipelines.engines import Interpretation
from pipelines.events import DistressNoticed, UtteranceInterpreted
from pipelines.patient.disclosure import NOT_INTERPRETED

# So many of the best matches are kept in the log: enough to see what else was meant.
MOST_CUES = 3


@dataclass(slots=True)
class Meaning:
    """One question at a time: only what was asked last counts."""

    # The last words that were to be interpreted, and what became of them.
    text: str = ""
    interpretation: Interpretation | None = None
    _turn: int = 0
    _number: int = 0
    # Distress is told once a turn, however often its words are interpreted.
    _distress_turn: int = 0

    def of(self, text: str) -> Interpretation | None:
        """Return what these words were taken for, None if that is not known; where there are none, nothing is."""
        if not text:
            return NOT_INTERPRETED
        return self.interpretation if text == self.text else None

    def ask(self, memory: Memory) -> list[Command]:
        """Have the words that wait for an answer interpreted, unless that was asked already."""
        text = memory.question()
        if not text or text == self.text:
            return []
        self._number += 1
        self._turn = memory.unanswered[-1].number
        self.text, self.interpretation = text, None
        return [Interpret(self._number, text, memory.question_words(), tuple(memory.history))]

    def take(self, number: int, interpretation: Interpretation | None) -> list[Command]:
        """Take an answer, None if there is none; return the record of it unless something else was asked since."""
        if number != self._number or self.interpretation is not None:
            return []
        heard = self.interpretation = interpretation or NOT_INTERPRETED
        told: list[Command] = [Record(_told(self._turn, heard))]
        if heard.distress and self._distress_turn != self._turn:
            self._distress_turn = self._turn
            told.append(Record(DistressNoticed(self._turn, heard.distress, self.text)))
        return told


def _told(turn: int, heard: Interpretation) -> UtteranceInterpreted:
    return UtteranceInterpreted(
        turn,
        heard.act.value,
        round(heard.confidence, 3),
        {match.cue: round(match.probability, 3) for match in heard.cues[:MOST_CUES]},
        round(heard.asks, 3),
        heard.reason,
        {subject: round(share, 3) for subject, share in heard.subjects},
    )
