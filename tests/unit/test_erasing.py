"""Erasing a role-play's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from audio.files import replace_file
from common.errors import StorageError
from pipelines.log.jsonl import PAYLOADS
from server.records.folder import ERASED, RecordFolder
from server.records.housekeeping import finish_erasing, join_left_over
from tests.sealed import new_vault


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


def test_an_erasure_that_was_cut_off_is_finished_and_its_sound_never_joined(tmp_path: Path) -> None:
    folder = tmp_path / "sess_1"
    folder.mkdir()
    (folder / ERASED).write_text("{}")
    (folder / PAYLOADS).write_bytes(b"words")
    (folder / "segment-000000.flac").write_bytes(b"sound")
    join_left_over([folder], new_vault())
    assert (folder / "segment-000000.flac").exists()
    finish_erasing([folder])
    assert sorted(path.name for path in folder.iterdir()) == [ERASED, PAYLOADS]
    assert (folder / PAYLOADS).read_bytes() == b""
    assert (folder / ERASED).read_text() == "{}"
