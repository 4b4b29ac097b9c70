"""What a record lacks, by its log and its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import events as e
from server.records.record_gaps import record_gaps
from tests.unit.spoken_log import SpokenLog


def gaps(folder: Path, *events: e.Event) -> list[str]:
    log = SpokenLog()
    log.candidate("Good morning.")
    for event in events:
        log.note(event)
    return record_gaps(log.entries, folder)


@pytest.mark.parametrize(
    ("reason", "found"), [("ended", []), ("time_limit", []), ("failed", ["broke_off"]), ("interrupted", ["broke_off"])]
)
def test_a_role_play_that_ended_before_its_time_broke_off(tmp_path: Path, reason: str, found: list[str]) -> None:
    assert gaps(tmp_path, e.SessionEnded(reason)) == found


def test_a_log_without_an_end_a_restart_and_sound_that_could_not_be_read(tmp_path: Path) -> None:
    assert gaps(tmp_path) == ["no_end"]
    assert gaps(tmp_path, e.SessionRestored(1_000.0), e.SessionEnded("ended")) == ["restarted"]
    (tmp_path / "segment-0003.flac.broken").touch()
    assert gaps(tmp_path, e.SessionEnded("idle")) == ["broke_off", "sound"]
    assert record_gaps([], tmp_path / "nowhere") == []
