"""A turn as it comes on bad days, made by code: laughter or a cough at its end, beside others, whispered, in pieces.

Each takes the turn's sound (-1..1, 24 kHz) and returns it changed; what is added after its end makes it longer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from audio.frames import ANALYSIS_HZ, FRAME_MS, WIRE_HZ, samples_for
from audio.resample import resample_whole
from tests.data.sound import Sound, cough, gain, pink_noise
from tests.fakes.noises import nobody

# After a turn's last sound a laugh, a sob or a cough begins so soon.
SOON_MS = 150.0
LOUD_DB = -12.0
# Samples of a window; the next one begins after half of them.
VOCODER = 512

Change = Callable[[Sound], Sound]


def laughter(seed: int = 3) -> Sound:
    """Five "ha": breath, then a voice that falls in pitch and loudness."""
    at_s = np.arange(samples_for(180.0, WIRE_HZ)) / WIRE_HZ
    rng = np.random.default_rng(seed)
    syllables = []
    for number in range(5):
        hz = 260.0 - 18.0 * number - 120.0 * at_s
        voice = sum(np.sin(2 * np.pi * k * np.cumsum(hz) / WIRE_HZ) / k for k in range(1, 9))
        breath = rng.standard_normal(len(at_s)) * (at_s < 0.06)
        syllables.append((voice + 0.5 * breath) * np.exp(-9.0 * at_s) * 0.85**number)
    return _loud(np.concatenate(syllables))


def sobbing() -> Sound:
    """A wail with a trembling pitch, three sobs, and the breath between them."""
    at_s = np.arange(samples_for(1_600.0, WIRE_HZ)) / WIRE_HZ
    hz = 330.0 + 25.0 * np.sin(2 * np.pi * 6.0 * at_s) - 60.0 * at_s
    voice = sum(np.sin(2 * np.pi * k * np.cumsum(hz) / WIRE_HZ) / k**1.5 for k in range(1, 7))
    return _loud(voice * np.maximum(np.sin(2 * np.pi * 1.9 * at_s), 0.0) ** 0.5)


def coughing(seed: int = 5) -> Sound:
    """Two coughs."""
    rng = np.random.default_rng(seed)
    made = partial(cough, WIRE_HZ, duration_ms=350, level_db=-6.0, rng=rng)
    return np.concatenate((made(), np.zeros(samples_for(120.0, WIRE_HZ)), made()))


def then(sound: Sound, after: Sound) -> Sound:
    """The turn, and right after it another sound."""
    return np.concatenate((sound, np.zeros(samples_for(SOON_MS, WIRE_HZ)), after))


def beside(sound: Sound, other: Sound, db: float) -> Sound:
    """The turn over another sound, that much louder or softer."""
    return sound + gain(db) * np.resize(other, len(sound))


def in_music(sound: Sound) -> Sound:
    """The turn before a radio that plays softly."""
    music = nobody(1000.0 * len(sound) / WIRE_HZ)["music"]
    return beside(sound, resample_whole(music, from_hz=ANALYSIS_HZ, to_hz=WIRE_HZ) / 32_767.0, -24.0)


def over_telephone(sound: Sound) -> Sound:
    """The turn as 8 kHz carry it."""
    narrow = resample_whole(np.rint(sound * 32_767.0).astype(np.int16), from_hz=WIRE_HZ, to_hz=8_000)
    return np.resize(resample_whole(narrow, from_hz=8_000, to_hz=WIRE_HZ) / 32_767.0, len(sound))


def in_pieces(sound: Sound, share: float = 0.05, seed: int = 2) -> Sound:
    """The turn without some of its frames, which were lost on the way."""
    size = samples_for(FRAME_MS, WIRE_HZ)
    kept = np.random.default_rng(seed).random(len(sound) // size + 1) >= share
    return sound * np.repeat(kept, size)[: len(sound)]


def whispered(sound: Sound, seed: int = 4) -> Sound:
    """The turn without a voice: noise with its spectrum, window by window."""
    window, hop = np.hanning(VOCODER), VOCODER // 2
    noise = np.random.default_rng(seed).standard_normal(len(sound))
    whisper = np.zeros(len(sound))
    for start in range(0, len(sound) - VOCODER, hop):
        spectrum = np.abs(np.fft.rfft(sound[start : start + VOCODER] * window))
        envelope = np.convolve(spectrum, np.ones(9) / 9.0, mode="same")
        turned = np.fft.rfft(noise[start : start + VOCODER] * window)
        whisper[start : start + VOCODER] += np.fft.irfft(turned / (np.abs(turned) + 1e-9) * envelope, VOCODER)
    return np.asarray(whisper * (0.5 * np.abs(sound).max() / np.abs(whisper).max()), dtype=np.float64)


def bad_days(other: Sound) -> Mapping[str, Change]:
    """Return all of them by name; `other` is somebody else's speech."""
    return {
        "as it is": lambda sound: sound,
        "laughter at its end": lambda sound: then(sound, laughter()),
        "crying at its end": lambda sound: then(sound, sobbing()),
        "a cough at its end": lambda sound: then(sound, coughing()),
        "a second voice behind it": lambda sound: beside(sound, other, -15.0),
        "music": in_music,
        "a fan": lambda sound: sound + pink_noise(len(sound), level_db=-45.0, rng=np.random.default_rng(1)),
        "clipped": lambda sound: np.clip(6.0 * sound, -1.0, 1.0),
        "quiet": lambda sound: gain(-26.0) * sound,
        "8 kHz": over_telephone,
        "lost packets": in_pieces,
        "whispered": whispered,
    }


def _loud(sound: Sound) -> Sound:
    return np.asarray(sound * (gain(LOUD_DB) / np.max(np.abs(sound))), dtype=np.float64)
