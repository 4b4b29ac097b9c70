"""Erasing a role-play's folder."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import pytest

from audio.files import replace_file
from common.errors import StorageError
from pipelines.log.jsonl import PAYLOADS
from server.records.folder import ERASED, RecordFolder
from server.records.housekeeping import finish_erasing, join_left_over
from server.records.recordings import Recordings
from server.vault import session_keys
from server.vault.session_keys import KEY_NAME, read_key
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


def test_two_who_erase_at_once_do_not_stand_in_each_others_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / PAYLOADS).write_bytes(b"words")

    def overtaken(path: Path, data: bytes) -> None:
        replace_file(path, data)
        # The other's file took the place of this one's, which is not there any more.
        raise StorageError("the folder is not there", code="storage.missing")

    monkeypatch.setattr("server.records.folder.replace_file", overtaken)
    RecordFolder(tmp_path).erase()
    assert RecordFolder(tmp_path).erased
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


def test_the_key_goes_first_and_where_a_disk_has_no_room_to_write_over_it_once_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_vault().make_session(tmp_path)
    wrapped = read_key(tmp_path)
    assert wrapped is not None
    (tmp_path / "recording.flac").write_bytes(b"sound")
    (tmp_path / PAYLOADS).write_bytes(b"words")
    really, tried = session_keys._write_over, []

    def elsewhere(file: io.FileIO, content: bytes) -> None:
        tried.append((tmp_path / "recording.flac").exists())
        if tried[-1]:
            raise OSError(errno.ENOSPC, "No space left on device")
        really(file, content)

    monkeypatch.setattr(session_keys, "_write_over", elsewhere)
    RecordFolder(tmp_path).erase()
    assert tried == [True, False]
    assert wrapped.as_text().encode() not in (tmp_path / KEY_NAME).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [ERASED, KEY_NAME, PAYLOADS]


def test_an_erasure_that_was_cut_off_after_the_key_is_finished(tmp_path: Path) -> None:
    folder, vault = tmp_path / "sess_1", new_vault()
    folder.mkdir()
    vault.make_session(folder)
    (folder / PAYLOADS).write_bytes(b"words")
    (folder / "segment-000000.flac").write_bytes(b"sound")
    session_keys.destroy_key(folder)
    # Nothing of it can be read from here on, so it counts as erased, marker or none.
    assert RecordFolder(folder).erased
    assert Recordings().facts(folder).state == "deleted"
    join_left_over([folder], vault)
    finish_erasing([folder])
    assert sorted(path.name for path in folder.iterdir()) == [ERASED, KEY_NAME, PAYLOADS]
    assert not RecordFolder(folder).is_half_erased
