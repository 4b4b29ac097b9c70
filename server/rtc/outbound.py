"""The patient's audio: chunks of replies become one steady stream of 20 ms frames, and each moment's place is known.

`ReplyQueue` is the queue and the cursor; `HeardPlaces` tells what the listener has heard by now; `PatientTrack`
paces and encodes. Silence is sent when there is nothing to say.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from audio.frames import FRAME_MS, WIRE_HZ, Pcm, samples_for, silence
from audio.playout import REWIND_MS, PlayoutChunk
from server.rtc.opus import FRAME_SAMPLES, OpusEncoder, OpusPacket

FADE_SAMPLES = samples_for(10.0, WIRE_HZ)  # a cut in the middle of a wave is a click
REWIND_SAMPLES = samples_for(REWIND_MS + FRAME_MS, WIRE_HZ)
ACKNOWLEDGE_FRAMES = 5  # 100 ms, as our page does over the WebSocket
# This is a browser's own jitter buffer on a good network (measured: 40 to 50), until it tells its own.
PAGE_BUFFER_MS = 50.0
# A voice that is late with its next clause has not ended.
ENDED_FRAMES = 15
# A loop that stood still for longer leaves a hole in the stream instead of a burst at the listener.
LATE_S = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class SentFrame:
    """20 ms as they go out: int16 (480,) at 24 kHz; `place` samples of `reply` have been sent after it."""

    samples: Pcm
    reply: int | None = None
    place: int = 0


@dataclass(slots=True)
class _ReplyOut:
    number: int
    audio: Pcm = field(default_factory=lambda: np.zeros(0, dtype=np.int16))
    # This is the place of its first sample: what was played long ago is dropped.
    first: int = 0
    cursor: int = 0  # the place that is sent next

    @property
    def end(self) -> int:
        return self.first + len(self.audio)

    def take_samples(self, count: int) -> Pcm:
        at = self.cursor - self.first
        taken = self.audio[at : at + count]
        self.cursor += len(taken)
        if self.cursor - self.first > 2 * REWIND_SAMPLES:
            drop = self.cursor - self.first - REWIND_SAMPLES
            self.audio, self.first = self.audio[drop:], self.first + drop
        return taken


class ReplyQueue:
    """The replies' audio that is to be sent, the one at the front first."""

    def __init__(self) -> None:
        self.gaps = 0  # how often the next audio of a reply came too late
        self.began: Callable[[int], None] = lambda _reply: None  # a reply's audio begins to be sent
        self.ended: Callable[[int], None] = lambda _reply: None  # all there was has been sent, for a while now
        self._replies: deque[_ReplyOut] = deque()
        self._held: int | None = None
        self._fade_out = False  # the next frame is to end what sounds
        self._fade_in = False
        self._dropped = False  # the front reply goes once it has faded
        # Of this reply `began` was told and `ended` was not.
        self._sounding: int | None = None
        self._dry = 0  # frames for which nothing was there

    def play(self, chunk: PlayoutChunk) -> None:
        """Queue a chunk."""
        if not self._replies or self._replies[-1].number != chunk.reply:
            self._replies.append(_ReplyOut(chunk.reply))
        reply = self._replies[-1]
        reply.audio = np.concatenate((reply.audio, chunk.samples))

    def clear(self, reply: int) -> None:
        """Drop what was not sent of a reply, after a short fade."""
        self._replies = deque(r for r in self._replies if r.number != reply or r is self._replies[0])
        if self._replies and self._replies[0].number == reply:
            self._fade_out = self._held != reply
            self._dropped = True
        if self._held == reply:
            self._held = None

    def hold(self, reply: int) -> None:
        """Pause a reply, after a short fade."""
        if self._replies and self._replies[0].number == reply and self._held != reply:
            self._held, self._fade_out = reply, True

    def resume(self, reply: int, from_ms: float) -> None:
        """Go on from a place that was sent already, at most 1.5 s back."""
        if self._held == reply and self._replies:
            front = self._replies[0]
            front.cursor = max(front.first, min(front.cursor, samples_for(from_ms, WIRE_HZ)))
            self._held, self._fade_out, self._fade_in = None, False, True

    def restart(self, reply: int, from_ms: float) -> None:
        """Drop what is there of a reply; what is played next begins at that place."""
        self._replies = deque(r for r in self._replies if r.number != reply)
        place = samples_for(from_ms, WIRE_HZ)
        self._replies.append(_ReplyOut(reply, first=place, cursor=place))
        self._held, self._fade_out, self._fade_in, self._dropped = None, False, True, False

    def drop(self) -> None:
        """Drop all that was not sent: a restart brings it again."""
        self._replies.clear()

    @property
    def held(self) -> int | None:
        """The reply that is paused."""
        return self._held

    def frame(self) -> SentFrame:
        """Return the next 20 ms."""
        while len(self._replies) > 1 and not self._fade_out and self._replies[0].cursor >= self._replies[0].end:
            self._replies.popleft()
        if not self._replies:
            return SentFrame(silence(FRAME_MS, WIRE_HZ))
        reply = self._replies[0]
        out = silence(FRAME_MS, WIRE_HZ)
        if self._fade_out:
            tail = reply.take_samples(FADE_SAMPLES)
            out[: len(tail)] = (tail * np.linspace(1.0, 0.0, len(tail), endpoint=False)).astype(np.int16)
            self._fade_out = False
        elif self._held is None and not self._dropped:
            cut = reply.take_samples(FRAME_SAMPLES)
            self._tell(reply.number, len(cut))
            out[: len(cut)] = cut
            if self._fade_in and len(cut):
                rise = min(FADE_SAMPLES, len(cut))
                out[:rise] = (out[:rise] * np.linspace(0.0, 1.0, rise, endpoint=False)).astype(np.int16)
                self._fade_in = False
        if self._dropped:
            self._replies.popleft()
            self._dropped, self._sounding = False, None
        return SentFrame(out, reply.number, reply.cursor)

    def _tell(self, reply: int, samples: int) -> None:
        """Tell when a reply's audio begins, and when none has come for a while."""
        if samples and self._dry and self._sounding == reply:
            self.gaps += 1
        self._dry = 0 if samples else self._dry + 1
        if samples and self._sounding != reply:
            self._sounding = reply
            self.began(reply)
        elif self._dry == ENDED_FRAMES and self._sounding == reply:
            self._sounding = None
            self.ended(reply)


