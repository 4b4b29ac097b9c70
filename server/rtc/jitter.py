"""The order of arriving audio: packets are handed on as they come, and waited for only where one is missing.

aiortc's own buffer holds four packets back always (80 ms), stands still for 320 ms when one is lost, and lags 200 ms
more for the rest of the call. Nothing here plays audio at a steady pace, so an even flow is worth nothing: only order
is. A packet that comes in its turn is handed on at once; behind a missing one the others wait as long as reordering
and jitter were seen to take, 20 to 120 ms, then all are handed on, and latency is what it was. See decision 018.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtp import RtpPacket

# RTP timestamps of Opus have this rate, whatever the rate of the encoded audio (RFC 7587).
CLOCK_HZ = 48_000
# This is less than a packet's time: the second packet behind a missing one gives it up.
MIN_WAIT_MS = 15.0
MAX_WAIT_MS = 120.0  # the voice detector has noticed a pause by then
MOST_HELD = 12  # packets; by then the missing one is not late
LATENESS_DECAY = 0.998  # of a packet: what was seen 10 s ago counts a third
JITTER_GAIN = 1.0 / 16.0  # RFC 3550, section 6.4.1
# A number that is further away, in packets, begins a new stream (RFC 3550, appendix A.1: MAX_DROPOUT).
RESTART = 3_000
# So many packets in a row whose turn was over, at the pace of audio, begin one too: what comes late comes among newer
# ones, or at once.
RUN_PACKETS = 5
RUN_MS = 60.0
# So many numbers are remembered, to tell a packet that came too late from one that came twice.
GIVEN_UP = 512


@dataclass(frozen=True, slots=True)
class Ordered:
    """A packet in its turn; `lost` that should have come before it did not. `timestamp` counts 48 kHz samples."""

    payload: bytes
    timestamp: int
    lost: int
    restarted: bool


@dataclass(slots=True)
class JitterCounts:
    """What became of the packets so far."""

    received: int = 0
    lost: int = 0  # given up; some of them came late
    late: int = 0
    duplicate: int = 0
    reordered: int = 0
    restarts: int = 0
    jitter_ms: float = 0.0
    wait_ms: float = MIN_WAIT_MS


@dataclass(frozen=True, slots=True)
class _Held:
    payload: bytes
    timestamp: int
    at_ms: float


class AudioJitterBuffer:
    """Stands in for aiortc's `JitterBuffer` in one receiver of audio; packets go to `deliver` instead of its decoder.

    One packet is one frame. Times are milliseconds on any monotonic clock.
    """

    def __init__(self, deliver: Callable[[Ordered], None]) -> None:
        self.counts = JitterCounts()
        self._deliver = deliver
        self._ssrc: int | None = None
        # This is the number of the packet that is due next, counted on beyond 16 bits.
        self._next = 0
        self._held: dict[int, _Held] = {}
        self._given_up: dict[int, None] = {}
        self._run: dict[int, _Held] = {}  # packets in a row whose turn was over, and nothing else since
        self._lateness_ms = 0.0  # how late packets out of order came, not long ago
        self._arrived: tuple[float, int] | None = None
        self._restarted = True

    def install(self, receiver: RTCRtpReceiver) -> None:
        """Take the place of a receiver's own buffer, before audio arrives; raises AttributeError if aiortc changed."""
        getattr(receiver, _PLACE)
        setattr(receiver, _PLACE, self)

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        """Take a packet as aiortc hands it over; it gets nothing back to decode."""
        payload = getattr(packet, "_data", packet.payload)
        now_ms = asyncio.get_running_loop().time() * 1000.0
        self.put(payload, number=packet.sequence_number, timestamp=packet.timestamp, ssrc=packet.ssrc, now_ms=now_ms)
        return False, None

    def put(self, payload: bytes, *, number: int, timestamp: int, ssrc: int, now_ms: float) -> None:
        """Take a packet: its 16-bit number, 32-bit timestamp and source; hand on what is in turn now."""
        self.counts.received += 1
        place = self._place(number, ssrc)
        if place in self._held:
            self.counts.duplicate += 1
            return
        held = _Held(payload, timestamp, now_ms)
        if place < self._next:
            if self._goes_on_from(place, held):
                self._begin_anew(ssrc, next(iter(self._run)), held=self._run)
                self._hand_on(now_ms)
            else:
                self._too_late(place)
            return
        self._run = {}
        self._measure(timestamp, now_ms)
        if self._held and place < max(self._held):
            self.counts.reordered += 1
            self._seen_late(now_ms - min(held.at_ms for number_, held in self._held.items() if number_ > place))
        self._held[place] = held
        self._hand_on(now_ms)

    @property
    def waiting(self) -> int:
        """How many packets are held back now."""
        return len(self._held)

    def _place(self, number: int, ssrc: int) -> int:
        """Return a packet's number in one count that goes on; a new source or a far jump begins anew."""
        if ssrc == self._ssrc:
            delta = (number - self._next + 0x8000) % 0x10000 - 0x8000
            if abs(delta) < RESTART:
                return self._next + delta
        self._begin_anew(ssrc, number, held={})
        return number

    def _goes_on_from(self, place: int, held: _Held) -> bool:
        """Note a packet whose turn was over; return whether its like have come for so long that they are a stream."""
        if place - 1 not in self._run:
            self._run = {}
        self._run[place] = held
        first = next(iter(self._run.values()))
        return len(self._run) >= RUN_PACKETS and held.at_ms - first.at_ms >= RUN_MS

    def _begin_anew(self, ssrc: int, number: int, *, held: dict[int, _Held]) -> None:
        self.counts.restarts += self._ssrc is not None
        self._ssrc = ssrc
        self._next = number
        self._held = held
        self._run = {}
        self._given_up.clear()
        self._arrived = None
        self._restarted = True

    def _too_late(self, place: int) -> None:
        if place in self._given_up:
            del self._given_up[place]
            self.counts.late += 1
            self._seen_late(MAX_WAIT_MS if self.counts.wait_ms * 2 > MAX_WAIT_MS else self.counts.wait_ms * 2)
        else:
            self.counts.duplicate += 1

    def _seen_late(self, late_ms: float) -> None:
        self._lateness_ms = max(self._lateness_ms, late_ms)

    def _measure(self, timestamp: int, now_ms: float) -> None:
        """Smooth the interarrival jitter (RFC 3550, section 6.4.1) and let old lateness fade."""
        if self._arrived is not None:
            at_ms, before = self._arrived
            sent_ms = 1000.0 * _signed(timestamp - before) / CLOCK_HZ
            if abs(sent_ms) < MAX_WAIT_MS:  # across a hole or a pause it says nothing
                self.counts.jitter_ms += (abs(now_ms - at_ms - sent_ms) - self.counts.jitter_ms) * JITTER_GAIN
        self._arrived = (now_ms, timestamp)
        self._lateness_ms *= LATENESS_DECAY
        self.counts.wait_ms = min(MAX_WAIT_MS, max(MIN_WAIT_MS, 2.0 * self.counts.jitter_ms, 1.25 * self._lateness_ms))

    def _hand_on(self, now_ms: float) -> None:
        lost = 0
        while self._held:
            held = self._held.pop(self._next, None)
            if held is None:
                first = min(self._held)
                waited_ms = now_ms - min(other.at_ms for other in self._held.values())
                if waited_ms < self.counts.wait_ms and len(self._held) < MOST_HELD:
                    return
                lost = first - self._next
                self.counts.lost += lost
                self._give_up(range(self._next, first))
                self._next = first
                continue
            self._next += 1
            self._deliver(Ordered(held.payload, held.timestamp, lost, self._restarted))
            lost, self._restarted = 0, False

    def _give_up(self, places: range) -> None:
        self._given_up.update(dict.fromkeys(places))
        while len(self._given_up) > GIVEN_UP:
            del self._given_up[next(iter(self._given_up))]


# The one place that reaches into aiortc for the sake of its jitter buffer: an attribute that its receiver makes at
# once and uses only to `add` packets. Each peer of ours has its own put there before its audio can arrive.
_PLACE = "_RTCRtpReceiver__jitter_buffer"


def _signed(difference: int) -> int:
    """Return the difference of two 32-bit timestamps as a signed number."""
    return (difference + 0x8000_0000) % 0x1_0000_0000 - 0x8000_0000
