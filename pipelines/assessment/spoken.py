"""A role-play as its measures see it: the turns with their words, acts and pauses, taken from the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pipelines import events as e
from pipelines.intent.words import tokens
from pipelines.log.recorded_turns import PlacedWord, RecordedTurn, recorded_turns
from pipelines.log.session_log import LogEntry
from pipelines.patient.card import Card
from pipelines.patient.disclosure import LEADS

# A word that the recogniser was less sure of may be another.
UNSURE_BELOW = 0.3
# With more of them, nothing is said of the words.
UNSURE_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class SpokenPause:
    """A silence inside a turn, in milliseconds of the recording."""

    from_ms: float
    to_ms: float

    @property
    def length_ms(self) -> float:
        """How long it is."""
        return self.to_ms - self.from_ms


@dataclass(frozen=True, slots=True)
class ActReading:
    """What the interpreter took words for, and how surely."""

    act: str
    confidence: float
    cues: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpokenRecord:
    """All that was said: both sides' turns in order, and of the candidate's turns the readings and pauses by number.

    `told` has each cue that counts as told, with the number of the reply that told it first; `begun` those that the
    patient began to tell and that were not heard.
    """

    turns: tuple[RecordedTurn, ...]
    readings: Mapping[int, ActReading]
    pauses: Mapping[int, tuple[SpokenPause, ...]]
    told: Mapping[str, int]
    begun: Mapping[str, int]

    @property
    def own(self) -> tuple[RecordedTurn, ...]:
        """The candidate's turns that were spoken."""
        return tuple(turn for turn in self.turns if turn.role == "candidate" and not turn.typed)

    @property
    def words(self) -> list[PlacedWord]:
        """The candidate's spoken words."""
        return [word for turn in self.own for word in turn.words]

    @property
    def is_unsure(self) -> bool:
        """Whether the recogniser was unsure of too many words, or can't tell of most how sure it was."""
        words = self.words
        known = [word.confidence for word in words if word.confidence is not None]
        unsure = sum(sure < UNSURE_BELOW for sure in known)
        return len(known) * 2 < len(words) or unsure > UNSURE_SHARE * len(known)


def spoken_of(records: Iterable[LogEntry], card: Card) -> SpokenRecord:
    """Return what was said in a session, from its whole log (a developer's audience: it has the words' times)."""
    entries = list(records)
    readings: dict[int, ActReading] = {}
    pauses: dict[int, list[SpokenPause]] = {}
    told: dict[str, int] = {}
    proposed: dict[str, int] = {}
    heard: dict[int, str] = {}
    for entry in entries:
        match entry.event:
            case e.UtteranceInterpreted() as read:
                readings[read.turn] = ActReading(read.act, read.confidence, read.cues)
            case e.SpeechResumed(turn=turn, since_ms=since_ms, silent_ms=silent_ms):
                pauses.setdefault(turn, []).append(SpokenPause(since_ms, since_ms + silent_ms))
            case e.ReplyProposed(reply=reply, cues=cues):
                proposed |= dict.fromkeys(cues, reply)
            case e.ReplyFinished(reply=reply, heard=text) | e.ReplyTruncated(reply=reply, heard=text):
                heard[reply] = text
            case e.CueHeard(cue=cue, reply=reply):
                told.setdefault(cue, reply)
            case e.CueUnheard(cue=cue):
                told.pop(cue, None)
            case _:
                pass
    volunteered = {cue.id for cue in card.cues if cue.kind == "volunteered"}
    begun = {
        cue: reply
        for cue, reply in proposed.items()
        if cue not in told and heard.get(reply) and not (cue in volunteered and _is_lead(heard[reply], card))
    }
    turns = recorded_turns(entries)
    own = {turn.number: turn for turn in turns if turn.role == "candidate"}
    inside = {
        number: tuple(
            pause for pause in found if own[number].from_ms <= pause.from_ms and pause.to_ms <= own[number].to_ms
        )
        for number, found in pauses.items()
        if number in own
    }
    return SpokenRecord(turns, readings, inside, told, begun)


def _is_lead(heard: str, card: Card) -> bool:
    """Tell whether no more was heard than the line that comes before what a patient tells of their own accord."""
    begin = tokens(heard)
    return any(tokens(lead)[: len(begin)] == begin for name in LEADS for lead in getattr(card.lines, name))


def words_between(turn: RecordedTurn, from_ms: float, to_ms: float) -> str:
    """Return the words of a turn that were said in a stretch."""
    return " ".join(word.text for word in turn.words if word.to_ms > from_ms and word.from_ms < to_ms)


def stretch(words: Sequence[PlacedWord]) -> tuple[float, float]:
    """Return from when to when words were said."""
    return words[0].from_ms, words[-1].to_ms