class HeardPlaces:
    """What the listener has heard: what was sent, less the way there and the listener's own buffer."""

    def __init__(self) -> None:
        self.round_trip_ms = 0.0
        self.page_buffer_ms = PAGE_BUFFER_MS
        # When something last came of the listener, who sends every 20 ms: what was sent later may never have arrived.
        self.alive_ms: float | None = None
        self._sent: deque[tuple[float, int, int]] = deque()  # (sent at, reply, place reached)
        self._reached: tuple[int, int] | None = None
        self._told: tuple[int, int] | None = None

    @property
    def delay_ms(self) -> float:
        """How long after it was sent a frame has been heard to its end."""
        return self.round_trip_ms / 2.0 + self.page_buffer_ms + FRAME_MS

    def sent(self, frame: SentFrame, now_ms: float) -> None:
        """Note a frame as it goes out."""
        if frame.reply is not None and (not self._sent or self._sent[-1][1:] != (frame.reply, frame.place)):
            self._sent.append((now_ms, frame.reply, frame.place))

    def forget(self) -> None:
        """Nothing that was sent so far tells a place any more: the reply was paused, moved or cleared."""
        self._sent.clear()
        self._reached = self._told = None

    def heard(self, now_ms: float) -> tuple[int, float] | None:
        """Return a reply and how much of it has been heard by now, in milliseconds; None if nothing is new."""
        found = self.reached(now_ms)
        if self._reached == self._told:
            return None
        self._told = self._reached
        return found

    def reached(self, now_ms: float) -> tuple[int, float] | None:
        """Return the same, new or not."""
        until_ms = now_ms - self.delay_ms
        if self.alive_ms is not None:
            until_ms = min(until_ms, self.alive_ms)
        while self._sent and self._sent[0][0] <= until_ms:
            _, reply, place = self._sent.popleft()
            self._reached = (reply, place)
        return None if self._reached is None else (self._reached[0], 1000.0 * self._reached[1] / WIRE_HZ)


