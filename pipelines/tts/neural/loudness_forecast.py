"""Tells how loud a clause of a VITS voice will be before its audio is made.

The gain must be known when the first window is sent, and a window is no measure of the clause: "No." is louder than a
sentence. But the latents of the whole clause are there. The logarithm of each frame's power is nearly linear in them,
so a ridge regression on a few sentences of the voice foretells it, loud frames weighed most. Their loudness is then
that of ITU-R BS.1770-4: K-weighted, in blocks of 400 ms, gated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audio.programme_loudness import SILENCE_LUFS
from pipelines.tts.neural.levels import PAUSE_MS, Wave

_RIDGE = 30.0
_LEAST_POWER = 1e-8
# BS.1770-4: the blocks, how far they lie apart, the two gates, and the offset of the scale.
_BLOCK_MS, _STEP_MS = 400.0, 100.0
_ABSOLUTE_GATE, _RELATIVE_GATE = 1e-7, 0.1
_OFFSET_DB = -0.691
# Its two filters at 48 kHz, a shelf for the head and a high-pass, numerator and denominator each.
_FILTER_HZ = 48_000
_FILTERS = (
    ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)),
    ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)),
)


class LoudnessForecast:
    """A regression for one speaker of a voice."""

    def __init__(self, latents: Sequence[NDArray[np.float32]], waves: Sequence[Wave], rate_hz: int, hop: int) -> None:
        """Learn from passages: latents (channels, frames) and the audio they became, `hop` samples a frame."""
        self._frame_ms = 1000.0 * hop / rate_hz
        powers = np.concatenate([_frame_powers(wave, rate_hz, hop) for wave in waves])
        known = np.concatenate([_columns(one) for one in latents])
        self._most = float(np.max(powers))
        weights = powers / np.mean(powers)
        weighed = known * weights[:, np.newaxis]
        left = weighed.T @ known + _RIDGE * np.eye(known.shape[1])
        self._factors = np.linalg.solve(left, weighed.T @ np.log(powers + _LEAST_POWER))

    def lufs(self, latents: NDArray[np.float32]) -> float:
        """Return the loudness that a clause, latents (channels, frames), will have with the pause behind it."""
        powers = np.exp(np.minimum(_columns(latents) @ self._factors, np.log(self._most)))
        powers = np.concatenate([powers, np.zeros(round(PAUSE_MS / self._frame_ms))])
        size, step = max(1, round(_BLOCK_MS / self._frame_ms)), max(1, round(_STEP_MS / self._frame_ms))
        if len(powers) < size:
            powers = np.concatenate([powers, np.zeros(size - len(powers))])
        blocks = np.array([np.mean(powers[at : at + size]) for at in range(0, len(powers) - size + 1, step)])
        blocks = blocks[blocks > _ABSOLUTE_GATE]
        if not len(blocks):
            return SILENCE_LUFS
        kept = blocks[blocks > _RELATIVE_GATE * np.mean(blocks)]
        return _OFFSET_DB + 10.0 * float(np.log10(np.mean(kept)))


def _columns(latents: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.concatenate([latents.T, np.ones((latents.shape[1], 1))], axis=1, dtype=np.float64)


def _frame_powers(wave: Wave, rate_hz: int, hop: int) -> NDArray[np.float64]:
    """Return the K-weighted mean square of each frame of float32 (n,)."""
    size = 1 << (len(wave) + _FILTER_HZ // 16).bit_length()
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(size, 1.0 / rate_hz) / _FILTER_HZ)
    spectrum = np.fft.rfft(wave, size)
    for above, below in _FILTERS:
        spectrum *= np.polynomial.polynomial.polyval(turn, above) / np.polynomial.polynomial.polyval(turn, below)
    weighted = np.fft.irfft(spectrum, size)[: len(wave) // hop * hop]
    powers: NDArray[np.float64] = np.mean(np.square(weighted.reshape(-1, hop)), axis=1)
    return powers
