"""The record of a role-play: every turn with its place in the recording, word for word, as its candidate may see it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import Any

from pipelines import events as e
from pipelines.engines import Word
from pipelines.log.session_log import LogEntry
from pipelines.patient.card import Card

_BARE = re.compile(r"[^\w']+")
# A clause that was sent this much after its time was waited for: the audio has a gap there.
LATE_MS = 60.0


@dataclass(frozen=True, slots=True)
class PlacedWord:
    """A word of a turn and where it is in the recording, in milliseconds; `confidence` 0..1, None where unknown."""

    text: str
    from_ms: float
    to_ms: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class RecordedTurn:
    """What one side said; times are milliseconds of the recording. `cues` are ids, `latency_ms` is voice-to-voice.

    `number` is the turn's, or of the patient the reply's.
    """

    role: str
    text: str
    from_ms: float
    to_ms: float
    words: tuple[PlacedWord, ...]
    interrupted: bool = False
    typed: bool = False
    latency_ms: float | None = None
    cues: tuple[str, ...] = ()
    number: int = 0

    def as_json(self, topics: dict[str, str]) -> dict[str, Any]:
        """Return the turn as plain data; cues by their topics, those that `topics` does not name left out."""
        return {
            "role": self.role,
            "text": self.text,
            "from_ms": round(self.from_ms),
            "to_ms": round(self.to_ms),
            "words": [[word.text, round(word.from_ms), round(word.to_ms), word.confidence] for word in self.words],
            "interrupted": self.interrupted,
            "typed": self.typed,
            "latency_ms": None if self.latency_ms is None else round(self.latency_ms),
            "cues": [topics[cue] for cue in self.cues if cue in topics],
        }


def turns_as_json(turns: Iterable[RecordedTurn], card: Card, *, show_cues: bool) -> list[dict[str, Any]]:
    """Return turns as plain data; in an exam the cues are the examiner's business."""
    topics = {cue.id: cue.topic for cue in card.cues} if show_cues else {}
    return [turn.as_json(topics) for turn in turns]


def recorded_turns(records: Iterable[LogEntry]) -> tuple[RecordedTurn, ...]:
    """Return the turns of a session in order, from its whole log.

    The recogniser's word times are a developer's, but for the words that the turn itself shows.
    """
    reading = _Reading()
    for record in records:
        reading.take_event(record)
    return tuple(turn for turn in reading.turns if turn.text)


# ------------------------------------------------------------------ reading the log


@dataclass(slots=True)
class _LoggedReply:
    """A reply as its events tell of it."""

    turn_at: int | None = None  # its place among the turns, once it is over
    clauses: list[tuple[float, str]] = field(default_factory=list)
    anchors: list[tuple[float, float]] = field(default_factory=list)  # (place in its audio, media time) it plays from
    latency_ms: float | None = None
    cues: dict[str, None] = field(default_factory=dict)

    def at(self, place_ms: float) -> float:
        """Return the media time at which a place of its audio was heard (last)."""
        reached = [anchor for anchor in self.anchors if anchor[0] <= place_ms] or self.anchors[:1]
        return reached[-1][1] + place_ms - reached[-1][0] if reached else place_ms


