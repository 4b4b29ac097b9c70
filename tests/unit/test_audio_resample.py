"""StreamResampler: chunks equal the whole, nothing clicks, little delay, nothing drifts."""

from __future__ import annotations

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio.frames import ACCEPTED_HZ, Pcm
from audio.resample import StreamResampler, resample_whole
from common.errors import AudioError

PAIRS = sorted(
    {(a, b) for a in ACCEPTED_HZ for b in (16_000, 24_000)}
    | {(b, a) for a in ACCEPTED_HZ for b in (16_000, 24_000)}
    | {(22_050, 24_000), (44_100, 24_000)}
)
TONE_HZ = 440.0


def tone(rate_hz: int, seconds: float = 1.0, amplitude: float = 8000.0) -> Pcm:
    t = np.arange(round(rate_hz * seconds)) / rate_hz
    return np.rint(amplitude * np.sin(2 * np.pi * TONE_HZ * t)).astype(np.int16)


def in_chunks(resampler: StreamResampler, samples: Pcm, sizes: list[int]) -> Pcm:
    out, at, turn = [], 0, 0
    while at < len(samples):
        size = sizes[turn % len(sizes)]
        out.append(resampler.process(samples[at : at + size]))
        at, turn = at + size, turn + 1
    out.append(resampler.process(samples[:0], last=True))
    return np.concatenate(out)


