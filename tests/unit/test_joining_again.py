"""A recording that a full disk kept in segments is joined once there is room, and the audit is told of it."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import numpy as np
import pytest

from audio.recorder import RECORDING_NAME, SegmentWriter
from pipelines.log.disk import DiskThread
from server.records.log_facts import recording_digest
from server.records.recordings import Recordings
from server.sessions.folders import SessionFolders
from tests.sealed import new_vault


@pytest.mark.asyncio
async def test_a_full_disk_does_not_leave_a_recording_joining_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, disk, chores = new_vault(), DiskThread(), DiskThread()
    told: list[tuple[str, str]] = []
    folders = SessionFolders(tmp_path, vault=vault, disk=disk, chores=chores, recorded=lambda *what: told.append(what))
    folder = folders.make("sess_1")
    seal = vault.make_session(folder)
    writer = SegmentWriter(folder, seal=seal)
    writer.write(np.ones((60_000, 2), dtype=np.int16))
    writer.close()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        folders.join_again([folder])
        await chores.run(lambda: None)
    assert Recordings().facts(folder, seal).state == "joining"
    assert not list(folder.glob(".*"))
    folders.join_again([folder])
    await chores.run(lambda: None)
    await asyncio.sleep(0)
    assert Recordings().facts(folder, seal).state == "ready"
    assert [path.name for path in folder.glob("*.flac")] == [RECORDING_NAME]
    assert told == [("sess_1", recording_digest(folder))]
    folders.join_again([folder])
    await chores.run(lambda: None)
    assert len(told) == 1
    disk.close()
    chores.close()
