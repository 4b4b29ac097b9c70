"""Brings a neural voice to the house's loudness, clause by clause, without a peak that would clip.

A voice is measured once, when it is loaded. But it says "No." louder than a long sentence, so a clause's own level is
weighed in as its audio is made: the first piece hears half of it, the later ones nearly all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio.frames import Pcm
from audio.programme_loudness import programme_loudness

TARGET_LUFS = -20.0
"""How loud every voice is made: a talker near by, with room for peaks."""

# A clause's own level may move the voice's gain by so much.
_MOST_DB = 6.0
# The voice's mean counts like so much speech of the clause.
_PRIOR_S = 0.1
_WINDOW_S = 0.01
# What is so far below the loudest window of a piece is a gap between words.
_GAP_DB = 25.0
# A wave is left as it is up to the knee; above, it bends towards the ceiling and never reaches it.
_KNEE = 0.6
# -1 dB, and some for the ripples of resampling.
_CEILING = 0.86
_FULL_SCALE = 32767.0

Wave = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class VoiceLevel:
    """How loud a voice is: the mean square of its speech, and the gain that brings it to the target."""

    power: float
    gain: float
    rate_hz: int


def measure(wave: Wave, rate_hz: int) -> VoiceLevel:
    """Return the level of a voice by some sentences of it, float32 (n,)."""
    peak = float(np.max(np.abs(wave), initial=0.0))
    if peak == 0.0:
        return VoiceLevel(1.0, 1.0, rate_hz)
    # The measure takes 16 bits: a voice that was made too loud must not be clipped by it.
    scaled = (wave / peak * 0.9 * _FULL_SCALE).astype(np.int16)
    loudness = programme_loudness(scaled, rate_hz).lufs
    gain = float(10.0 ** ((TARGET_LUFS - loudness) / 20.0)) * 0.9 / peak
    power, _ = _speech(wave, rate_hz)
    return VoiceLevel(power, gain, rate_hz)


class ClauseLevel:
    """Levels one clause, piece by piece."""

    def __init__(self, voice: VoiceLevel) -> None:
        self._voice = voice
        self._energy = voice.power * _PRIOR_S
        self._length_s = _PRIOR_S
        self._gain: float | None = None

    def process(self, wave: Wave) -> Pcm:
        """Return the clause's next piece, float32 (n,), as int16 (n,); the gain moves within it, never jumps."""
        power, length_s = _speech(wave, self._voice.rate_hz)
        self._energy += power * length_s
        self._length_s += length_s
        ratio = self._voice.power / max(self._energy / self._length_s, 1e-12)
        most = 10.0 ** (_MOST_DB / 20.0)
        gain = self._voice.gain * min(most, max(1.0 / most, ratio**0.5))
        gains = np.linspace(gain if self._gain is None else self._gain, gain, len(wave), dtype=np.float32)
        self._gain = gain
        return _bounded(wave * gains)


def _speech(wave: Wave, rate_hz: int) -> tuple[float, float]:
    """Return the mean square of the windows that hold speech, and how many seconds they are."""
    size = max(1, round(_WINDOW_S * rate_hz))
    count = len(wave) // size
    if not count:
        return 0.0, 0.0
    powers = np.mean(np.square(wave[: count * size].reshape(count, size), dtype=np.float64), axis=1)
    loud = powers[powers > np.max(powers) * 10.0 ** (-_GAP_DB / 10.0)]
    return (float(np.mean(loud)), len(loud) * _WINDOW_S) if len(loud) else (0.0, 0.0)


def _bounded(wave: Wave) -> Pcm:
    """Return float32 (n,) as int16 (n,), bent below the ceiling where it would go beyond."""
    size = np.abs(wave)
    room = _CEILING - _KNEE
    bent = np.where(size > _KNEE, np.sign(wave) * (_KNEE + room * np.tanh((size - _KNEE) / room)), wave)
    pcm: Pcm = np.rint(bent * _FULL_SCALE).astype(np.int16)
    return pcm
