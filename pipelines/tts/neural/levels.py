"""Brings a neural voice to the house's loudness, each clause alike, without a peak that would clip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from audio.frames import Pcm, samples_for
from audio.programme_loudness import SILENCE_LUFS, programme_loudness

TARGET_LUFS = -20.0
"""How loud every clause is made: a talker near by, with room for peaks."""

PAUSE_MS = 300.0
"""The silence that is measured with a clause: what a full stop leaves."""

# What is further from the target than this is no speech.
_MOST_DB = 20.0
# A wave is left as it is up to the knee; above, it bends towards the ceiling and never reaches it.
_KNEE = 0.6
# -1 dB, and 1 dB for the ripples of resampling in the loudest mood.
_CEILING = 0.79
_FADE_IN_MS, _FADE_OUT_MS = 3.0, 10.0
_FULL_SCALE = 32767.0
# The measure takes 16 bits: a loud voice must not be clipped by it.
_HEADROOM = 4.0

Wave = NDArray[np.float32]


def loudness_of(wave: Wave, rate_hz: int) -> float:
    """Return the loudness of a clause, float32 (n,), in LUFS, with the pause that follows it."""
    pause = np.zeros(samples_for(PAUSE_MS, rate_hz), dtype=np.float32)
    scaled = np.clip(np.concatenate([wave, pause]) / _HEADROOM, -1.0, 1.0) * _FULL_SCALE
    lufs = programme_loudness(scaled.astype(np.int16), rate_hz).lufs
    return SILENCE_LUFS if lufs == SILENCE_LUFS else lufs + 20.0 * float(np.log10(_HEADROOM))


def gain_for(lufs: float) -> float:
    """Return the factor that brings a clause of this loudness to the target."""
    return factor_of(float(np.clip(TARGET_LUFS - lufs, -_MOST_DB, _MOST_DB)))


def factor_of(db: float) -> float:
    """Return the factor of so many dB."""
    return float(10.0 ** (db / 20.0))


def faded(waves: Iterable[Wave], rate_hz: int) -> Iterator[Wave]:
    """Yield the pieces of a clause, float32 (n,) each, faded in and out, so that no edge is heard as a click.

    So that the end can be faded, the last of each piece goes with the next.
    """
    fade_in, fade_out = samples_for(_FADE_IN_MS, rate_hz), samples_for(_FADE_OUT_MS, rate_hz)
    held = np.zeros(0, dtype=np.float32)
    begun = False
    for wave in waves:
        piece = np.concatenate([held, wave])
        if not begun and len(piece) >= fade_in:
            piece[:fade_in] *= np.linspace(0.0, 1.0, fade_in, dtype=np.float32)
            begun = True
        given = max(0, len(piece) - fade_out) if begun else 0
        held = piece[given:].copy()
        if given:
            yield piece[:given]
    if len(held):
        held *= np.linspace(1.0, 0.0, len(held), dtype=np.float32)
        yield held


def to_pcm(wave: Wave, gain: float) -> Pcm:
    """Return float32 (n,) times `gain` as int16 (n,), bent below the ceiling where it would go beyond."""
    scaled = wave * np.float32(gain)
    size = np.abs(scaled)
    room = _CEILING - _KNEE
    bent = np.where(size > _KNEE, np.sign(scaled) * (_KNEE + room * np.tanh((size - _KNEE) / room)), scaled)
    pcm: Pcm = np.rint(bent * _FULL_SCALE).astype(np.int16)
    return pcm
