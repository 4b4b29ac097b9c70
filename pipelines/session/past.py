"""What a stored log says of a role-play that was cut off with its server: where the patient is to go on.

What was heard counts. A reply that was under way is taken back: its turn waits for an answer once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from pipelines.conversation.core import Conversation
from pipelines.engines import HistoryItem
from pipelines.events import (
    CueHeard,
    CueUnheard,
    DraftMade,
    ReplyFinished,
    ReplyProposed,
    ReplyStarted,
    ReplyTruncated,
    SegmentHeard,
    SessionEnded,
    SessionStarted,
    SpeechStarted,
    TurnCommitted,
    TurnIgnored,
)
from pipelines.log.session_log import LogEntry


@dataclass(slots=True)
class Past:
    """A conversation up to its last event; `media_ms` is where its timeline goes on, `next_seq` where its log does."""

    records: Sequence[LogEntry] = ()
    media_ms: float = 0.0
    next_seq: int = 0
    session_s: int = 0
    history: list[HistoryItem] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    # What the candidate said and was not answered, by the turn's number.
    unanswered: dict[int, str] = field(default_factory=dict)
    turns: int = 0
    segments: int = 0
    replies: int = 0
    # The reply that was being heard, and the turn that it answers.
    cut_off: tuple[int, int] | None = None
    started: bool = False
    over: bool = False
    _answered: dict[int, str] = field(default_factory=dict)  # by the reply that is under way
    _newly_told: list[str] = field(default_factory=list)  # by the last reply

    def give_to(self, core: Conversation) -> None:
        """Have a conversation that has not begun know all this."""
        core.remember(
            history=self.history,
            told=self.told,
            unanswered=self.unanswered,
            turns=self.turns,
            segments=self.segments,
            replies=self.replies,
        )

    def take(self, record: LogEntry) -> None:
        """Take the next event."""
        self.media_ms = max(self.media_ms, record.envelope.media_ms)
        self.next_seq = record.envelope.seq + 1
        match record.event:
            case SessionStarted(session_s=session_s):
                self.started, self.session_s = True, session_s
            case SessionEnded():
                self.over = True
            case SpeechStarted(turn=turn) | TurnIgnored(turn=turn):
                self.turns = max(self.turns, turn)
            case SegmentHeard(turn=turn, segment=segment):
                self.turns, self.segments = max(self.turns, turn), max(self.segments, segment)
            case TurnCommitted(turn=turn, text=text):
                self.turns = max(self.turns, turn)
                self.unanswered[turn] = text
            case DraftMade(revision=reply) | ReplyProposed(reply=reply):
                self.replies = max(self.replies, reply)
            case ReplyStarted(reply=reply, turn=turn):
                self.replies = max(self.replies, reply)
                self.cut_off = (reply, turn)
                self._answer(turn)
            case ReplyFinished():
                self._finish(record.event)
            case ReplyTruncated(heard=heard):
                self._correct(heard)
            case CueHeard(cue=cue):
                self._tell(cue)
            case CueUnheard(cue=cue) if cue in self.told:
                self.told.remove(cue)
            case _:
                pass

    def take_back(self) -> None:
        """The log is at its end: the reply that was under way has to be given once more."""
        if self.cut_off is not None:
            self.unanswered = self._answered | self.unanswered
            for _ in self._answered:
                self.history.pop()
            self._answered = {}

    def _answer(self, turn: int) -> None:
        """The patient has begun to answer what was said up to this turn."""
        self._answered = {number: text for number, text in self.unanswered.items() if number <= turn}
        self.unanswered = {number: text for number, text in self.unanswered.items() if number > turn}
        self.history += [HistoryItem("candidate", text) for text in self._answered.values()]

    def _finish(self, event: ReplyFinished) -> None:
        self.replies = max(self.replies, event.reply)
        if self.cut_off is None:  # it made no sound
            self._answer(event.turn)
        self.cut_off, self._answered, self._newly_told = None, {}, []
        if event.heard:
            self.history.append(HistoryItem("patient", event.heard))

    def _tell(self, cue: str) -> None:
        if cue not in self.told:
            self.told.append(cue)
        if self.history and self.history[-1].role == "patient":
            last = self.history[-1]
            self.history[-1] = replace(last, cues=(*last.cues, cue))

    def _correct(self, heard: str) -> None:
        if self.history and self.history[-1].role == "patient":
            self.history[-1] = HistoryItem("patient", heard)


def read_past(records: Iterable[LogEntry]) -> Past:
    """Return what a whole log (internal audience) says."""
    kept = tuple(records)
    past = Past(kept)
    for record in kept:
        past.take(record)
    past.take_back()
    return past
