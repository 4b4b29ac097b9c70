"""The candidate's audio: ordered Opus packets become int16 mono at the session's rate, true to the sample clock.

RTP timestamps say where each packet's audio belongs. Where packets are missing the hole is filled before the next
one, so that media time goes on as the candidate's own clock; what the driver has filled by itself meanwhile (it
inserts silence marked missing when nothing came for 100 ms) is not filled twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from audio.frames import Pcm
from audio.resample import StreamResampler
from server.rtc.jitter import Ordered
from server.rtc.opus import OPUS_HZ, OpusDecoder

# A longer hole is the driver's: it has filled it with silence marked missing.
MOST_FILLED_MS = 2_000.0
# The last audio fades over a lost packet or two, so that a word keeps its middle.
CONCEALED_MS = 40.0
SAMPLES_PER_MS = OPUS_HZ // 1000


@dataclass(slots=True)
class InboundCounts:
    """What became of the audio so far, in milliseconds of it."""

    heard_ms: float = 0.0
    concealed_ms: float = 0.0  # filled where packets were lost
    silent_ms: float = 0.0  # filled where the sender left a pause out (Opus DTX)
    undecodable: int = 0  # packets


class InboundAudio:
    """Decodes, fills holes and resamples one candidate's audio, packet by packet.

    `hear` is given int16 mono at the rate that `rate_hz` tells; `missing_ms` tells how much silence the session has
    inserted by itself in all.
    """

    def __init__(
        self, *, rate_hz: Callable[[], int], hear: Callable[[Pcm], None], missing_ms: Callable[[], float]
    ) -> None:
        self.counts = InboundCounts()
        self._hear = hear
        self._missing_ms = missing_ms
        self._decoder = OpusDecoder()
        self._rate_hz = rate_hz
        self._resampler: StreamResampler | None = None
        self._expected: int | None = None  # timestamp of the next audio
        self._missing_before_ms = 0.0
        self._last: Pcm = np.zeros(0, dtype=np.int16)

    def take_packet(self, packet: Ordered) -> None:
        """Take the packet whose turn it is."""
        if packet.restarted:
            self._restart()
        samples = self._decoder.decode(packet.payload)
        if not len(samples):
            self.counts.undecodable += 1
            return
        self._fill(packet)
        self._expected = (packet.timestamp + len(samples)) % 0x1_0000_0000
        self._missing_before_ms = self._missing_ms()
        self._last = samples
        self.counts.heard_ms += len(samples) / SAMPLES_PER_MS
        self._put(samples)

    def _put(self, samples: Pcm) -> None:
        """Hand audio on at the session's rate, which a client may change before the role-play has started."""
        rate_hz = self._rate_hz()
        if self._resampler is None or self._resampler.to_hz != rate_hz:
            self._resampler = StreamResampler(OPUS_HZ, rate_hz)
            # The filter keeps the last milliseconds of each packet back. The session cuts what comes into frames of
            # 20 ms: without what comes first, of which there is less, each packet completes one.
            self._resampler.process(samples)
            return
        self._hear(self._resampler.process(samples))

    def close(self) -> None:
        """Let go of the filter: a peer connection is a ring of references, which may outlast its call for long."""
        self._resampler = None

    def _restart(self) -> None:
        """Begin anew: another source counts its time from elsewhere, and its decoder knows nothing of this one."""
        self._decoder = OpusDecoder()
        self._expected = None
        self._last = self._last[:0]

    def _fill(self, packet: Ordered) -> None:
        """Fill the hole before a packet, less what the session filled since the last one."""
        if self._expected is None:
            return
        hole = (packet.timestamp - self._expected + 0x8000_0000) % 0x1_0000_0000 - 0x8000_0000
        filled_ms = self._missing_ms() - self._missing_before_ms
        left = hole - round(filled_ms * SAMPLES_PER_MS)
        if left <= 0 or hole > MOST_FILLED_MS * SAMPLES_PER_MS:
            return
        if packet.lost:
            self.counts.concealed_ms += left / SAMPLES_PER_MS
            filling = concealment(self._last if filled_ms <= 0 else self._last[:0], left)
        else:
            self.counts.silent_ms += left / SAMPLES_PER_MS
            filling = np.zeros(left, dtype=np.int16)
        self._put(filling)


def concealment(last: Pcm, length: int) -> Pcm:
    """Return `length` samples to stand in for lost ones: the last packet's audio mirrored and faded, then silence.

    Mirrored it goes on without a step where the loss began.
    """
    filling = np.zeros(length, dtype=np.int16)
    count = min(length, len(last), round(CONCEALED_MS * SAMPLES_PER_MS))
    if count:
        fade = np.linspace(1.0, 0.0, count, endpoint=False, dtype=np.float32)
        filling[:count] = (last[::-1][:count] * fade).astype(np.int16)
    return filling
