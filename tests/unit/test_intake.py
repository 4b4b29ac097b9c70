"""Arrivals become frames; media time neither stops nor runs away."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.frames import Frame, FrameKind, Pcm
from audio.intake import BURST_MS, Intake
from common.errors import AudioError

RATE_HZ = 16_000


def audio(ms: float) -> Pcm:
    return np.arange(int(ms * RATE_HZ / 1000), dtype=np.int64).astype(np.int16)


def started() -> Intake:
    intake = Intake(rate_hz=RATE_HZ)
    intake.clock.start(0.0)
    return intake


def test_refuses_a_rate_it_does_not_know() -> None:
    with pytest.raises(AudioError, match="11025 Hz"):
        Intake(rate_hz=11_025)


@given(st.lists(st.integers(0, 100), max_size=30))
def test_any_cut_gives_the_same_samples(cuts_ms: list[int]) -> None:
    intake = Intake(rate_hz=RATE_HZ)
    whole = audio(sum(cuts_ms))
    got: list[Pcm] = []
    at = 0
    for cut_ms in cuts_ms:
        piece = whole[at : at + cut_ms * 16]
        at += len(piece)
        got += [f.samples for f in intake.receive_audio(piece, at / 16)]
    joined = np.concatenate(got) if got else whole[:0]
    assert len(joined) == len(whole) // 320 * 320
    assert np.array_equal(joined, whole[: len(joined)])
    assert intake.clock.now_ms == len(joined) / 16


def test_a_gap_is_filled_with_missing_silence_after_100_ms() -> None:
    intake = started()
    list(intake.receive_audio(audio(100), 100))
    assert list(intake.fill(190)) == []
    filled = list(intake.fill(400))
    assert {f.kind for f in filled} == {FrameKind.MISSING}
    assert not any(f.samples.any() for f in filled)
    assert 280 <= intake.clock.now_ms <= 300
    assert intake.missing_ms == sum(f.duration_ms for f in filled)


def test_sound_that_comes_after_its_place_was_filled_is_late_and_moves_no_time() -> None:
    intake = started()
    list(intake.receive_audio(audio(1000), 1000))
    list(intake.fill(3000))  # two seconds did not come
    frames = list(intake.receive_audio(audio(2000), 3000))  # and now come at once
    late = [f for f in frames if f.kind is FrameKind.LATE]
    assert len(late) * 20 == pytest.approx(1700, abs=40)
    assert intake.clock.now_ms == pytest.approx(3200, abs=40)
    on_time = list(intake.receive_audio(audio(40), 3240))
    assert all(f.kind is not FrameKind.MISSING for f in on_time)


def late_places(frames: list[Frame]) -> list[float | None]:
    return [frame.at_ms for frame in frames if frame.kind is FrameKind.LATE]


def test_late_sound_that_says_when_it_was_captured_fills_the_hole_and_what_follows_is_live() -> None:
    intake = started()
    list(intake.receive_audio(audio(1000), 1000))
    list(intake.fill(3000))
    first = list(
        intake.receive_audio(audio(1000), 3010, late_ms=1985)
    )  # the network took 15 ms: no hole is left for it
    second = list(intake.receive_audio(audio(1000), 3030, late_ms=990))
    frames = [*first, *second]
    assert late_places(frames) == [1000.0 + 20 * index for index in range(95)]
    assert [frame.kind for frame in frames[95:]] == [FrameKind.LIVE] * 5
    assert intake.clock.now_ms == 3000


def test_late_sound_after_what_was_not_kept_is_where_it_was_captured() -> None:
    intake = started()
    list(intake.receive_audio(audio(1000), 1000))
    list(intake.fill(15_000))
    frames = list(intake.receive_audio(audio(10_000), 15_000, late_ms=10_000))
    assert late_places(frames)[0] == 5_000.0
    assert late_places(frames)[-1] == intake.clock.now_ms - len(frames) * 20 + len(late_places(frames)) * 20 - 20


def test_late_sound_that_takes_seconds_over_a_slow_network_is_still_where_it_was_captured() -> None:
    intake = started()
    list(intake.receive_audio(audio(1000), 1000))
    list(intake.fill(35_000))
    frames: list[Frame] = []
    # Ten seconds were kept, in pieces of half a second, and all sent at once; they arrive within four seconds.
    for piece in range(20):
        arrives_ms = 35_000 + 200 * piece
        frames += [
            *intake.fill(arrives_ms),
            *intake.receive_audio(audio(500), arrives_ms, late_ms=10_000 - 500 * piece),
        ]
    assert late_places(frames) == [25_000.0 + 20 * index for index in range(500)]
    assert FrameKind.LIVE not in {frame.kind for frame in frames}


def test_late_sound_that_live_sound_overtook_still_fills_its_hole() -> None:
    intake = started()
    list(intake.receive_audio(audio(1000), 1000))
    list(intake.fill(3000))
    assert late_places(list(intake.receive_audio(audio(200), 3100))) == []
    frames = list(intake.receive_audio(audio(2000), 3110, late_ms=2110))
    assert late_places(frames) == [1000.0 + 20 * index for index in range(95)]
    assert intake.clock.now_ms == 3200  # what has no room any more goes on as it comes


def test_sound_that_always_calls_itself_late_is_live_where_nothing_is_missing() -> None:
    intake = started()
    frames = [
        f for at in range(20, 1000, 20) for f in intake.receive_audio(audio(20), at, late_ms=20 if at % 40 else None)
    ]
    assert {frame.kind for frame in frames} == {FrameKind.LIVE}


def test_a_client_faster_than_real_time_is_refused_and_the_session_goes_on() -> None:
    intake = started()
    list(intake.receive_audio(audio(1000), 0.0))
    list(intake.receive_audio(audio(1000), 0.0))
    with pytest.raises(AudioError, match="faster than real time") as refused:
        list(intake.receive_audio(audio(1000), 0.0))
    assert refused.value.code == "audio.too_fast"
    assert BURST_MS <= intake.clock.now_ms <= BURST_MS + 40
    assert intake.refused_ms > 0
    assert list(intake.receive_audio(audio(100), 5_000.0))  # back at its pace


def test_under_virtual_time_nothing_is_refused() -> None:
    intake = Intake(rate_hz=RATE_HZ, paced=False)
    assert len(list(intake.receive_audio(audio(10_000), 0.0))) == 500
