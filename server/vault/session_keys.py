"""The wrapped key of a session, in a file of its folder.

The file has one size for ever. So the key is destroyed by writing over it where it lies, which needs no room on a full
disk; what is left says that it was destroyed. A folder without the file is one of an earlier version, in the plain.
"""

from __future__ import annotations

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
    """Put a session's wrapped key in its folder, in place of the one that is there; raises StorageError."""
    replace_file(folder / KEY_NAME, _content({"v": 1, "key": wrapped.as_text()}), durable=durable)


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
        descriptor = os.open(path, os.O_WRONLY)
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error(path, error) from error
    try:
        os.pwrite(descriptor, gone, 0)
        os.fsync(descriptor)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        os.close(descriptor)


def sync_key(folder: Path) -> None:
    """See that a session's key is on the disk; raises OSError."""
    descriptor = os.open(folder / KEY_NAME, os.O_RDONLY)
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
        content = path.read_bytes()
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
