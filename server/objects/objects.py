"""An object store: names and bytes in a bucket, written whole and read in ranges."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Protocol

from common.errors import StorageError


def object_store_error(message: str) -> StorageError:
    """Return the error of an object store that can't be used, or lacks something."""
    return StorageError(message, code="storage.objects", http_status=503)


class Objects(Protocol):
    """What recordings need of an object store; each call may take seconds, and raises StorageError."""

    def put(self, name: str, path: Path) -> None:
        """Write a file as one object, in place of an earlier one."""

    def read(self, name: str, start: int, length: int) -> bytes:
        """Return `length` bytes of an object from byte `start`, fewer at its end."""

    def delete(self, name: str) -> None:
        """Delete an object; one that is not there is no fault."""


class ObjectReader(io.RawIOBase):
    """Reads an object from any place; each read is one request. Raises StorageError."""

    def __init__(self, objects: Objects, name: str, size_bytes: int) -> None:
        super().__init__()
        self._objects = objects
        self._name = name
        self._size = size_bytes
        self._at = 0

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the base takes any buffer
        """Read from the present place, at most as much as the buffer holds."""
        length = min(len(buffer), self._size - self._at)
        if length <= 0:
            return 0
        part = self._objects.read(self._name, self._at, length)
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; one before the beginning is the beginning."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def seekable(self) -> bool:
        """Whether it can be read from any place."""
        return True
