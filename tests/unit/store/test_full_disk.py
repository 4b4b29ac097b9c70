"""A disk that is really full: what is erased or let go makes room, and a backup leaves the earlier ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

import pytest

from common.errors import StorageError
from server.backups import manifest
from server.backups.making import make_backup, shelf_of
from server.records.person_erasing import erase_person
from server.records.retention import Retention
from server.settings.retention import DAY_MS, RetentionSettings
from server.settings.store import DatabaseSettings
from server.store import people, sessions
from server.store.tokens import now_ms
from tests.unit.store.backed_up import Data, opened_at, settings_of

pytestmark = pytest.mark.asyncio


def write_for_ever(file: IO[bytes], size: int) -> None:
    while True:
        file.write(b"x" * size)


def fill(disk: Path) -> None:
    """Fill a disk to its last byte."""
    with (disk / "filler").open("ab", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            with pytest.raises(OSError, match="No space left"):
                write_for_ever(file, size)


async def states(data: Data, *names: str) -> list[str]:
    async with data.store.database.reading() as connection:
        known = await sessions.by_ids(connection, names)
    return [known[name].state for name in names]


async def test_a_person_is_erased_on_a_full_disk(small_disk: Path, tmp_path: Path) -> None:
    settings = settings_of(small_disk / "data", DatabaseSettings(), tmp_path / "shelf")
    async with opened_at(settings) as data:
        await data.person("per_1", "Anna")
        for name in ("sess_a", "sess_b"):
            folder = await data.held(name, person="per_1", words="Said by Anna.")
            (folder / "recording.flac").write_bytes(b"Said by Anna." * 30_000)
        fill(small_disk)
        with pytest.raises(OSError, match="No space"):
            (small_disk / "one more").write_text("x" * 5_000)
        done = await erase_person(data.store, data.root, "per_1", exams="keep", by="command line")
        assert done.sessions == ["sess_a", "sess_b"]
        assert await states(data, "sess_a", "sess_b") == ["erased", "erased"]
        async with data.store.database.reading() as connection:
            assert await people.everybody(connection) == []
        left = [path for path in settings.data_path.rglob("*") if path.is_file() and b"Anna" in path.read_bytes()]
        assert left == []


async def test_the_retention_makes_room_on_a_full_disk(small_disk: Path, tmp_path: Path) -> None:
    settings = settings_of(small_disk / "data", DatabaseSettings(), tmp_path / "shelf")
    async with opened_at(settings) as data:
        for name in ("sess_a", "sess_b"):
            await data.held(name)
        at_ms = now_ms()
        limits = RetentionSettings(practice_days=1)
        retention = Retention(data.store, data.root, limits, wall_ms=lambda: at_ms + 3 * DAY_MS)
        await retention.run()
        fill(small_disk)
        run = await retention.run(clock_is_right=True)
        assert [due.id for due in run.deleted] == ["sess_a", "sess_b"]
        assert await states(data, "sess_a", "sess_b") == ["erased", "erased"]
        assert list(data.root.iterdir()) == []


async def test_a_backup_on_a_full_disk_leaves_the_earlier_one(small_disk: Path, tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data", DatabaseSettings(), small_disk / "shelf")
    async with opened_at(settings) as data:
        await data.held("sess_a")
        first = (await make_backup(data.store, settings, shelf_of(settings), by="a test")).folder
        big = await data.held("sess_b")
        (big / "recording.flac").write_bytes(os.urandom(5_000_000))
        for _ in range(2):
            with pytest.raises(StorageError, match="the disk is full") as told:
                await make_backup(data.store, settings, shelf_of(settings), by="a test")
            assert told.value.code == "storage.full"
        assert sorted(path.name for path in (small_disk / "shelf").iterdir() if path.is_dir()) == [first.name]
        manifest.check(first, manifest.read_manifest(first))
        # Not even the database fits.
        fill(small_disk)
        with pytest.raises(StorageError, match="the disk is full"):
            await make_backup(data.store, settings, shelf_of(settings), by="a test")
        manifest.check(first, manifest.read_manifest(first))
