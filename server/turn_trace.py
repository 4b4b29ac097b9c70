"""What the trace of a turn says, made from the session's log and nothing else: times, numbers and names of engines.

Of the log's events only those below are read, and of these no field that holds a word which somebody said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from pipelines.events import (
    ReplyFinished,
    ReplyStarted,
    SessionSetup,
    SessionStarted,
    TurnCommitted,
    TurnLatency,
    TurnTimeline,
)
from pipelines.log.session_log import LogEntry

PARTS = ("endpoint", "recognise", "respond", "speak", "deliver")
# The steps of a turn's timeline, which may lie ahead of the part that waits for them.
STEPS = ("pause", "transcript", "draft", "clause", "sound", "committed", "released")
# Which engine works in a part.
ENGINES = {"endpoint": "turn_detector", "recognise": "recogniser", "respond": "responder", "speak": "synthesiser"}

Fact = str | int | float | bool


@dataclass(frozen=True, slots=True)
class PartSpan:
    """A part of a turn's latency; nanoseconds since 1970."""

    name: str
    from_ns: int
    until_ns: int
    facts: dict[str, Fact]


@dataclass(frozen=True, slots=True)
class TurnTrace:
    """A turn from the candidate's last voiced sample to the first audible one of the reply; nanoseconds since 1970.

    Of one that failed it is from its text to the moment at which the patient gave up, and there are no parts.
    """

    from_ns: int
    until_ns: int
    failed: bool
    facts: dict[str, Fact]
    parts: tuple[PartSpan, ...] = ()
    steps: tuple[tuple[str, int], ...] = ()


@dataclass(slots=True)
class TurnTracer:
    """Reads one session's log, event by event, and tells the trace of each turn once it is known."""

    _facts: dict[str, Fact] = field(default_factory=dict)
    _engines: dict[str, str] = field(default_factory=dict)
    _committed_ns: dict[int, int] = field(default_factory=dict)
    _released_ns: dict[int, int] = field(default_factory=dict)
    _latency: TurnLatency | None = None

    def take(self, entry: LogEntry) -> TurnTrace | None:
        """Take the next event of the log (developer audience or above)."""
        match entry.event:
            case SessionSetup(engines=engines):
                self._engines = dict(engines)
            case SessionStarted(session_id=session_id, mode=mode):
                self._facts = {"session.id": session_id, "interlocutor.mode": mode}
            case TurnCommitted(turn=turn):
                self._committed_ns[turn] = wall_ns(entry)
            case ReplyStarted(reply=reply):
                self._released_ns = {reply: wall_ns(entry)}
            case TurnLatency():
                self._latency = entry.event
            case TurnTimeline():
                return self._answered(entry.event)
            case ReplyFinished(turn=turn, reply=reply, status=status):
                return self._ended(turn, reply, status, wall_ns(entry))
            case _:
                pass
        return None

    def _answered(self, timeline: TurnTimeline) -> TurnTrace | None:
        latency, released_ns = self._latency, self._released_ns.get(timeline.reply)
        self._latency = None
        self._settle(timeline.turn)
        if latency is None or latency.reply != timeline.reply or released_ns is None:
            return None
        # The one moment of the timeline that the log has on the wall's clock too.
        zero_ns = released_ns - _ns(timeline.released_ms)
        bounds_ms = [0.0]
        for part in PARTS:
            bounds_ms.append(bounds_ms[-1] + getattr(latency, f"{part}_ms"))
        parts = tuple(
            PartSpan(part, zero_ns + _ns(bounds_ms[index]), zero_ns + _ns(bounds_ms[index + 1]), self._engine_of(part))
            for index, part in enumerate(PARTS)
        )
        reached = ((step, getattr(timeline, f"{step}_ms")) for step in STEPS)
        facts: dict[str, Fact] = {
            "interlocutor.voice_to_voice_ms": latency.voice_to_voice_ms,
            "interlocutor.wait_ms": timeline.wait_ms,
            "interlocutor.drafts": timeline.speculated,
            "interlocutor.drafts_discarded": timeline.discarded,
            "interlocutor.draft_used": timeline.reused,
        }
        return TurnTrace(
            zero_ns,
            parts[-1].until_ns,
            failed=False,
            facts=self._facts | self._numbers(timeline.turn, timeline.reply) | facts,
            parts=parts,
            steps=tuple((step, zero_ns + _ns(at_ms)) for step, at_ms in reached if at_ms is not None),
        )

    def _ended(self, turn: int, reply: int, status: str, now_ns: int) -> TurnTrace | None:
        """A reply is over: one that failed before anything was heard of it has no latency, and is told here."""
        committed_ns = self._committed_ns.get(turn)
        self._settle(turn)
        if status != "failed" or committed_ns is None:
            return None
        facts = self._facts | self._numbers(turn, reply)
        return TurnTrace(committed_ns, max(now_ns, committed_ns), failed=True, facts=facts)

    def _settle(self, turn: int) -> None:
        """A turn, and those before it, are told of."""
        self._committed_ns = {number: at_ns for number, at_ns in self._committed_ns.items() if number > turn}

    @staticmethod
    def _numbers(turn: int, reply: int) -> dict[str, Fact]:
        return {"interlocutor.turn": turn, "interlocutor.reply": reply}

    def _engine_of(self, part: str) -> dict[str, Fact]:
        engine = self._engines.get(ENGINES.get(part, ""))
        return {"interlocutor.engine": engine} if engine else {}


def wall_ns(entry: LogEntry) -> int:
    """Return when an event was logged, in nanoseconds since 1970, to the millisecond."""
    return round(datetime.fromisoformat(entry.envelope.wall).timestamp() * 1000) * 1_000_000


def _ns(milliseconds: float) -> int:
    return round(milliseconds * 1_000_000)
