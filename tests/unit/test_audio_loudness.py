"""Levels, the last voiced and the first audible moment, whole and streamed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.frames import ACCEPTED_HZ, Pcm, silence
from audio.loudness import (
    AudibleTracker,
    VoicedTracker,
    first_audible_ms,
    is_clipped,
    last_voiced_ms,
    level_dbfs,
    window_levels,
)


def tone(duration_ms: float, dbfs: float, rate_hz: int = 16_000) -> Pcm:
    """A 500 Hz sine whose RMS is `dbfs`."""
    t = np.arange(round(duration_ms * rate_hz / 1000)) / rate_hz
    sine = 32768 * 10 ** (dbfs / 20) * np.sqrt(2) * np.sin(2 * np.pi * 500 * t)
    return np.asarray(np.rint(sine), dtype=np.int16)


def test_levels_are_rms_relative_to_full_scale() -> None:
    assert level_dbfs(tone(100, -20)) == pytest.approx(-20, abs=0.01)
    assert level_dbfs(np.full(100, -32768, dtype=np.int16)) == 0
    assert level_dbfs(silence(10, 16_000)) == level_dbfs(silence(0, 16_000)) == float("-inf")


def test_window_levels_stay_minus_infinity_in_silence_after_loud_sound() -> None:
    levels = window_levels(np.concatenate([tone(1000, -6), silence(50, 16_000), tone(15, -40)]), 16_000)
    assert len(levels) == 106
    assert levels[:100] == pytest.approx(-6, abs=0.1)
    assert np.isneginf(levels[100:105]).all()
    assert levels[105] == pytest.approx(-40, abs=0.3)


@pytest.mark.parametrize("rate_hz", [*ACCEPTED_HZ, 22_050, 44_100])
def test_last_voiced_is_the_last_window_within_25_db_of_the_loudest(rate_hz: int) -> None:
    parts = [tone(200, -10, rate_hz), tone(100, -34, rate_hz), tone(300, -36, rate_hz)]
    assert last_voiced_ms(np.concatenate(parts), rate_hz) == 300


@pytest.mark.parametrize("rate_hz", [*ACCEPTED_HZ, 22_050, 44_100])
def test_first_audible_is_the_first_window_above_minus_45_dbfs(rate_hz: int) -> None:
    parts = [silence(50, rate_hz), tone(100, -46, rate_hz), tone(100, -44, rate_hz)]
    assert first_audible_ms(np.concatenate(parts), rate_hz) == 150


def test_nothing_to_hear_is_none() -> None:
    assert last_voiced_ms(silence(500, 16_000), 16_000) is None
    assert last_voiced_ms(tone(9, -3), 16_000) is None
    assert first_audible_ms(tone(500, -50), 16_000) is None


def test_clipping_is_a_flat_top_not_a_single_peak() -> None:
    assert not is_clipped(np.array([0, 32767, 32767, 5, 32767, -32768, -32768], dtype=np.int16))
    assert is_clipped(np.array([0, 32767, 32767, 32767, 5], dtype=np.int16))
    assert is_clipped(np.array([-32768, -32767, -32768], dtype=np.int16))
    assert not is_clipped(np.array([32767, -32768] * 4, dtype=np.int16))
    assert not is_clipped(silence(0, 16_000))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(-70, -6)), min_size=1, max_size=8),
    st.lists(st.integers(1, 900), min_size=1, max_size=5),
    st.sampled_from([16_000, 22_050, 24_000]),
)
def test_trackers_say_the_same_as_the_whole(parts: list[tuple[int, int]], sizes: list[int], rate_hz: int) -> None:
    samples = np.concatenate([tone(ms, db, rate_hz) for ms, db in parts])
    voiced, audible = VoicedTracker(rate_hz), AudibleTracker(rate_hz)
    at = turn = 0
    while at < len(samples):
        piece = samples[at : at + sizes[turn % len(sizes)]]
        voiced.track_audio(piece, 5000 + 1000 * at / rate_hz)
        audible.track_audio(piece, 5000 + 1000 * at / rate_hz)
        at, turn = at + len(piece), turn + 1
    whole, first = last_voiced_ms(samples, rate_hz), first_audible_ms(samples, rate_hz)
    assert voiced.last_voiced_ms == (None if whole is None else pytest.approx(5000 + whole))
    assert audible.first_audible_ms == (None if first is None else pytest.approx(5000 + first))


def test_louder_speech_later_moves_the_last_voiced_moment() -> None:
    tracker = VoicedTracker(16_000)
    tracker.track_audio(np.concatenate([tone(100, -30), tone(100, -50)]))
    assert tracker.last_voiced_ms == 200
    tracker.track_audio(tone(100, -10))
    tracker.track_audio(tone(100, -50))
    assert tracker.last_voiced_ms == 300
    tracker.reset()
    assert tracker.last_voiced_ms is None


def test_a_jump_in_position_is_followed() -> None:
    tracker = VoicedTracker(16_000)
    tracker.track_audio(tone(105, -20), 0)
    tracker.track_audio(tone(50, -20), 1000)
    assert tracker.last_voiced_ms == 1050
    audible = AudibleTracker(16_000)
    assert audible.track_audio(silence(25, 16_000), 0) is None
    assert audible.track_audio(tone(50, -20), 400) == 400
    assert audible.track_audio(tone(50, -20), 900) == 400


def test_a_knock_at_the_microphone_does_not_hide_the_voice_after_it() -> None:
    rng = np.random.default_rng(0)
    knock = (rng.normal(size=800) * 20_000).clip(-32_000, 32_000).astype(np.int16)  # 50 ms at 16 kHz
    voice = (rng.normal(size=14_400) * 500).astype(np.int16)
    wary, plain = VoicedTracker(16_000, bump_ms=100.0), VoicedTracker(16_000)
    for tracker in (wary, plain):
        tracker.track_audio(np.concatenate([knock, np.zeros(3_200, dtype=np.int16), voice]))
    assert plain.last_voiced_ms == 50.0
    assert wary.last_voiced_ms == 1_150.0


def test_a_short_word_is_no_knock() -> None:
    word = (np.random.default_rng(0).normal(size=1_600) * 3_000).astype(np.int16)  # 100 ms
    wary = VoicedTracker(16_000, bump_ms=100.0)
    wary.track_audio(np.concatenate([word, np.zeros(8_000, dtype=np.int16)]))
    assert wary.last_voiced_ms == 100.0
