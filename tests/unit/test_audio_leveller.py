"""The slow gain: faint voices are raised, ordinary ones and noises left alone, and nothing is clipped."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from audio.frames import Pcm, silence
from audio.leveller import (
    CEILING,
    DOWN_DB_PER_S,
    HURRY_DB_PER_S,
    HURRY_MS,
    LEAST_DB,
    MOST_DB,
    ORDINARY_DB,
    REACH_DB_PER_S,
    TARGET_DBFS,
    UNKNOWN_DBFS,
    UP_DB_PER_S,
    Leveller,
)
from audio.loudness import level_dbfs

RATE = 24_000
FRAME_MS = 20.0
FRAME = 480
TARGET = TARGET_DBFS


def audio(ms: float, dbfs: float, *, seed: int = 0) -> Pcm:
    noise = np.random.default_rng(seed).standard_normal(round(ms * RATE / 1000.0))
    return np.clip(np.rint(32_768 * 10 ** (dbfs / 20) * noise), -32_768, 32_767).astype(np.int16)


def run(leveller: Leveller, samples: Pcm, *, voiced: bool) -> Iterator[tuple[Pcm, float]]:
    """Yield each frame levelled, and the gain after it."""
    for start in range(0, len(samples) - FRAME + 1, FRAME):
        frame = samples[start : start + FRAME]
        out = leveller.process(frame)
        leveller.hear(max(level_dbfs(frame), -100.0), FRAME_MS, voiced=voiced)
        yield out, leveller.gain_db


def gains(leveller: Leveller, samples: Pcm, *, voiced: bool) -> list[float]:
    return [gain for _, gain in run(leveller, samples, voiced=voiced)]


def test_the_gain_begins_at_none_and_leaves_ordinary_voices_as_they_are() -> None:
    for dbfs in (TARGET - ORDINARY_DB + 0.5, TARGET, TARGET + ORDINARY_DB - 0.5):
        voice = audio(3_000, dbfs)
        outs = [out for out, _ in run(Leveller(RATE), voice, voiced=True)]
        assert np.array_equal(np.concatenate(outs), voice[: len(outs) * FRAME])


def test_a_faint_voice_is_brought_among_the_ordinary_ones() -> None:
    leveller = Leveller(RATE)
    gains(leveller, audio(1_000, -80), voiced=False)
    outs = [out for out, _ in run(leveller, audio(10_000, -50), voiced=True)]
    assert level_dbfs(np.concatenate(outs[-50:])) == pytest.approx(TARGET - ORDINARY_DB, abs=0.5)


def test_the_gain_hurries_at_first_and_then_is_slow() -> None:
    leveller = Leveller(RATE)
    steps = np.diff([0.0, *gains(leveller, audio(1_500, -45), voiced=True)])
    assert steps.max() == pytest.approx(HURRY_DB_PER_S * FRAME_MS / 1000)
    gains(leveller, audio(HURRY_MS, -45), voiced=True)
    steps = np.diff(gains(leveller, audio(8_000, -60), voiced=True))
    assert 0 < steps.max() <= UP_DB_PER_S * FRAME_MS / 1000 + 1e-9
    steps = np.diff(gains(leveller, audio(8_000, -30), voiced=True))
    assert steps.min() == pytest.approx(-DOWN_DB_PER_S * FRAME_MS / 1000)


def test_the_gain_has_bounds() -> None:
    assert gains(Leveller(RATE), audio(10_000, -70), voiced=True)[-1] == MOST_DB
    assert gains(Leveller(RATE), audio(10_000, -5), voiced=True)[-1] == LEAST_DB


def test_a_room_is_not_lifted_with_its_faint_voice() -> None:
    leveller = Leveller(RATE)
    gains(leveller, audio(3_000, -58), voiced=False)
    assert gains(leveller, audio(10_000, -48), voiced=True)[-1] == pytest.approx(UNKNOWN_DBFS + 58, abs=0.5)


@pytest.mark.parametrize("dbfs", [-70.0, -50.0, -30.0, -10.0])
def test_noise_without_a_voice_gets_no_gain(dbfs: float) -> None:
    assert set(gains(Leveller(RATE), audio(20_000, dbfs), voiced=False)) == {0.0}


def test_what_stands_out_of_a_quiet_room_is_lifted_so_far_that_it_can_be_judged() -> None:
    leveller = Leveller(RATE)
    gains(leveller, audio(1_000, -85), voiced=False)
    lifted = gains(leveller, audio(400, -64), voiced=False)
    assert np.diff(lifted).max() <= REACH_DB_PER_S * FRAME_MS / 1000 + 1e-9
    assert lifted[-1] == pytest.approx(UNKNOWN_DBFS + 64, abs=1.0)
    back = gains(leveller, audio(5_000, -85), voiced=False)
    assert back[0] == lifted[-1]
    assert back[-1] == 0.0, "nobody spoke"


def test_breath_is_never_lifted_above_what_the_detector_can_judge() -> None:
    leveller = Leveller(RATE)
    gains(leveller, audio(1_000, -85), voiced=False)
    for seed in range(10):
        outs = [out for out, _ in run(leveller, audio(1_200, -62, seed=seed), voiced=False)]
        assert level_dbfs(np.concatenate(outs[10:])) < UNKNOWN_DBFS + 1.5
        gains(leveller, audio(2_500, -85, seed=seed), voiced=False)


def test_a_knock_at_the_microphone_does_not_turn_a_voice_down() -> None:
    leveller = Leveller(RATE)
    before = gains(leveller, audio(4_000, -45), voiced=True)[-1]
    gains(leveller, audio(20, 0), voiced=True)
    assert gains(leveller, audio(500, -45), voiced=True)[-1] == pytest.approx(before, abs=1.0)


def test_sound_that_is_suddenly_loud_is_not_clipped() -> None:
    leveller = Leveller(RATE)
    gains(leveller, audio(8_000, -60), voiced=True)
    assert leveller.gain_db > 25
    loud = audio(1_000, -16)
    outs = np.concatenate([out for out, _ in run(leveller, loud, voiced=True)])
    ramp = RATE // 1000
    assert np.abs(outs[ramp:].astype(int)).max() <= CEILING + 1
    assert np.all(outs.astype(int) * loud[: len(outs)] >= 0), "nothing wrapped round"


def test_sound_at_full_scale_is_not_made_quieter_by_the_limiter() -> None:
    leveller = Leveller(RATE)
    gains(leveller, audio(8_000, -60), voiced=True)
    full = np.where(np.arange(FRAME) // 40 % 2, 32_767, -32_768).astype(np.int16)
    out = leveller.process(full)
    assert np.array_equal(out[RATE // 1000 :], full[RATE // 1000 :])


def test_the_gain_changes_without_a_click() -> None:
    leveller = Leveller(RATE)
    steady = np.full(FRAME, 100, dtype=np.int16)
    gains(leveller, audio(400, -55), voiced=True)
    out = np.concatenate([leveller.process(steady), leveller.process(steady)]).astype(int)
    assert np.abs(np.diff(out)).max() <= 1 + 100 * 10 ** (leveller.gain_db / 20) * 0.02


def test_silence_odd_lengths_and_nothing_at_all() -> None:
    leveller = Leveller(RATE)
    gains(leveller, audio(4_000, -60), voiced=True)
    assert not leveller.process(silence(20, RATE)).any()
    for count in (0, 1, 7, 479, 961):
        assert len(leveller.process(audio(20, -40)[:count] if count < 480 else audio(60, -40)[:count])) == count
    extreme = np.array([-32_768, 32_767, 0, -1, 1], dtype=np.int16)
    assert leveller.process(extreme).dtype == np.int16


def test_levellers_know_nothing_of_each_other() -> None:
    gains(Leveller(RATE), audio(4_000, -60), voiced=True)
    assert Leveller(RATE).gain_db == 0.0