class _Reading:
    """The turns that come out of a log, one event at a time."""

    def __init__(self) -> None:
        self.turns: list[RecordedTurn] = []
        self._heard: dict[int, list[Word]] = {}  # turn -> what the recogniser wrote for it
        self._replies: dict[int, _LoggedReply] = {}

    def take_event(self, record: LogEntry) -> None:
        """Take the next event."""
        media_ms = record.envelope.media_ms
        match record.event:
            case e.SegmentHeard(turn=turn, words=words):
                self._heard.setdefault(turn, []).extend(words)
            case e.TurnCommitted() as said:
                self.turns.append(_candidate(said, self._heard.pop(said.turn, [])))
            case e.ReplyStarted(reply=number):
                self._reply(number).anchors.append((0.0, media_ms))
            case e.ClauseSpoken(reply=number, text=text, from_ms=from_ms):
                reply = self._reply(number)
                reply.clauses.append((from_ms, text))
                if reply.anchors and media_ms > reply.at(from_ms) + LATE_MS:
                    reply.anchors.append((from_ms, media_ms))
            case e.ReplyResumed(reply=number, from_ms=from_ms):
                self._reply(number).anchors.append((from_ms, media_ms))
            case e.ReplyFinished(reply=number, status=status, heard=heard, played_ms=played_ms):
                if heard:
                    self._reply(number).turn_at = len(self.turns)
                    self.turns.append(self._patient(number, heard, played_ms, status != "completed"))
            case e.ReplyTruncated(reply=number, heard=heard, played_ms=played_ms):
                self._again(number, heard, played_ms)
            case e.TurnLatency(reply=number, voice_to_voice_ms=latency_ms):
                self._reply(number).latency_ms = latency_ms
                self._mend(number, latency_ms=latency_ms)
            case e.CueHeard(cue=cue, reply=number):
                self._reply(number).cues[cue] = None
                self._mend(number, cues=tuple(self._reply(number).cues))
            case e.CueUnheard(cue=cue, reply=number):
                self._reply(number).cues.pop(cue, None)
                self._mend(number, cues=tuple(self._reply(number).cues))
            case _:
                pass

    def _reply(self, number: int) -> _LoggedReply:
        return self._replies.setdefault(number, _LoggedReply())

    def _again(self, number: int, heard: str, played_ms: float) -> None:
        """Less was heard of a finished reply than was thought."""
        at = self._reply(number).turn_at
        if at is not None:
            self.turns[at] = self._patient(number, heard, played_ms, True)

    def _mend(self, number: int, **changes: Any) -> None:
        at = self._reply(number).turn_at
        if at is not None:
            self.turns[at] = replace(self.turns[at], **changes)

    def _patient(self, number: int, heard: str, played_ms: float, interrupted: bool) -> RecordedTurn:
        reply = self._reply(number)
        words = tuple(
            PlacedWord(word.text, reply.at(word.from_ms), max(reply.at(word.from_ms), reply.at(word.to_ms)))
            for word in _spread(heard, reply.clauses, played_ms)
        )
        return RecordedTurn(
            role="patient",
            text=heard,
            from_ms=reply.at(0.0),
            to_ms=reply.at(played_ms),
            words=words,
            interrupted=interrupted,
            latency_ms=reply.latency_ms,
            cues=tuple(reply.cues),
            number=number,
        )


# ------------------------------------------------------------------ words and their places


def _candidate(said: e.TurnCommitted, heard: list[Word]) -> RecordedTurn:
    words = () if said.typed else _align(said.text.split(), heard, said.from_ms, said.to_ms)
    if len(said.confidences) == len(words):
        words = tuple(replace(word, confidence=sure) for word, sure in zip(words, said.confidences, strict=True))
    return RecordedTurn("candidate", said.text, said.from_ms, said.to_ms, words, typed=said.typed, number=said.turn)


def _align(texts: list[str], heard: list[Word], from_ms: float, to_ms: float) -> tuple[PlacedWord, ...]:
    """Give each word of a turn the time of the same word as it was recognised; the others share what is between."""
    matcher = SequenceMatcher(None, [_bare(text) for text in texts], [_bare(word.text) for word in heard], False)
    known = {block.a + i: heard[block.b + i] for block in matcher.get_matching_blocks() for i in range(block.size)}
    placed: list[PlacedWord] = []
    for index, text in enumerate(texts):
        if index in known:
            placed.append(PlacedWord(text, known[index].start_ms, known[index].end_ms))
            continue
        begins_ms = placed[-1].to_ms if placed else from_ms
        after = min((other for other in known if other > index), default=None)
        ends_ms = known[after].start_ms if after is not None else to_ms
        missing = (len(texts) if after is None else after) - index
        placed.append(PlacedWord(text, begins_ms, max(begins_ms, begins_ms + (ends_ms - begins_ms) / missing)))
    return tuple(placed)


def _spread(heard: str, clauses: list[tuple[float, str]], played_ms: float) -> list[PlacedWord]:
    """Share the time of each clause among its words by their length: a clause's place is known, its words' are not."""
    left = heard.split()
    placed: list[PlacedWord] = []
    for index, (from_ms, text) in enumerate(clauses):
        is_last = index + 1 == len(clauses)
        count = len(left) if is_last else min(len(left), len(text.split()))
        words, left = left[:count], left[count:]
        if not words:
            break
        to_ms = max(from_ms, played_ms if is_last or not left else clauses[index + 1][0])
        at_ms, letters = from_ms, sum(len(word) + 1 for word in words)
        for word in words:
            until_ms = at_ms + (to_ms - from_ms) * (len(word) + 1) / letters
            placed.append(PlacedWord(word, at_ms, until_ms))
            at_ms = until_ms
    return placed


def _bare(text: str) -> str:
    return _BARE.sub("", text).lower()