def misfit(samples: Pcm, rate_hz: int) -> tuple[float, float]:
    """Return the largest deviation from the best-fitting 440 Hz tone, and that tone's delay in ms."""
    t = np.arange(len(samples)) / rate_hz
    basis = np.stack([np.sin(2 * np.pi * TONE_HZ * t), np.cos(2 * np.pi * TONE_HZ * t)], axis=1)
    inside: NDArray[np.bool_] = (t > 0.05) & (t < t[-1] - 0.05)
    weights = np.linalg.lstsq(basis[inside], samples[inside].astype(float), rcond=None)[0]
    delay_ms = -np.arctan2(weights[1], weights[0]) / (2 * np.pi * TONE_HZ) * 1000
    return float(np.abs(samples - basis @ weights)[inside].max()), float(delay_ms)


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_chunks_give_exactly_the_whole_without_clicks_or_delay(from_hz: int, to_hz: int) -> None:
    samples = tone(from_hz)
    whole = StreamResampler(from_hz, to_hz).process(samples, last=True)
    chunked = in_chunks(StreamResampler(from_hz, to_hz), samples, [from_hz // 50, 1, 37])
    assert np.array_equal(whole, chunked)
    assert len(whole) == to_hz
    worst, delay_ms = misfit(whole, to_hz)
    # Input and output are rounded; a seam would be hundreds.
    assert worst < 3
    assert abs(delay_ms) < 10 / min(from_hz, to_hz)  # a hundredth of a sample


@pytest.mark.parametrize(
    ("from_hz", "to_hz", "limit_ms"),
    [
        (24_000, 16_000, 2),
        (48_000, 24_000, 1.3),
        (48_000, 16_000, 2),
        (16_000, 24_000, 2),
        (8_000, 24_000, 4),
        (22_050, 24_000, 2),
        (44_100, 24_000, 1.3),
    ],
)
def test_what_is_held_back_is_little_and_steady(from_hz: int, to_hz: int, limit_ms: float) -> None:
    resampler = StreamResampler(from_hz, to_hz)
    samples = tone(from_hz, seconds=2)
    frame = from_hz // 50
    received, held_ms = 0, []
    for at in range(0, len(samples), frame):
        received += len(resampler.process(samples[at : at + frame]))
        held_ms.append(1000 * (at + frame) / from_hz - 1000 * received / to_hz)
    assert max(held_ms) <= limit_ms
    assert max(held_ms[5:]) - min(held_ms[5:]) < 0.2


@pytest.mark.parametrize(("from_hz", "to_hz"), [(48_000, 24_000), (48_000, 16_000), (24_000, 16_000), (24_000, 8_000)])
def test_what_the_lower_rate_has_no_place_for_is_left_out_and_the_rest_is_not_touched(from_hz: int, to_hz: int) -> None:
    times = np.arange(from_hz) / from_hz
    for share, least_db, most_db in ((0.1, -0.1, 0.1), (0.85, -0.1, 0.1), (1.15, -200.0, -75.0), (1.4, -200.0, -75.0)):
        if (hz := share * to_hz / 2) < from_hz / 2:
            sent = np.rint(10_000 * np.sin(2 * np.pi * hz * times)).astype(np.int16)
            heard = StreamResampler(from_hz, to_hz).process(sent, last=True)[to_hz // 10 : -to_hz // 10]
            level_db = 20 * np.log10(max(1e-9, np.sqrt(np.mean(heard.astype(float) ** 2)) / (10_000 / np.sqrt(2))))
            assert least_db <= level_db <= most_db, f"{hz:.0f} Hz"


def test_ten_minutes_do_not_drift() -> None:
    resampler = StreamResampler(16_000, 24_000)
    minute = np.zeros(16_000 * 60, dtype=np.int16)
    produced = sum(len(resampler.process(minute)) for _ in range(10)) + len(resampler.process(minute[:0], last=True))
    assert produced == 10 * 60 * 24_000


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_a_click_after_a_minute_is_where_it_was_sent(from_hz: int, to_hz: int) -> None:
    samples = np.zeros(61 * from_hz, dtype=np.int16)
    samples[60 * from_hz] = 20_000
    out = in_chunks(StreamResampler(from_hz, to_hz), samples, [from_hz // 50, 17, 3001])
    assert np.argmax(np.abs(out.astype(int))) == 60 * to_hz


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_streams_shorter_than_the_filter_have_their_whole_length(from_hz: int, to_hz: int) -> None:
    for length in (1, 2, 29, 58, 117, 200):
        samples = np.full(length, 1000, dtype=np.int16)
        whole = StreamResampler(from_hz, to_hz).process(samples, last=True)
        assert len(whole) == -(-length * to_hz // from_hz)
        assert np.array_equal(whole, in_chunks(StreamResampler(from_hz, to_hz), samples, [1]))


def test_a_stream_without_sound_is_empty() -> None:
    assert not len(StreamResampler(24_000, 16_000).process(np.zeros(0, dtype=np.int16), last=True))


def test_samples_that_lie_apart_in_memory_are_taken_as_they_are() -> None:
    stereo = np.stack([tone(24_000, 0.1), np.zeros(2_400, dtype=np.int16)], axis=1)
    alone = StreamResampler(24_000, 16_000).process(stereo[:, 0].copy(), last=True)
    assert np.array_equal(StreamResampler(24_000, 16_000).process(stereo[:, 0], last=True), alone)


def test_streams_take_no_threads() -> None:
    before = psutil.Process().num_threads()
    streams = [StreamResampler(48_000, 24_000) for _ in range(8)]
    assert psutil.Process().num_threads() == before
    assert len(streams) == 8


def test_digital_silence_stays_digital_silence() -> None:
    assert not StreamResampler(48_000, 16_000).process(np.zeros(48_000, dtype=np.int16), last=True).any()


def test_full_scale_does_not_wrap_around() -> None:
    square = np.where(np.arange(24_000) % 200 < 100, 32767, -32768).astype(np.int16)
    out = StreamResampler(24_000, 16_000).process(square, last=True).astype(int)
    # Where the input was high for long, the output is high: an overflow would show as the opposite sign.
    middle_of_high = out[np.round((np.arange(20, 100) * 200 + 50) * 2 / 3).astype(int)]
    assert (middle_of_high > 28_000).all()


def test_equal_rates_pass_through() -> None:
    samples = tone(24_000, 0.02)
    assert StreamResampler(24_000, 24_000).process(samples) is samples


def test_a_stream_starts_anew_after_its_last_chunk_and_after_a_reset() -> None:
    resampler = StreamResampler(24_000, 16_000)
    samples = tone(24_000, 0.2)
    first = resampler.process(samples, last=True)
    assert np.array_equal(resampler.process(samples, last=True), first)
    resampler.process(samples[:1000])
    resampler.reset()
    assert np.array_equal(resampler.process(samples, last=True), first)


@pytest.mark.parametrize("rates", [(11_000, 16_000), (16_000, 0), (-8000, 16_000)])
def test_unknown_rates_are_refused(rates: tuple[int, int]) -> None:
    with pytest.raises(AudioError, match="not supported; use one of 8000, 16000"):
        StreamResampler(*rates)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 3000), min_size=1, max_size=8))
def test_any_chunking_is_the_same(sizes: list[int]) -> None:
    samples = np.random.default_rng(7).integers(-20_000, 20_000, 6000).astype(np.int16)
    whole = StreamResampler(24_000, 16_000).process(samples, last=True)
    assert np.array_equal(in_chunks(StreamResampler(24_000, 16_000), samples, sizes), whole)


def test_whole_recordings_come_from_any_rate() -> None:
    out = resample_whole(tone(44_100), from_hz=44_100, to_hz=16_000)
    assert len(out) == 16_000
    assert misfit(out, 16_000)[0] < 2
    assert not len(resample_whole(tone(44_100)[:0], from_hz=44_100, to_hz=16_000))
