"""Paced playout: the patient's audio goes out just ahead of the moment it is to be heard, so that little has to be
recalled.

A reply's audio is queued until the commit, released then, and sent in 40 ms chunks no further ahead of the listener
than the lead. What was heard is known from the client's acknowledgements, or estimated from the send clock. A released
reply can be put on hold and go on: clients that acknowledge pause and seek in their own queue; for others sending
stops, what they have plays out, and sending goes on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from audio.clock import Clock
from audio.frames import WIRE_HZ, Pcm, samples_for

# These are fewer and larger messages than frames of 20 ms, and still a small loss when audio is recalled.
CHUNK_MS = 40
# This rides out ordinary jitter, and is what may have to be recalled at an interruption.
MIN_LEAD_MS = 300.0
# A client that acknowledges and is further behind than this has stopped: nothing more is sent until it goes on.
STALL_MS = 2_000.0
# One that has not acknowledged for so long never will: it is sent the rest by the send clock, as a stock client is.
GIVE_UP_MS = 5_000.0
# A last acknowledgement is waited for so long after the audio must have ended.
FINISH_GRACE_MS = 1_000.0
# Clients of ours keep at least so much of what they played: more than the longest spoken word.
REWIND_MS = 1_500.0
# Clients of ours acknowledge every 100 ms, and between two of these the audio goes on.
ACK_EXTRAPOLATION_MS = 150.0


@dataclass(frozen=True, slots=True, eq=False)
class PlayoutChunk:
    """A chunk of a reply's audio: int16 mono at 24 kHz, `from_ms` its place in the reply."""

    reply: int
    clause: int
    from_ms: float
    samples: Pcm


class Sink(Protocol):
    """Where audio leaves the house: a transport."""

    def play(self, chunk: PlayoutChunk) -> None:
        """Send a chunk; never blocks."""

    def clear(self, reply: int, heard_ms: float) -> None:
        """Have the client drop the reply's audio that it has not played."""

    def hold(self, reply: int) -> None:
        """Have a client that acknowledges pause the reply's audio, and say how much of it was played."""

    def resume(self, reply: int, from_ms: float) -> None:
        """Have a client that holds a reply go on from that place of its audio, or from where it paused if earlier."""

    def restart(self, reply: int, from_ms: float) -> None:
        """Have the client drop all it has of the reply's audio: what is sent from now on begins at `from_ms`."""

    def lead_ms(self) -> float:
        """Return how far ahead this client's audio should be: max(300 ms, 2 x round trip + jitter)."""

    def acknowledges(self) -> bool:
        """Return whether the client reports what it has played."""


class PlayoutListener(Protocol):
    """What playout tells the session driver."""

    def chunk_placed(self, chunk: PlayoutChunk, at_session_ms: float) -> None:
        """A chunk was sent, to be heard from `at_session_ms` on; told again for what a hold moves."""

    def clause_started(self, reply: int, clause: int, from_ms: float) -> None:
        """The first chunk of a clause was sent."""

    def fell_behind(self, reply: int, clause: int, late_ms: float) -> None:
        """A reply's audio had run out for so long when the next came."""

    def played_out(self, reply: int, played_ms: float, estimated: bool) -> None:
        """All of a reply's audio was heard."""


@dataclass(slots=True)
class _Track:
    reply: int
    queue: deque[tuple[int, Pcm]] = field(default_factory=deque)  # (clause, samples)
    queued_samples: int = 0
    sent_samples: int = 0
    # At this session time, what was sent will have been heard.
    ends_at_ms: float = 0.0
    clause: int = -1  # the last one that started
    acked_ms: float | None = None
    acked_at_ms: float = 0.0
    # Since this place and session time it has played without a seek.
    since: tuple[float, float] = (0.0, 0.0)
    on_hold: bool = False
    # Whether it was lost with its connection: what was sent and not heard may never have arrived.
    lost: bool = False
    paused_at_ms: float | None = None  # place at which the client paused, while it is told to
    sent: deque[PlayoutChunk] = field(default_factory=deque)  # what may have to be heard again, or was not yet
    released: bool = False
    closed: bool = False


