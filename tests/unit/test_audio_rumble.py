"""The high-pass filter: what goes, what stays, and that it does not matter how a stream is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.frames import ACCEPTED_HZ, Pcm, silence
from audio.loudness import level_dbfs
from audio.rumble import HighPass

SETTLED_MS = 500.0


def tone(hz: float, rate_hz: int, *, dbfs: float = -20.0, ms: float = 2_000.0) -> Pcm:
    at_s = np.arange(round(ms * rate_hz / 1000.0)) / rate_hz
    audio: Pcm = np.rint(32_767 * np.sqrt(2) * 10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * at_s)).astype(np.int16)
    return audio


def loss_db(hz: float, rate_hz: int) -> float:
    audio, stable = tone(hz, rate_hz), round(SETTLED_MS * rate_hz / 1000.0)
    return level_dbfs(audio[stable:]) - level_dbfs(HighPass(rate_hz).process(audio)[stable:])


@pytest.mark.parametrize("rate_hz", ACCEPTED_HZ)
def test_hum_goes_and_voices_stay(rate_hz: int) -> None:
    for hum_hz in (49.8, 50.0, 50.2, 59.8, 60.0, 60.2):
        assert loss_db(hum_hz, rate_hz) >= 39.9, hum_hz
    for rumble_hz in (8.0, 20.0, 35.0):
        assert loss_db(rumble_hz, rate_hz) >= 39.5, rumble_hz
    assert loss_db(100.0, rate_hz) == pytest.approx(3.1, abs=0.2)
    for voice_hz in (150.0, 200.0, 440.0, 1_000.0, 3_000.0):
        assert abs(loss_db(voice_hz, rate_hz)) < 0.1, voice_hz


@pytest.mark.parametrize("rate_hz", ACCEPTED_HZ)
@pytest.mark.parametrize("offset", [-32_768, -6_553, 1, 6_553, 32_767])
def test_an_offset_is_gone_from_the_first_sample(rate_hz: int, offset: int) -> None:
    assert not HighPass(rate_hz).process(np.full(rate_hz, offset, dtype=np.int16)).any()


def test_an_offset_that_comes_later_is_gone_within_100_ms() -> None:
    audio = np.concatenate((silence(200, 24_000), np.full(24_000, 6_553, dtype=np.int16)))
    after = HighPass(24_000).process(audio)[round(0.3 * 24_000) :]
    assert np.abs(after).max() <= 6


def noise(samples: int, seed: int = 0) -> Pcm:
    return np.random.default_rng(seed).integers(-32_768, 32_768, samples).astype(np.int16)


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 1_700), min_size=1, max_size=8), rate_hz=st.sampled_from(ACCEPTED_HZ))
def test_it_does_not_matter_how_a_stream_is_cut(cuts: list[int], rate_hz: int) -> None:
    audio = noise(sum(cuts))
    whole = HighPass(rate_hz).process(audio)
    stream = HighPass(rate_hz)
    parts = [stream.process(part) for part in np.split(audio, np.cumsum(cuts)[:-1])]
    assert [len(part) for part in parts] == cuts
    assert np.abs(np.concatenate(parts).astype(int) - whole).max(initial=0) <= 1


def test_it_is_the_recursion_it_claims_to_be() -> None:
    """The sum of first-order filters, beside the same filter sample by sample."""
    from audio.rumble import _design

    zeros, poles, gain = _design(24_000)
    b, a = (gain * np.poly(zeros)).real, np.poly(poles).real
    audio = np.concatenate((silence(20, 24_000), noise(2_000) // 4))
    audio[0] = 0
    x, y = audio.astype(float), np.zeros(len(audio))
    for i in range(len(x)):
        y[i] = sum(b[k] * x[i - k] for k in range(len(b)) if i >= k)
        y[i] -= sum(a[k] * y[i - k] for k in range(1, len(a)) if i >= k)
    filtered = HighPass(24_000)
    assert np.abs(filtered.process(audio) - y).max() <= 1.0


def test_full_scale_is_clipped_and_never_wraps() -> None:
    square = np.where(np.arange(24_000) // 60 % 2, 32_767, -32_768).astype(np.int16)  # 200 Hz
    filtered = HighPass(24_000).process(square).astype(int)
    assert np.all(np.sign(filtered[np.abs(filtered) > 30_000]) == np.sign(square[np.abs(filtered) > 30_000]))
    assert filtered.max() == 32_767
    assert filtered.min() == -32_768


def test_silence_stays_silence_and_nothing_rings_for_long() -> None:
    stream = HighPass(24_000)
    assert not stream.process(silence(1_000, 24_000)).any()
    assert stream.process(noise(0)).shape == (0,)
    stream.process(noise(24_000))
    stream.process(silence(400, 24_000))
    assert not stream.process(silence(60_000, 24_000)).any()


def test_streams_know_nothing_of_each_other() -> None:
    first, second = HighPass(24_000), HighPass(24_000)
    first.process(noise(4_800))
    assert np.array_equal(second.process(noise(4_800, 1)), HighPass(24_000).process(noise(4_800, 1)))
