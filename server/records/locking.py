"""One process has a data folder at a time, or servers that share it have it together."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from common.errors import StorageError, storage_error


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
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise storage_error(folder, error) from error
    try:
        fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise StorageError(
            f"data_path: {folder} is in use by another server; stop that one or choose another folder",
            code="storage.in_use",
        ) from None
    return lock
