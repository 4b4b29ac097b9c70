"""How many sessions a machine holds, from what one sentence cost."""

from __future__ import annotations

import pytest

from audio.clock import LoopClock
from pipelines.lanes.decodes import DecodeLane, RecogniserLane
from pipelines.lanes.jobs import JobLane
from pipelines.lanes.streams import StreamLane
from server.capacity import MOST, Trial, places_of


def never() -> object:
    raise AssertionError("no engine is made")


def voice() -> JobLane:
    return JobLane(never, isolation="thread", workers=1, clock=LoopClock(), name="voice")  # type: ignore[arg-type]


def reader() -> RecogniserLane:
    return DecodeLane(never, isolation="thread", workers=1, clock=LoopClock(), name="reader")  # type: ignore[arg-type]


def streamer(workers: int) -> RecogniserLane:
    return StreamLane(never, isolation="thread", workers=workers, clock=LoopClock(), name="ear")  # type: ignore[arg-type]


def test_a_recogniser_that_reads_is_bounded_by_what_a_reading_takes() -> None:
    quick, slow = (places_of(Trial(5.0, 20.0, ms), reader(), voice(), cores=8).count for ms in (60.0, 240.0))
    assert quick == pytest.approx(4 * slow, abs=4), "whole sessions"
    found = places_of(Trial(5.0, 20.0, 240.0), reader(), voice(), cores=8)
    assert found.reason == "the recogniser takes 240 ms for a sentence of 5.0 s"


def test_a_recogniser_that_listens_all_the_time_is_bounded_by_its_workers_and_cores() -> None:
    trial = Trial(5.0, 20.0, 600.0)
    one, two = (places_of(trial, streamer(workers), voice(), cores=8).count for workers in (1, 2))
    assert two == pytest.approx(2 * one, abs=1)
    assert places_of(trial, streamer(8), voice(), cores=2).count == two, "workers beyond the cores bring nothing"


def test_a_slow_voice_bounds_too() -> None:
    found = places_of(Trial(5.0, 500.0, 60.0), reader(), voice(), cores=8)
    assert "the voice takes 500 ms" in found.reason
    assert found.count < places_of(Trial(5.0, 50.0, 60.0), reader(), voice(), cores=8).count


def test_the_mean_over_the_patients_counts_and_the_reason_says_so() -> None:
    found = places_of(Trial(5.0, 500.0, 60.0, voices=2), reader(), voice(), cores=8)
    assert found.reason == "patients' voices take on average 500 ms for it"


def test_engines_that_cost_nothing_leave_our_own_work() -> None:
    found = places_of(Trial(0.0, 0.0, 0.0), reader(), voice(), cores=2)
    assert (found.count, found.reason) == (40, "2 cores")
    assert places_of(Trial(0.0, 0.0, 0.0), reader(), voice(), cores=100_000).count == MOST


def test_a_machine_that_is_far_too_slow_holds_one() -> None:
    assert places_of(Trial(5.0, 9_000.0, 90_000.0), reader(), voice(), cores=1).count == 1
