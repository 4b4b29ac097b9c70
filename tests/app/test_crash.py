"""A server that is killed in mid-turn loses nothing that was finished; `tests.bench.crash` does it many times."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from audio.frames import WIRE_HZ, Frame, silence
from audio.recorder import RECORDING_NAME
from pipelines.log.disk import DiskThread
from pipelines.session.recording import SessionRecorder
from tests.app.short_turns import short_turns
from tests.bench.crash import MOST_LOST_MS, Fate, Remains, crash_once, draw_fates, figures_of
from tests.nightly import NIGHTLY


def test_a_server_killed_in_mid_turn_loses_nothing_that_was_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTED_REPLY", "It began|three weeks ago.")
    fates = [Fate(1, "hearing", 0.5), Fate(0, "over", 0.0)][: 2 if NIGHTLY else 1]  # each starts two servers
    plan = short_turns(3)

    def crash(index: int) -> Remains:
        return crash_once(tmp_path / str(index), plan, fates[index], ["engines.backend=mock"])

    with ThreadPoolExecutor() as both:
        remains = list(both.map(crash, range(len(fates))))
    assert [r.faults for r in remains] == [[]] * len(fates)
    assert [r.finished for r in remains] == [1] * len(fates)
    figures = {figure.name: figure.value for figure in figures_of(remains)}
    assert figures["finished_turns_lost"] == 0
    assert figures["recordings_joined"] == len(fates)


def test_no_log_waits_for_a_recording_to_be_joined(tmp_path: Path) -> None:
    disk, chores = DiskThread("disk"), DiskThread("chores")
    busy = threading.Event()
    chores.submit(lambda: _wait(busy))
    recorder = SessionRecorder(tmp_path, disk, chores=chores, rate_hz=WIRE_HZ, failed=lambda error: None)
    recorder.candidate(Frame(silence(500, WIRE_HZ), WIRE_HZ))
    recorder.close()
    assert disk.flush(5.0)
    assert [path.name for path in tmp_path.iterdir()] == ["segment-000000.flac"]
    busy.set()
    disk.close()
    chores.close()
    assert [path.name for path in tmp_path.iterdir()] == [RECORDING_NAME]


def test_what_a_crash_has_lost_is_called_a_fault() -> None:
    remains = Remains(Fate(0, "over", 0.0), entries=10, recorded_ms=5_000.0, joined_ms=5_000.0, answered_again=True)
    assert remains.faults == []
    remains.lost.append("reply 1")
    remains.damaged = 1
    remains.sent_ms = remains.recorded_ms + MOST_LOST_MS + 1.0
    remains.joined_ms = None
    remains.answered_again = False
    remains.orphans = 1
    assert len(remains.faults) == 6


def test_the_moments_of_death_are_the_same_for_the_same_seed() -> None:
    assert draw_fates(20, 1) == draw_fates(20, 1) != draw_fates(20, 2)
    assert {fate.moment for fate in draw_fates(20, 1)} == {"hearing", "speaking", "over"}


def _wait(event: threading.Event) -> None:
    assert event.wait(30.0)
