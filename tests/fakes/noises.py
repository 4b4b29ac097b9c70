"""Audio in which nobody speaks, made by code: what a microphone hears of a room, a radio and a telephone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio.frames import ANALYSIS_HZ, Pcm, samples_for, silence
from tests.data.sound import gain, pink_noise

_CHORDS_HZ = ((262, 330, 392), (220, 262, 330), (175, 220, 262), (196, 247, 294))
_TUNE_HZ = (523, 587, 659, 523, 659, 698, 784, 659)
_NOTE_S = 0.5
_HARMONICS = 6


def nobody(length_ms: float) -> dict[str, Pcm]:
    """Return such sounds by name, int16 at 16 kHz."""
    samples = samples_for(length_ms, ANALYSIS_HZ)
    rng = np.random.default_rng(7)
    at_s = np.arange(samples) / ANALYSIS_HZ
    return {
        "silence": silence(length_ms, ANALYSIS_HZ),
        "hum": _pcm(0.05 * np.sin(2 * np.pi * 50 * at_s) + 0.02 * np.sin(2 * np.pi * 150 * at_s)),
        "noise": _pcm(0.1 * rng.standard_normal(samples)),
        "pink noise": _pcm(pink_noise(samples, level_db=-25.0, rng=rng)),
        "music": _pcm(_music(at_s)),
        "dial tone": _pcm(0.15 * (np.sin(2 * np.pi * 350 * at_s) + np.sin(2 * np.pi * 440 * at_s))),
        "engaged tone": _pcm(0.3 * np.sin(2 * np.pi * 425 * at_s) * (at_s % 1.0 < 0.5)),
        "slams": _pcm(_slams(at_s, rng)),
    }


def _music(at_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chords and a tune over them, each note struck and fading, with overtones."""
    note, since_s = (at_s / _NOTE_S).astype(int), at_s % _NOTE_S
    tune = np.array(_TUNE_HZ)[note % len(_TUNE_HZ)]
    voices = [np.array([chord[i] for chord in _CHORDS_HZ])[note // 4 % len(_CHORDS_HZ)] for i in range(3)]
    audio = np.zeros_like(at_s)
    for pitch, loud, fade in ((tune, 0.12, 4.0), *((voice, 0.05, 1.0) for voice in voices)):
        for harmonic in range(1, _HARMONICS + 1):
            struck = np.sin(2 * np.pi * pitch * harmonic * since_s) / harmonic
            audio += loud * struck * np.exp(-fade * since_s) * np.minimum(1.0, since_s / 0.01)
    return audio


def _slams(at_s: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """A door every two seconds, in a quiet room."""
    bang: NDArray[np.float64] = rng.standard_normal(len(at_s)) * np.exp(-25.0 * (at_s % 2.0))
    return 0.3 * bang + gain(-60.0) * rng.standard_normal(len(at_s))


def _pcm(audio: NDArray[np.float64]) -> Pcm:
    return np.clip(audio * 32767.0, -32768, 32767).astype(np.int16)