class PatientTrack(MediaStreamTrack):
    """The patient's track: paced against a start time, encoded here, so aiortc only packs.

    `tell_heard(reply, played_ms)` is told every 100 ms and at a hold.
    """

    kind = "audio"

    def __init__(self, tell_heard: Callable[[int, float], None]) -> None:
        super().__init__()
        self.places = HeardPlaces()
        self.audio = ReplyQueue()
        self.skipped = 0  # frames left out because the loop stood still
        self._tell_heard = tell_heard
        self._encoder = OpusEncoder()
        self._start_s: float | None = None
        self._number = 0
        self._told_hold: int | None = None

    def play(self, chunk: PlayoutChunk) -> None:
        """Queue a chunk of the patient's audio."""
        self.audio.play(chunk)

    def clear(self, reply: int) -> None:
        """Fall silent, and forget the rest of the reply."""
        self.audio.clear(reply)
        self.places.forget()

    def hold(self, reply: int) -> None:
        """Pause; the place is told once it is known."""
        self.audio.hold(reply)

    def resume(self, reply: int, from_ms: float) -> None:
        """Go on from that place."""
        self.audio.resume(reply, from_ms)
        self.places.forget()
        self._told_hold = None

    def restart(self, reply: int, from_ms: float) -> None:
        """Begin a reply anew at that place."""
        self.audio.restart(reply, from_ms)
        self.places.forget()
        self._told_hold = None

    def drop(self) -> None:
        """Send nothing more of what is here, and tell no more places: nobody is there; a restart brings it again."""
        self.audio.drop()
        self.places.forget()

    def alive(self, at_s: float | None) -> None:
        """Learn when the listener was last there for sure, in the loop's time."""
        self.places.alive_ms = None if at_s is None else at_s * 1000.0

    def heard(self) -> tuple[int, float] | None:
        """Return a reply and how much of it has been heard by now, in milliseconds; None if none is being sent."""
        return self.places.reached(asyncio.get_running_loop().time() * 1000.0)

    async def recv(self) -> OpusPacket:
        """Return the next 20 ms when it is due."""
        if self.readyState != "live":
            raise MediaStreamError
        while True:
            await self._wait()
            packet = self._next()
            if packet is not None:
                return packet

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        if self._start_s is None:
            self._start_s = loop.time()
        due_s = self._start_s + self._number * FRAME_MS / 1000.0
        late_s = loop.time() - due_s
        if late_s > LATE_S:
            frames = int(late_s * 1000.0 / FRAME_MS)
            self._number += frames
            self.skipped += frames
        elif late_s < 0:
            await asyncio.sleep(-late_s)

    def _next(self) -> OpusPacket | None:
        now_ms = asyncio.get_running_loop().time() * 1000.0
        frame = self.audio.frame()
        packet = self._encoder.encode(frame.samples, self._number)
        self._number += 1
        if frame.reply is not None and self.audio.held == frame.reply:
            if self._told_hold != frame.reply:
                # All that was sent will be heard: this is where it pauses.
                self._told_hold = frame.reply
                self.places.forget()
                self._tell_heard(frame.reply, 1000.0 * frame.place / WIRE_HZ)
            return packet
        self._told_hold = None
        self.places.sent(frame, now_ms)
        if self._number % ACKNOWLEDGE_FRAMES == 0:
            told = self.places.heard(now_ms)
            if told is not None:
                self._tell_heard(*told)
        return packet
