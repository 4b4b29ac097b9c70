"""Paced playout: the patient's sound goes out just ahead of the moment it is to be heard, so that little has to be
recalled.

A reply's sound is queued while it is still held, released at the commit, then sent in 40 ms chunks no further ahead
of the listener than the lead. What was heard is known from the client's acknowledgements, or estimated from the send
clock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from audio.clock import Clock
from audio.frames import WIRE_HZ, Pcm, samples_for

CHUNK_MS = 40  # fewer, larger messages than 20 ms frames; still a small loss when sound is recalled
MIN_LEAD_MS = 300.0  # rides out ordinary jitter; what may have to be recalled at an interruption
# A client that acknowledges and is further behind than this has stopped: nothing more is sent until it goes on.
STALL_MS = 2_000.0
FINISH_GRACE_MS = 1_000.0  # how long a last acknowledgement is waited for after the sound must have ended
ACK_EXTRAPOLATION_MS = 150.0  # clients of ours acknowledge every 100 ms; between two of them sound goes on


@dataclass(frozen=True, slots=True, eq=False)
class PlayoutChunk:
    """A chunk of a reply's sound: int16 mono at 24 kHz, `from_ms` its place in the reply."""

    reply: int
    clause: int
    from_ms: float
    samples: Pcm


class Sink(Protocol):
    """Where sound leaves the house: a transport."""

    def play(self, chunk: PlayoutChunk) -> None:
        """Send a chunk; never blocks."""

    def clear(self, reply: int, heard_ms: float) -> None:
        """Have the client drop the reply's sound that it has not played."""

    def lead_ms(self) -> float:
        """Return how far ahead this client's sound should be: max(300 ms, 2 x round trip + jitter)."""

    def acknowledges(self) -> bool:
        """Return whether the client reports what it has played."""


class PlayoutListener(Protocol):
    """What playout tells the session driver."""

    def chunk_placed(self, chunk: PlayoutChunk, at_session_ms: float) -> None:
        """A chunk was sent, to be heard from `at_session_ms` on."""

    def clause_started(self, reply: int, clause: int, from_ms: float) -> None:
        """The first chunk of a clause was sent."""

    def played_out(self, reply: int, played_ms: float, estimated: bool) -> None:
        """All of a reply's sound was heard."""


@dataclass(slots=True)
class _Held:
    reply: int
    queue: deque[tuple[int, Pcm]] = field(default_factory=deque)  # (clause, samples)
    queued_samples: int = 0
    sent_samples: int = 0
    ends_at_ms: float = 0.0  # session time at which what was sent will have been heard
    clause: int = -1  # the last one that started
    acked_ms: float | None = None
    acked_at_ms: float = 0.0
    released: bool = False
    closed: bool = False


