"""Many channels to one: the mean, or the loudest where they cancel each other."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio.files import Recording, mono_at
from audio.frames import Pcm
from audio.loudness import level_dbfs
from audio.mono import MonoMixer, to_mono
from bench.degradations import opposite_channels

RATE = 16_000


def noise(samples: int, *, seed: int = 0, dbfs: float = -20.0) -> Pcm:
    values = np.random.default_rng(seed).standard_normal(samples)
    audio: Pcm = np.clip(np.rint(32_768 * 10 ** (dbfs / 20) * values), -32_768, 32_767).astype(np.int16)
    return audio


def mean(stereo: NDArray[np.int16]) -> Pcm:
    mixed: Pcm = np.rint(stereo.mean(axis=1, dtype=np.float32)).astype(np.int16)
    return mixed


def test_opposite_channels_are_not_silence() -> None:
    audio = noise(RATE)
    stereo = opposite_channels(audio)
    assert not mean(stereo).any()
    assert np.array_equal(to_mono(stereo, RATE), audio)


def test_of_channels_that_nearly_cancel_the_louder_is_taken() -> None:
    left = noise(2 * RATE)
    stereo = np.stack((left, np.rint(-0.8 * left.astype(float)).astype(np.int16)), axis=1)
    assert np.array_equal(to_mono(stereo, RATE), left)
    assert np.array_equal(to_mono(stereo[:, ::-1], RATE), left)


def test_ordinary_stereo_is_the_mean_to_the_sample() -> None:
    left, right, faint = noise(RATE), noise(RATE, seed=1), noise(RATE, seed=2, dbfs=-60)
    for other in (left, right, faint, np.zeros_like(left)):
        stereo = np.stack((left, other), axis=1)
        assert np.array_equal(to_mono(stereo, RATE), mean(stereo))


def test_one_channel_and_none_and_silence() -> None:
    audio = noise(777)
    assert np.array_equal(to_mono(audio, RATE), audio)
    assert np.array_equal(to_mono(audio[:, np.newaxis], RATE), audio)
    assert to_mono(np.zeros((0, 2), dtype=np.int16), RATE).shape == (0,)
    assert not to_mono(np.zeros((777, 2), dtype=np.int16), RATE).any()


def test_it_does_not_flap_in_pauses_nor_for_a_word() -> None:
    """A voice in opposite channels over a room that is the same in both: which is louder changes with each word."""
    voice, room = noise(10 * RATE), noise(10 * RATE, seed=1, dbfs=-45)
    voice[(np.arange(len(voice)) // (RATE // 4)) % 2 == 1] = 0
    stereo = np.clip(opposite_channels(voice).astype(int) + room[:, np.newaxis], -32_768, 32_767).astype(np.int16)
    mono = to_mono(stereo, RATE)
    assert any(np.array_equal(mono, stereo[:, channel]) for channel in (0, 1))


def test_a_change_is_a_fade_and_not_a_step() -> None:
    tone = np.rint(8_000 * np.sin(2 * np.pi * 200 * np.arange(5 * RATE) / RATE)).astype(np.int16)
    right = tone.copy()
    right[RATE:] = -right[RATE:]
    mono = to_mono(np.stack((tone, right), axis=1), RATE).astype(int)
    step = np.abs(np.diff(tone.astype(int))).max()
    assert np.abs(np.diff(mono[RATE + 10 :])).max() <= 1.2 * step
    assert np.array_equal(np.abs(mono[-RATE:]), np.abs(tone[-RATE:].astype(int)))


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, 9).map(lambda blocks: blocks * 320), min_size=1, max_size=6))
def test_it_does_not_matter_how_a_stream_of_whole_blocks_is_cut(cuts: list[int]) -> None:
    stereo = opposite_channels(noise(sum(cuts)))
    stereo[: sum(cuts) // 2, 1] = stereo[: sum(cuts) // 2, 0]
    mixer = MonoMixer(RATE)
    parts = [mixer.process(part) for part in np.split(stereo, np.cumsum(cuts)[:-1])]
    assert np.array_equal(np.concatenate(parts), to_mono(stereo, RATE))


def test_full_scale_is_not_wrapped() -> None:
    full = np.full((RATE, 2), -32_768, dtype=np.int16)
    assert np.all(to_mono(full, RATE) == -32_768)


def test_recordings_are_read_so() -> None:
    audio = noise(48_000)
    mono = mono_at(Recording(opposite_channels(audio), 48_000, 2), 24_000)
    assert abs(level_dbfs(mono) - level_dbfs(mono_at(Recording(audio, 48_000, 1), 24_000))) < 0.1
