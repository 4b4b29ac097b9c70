"""What the sound's end says: pitch, level and length of what was voiced before a pause."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from audio.frames import ANALYSIS_HZ, Pcm
from pipelines.endpointing.evidence import SoundEnd
from pipelines.endpointing.sound import SoundWatch, pitch_track

FRAME = 320


def voice(from_hz: float, to_hz: float, *, ms: int = 600, from_db: float = -20.0, to_db: float = -20.0) -> Pcm:
    """Return a buzz with ten harmonics that glides in semitones and in decibels."""
    samples = ms * ANALYSIS_HZ // 1000
    share = np.arange(samples) / samples
    hz: NDArray[np.float64] = from_hz * (to_hz / from_hz) ** share
    phase = 2.0 * np.pi * np.cumsum(hz) / ANALYSIS_HZ
    buzz = np.sum([np.sin(number * phase) / number for number in range(1, 11)], axis=0)
    level = 10.0 ** ((from_db + (to_db - from_db) * share) / 20.0)
    sound: Pcm = (buzz / np.sqrt(np.mean(buzz**2)) * level * 32768.0 * 0.3).astype(np.int16)
    return sound


def noise(ms: int, *, amplitude: float = 2_000.0) -> Pcm:
    rng = np.random.default_rng(1)
    return (rng.standard_normal(ms * ANALYSIS_HZ // 1000) * amplitude).astype(np.int16)


def silent(ms: int) -> Pcm:
    return np.zeros(ms * ANALYSIS_HZ // 1000, dtype=np.int16)


def watched(*pieces: Pcm, watch: SoundWatch | None = None, from_ms: float = 0.0) -> tuple[SoundWatch, float]:
    """Feed the pieces in frames; return the watch and the media time at which they end."""
    watch = watch or SoundWatch()
    sound = np.concatenate(pieces)
    for start in range(0, len(sound), FRAME):
        watch.add(sound[start : start + FRAME], from_ms + 1000.0 * start / ANALYSIS_HZ)
    return watch, from_ms + 1000.0 * len(sound) / ANALYSIS_HZ


@pytest.mark.parametrize("hz", [70.0, 110.0, 180.0, 240.0, 350.0])
def test_pitch_is_found_from_deep_to_high_voices(hz: float) -> None:
    pitch, levels = pitch_track(voice(hz, hz))
    assert len(pitch) == len(levels)
    assert np.isfinite(pitch).mean() > 0.95
    assert np.nanmedian(pitch) == pytest.approx(12.0 * np.log2(hz / 100.0), abs=0.1)


def test_noise_and_silence_have_no_pitch() -> None:
    assert np.isfinite(pitch_track(noise(600))[0]).mean() < 0.1
    assert not np.isfinite(pitch_track(silent(600))[0]).any()


@pytest.mark.parametrize(("from_hz", "to_hz"), [(160.0, 110.0), (110.0, 160.0), (120.0, 120.0)])
def test_slope_is_that_of_the_glide(from_hz: float, to_hz: float) -> None:
    watch, end_ms = watched(voice(from_hz, to_hz), silent(160))
    found = watch.end(end_ms - 160.0)
    expected = 12.0 * np.log2(to_hz / from_hz) / 0.6
    assert found.pitch_slope_st_s == pytest.approx(expected, abs=1.0)
    assert found.voiced_run_ms >= 500.0


def test_last_pitch_counts_from_the_speakers_own_median() -> None:
    watch, end_ms = watched(voice(200.0, 200.0, ms=2_000), silent(160))
    assert watch.end(end_ms - 160.0).pitch_end_st == pytest.approx(0.0, abs=0.1)
    for _ in range(3):
        watch, end_ms = watched(voice(200.0, 200.0), silent(160), watch=watch, from_ms=end_ms)
        watch.end(end_ms - 160.0)
    watch, end_ms = watched(voice(200.0, 150.0), silent(160), watch=watch, from_ms=end_ms)
    fallen = watch.end(end_ms - 160.0).pitch_end_st
    assert fallen == pytest.approx(12.0 * np.log2(150.0 / 200.0), abs=0.5)


def test_level_that_dies_away_has_a_falling_slope() -> None:
    watch, end_ms = watched(voice(120.0, 120.0, from_db=-14.0, to_db=-26.0), silent(160))
    assert watch.end(end_ms - 160.0).energy_slope_db_s == pytest.approx(-20.0, abs=2.0)


def test_last_run_begins_after_the_last_unvoiced_stretch() -> None:
    watch, end_ms = watched(voice(120.0, 120.0, ms=300), noise(120), voice(120.0, 120.0, ms=180), silent(160))
    assert 120.0 <= watch.end(end_ms - 160.0).voiced_run_ms <= 220.0


def test_whisper_has_level_but_no_pitch() -> None:
    watch, end_ms = watched(noise(800), silent(160))
    found = watch.end(end_ms - 160.0)
    assert found.pitch_slope_st_s is None
    assert found.pitch_end_st is None
    assert found.voiced_run_ms <= 20.0


def test_nothing_is_known_without_sound() -> None:
    assert SoundWatch().end(500.0) == SoundEnd()
    watch, _ = watched(silent(20))
    assert watch.end(10_000.0) == SoundEnd()


def test_division_into_chunks_changes_nothing() -> None:
    sound = np.concatenate([voice(160.0, 110.0), silent(160)])
    framed, end_ms = watched(sound)
    whole = SoundWatch()
    whole.add(sound, 0.0)
    assert framed.end(end_ms - 160.0) == whole.end(end_ms - 160.0)


def test_old_sound_is_forgotten_and_new_sound_is_still_right() -> None:
    watch, end_ms = watched(*(voice(100.0, 100.0) for _ in range(10)), voice(160.0, 110.0), silent(160))
    slope = watch.end(end_ms - 160.0).pitch_slope_st_s
    assert slope == pytest.approx(12.0 * np.log2(110.0 / 160.0) / 0.6, abs=1.0)


def test_sound_before_a_jump_in_time_is_not_joined_to_what_follows() -> None:
    watch, end_ms = watched(voice(120.0, 120.0))
    watch, end_ms = watched(voice(240.0, 240.0, ms=200), silent(160), watch=watch, from_ms=end_ms + 5_000.0)
    found = watch.end(end_ms - 160.0)
    assert found.voiced_run_ms <= 200.0