class Playout:
    """Plays one reply at a time to one client; all calls on the event loop."""

    def __init__(self, *, clock: Clock, sink: Sink, listener: PlayoutListener) -> None:
        self._clock = clock
        self._sink = sink
        self._listener = listener
        self._held: _Held | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, reply: int) -> None:
        """Start holding sound for a reply; sound of an earlier one is dropped."""
        self._cancel_timer()
        self._held = _Held(reply)

    def add(self, reply: int, clause: int, samples: Pcm) -> float:
        """Queue int16 mono at 24 kHz; return its place in the reply's sound, in milliseconds (-1 when it is stale)."""
        held = self._of(reply)
        if held is None:
            return -1.0
        from_ms = _ms(held.queued_samples)
        held.queue.append((clause, samples))
        held.queued_samples += len(samples)
        self._pump()
        return from_ms

    def close(self, reply: int) -> None:
        """No more sound will come for this reply."""
        held = self._of(reply)
        if held is not None:
            held.closed = True
            self._pump()

    def release(self, reply: int) -> None:
        """Let the reply's sound go out."""
        held = self._of(reply)
        if held is not None and not held.released:
            held.released = True
            held.ends_at_ms = self._clock.now_ms()
            self._pump()

    def stop(self, reply: int) -> float:
        """Drop what was not heard, here and at the client; return the milliseconds that were heard."""
        held = self._of(reply)
        if held is None:
            return 0.0
        heard_ms = self.played_ms(reply)
        self._cancel_timer()
        self._held = None
        if held.sent_samples:
            self._sink.clear(reply, heard_ms)
        return heard_ms

    def acknowledge(self, reply: int, played_ms: float) -> None:
        """The client says how much of a reply it has played; impossible figures are cut to what was sent."""
        held = self._of(reply)
        if held is not None:
            held.acked_ms = max(held.acked_ms or 0.0, min(played_ms, _ms(held.sent_samples)))
            held.acked_at_ms = self._clock.now_ms()
            self._pump()

    def played_ms(self, reply: int) -> float:
        """Return how much of a reply has been heard by now."""
        held = self._of(reply)
        if held is None or not held.released:
            return 0.0
        now_ms = self._clock.now_ms()
        sent_ms = _ms(held.sent_samples)
        if held.acked_ms is not None and self._sink.acknowledges():
            return min(held.acked_ms + min(now_ms - held.acked_at_ms, ACK_EXTRAPOLATION_MS), sent_ms)
        return min(max(sent_ms - (held.ends_at_ms - now_ms), 0.0), sent_ms)

    def shut(self) -> None:
        """Stop for good."""
        self._cancel_timer()
        self._held = None

    def _of(self, reply: int) -> _Held | None:
        return self._held if self._held is not None and self._held.reply == reply else None

    def _pump(self) -> None:
        held = self._held
        if held is None or not held.released:
            return
        self._cancel_timer()
        now_ms = self._clock.now_ms()
        lead_ms = max(MIN_LEAD_MS, self._sink.lead_ms())
        while held.queue:
            wait_ms = held.ends_at_ms - now_ms - lead_ms
            if self._stalled(held, lead_ms):
                return  # the next acknowledgement pumps again
            if wait_ms > 0:
                self._later(wait_ms)
                return
            self._send(held, now_ms)
            if self._held is not held:
                return  # a listener stopped the reply
        if held.closed:
            self._check_finished(held, now_ms)

    def _stalled(self, held: _Held, lead_ms: float) -> bool:
        if not self._sink.acknowledges() or held.sent_samples == 0:
            return False
        return _ms(held.sent_samples) - (held.acked_ms or 0.0) > lead_ms + STALL_MS

    def _send(self, held: _Held, now_ms: float) -> None:
        clause, samples = held.queue.popleft()
        size = samples_for(CHUNK_MS, WIRE_HZ)
        if len(samples) > size:
            held.queue.appendleft((clause, samples[size:]))
            samples = samples[:size]
        if held.ends_at_ms < now_ms:
            held.ends_at_ms = now_ms
        chunk = PlayoutChunk(held.reply, clause, _ms(held.sent_samples), samples)
        at_ms = held.ends_at_ms
        held.sent_samples += len(samples)
        held.ends_at_ms += _ms(len(samples))
        started, held.clause = clause != held.clause, clause
        if started:
            self._listener.clause_started(held.reply, clause, chunk.from_ms)
        self._sink.play(chunk)
        self._listener.chunk_placed(chunk, at_ms)

    def _check_finished(self, held: _Held, now_ms: float) -> None:
        sent_ms = _ms(held.sent_samples)
        acknowledged = self._sink.acknowledges()
        heard_all = held.acked_ms is not None and held.acked_ms >= sent_ms - CHUNK_MS
        due_ms = held.ends_at_ms + (FINISH_GRACE_MS if acknowledged else 0.0)
        if not (acknowledged and heard_all) and now_ms < due_ms:
            self._later(due_ms - now_ms)
            return
        self._held = None
        self._listener.played_out(held.reply, sent_ms, not heard_all)

    def _later(self, wait_ms: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(wait_ms / 1000.0, self._pump)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _ms(samples: int) -> float:
    return 1000.0 * samples / WIRE_HZ
