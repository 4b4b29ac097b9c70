"""PCM frames with an explicit rate, and the rates the house works at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from common.errors import AudioError

Pcm = NDArray[np.int16]
"""Mono PCM: shape (samples,), dtype int16, full scale ±32767."""

# Browsers' Opus and our worklets send frames of this length; it is small enough not to be heard as delay.
FRAME_MS = 20
ANALYSIS_HZ = 16_000  # VAD and recognisers
# The Realtime protocol, the recorder and every synthesiser's output have this rate.
WIRE_HZ = 24_000
ACCEPTED_HZ = (8_000, 16_000, 24_000, 48_000)


class FrameKind(StrEnum):
    """How a frame's audio came to be where it is on the media timeline."""

    LIVE = "live"
    # Late audio came in a burst after a connection resumed: it is transcribed, but never ends a turn.
    LATE = "late"
    # Nothing came: this is silence, inserted so that media time goes on.
    MISSING = "missing"


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A piece of mono audio: `samples` int16 of shape (n,), at `rate_hz`.

    `at_ms` is the media time of a late frame's beginning, where the client said when it was captured.
    """

    samples: Pcm
    rate_hz: int
    kind: FrameKind = FrameKind.LIVE
    at_ms: float | None = None

    @property
    def duration_ms(self) -> float:
        """Length in milliseconds of media time."""
        return 1000.0 * len(self.samples) / self.rate_hz


def samples_for(duration_ms: float, rate_hz: int) -> int:
    """Return the number of samples in `duration_ms` at `rate_hz`, rounded to the nearest."""
    return round(duration_ms * rate_hz / 1000.0)


def silence(duration_ms: float, rate_hz: int) -> Pcm:
    """Return digital silence, int16 of shape (samples,)."""
    return np.zeros(samples_for(duration_ms, rate_hz), dtype=np.int16)


def pcm_from_bytes(data: bytes) -> Pcm:
    """Return little-endian 16-bit PCM bytes as int16 of shape (len(data) // 2,).

    Raises AudioError when the number of bytes is odd: a sample is missing a half, so all that follows would be noise.
    """
    if len(data) % 2:
        raise AudioError(
            f"{len(data)} bytes are not whole 16-bit samples; send an even number of bytes", code="audio.odd_length"
        )
    return np.frombuffer(data, dtype="<i2").astype(np.int16, copy=False)


def pcm_to_bytes(samples: Pcm) -> bytes:
    """Return samples as little-endian 16-bit PCM bytes."""
    return samples.astype("<i2", copy=False).tobytes()


def to_float(samples: Pcm) -> NDArray[np.float32]:
    """Return int16 samples as float32 in [-1, 1), same shape."""
    return samples.astype(np.float32) / 32768.0


def to_pcm(samples: NDArray[np.floating]) -> Pcm:
    """Return float samples in [-1, 1] as int16, clipped at full scale, same shape; NaN becomes silence."""
    finite = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
    pcm: Pcm = (np.clip(finite, -1.0, 1.0) * 32767.0).astype(np.int16)
    return pcm
