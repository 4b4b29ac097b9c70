"""Reports on disk: a reader finds the older one or the new one, never half of one, and a fault is told plainly.

They may be quoted as figures or be the baseline of a later comparison, so that half a file is worse than none.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from audio.text import well_formed
from common.errors import StorageError


def check_target(path: Path) -> None:
    """Raise StorageError when a file can't be written there: before minutes are spent on what would go into it."""
    if path.is_dir():
        raise StorageError(f"{path} is a folder; give a file in it, e.g. {path / 'report.html'}")
    if not path.parent.is_dir():
        raise _error(path, f"there is no folder {path.parent}; make it first", code="storage.missing")
    if path.exists() and not os.access(path, os.W_OK):  # a finished report may be kept from being written over
        raise _error(path, "it is read-only; choose another file", code="storage.read_only")
    if not _is_stream(path) and not os.access(path.resolve().parent, os.W_OK):
        raise _error(path, f"nothing can be put into {path.resolve().parent}", code="storage.read_only")


def write_whole(path: Path, text: str) -> None:
    """Write text as UTF-8, whole or not at all; raises StorageError.

    A device or a pipe is written to as it is. Half surrogates, which no UTF-8 can carry, become U+FFFD.
    """
    check_target(path)
    data = well_formed(text).encode()
    try:
        if _is_stream(path):
            path.write_bytes(data)
        else:
            _replace(path.resolve(), data)  # of a link, what it points to: the link stays
    except OSError as error:
        raise _reason(path, error) from error


def _is_stream(path: Path) -> bool:
    """Return whether a path is a device, a pipe, or another name for what is open already, as /dev/stdout is."""
    return path.absolute().parts[1:2] in (("dev",), ("proc",)) or (path.exists() and not path.is_file())


def _replace(path: Path, data: bytes) -> None:
    scratch = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with scratch.open("xb") as file:
            with suppress(FileNotFoundError):
                os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
            file.write(data)
        scratch.replace(path)
    finally:
        with suppress(OSError):
            scratch.unlink()


def _reason(path: Path, error: OSError) -> StorageError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _error(path, "the disk is full; free space, or choose another folder", code="storage.full")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return _error(path, f"nothing can be put into {path.resolve().parent}", code="storage.read_only")
    return _error(path, os.strerror(error.errno or errno.EIO))


def _error(path: Path, why: str, *, code: str = "storage.failed") -> StorageError:
    return StorageError(f"{path} can't be written: {why}", code=code)