class Playout:
    """Plays one reply at a time to one client; all calls on the event loop."""

    def __init__(self, *, clock: Clock, sink: Sink, listener: PlayoutListener) -> None:
        self._clock = clock
        self._sink = sink
        self._listener = listener
        self._track: _Track | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, reply: int) -> None:
        """Start holding audio for a reply; audio of an earlier one is dropped."""
        self._cancel_timer()
        self._track = _Track(reply)

    def add_clause_audio(self, reply: int, clause: int, samples: Pcm) -> float:
        """Queue int16 mono at 24 kHz; return its place in the reply's audio, in milliseconds (-1 when it is stale)."""
        track = self._of(reply)
        if track is None:
            return -1.0
        from_ms = _ms(track.queued_samples)
        late_ms = self._clock.now_ms() - track.ends_at_ms
        if track.sent_samples and not track.queue and not track.on_hold and late_ms > 0 and len(samples):
            self._listener.fell_behind(reply, clause, late_ms)
        track.queue.append((clause, samples))
        track.queued_samples += len(samples)
        self._pump()
        return from_ms

    def close(self, reply: int) -> None:
        """No more audio will come for this reply."""
        track = self._of(reply)
        if track is not None:
            track.closed = True
            self._pump()

    def release(self, reply: int) -> None:
        """Let the reply's audio go out."""
        track = self._of(reply)
        if track is not None and not track.released:
            track.released = True
            track.ends_at_ms = self._clock.now_ms()
            track.since = (0.0, track.ends_at_ms)
            self._pump()

    def stop(self, reply: int) -> float:
        """Drop what was not heard, here and at the client; return the milliseconds that were heard."""
        track = self._of(reply)
        if track is None:
            return 0.0
        heard_ms = self.played_ms(reply)
        self._cancel_timer()
        self._track = None
        if track.sent_samples:
            self._sink.clear(reply, heard_ms)
        return heard_ms

    def acknowledge(self, reply: int, played_ms: float) -> None:
        """The client says how much of a reply it has played.

        What can't be is cut: more than was sent, or than there was time to play since the release or the last seek;
        less than was acknowledged before changes nothing, except after a seek.
        """
        track = self._of(reply)
        if track is None or not track.released:
            return
        now_ms = self._clock.now_ms()
        place_ms, since_ms = track.since
        possible_ms = min(_ms(track.sent_samples), place_ms + now_ms - since_ms)
        if played_ms < (track.acked_ms or 0.0):
            return
        track.acked_ms, track.acked_at_ms = max(0.0, min(played_ms, possible_ms)), now_ms
        if track.paused_at_ms is not None:
            before_ms, track.paused_at_ms = track.paused_at_ms, track.acked_ms
            self._place_again(track, before_ms, track.acked_ms, self._due_ms(track, before_ms))
        self._pump()

    def hold(self, reply: int) -> float:
        """Pause a released reply; return how much was heard by now, as `played_ms` (exact with the client's answer).

        Of a client that does not acknowledge, what was sent plays on, and is told to the listener once more.
        """
        track = self._of(reply)
        if track is None or not track.released:
            return 0.0
        heard_ms = self.played_ms(reply)
        if track.on_hold:
            return heard_ms
        self._cancel_timer()
        track.on_hold = True
        if self._sink.acknowledges():
            track.paused_at_ms = heard_ms
            self._sink.hold(reply)
        else:
            self._place_again(track, heard_ms, _ms(track.sent_samples), self._clock.now_ms())
        return heard_ms

    def lose(self) -> None:
        """The connection is gone: put the reply under way on hold; a resume sends again what was not heard."""
        track = self._track
        if track is None or not track.released:
            return
        self._cancel_timer()
        if track.paused_at_ms is None:
            track.paused_at_ms = self.played_ms(track.reply)
        track.on_hold = track.lost = True

    def resume(self, reply: int, from_ms: float) -> None:
        """Go on with a reply that is on hold, from that place of its audio: where it paused, or up to 1.5 s before.

        A client that could not pause goes on from what it was sent.
        """
        track = self._of(reply)
        if track is None or not track.on_hold:
            return
        track.on_hold = False
        if track.lost:
            self._restart(track, from_ms)
        elif track.paused_at_ms is not None:
            now_ms, sent_ms = self._clock.now_ms(), _ms(track.sent_samples)
            from_ms = max(min(from_ms, track.paused_at_ms), track.paused_at_ms - REWIND_MS, 0.0)
            track.paused_at_ms = track.acked_ms = None
            track.since = (from_ms, now_ms)
            track.ends_at_ms = now_ms + sent_ms - from_ms
            self._sink.resume(reply, from_ms)
            self._place_again(track, from_ms, sent_ms, now_ms)
        self._pump()

    def _restart(self, track: _Track, from_ms: float) -> None:
        """Queue again what was sent from `from_ms` on, as far back as it is kept."""
        sent, place = track.sent_samples, samples_for(max(from_ms, 0.0), WIRE_HZ)
        if track.sent:
            place = max(place, samples_for(track.sent[0].from_ms, WIRE_HZ))
        track.sent_samples = min(place, sent)
        while track.sent and (chunk := track.sent[-1]).from_ms + _ms(len(chunk.samples)) > _ms(track.sent_samples):
            heard = max(0, track.sent_samples - samples_for(chunk.from_ms, WIRE_HZ))
            track.queue.appendleft((chunk.clause, chunk.samples[heard:]))
            track.sent.pop()
            if heard:
                track.sent.append(PlayoutChunk(chunk.reply, chunk.clause, chunk.from_ms, chunk.samples[:heard]))
        now_ms, from_ms = self._clock.now_ms(), _ms(track.sent_samples)
        track.lost, track.paused_at_ms, track.acked_ms = False, None, None if track.queue else from_ms
        track.since, track.ends_at_ms = (from_ms, now_ms), now_ms
        self._sink.restart(track.reply, from_ms)

    def played_ms(self, reply: int) -> float:
        """Return how much of a reply has been heard by now; after a seek, the place that is being heard."""
        track = self._of(reply)
        if track is None or not track.released:
            return 0.0
        if track.paused_at_ms is not None:
            return track.paused_at_ms
        now_ms = self._clock.now_ms()
        sent_ms = _ms(track.sent_samples)
        if track.acked_ms is not None and self._sink.acknowledges():
            return min(track.acked_ms + min(now_ms - track.acked_at_ms, ACK_EXTRAPOLATION_MS), sent_ms)
        return min(max(sent_ms - (track.ends_at_ms - now_ms), 0.0), sent_ms)

    def placed_at_ms(self, reply: int, place_ms: float) -> float:
        """Return the session time for which the listener was last told a place of a reply's audio; now if unknown."""
        track = self._of(reply)
        return self._clock.now_ms() if track is None or not track.released else self._due_ms(track, place_ms)

    def shut(self) -> None:
        """Stop for good."""
        self._cancel_timer()
        self._track = None

    def _of(self, reply: int) -> _Track | None:
        return self._track if self._track is not None and self._track.reply == reply else None

    def _pump(self) -> None:
        track = self._track
        if track is None or not track.released or track.on_hold:
            return
        self._cancel_timer()
        now_ms = self._clock.now_ms()
        lead_ms = max(MIN_LEAD_MS, self._sink.lead_ms())
        while track.queue:
            wait_ms = track.ends_at_ms - now_ms - lead_ms
            stalled_ms = self._stalled_ms(track, now_ms, lead_ms)
            if stalled_ms > 0:
                self._later(stalled_ms)  # or until the next acknowledgement pumps again
                return
            if wait_ms > 0:
                self._later(wait_ms)
                return
            self._send(track, now_ms)
            if self._track is not track:
                return  # a listener stopped the reply
        if track.closed:
            self._check_finished(track, now_ms)

    def _stalled_ms(self, track: _Track, now_ms: float, lead_ms: float) -> float:
        """Return how much longer nothing is sent to a client that has stopped to acknowledge; 0 if it has not."""
        if not self._sink.acknowledges() or track.sent_samples == 0:
            return 0.0
        if _ms(track.sent_samples) - max(track.acked_ms or 0.0, track.since[0]) <= lead_ms + STALL_MS:
            return 0.0
        return max(0.0, max(track.acked_at_ms, track.since[1]) + GIVE_UP_MS - now_ms)

    def _send(self, track: _Track, now_ms: float) -> None:
        clause, samples = track.queue.popleft()
        size = samples_for(CHUNK_MS, WIRE_HZ)
        if len(samples) > size:
            track.queue.appendleft((clause, samples[size:]))
            samples = samples[:size]
        if track.ends_at_ms < now_ms:
            track.ends_at_ms = now_ms
        chunk = PlayoutChunk(track.reply, clause, _ms(track.sent_samples), samples)
        at_ms = track.ends_at_ms
        track.sent.append(chunk)
        while track.sent[0].from_ms + CHUNK_MS < self.played_ms(track.reply) - REWIND_MS:
            track.sent.popleft()
        track.sent_samples += len(samples)
        track.ends_at_ms += _ms(len(samples))
        started, track.clause = clause > track.clause, max(clause, track.clause)
        if started:
            self._listener.clause_started(track.reply, clause, chunk.from_ms)
        self._sink.play(chunk)
        self._listener.chunk_placed(chunk, at_ms)

    def _place_again(self, track: _Track, from_ms: float, to_ms: float, at_ms: float) -> None:
        """Tell the listener that this stretch of what was sent is heard from `at_ms` on."""
        for chunk in tuple(track.sent):
            skip = max(0, samples_for(from_ms - chunk.from_ms, WIRE_HZ))
            part = chunk.samples[skip : max(skip, samples_for(to_ms - chunk.from_ms, WIRE_HZ))]
            if len(part):
                place_ms = chunk.from_ms + _ms(skip)
                self._listener.chunk_placed(
                    PlayoutChunk(chunk.reply, chunk.clause, place_ms, part), at_ms + place_ms - from_ms
                )

    @staticmethod
    def _due_ms(track: _Track, place_ms: float) -> float:
        return track.ends_at_ms - _ms(track.sent_samples) + place_ms

    def _check_finished(self, track: _Track, now_ms: float) -> None:
        sent_ms = _ms(track.sent_samples)
        acknowledged = self._sink.acknowledges()
        heard_all = track.acked_ms is not None and track.acked_ms >= sent_ms - CHUNK_MS
        due_ms = track.ends_at_ms + (FINISH_GRACE_MS if acknowledged else 0.0)
        if not (acknowledged and heard_all) and now_ms < due_ms:
            self._later(due_ms - now_ms)
            return
        self._track = None
        self._listener.played_out(track.reply, sent_ms, not heard_all)

    def _later(self, wait_ms: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(wait_ms / 1000.0, self._pump)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _ms(samples: int) -> float:
    return 1000.0 * samples / WIRE_HZ
