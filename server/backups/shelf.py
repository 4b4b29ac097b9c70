"""The folder that backups lie in: one is made at a time, each has a number, and the oldest go."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from audio.files import sync_folder
from common.errors import StorageError, storage_error
from server.backups.manifest import Manifest, read_manifest
from server.records.locking import LOCK, lock_file

_BACKUP = re.compile(r"^backup-(\d{6,})-\d{8}T\d{6}Z$")
_BEGUN = ".making-"


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished backup: its number says which is newer, whatever the clock said when it was made."""

    number: int
    folder: Path

    def manifest(self) -> Manifest:
        """Return its manifest; raises StorageError."""
        return read_manifest(self.folder)


@dataclass(frozen=True, slots=True)
class Shelf:
    """All backups in one folder."""

    folder: Path

    @contextlib.asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Have the folder to oneself, without what a killed backup left; raises StorageError."""
        # In threads: the folder may be on a slow disk of another machine, and hold a large backup to be removed.
        lock = await asyncio.to_thread(self._lock)
        try:
            await asyncio.to_thread(self._sweep)
            yield
        finally:
            os.close(lock)

    def _sweep(self) -> None:
        for left in self.folder.glob(f"{_BEGUN}*"):
            shutil.rmtree(left, ignore_errors=True)

    def _lock(self) -> int:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = lock_file(self.folder / LOCK)
        except OSError as error:
            raise storage_error(self.folder, error) from error
        if lock is None:
            raise StorageError(
                "another backup is being made in this folder; wait until it is done", code="backup.in_use"
            )
        return lock

    def backups(self) -> list[Backup]:
        """Return the finished backups, the oldest first; raises StorageError when the folder can't be listed."""
        try:
            there = [path for path in self.folder.iterdir() if path.is_dir()] if self.folder.is_dir() else []
        except OSError as error:
            raise StorageError(
                f"the folder of backups '{self.folder.name}' can't be read ({error.strerror}); check its disk and the "
                "rights to it"
            ) from error
        named = ((_BACKUP.match(path.name), path) for path in there)
        return sorted((Backup(int(match[1]), path) for match, path in named if match), key=lambda one: one.number)

    def begin(self) -> tuple[Path, Path]:
        """Make the folder of a backup under way; return it and what it will be called. Raises StorageError."""
        there = self.backups()
        number = there[-1].number + 1 if there else 1
        name = f"backup-{number:06}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
        under_way = self.folder / f"{_BEGUN}{name}"
        try:
            under_way.mkdir(mode=0o700)
        except OSError as error:
            raise storage_error(under_way, error) from error
        return under_way, self.folder / name

    def finish(self, under_way: Path, name: Path) -> None:
        """Give a whole backup its name; raises StorageError."""
        try:
            os.replace(under_way, name)
            sync_folder(self.folder)
        except OSError as error:
            raise storage_error(name, error) from error

    def prune(self, keep: int) -> list[str]:
        """Let the oldest go but for `keep`; return their names."""
        gone = self.backups()[:-keep]
        for one in gone:
            # First its name, so that a half backup never looks like a whole one.
            away = self.folder / f"{_BEGUN}{one.folder.name}"
            with contextlib.suppress(OSError):
                os.replace(one.folder, away)
                shutil.rmtree(away)
        return [one.folder.name for one in gone if not one.folder.exists()]
