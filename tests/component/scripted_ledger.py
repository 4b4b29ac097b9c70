"""What a scripted client's listener really heard, and when: the measure for everything the server believes."""

from __future__ import annotations

from dataclasses import dataclass, field

from audio.frames import WIRE_HZ
from audio.playout import CHUNK_MS, PlayoutChunk


@dataclass(slots=True)
class Span:
    """Audio that was heard without a break: session milliseconds, and where in the reply it began."""

    reply: int
    from_ms: float
    to_ms: float
    reply_from_ms: float

    @property
    def reply_to_ms(self) -> float:
        """Where in the reply it stopped."""
        return self.reply_from_ms + self.to_ms - self.from_ms


@dataclass(frozen=True, slots=True)
class Moment:
    """Something the server asked of the client: hold | resume | clear, at a session time."""

    what: str
    reply: int
    at_ms: float
    reply_ms: float  # the client's own position in the reply then


@dataclass(slots=True)
class Ledger:
    """A client's playback: one reply at a time, on arrival, with no network in between.

    `pauses` says whether this client can hold a reply's audio; one that can't plays on what it has.
    """

    pauses: bool = True
    spans: list[Span] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    _reply: int = 0
    _received_ms: float = 0.0
    _position_ms: float = 0.0
    # Playback is accounted for up to this session time; None means that playback is held.
    _since_ms: float | None = None
    _cleared: set[int] = field(default_factory=set)
    _first: dict[int, Span] = field(default_factory=dict)
    _ended_ms: dict[int, float] = field(default_factory=dict)
    _heard_ms: dict[int, float] = field(default_factory=dict)

    # -------------------------------------------------------------- what the server sends

    def play(self, chunk: PlayoutChunk, now_ms: float) -> None:
        """Take a chunk: the next one of the reply at hand, or the first of a new reply."""
        self.advance(now_ms)
        if chunk.reply in self._cleared or chunk.reply < self._reply:
            self._fault(f"sound of reply {chunk.reply} came at {now_ms:.0f} ms, after it was over")
            return
        if chunk.reply > self._reply:
            if self._received_ms - self._position_ms > CHUNK_MS and self._reply not in self._cleared:
                self._fault(f"reply {chunk.reply} began at {now_ms:.0f} ms over the rest of reply {self._reply}")
            self._reply, self._received_ms, self._position_ms, self._since_ms = chunk.reply, 0.0, 0.0, now_ms
        if abs(chunk.from_ms - self._received_ms) > 0.5:
            self._fault(f"sound from {chunk.from_ms:.0f} ms came where {self._received_ms:.0f} ms was expected")
        self._received_ms = chunk.from_ms + 1000.0 * len(chunk.samples) / WIRE_HZ

    def hold(self, reply: int, now_ms: float) -> None:
        """Fall silent, if this client can."""
        self._note("hold", reply, now_ms)
        if self.pauses and reply == self._reply:
            self._since_ms = None

    def resume(self, reply: int, from_ms: float, now_ms: float) -> None:
        """Go on from that place."""
        self._note("resume", reply, now_ms)
        if not self.pauses or reply != self._reply:
            return
        if from_ms > self._received_ms + 0.5:
            self._fault(f"was to go on from {from_ms:.0f} ms, but had only {self._received_ms:.0f} ms")
        self._position_ms = min(from_ms, self._received_ms)
        self._since_ms = now_ms

    def clear(self, reply: int, now_ms: float) -> None:
        """Drop the reply."""
        self._note("clear", reply, now_ms)
        self._cleared.add(reply)
        if reply == self._reply:
            self._received_ms = self._position_ms

    # -------------------------------------------------------------- what was heard

    @property
    def reply(self) -> int:
        """The reply at hand."""
        return self._reply

    @property
    def position_ms(self) -> float:
        """How much of the reply at hand was played."""
        return self._position_ms

    @property
    def received_ms(self) -> float:
        """How much of the reply at hand there is."""
        return self._received_ms

    def advance(self, now_ms: float) -> None:
        """Let playback go on up to a session time."""
        if self._since_ms is None:
            return
        played_ms = min(now_ms - self._since_ms, self._received_ms - self._position_ms)
        if played_ms > 1e-6:
            last = self.spans[-1] if self.spans else None
            if (
                last is not None
                and last.reply == self._reply
                and abs(last.to_ms - self._since_ms) < 1e-6
                and abs(last.reply_to_ms - self._position_ms) < 1e-6
            ):
                last.to_ms += played_ms
            else:
                self.spans.append(Span(self._reply, self._since_ms, self._since_ms + played_ms, self._position_ms))
                self._first.setdefault(self._reply, self.spans[-1])
            self._position_ms += played_ms
            self._ended_ms[self._reply] = self._since_ms + played_ms
            self._heard_ms[self._reply] = max(self._heard_ms.get(self._reply, 0.0), self._position_ms)
        self._since_ms = now_ms

    def heard_ms(self, reply: int) -> float:
        """Return the furthest place of a reply that was heard."""
        return self._heard_ms.get(reply, 0.0)

    def replies(self) -> list[Span]:
        """Return the first span of every reply that was heard, in order."""
        return list(self._first.values())

    def reply_ended_ms(self, reply: int) -> float:
        """Return when a reply's audio was last heard."""
        return self._ended_ms[reply]

    def _note(self, what: str, reply: int, now_ms: float) -> None:
        self.advance(now_ms)
        position_ms = self._position_ms if reply == self._reply else 0.0
        self.moments.append(Moment(what, reply, now_ms, position_ms))

    def _fault(self, what: str) -> None:
        self.faults.append(what)
