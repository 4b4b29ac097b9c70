"""Resampling of a stream of PCM chunks, with a small constant delay and no seams between chunks."""

from __future__ import annotations

from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from audio.frames import ACCEPTED_HZ, Pcm
from audio.polyphase import PolyphaseStream, is_simple
from common.errors import AudioError

RESAMPLED_HZ = (*ACCEPTED_HZ, 22_050, 44_100)
"""Rates a stream may have: what clients send, and what synthesisers (22.05 kHz) and sound cards (44.1 kHz) make."""

QUALITY = "HQ"
# For rates of which neither is a multiple of the other. soxr's fixed-ratio streams work in FFT blocks: what was put in
# comes out between 5 and 38 ms later. Its variable-rate engine filters sample by sample: a constant 10 ms (24 to 16
# kHz) to 15 ms. Its quality is fixed, QUALITY is only the name nearest to what it does.
VARIABLE_RATE_ENGINE = True


class StreamResampler:
    """Converts one mono stream from `from_hz` to `to_hz`, chunk by chunk; equal rates pass through.

    The delay of the filter is compensated: output sample k is the sound at k / to_hz, so positions counted on either
    side name the same media time (within two samples of the lower rate). Where one rate is a multiple of the other
    (`polyphase.py`) what is put in comes out 1 to 4 ms later, otherwise (libsoxr, R. Sykes) 10 to 15 ms. Chunks of any
    length give the same samples as the whole at once. Not thread-safe.

    Raises AudioError for rates outside RESAMPLED_HZ.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        for rate_hz in (from_hz, to_hz):
            check_rate(rate_hz)
        self.from_hz = from_hz
        self.to_hz = to_hz
        self.reset()

    def process(self, samples: Pcm, last: bool = False) -> Pcm:
        """Take int16 (n,) at `from_hz` and return what is ready as int16 (m,) at `to_hz`; m may be 0.

        With `last` the stream is flushed to its full length and the next call starts a new one.
        """
        if self.from_hz == self.to_hz:
            return samples
        out = self._stream.process(samples, last=last)
        if last:
            self.reset()
        return _rounded(out)

    def reset(self) -> None:
        """Forget what is under way, as when a stream breaks off."""
        kind = PolyphaseStream if is_simple(self.from_hz, self.to_hz) else _SoxrStream
        self._stream: PolyphaseStream | _SoxrStream = kind(self.from_hz, self.to_hz)


class _SoxrStream:
    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality=QUALITY, vr=VARIABLE_RATE_ENGINE)

    def process(self, samples: Pcm, *, last: bool) -> NDArray[np.floating[Any]]:
        # In float: soxr dithers 16-bit output, which makes digital silence noisy and chunks unlike the whole.
        return self._stream.resample_chunk(samples.astype(np.float32), last)


def resample_whole(samples: Pcm, *, from_hz: int, to_hz: int) -> Pcm:
    """Resample a whole recording, int16 (n,) -> int16 (m,); any positive rates.

    Uses soxr's block engine, whose delay doesn't matter here and whose noise is lowest.
    """
    if from_hz == to_hz or not len(samples):
        return samples
    return _rounded(soxr.resample(samples.astype(np.float32), from_hz, to_hz, quality=QUALITY))


def check_rate(rate_hz: int) -> None:
    """Raise AudioError unless `rate_hz` is one that streams may have."""
    if rate_hz not in RESAMPLED_HZ:
        known = ", ".join(str(rate) for rate in sorted(RESAMPLED_HZ))
        raise AudioError(f"sample rate {rate_hz} Hz is not supported; use one of {known}", code="audio.rate")


def _rounded(samples: NDArray[np.floating[Any]]) -> Pcm:
    pcm: Pcm = np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
    return pcm
