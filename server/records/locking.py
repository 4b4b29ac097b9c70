"""One process has a data folder at a time, or servers that share it have it together."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from common.errors import StorageError, storage_error

LOCK = ".lock"
"""The file in a folder that is locked."""


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Have a data folder to oneself for a while; raises StorageError."""
    lock = lock_folder(folder)
    try:
        yield
    finally:
        os.close(lock)


def lock_folder(folder: Path, *, shared: bool = False) -> int:
    """Take the data folder for this process; return the lock's descriptor. Raises StorageError.

    At its start a server joins recordings that a crash left behind: those of a server that runs must be safe from it.
    Those that are `shared` have it together, and nobody has it alone meanwhile.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = lock_file(folder / LOCK, shared=shared)
    except OSError as error:
        raise storage_error(folder, error) from error
    if lock is None:
        raise StorageError(
            f"data_path: {folder} is in use by another server; stop that one or choose another folder",
            code="storage.in_use",
        )
    return lock


def lock_file(path: Path, *, shared: bool = False) -> int | None:
    """Take a file's lock until its descriptor, which is returned, is closed; None: another process has it.

    Raises OSError where there can be no such file.
    """
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return None
        # Whoever had it may have removed the file since.
        if path.exists() and os.path.samestat(os.fstat(lock), path.stat()):
            return lock
        os.close(lock)
