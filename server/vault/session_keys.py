"""The wrapped key of a session, in a file of its folder.

The file has one size for ever. So the key is destroyed by writing over it where it lies, which needs no room on a full
disk; what is left says that it was destroyed. A folder without the file is one of an earlier version, in the plain.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import time
from pathlib import Path

from audio.files import replace_file, sync_folder
from common.errors import StorageError, storage_error
from common.seal import damaged
from server.vault.key_service import WrappedKey

KEY_NAME = "key.json"
# A sector: a disk writes it as a whole or not at all.
SIZE_BYTES = 512


def write_key(folder: Path, wrapped: WrappedKey, *, durable: bool) -> None:
    """Put a session's wrapped key in its folder, which has none; raises StorageError."""
    replace_file(folder / KEY_NAME, _content({"v": 1, "key": wrapped.as_text()}), durable=durable)


def replace_key(folder: Path, old: WrappedKey, new: WrappedKey) -> bool:
    """Write a session's key over the old one, unless it was destroyed meanwhile; return whether it did.

    In the old one's place, so that nothing is left of it, and nobody brings a destroyed key back. Raises StorageError.
    """
    path = folder / KEY_NAME
    try:
        with path.open("rb+", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if file.read() != _content({"v": 1, "key": old.as_text()}):
                return False
            _write_over(file, _content({"v": 1, "key": new.as_text()}))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise storage_error(path, error) from error
    return True


def _write_over(file: io.FileIO, content: bytes) -> None:
    os.pwrite(file.fileno(), content, 0)
    os.fsync(file.fileno())


def read_key(folder: Path) -> WrappedKey | None:
    """Return a session's wrapped key, None where there is none or it was destroyed; raises StorageError."""
    text = _read(folder).get("key")
    return None if text is None else WrappedKey.from_text(str(text))


def key_is_destroyed(folder: Path) -> bool:
    """Return whether a session's key was destroyed; raises StorageError."""
    return "destroyed" in _read(folder)


def destroy_key(folder: Path) -> None:
    """Destroy a session's key; may be called again. Raises StorageError."""
    path = folder / KEY_NAME
    gone = _content({"v": 1, "destroyed": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())})
    try:
        with path.open("rb+", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            _write_over(file, gone)
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error(path, error) from error


def sync_key(folder: Path) -> None:
    """See that a session's key is on the disk; raises OSError. A folder that was given back keeps none."""
    try:
        descriptor = os.open(folder / KEY_NAME, os.O_RDONLY)
    except FileNotFoundError:
        if folder.exists():
            raise
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(folder)


def _content(what: dict[str, str | int]) -> bytes:
    return json.dumps(what).encode().ljust(SIZE_BYTES - 1) + b"\n"


def _read(folder: Path) -> dict[str, object]:
    path = folder / KEY_NAME
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            content = file.read()
        found = json.loads(content)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise StorageError(f"the key of {folder.name} can't be read: {error.strerror}; check the disk") from error
    except ValueError:
        raise damaged(f"the key of {folder.name}") from None
    if not isinstance(found, dict) or found.get("v") != 1 or content != _content(found):
        raise damaged(f"the key of {folder.name}")
    return found
