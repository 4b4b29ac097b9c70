"""What each server holds, where several share a data folder.

    instances/NAME/.lock    locked for as long as the server of this name lives, however it ends
    instances/NAME/ID       empty: it holds the session or the exam ID

A lock says that a server is dead without any clock, and no server that lives can lose what it holds. A file is moved
from one folder to another by whoever does so first, so what a dead server held is taken over once.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from common.errors import CapacityError, StorageError, storage_error
from server.records.locking import LOCK, lock_file

FOLDER = "instances"
# Servers in containers have a new name each time; those that hold nothing are forgotten after a day.
FORGET_AFTER_S = 86_400.0
# To see whether a server lives takes a moment, in which it can't be told from one that does.
LOOKS_TAKE_S = 1.0


def moving() -> CapacityError:
    """Return what whoever asks for something is told whose server is not known yet, died, or does not answer."""
    return CapacityError(
        "the server that had this role-play does not answer; another one takes it over: come back in a moment",
        retry_after_s=1,
        code="capacity.moving",
    )


class Holder:
    """What the only server of a data folder holds: all there is, so nothing is written down."""

    name: str | None = None

    def hold(self, what: str) -> None:
        """Hold a session or an exam from now on; raises StorageError."""

    def let_go(self, what: str) -> None:
        """Hold it no more: it is over, and anybody may look at what is left; raises StorageError."""

    def own(self) -> set[str]:
        """Return what this server holds, or held when it died; raises StorageError."""
        return set()

    def elsewhere(self) -> set[str]:
        """Return what other servers hold, dead ones too; raises StorageError."""
        return set()

    def holder_of(self, what: str) -> str | None:
        """Return the name of the other server that holds something, dead or alive; None: none does."""
        del what
        return None

    def release(self) -> None:
        """Let others have what this server holds: it ends."""


class SharedHolder(Holder):
    """What the server `name` holds among several; raises StorageError where another of this name lives."""

    def __init__(self, data_path: Path, name: str) -> None:
        self.name: str = name
        self._root = data_path / FOLDER
        self._mine = self._root / name
        with _told(self._mine):
            self._mine.mkdir(parents=True, exist_ok=True)
            lock = _lock_in_time(self._mine)
        if lock is None:
            raise StorageError(
                f"instances.name: another server runs as {name} on this data folder; give each its own name",
                code="storage.in_use",
            )
        self._lock: int | None = lock

    def hold(self, what: str) -> None:
        with _told(self._mine):
            (self._mine / what).touch()

    def let_go(self, what: str) -> None:
        with _told(self._mine):
            (self._mine / what).unlink(missing_ok=True)

    def own(self) -> set[str]:
        with _told(self._mine):
            return _held(self._mine)

    def elsewhere(self) -> set[str]:
        with _told(self._root):
            return {what for folder in self._others() for what in _held(folder)}

    def holder_of(self, what: str) -> str | None:
        with _told(self._root):
            return next((folder.name for folder in self._others() if (folder / what).exists()), None)

    @staticmethod
    def held_by(data_path: Path, name: str) -> set[str]:
        """Return what the server of this name holds, dead or alive."""
        return _held(data_path / FOLDER / name)

    def dead(self) -> dict[str, set[str]]:
        """Return the names of servers that died holding something, with what; raises StorageError."""
        found = {}
        with _told(self._root):
            for folder in self._others():
                with _locked(folder) as died:
                    if not died:
                        continue
                    if held := _held(folder):
                        found[folder.name] = held
                    elif time.time() - folder.stat().st_mtime > FORGET_AFTER_S:
                        (folder / LOCK).unlink()
                        folder.rmdir()
        return found

    def take_over(self, name: str) -> set[str]:
        """Hold what a dead server held; return it: nothing where that server lives, or another was first."""
        taken = set()
        folder = self._root / name
        with _told(folder), _locked(folder) as died:
            for what in _held(folder) if died else ():
                with contextlib.suppress(FileNotFoundError):
                    (folder / what).rename(self._mine / what)
                    taken.add(what)
        return taken

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _others(self) -> Iterator[Path]:
        return (folder for folder in self._root.iterdir() if folder.is_dir() and folder != self._mine)


def _lock(folder: Path) -> int | None:
    return lock_file(folder / LOCK)


def _lock_in_time(folder: Path) -> int | None:
    """Take a folder's lock, which another may have for a moment only to see whether its server lives."""
    until_s = time.monotonic() + LOOKS_TAKE_S
    while (lock := _lock(folder)) is None and time.monotonic() < until_s:
        time.sleep(LOOKS_TAKE_S / 20)
    return lock


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Have the lock of another server's folder for a while, if it is dead."""
    try:
        lock = _lock(folder)
    except FileNotFoundError:  # it was forgotten just now
        lock = None
    try:
        yield lock is not None
    finally:
        if lock is not None:
            os.close(lock)


def _held(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir() if path.name != LOCK}
    except FileNotFoundError:
        return set()


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage_error(path, error) from error
