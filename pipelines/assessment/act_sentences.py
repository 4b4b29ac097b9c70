"""The candidate's sentences with their places and what each does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipelines.assessment.measure import Evidence
from pipelines.assessment.spoken import ActReading, SpokenRecord, stretch
from pipelines.intent.acts import Act
from pipelines.log.recorded_turns import PlacedWord, RecordedTurn

_ENDS = (".", "?", "!")
_UNREAD = ActReading("", 0.0)

EXPLAINS = frozenset({Act.EXPLANATION, Act.ADVICE, Act.BAD_NEWS})
CARES = frozenset({Act.EMPATHY, Act.REASSURANCE})
CHECKS = frozenset({Act.CHECK, Act.TEACH_BACK})
ASKS_FOR = frozenset({Act.CUE, Act.UNSURE, Act.UNKNOWN, Act.OPEN, Act.INVITATION})


class SentenceReader(Protocol):
    """Takes sentences for what they do: the interpreter, asked sentence by sentence."""

    def read(self, texts: Sequence[str]) -> Sequence[ActReading]:
        """Return what each sentence is taken for."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence; `place` is its turn's place among all turns, `act` what it does, empty where nobody knows."""

    text: str
    from_ms: float
    to_ms: float
    turn: RecordedTurn
    place: int
    reading: ActReading

    @property
    def act(self) -> str:
        """What it does."""
        return self.reading.act

    def shows(self, kind: str) -> Evidence:
        """Return it as evidence."""
        return Evidence(self.from_ms, self.to_ms, self.text, kind)


def sentences_of(spoken: SpokenRecord, reader: SentenceReader | None = None) -> tuple[Sentence, ...]:
    """Return the candidate's sentences in order.

    Without a reader, a turn is one sentence, and does what the log says that it was answered as.
    """
    if reader is None:
        return tuple(
            Sentence(turn.text, turn.from_ms, turn.to_ms, turn, place, spoken.readings.get(turn.number, _UNREAD))
            for place, turn in _own(spoken)
        )
    cut = [(place, turn, *each) for place, turn in _own(spoken) for each in _cut(turn)]
    readings = reader.read([text for _, _, text, _, _ in cut])
    return tuple(
        Sentence(text, from_ms, to_ms, turn, place, reading)
        for (place, turn, text, from_ms, to_ms), reading in zip(cut, readings, strict=True)
    )


def _own(spoken: SpokenRecord) -> Iterator[tuple[int, RecordedTurn]]:
    return ((place, turn) for place, turn in enumerate(spoken.turns) if turn.role == "candidate")


def _cut(turn: RecordedTurn) -> Iterator[tuple[str, float, float]]:
    words = turn.words or tuple(PlacedWord(text, turn.from_ms, turn.to_ms) for text in turn.text.split())
    begun: list[PlacedWord] = []
    for word in words:
        begun.append(word)
        if word.text.endswith(_ENDS):
            yield (" ".join(each.text for each in begun), *stretch(begun))
            begun = []
    if begun:
        yield (" ".join(each.text for each in begun), *stretch(begun))
