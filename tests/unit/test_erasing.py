"""Erasing a role-play's folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from audio.files import replace_file
from common.errors import StorageError
from pipelines.log.jsonl import PAYLOADS
from server.records.folder import ERASED, RecordFolder
from server.records.housekeeping import delete_old, finish_erasing, join_left_over


def test_a_full_disk_keeps_nothing_from_being_erased(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "recording.flac").write_bytes(b"sound")
    (tmp_path / PAYLOADS).write_bytes(b"words")

    def full(path: Path, data: bytes) -> None:
        if (tmp_path / "recording.flac").exists():
            raise StorageError("the disk is full", code="storage.full")
        replace_file(path, data)

    monkeypatch.setattr("server.records.folder.replace_file", full)
    RecordFolder(tmp_path).erase()
    assert RecordFolder(tmp_path).erased
    assert sorted(path.name for path in tmp_path.iterdir()) == [ERASED, PAYLOADS]
    assert (tmp_path / PAYLOADS).read_bytes() == b""


def test_what_was_kept_long_enough_goes_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old_s = 100.0
    for name in ("sess_old", "sess_stuck", "sess_new", "notes"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("words")
        if name != "sess_new":
            os.utime(tmp_path / name, (old_s, old_s))
    really = shutil.rmtree

    def stuck(path: Path) -> None:
        if path.name == "sess_stuck":
            raise PermissionError(1, "Operation not permitted")
        really(path)

    monkeypatch.setattr(shutil, "rmtree", stuck)
    told: list[str] = []
    delete_old(tmp_path, keep_days=1, deleted=told.append)
    assert told == ["sess_old"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes", "sess_new", "sess_stuck"]


def test_an_erasure_that_was_cut_off_is_finished_and_its_sound_never_joined(tmp_path: Path) -> None:
    folder = tmp_path / "sess_1"
    folder.mkdir()
    (folder / ERASED).write_text("{}")
    (folder / PAYLOADS).write_bytes(b"words")
    (folder / "segment-000000.flac").write_bytes(b"sound")
    join_left_over([folder])
    assert (folder / "segment-000000.flac").exists()
    finish_erasing([folder])
    assert sorted(path.name for path in folder.iterdir()) == [ERASED, PAYLOADS]
    assert (folder / PAYLOADS).read_bytes() == b""
    assert (folder / ERASED).read_text() == "{}"
