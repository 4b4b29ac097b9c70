"""The folder of a new session: held before it is there, and a disk that refuses either is told of."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from common.errors import StorageError
from pipelines.log.disk import DiskThread
from server.records.holder import FOLDER, SharedHolder
from server.sessions.folders import SessionFolders
from tests.sealed import new_vault


def test_a_disk_that_takes_no_mark_is_told_of_like_one_that_takes_no_folder(tmp_path: Path) -> None:
    disk, chores = DiskThread(), DiskThread()
    holder = SharedHolder(tmp_path, "a")
    told: list[StorageError] = []
    folders = SessionFolders(
        tmp_path / "sessions", vault=new_vault(), disk=disk, chores=chores, failed=told.append, holder=holder
    )
    assert folders.make("sess_1").is_dir()
    assert holder.own() == {"sess_1"}
    shutil.rmtree(tmp_path / FOLDER)
    with pytest.raises(StorageError) as refused:
        folders.make("sess_2")
    assert told == [refused.value]
    assert not (tmp_path / "sessions" / "sess_2").exists()
    disk.close()
    chores.close()
    holder.release()
