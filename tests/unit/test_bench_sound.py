"""Degradations of audio, and the figures of what is found in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio.conditioning import AudioSettings
from audio.frames import WIRE_HZ, Pcm
from audio.loudness import is_clipped, level_dbfs
from bench import degradations as bad
from bench.sound import figures_of, run_sound

DATA = Path(__file__).resolve().parents[1] / "data"


def tone(dbfs: float = -20.0) -> Pcm:
    sine = np.sin(2 * np.pi * 440 * np.arange(WIRE_HZ) / WIRE_HZ)
    audio: Pcm = np.rint(32_767 * np.sqrt(2) * 10 ** (dbfs / 20) * sine).astype(np.int16)
    return audio


def test_quieter_is_so_many_db() -> None:
    assert level_dbfs(bad.quieter(tone(), 26.0)) == pytest.approx(-46.0, abs=0.1)
    assert level_dbfs(bad.quieter(tone(), 40.0)) == pytest.approx(-60.0, abs=0.1)


def test_clipped_is_cut_so_far_above_full_scale_whatever_the_level() -> None:
    for dbfs in (-20.0, -50.0):
        cut = bad.clipped(tone(dbfs), 12.0)
        assert is_clipped(cut)
        # Of a sine that would reach four times full scale, arcsin(1/4) is what stays below: 84 % of it is cut.
        assert np.mean(np.abs(cut.astype(int)) >= 32_767) == pytest.approx(0.84, abs=0.01)
    assert not bad.clipped(np.zeros(9, dtype=np.int16)).any()


def test_offset_and_hum_have_their_size() -> None:
    silence = np.zeros(WIRE_HZ, dtype=np.int16)
    assert np.all(bad.with_dc(silence, 0.2) == 6_553)
    assert level_dbfs(bad.with_hum(silence, WIRE_HZ, level_dbfs=-20.0)) == pytest.approx(-20.0, abs=0.05)
    halves = [bad.with_hum(silence[:500], WIRE_HZ), bad.with_hum(silence[500:], WIRE_HZ, first=500)]
    assert np.array_equal(np.concatenate(halves), bad.with_hum(silence, WIRE_HZ))


def test_opposite_channels_cancel_and_full_scale_does_not_wrap() -> None:
    stereo = bad.opposite_channels(np.array([-32_768, 32_767, 5], dtype=np.int16))
    assert stereo.tolist() == [[-32_768, 32_767], [32_767, -32_767], [5, -5]]


def test_noise_and_breath_have_their_level_and_are_the_same_every_time() -> None:
    assert level_dbfs(bad.with_noise(tone(), below_db=0.0)) == pytest.approx(-17.0, abs=0.2)
    breath = bad.breath(8_000.0, WIRE_HZ, level_dbfs=-40.0)
    # The burst is at its level in its middle; half its power is there over its whole length.
    assert level_dbfs(breath[: round(1.4 * WIRE_HZ)]) == pytest.approx(-43.0, abs=1.0)
    assert level_dbfs(breath[2 * WIRE_HZ : 4 * WIRE_HZ]) == pytest.approx(-70.0, abs=1.0)
    assert np.array_equal(breath, bad.breath(8_000.0, WIRE_HZ, level_dbfs=-40.0))


def test_degradations_leave_what_they_are_given() -> None:
    audio = tone()
    kept = audio.copy()
    for degrade in bad.CONDITIONS.values():
        degrade(audio, WIRE_HZ)
    assert np.array_equal(audio, kept)


def test_figures_tell_what_conditioning_finds() -> None:
    results = run_sound([DATA / "rate-8k.wav"], AudioSettings(), lambda: None)
    figures = {figure.name: figure for figure in figures_of(results)}
    assert set(results) == set(bad.CONDITIONS)
    for name in bad.CONDITIONS:
        assert (figures[f"voice_found_later/{name}"].value or 0) > 0.75, name
    assert figures["voice_found_first/clean"].baseline == 1.0
    assert figures["voice_found_first/opposite_channels"].baseline == 0.0
