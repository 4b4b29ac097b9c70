"""Sealed files: chunks of 64 KiB, each sealed by itself, so that a reader can begin anywhere.

    magic (8 bytes) | salt (32 bytes) | chunk 0 | chunk 1 | ... ; a chunk: up to 64 KiB and its tag of 16 bytes

Each file has a key of its own, from the record's key, a random salt and the file's name. A chunk's nonce is its number
and whether it is the last, so that chunks which were moved, cut off or added do not open (the STREAM construction of
Hoang, Reyhanitabar, Rogaway and Vizar, 2015, as age and Tink use it). Files are recognised by their magic: what an
earlier version wrote in the plain is read as it is.
"""

from __future__ import annotations

import errno
import io
import os
import secrets
from pathlib import Path
from typing import BinaryIO, cast

from cryptography.exceptions import InvalidTag

from common.seal import TAG_BYTES, Seal, damaged, no_key

MAGIC = b"ILSEAL\x00\x01"
SALT_BYTES = 32
HEADER_BYTES = len(MAGIC) + SALT_BYTES
CHUNK_BYTES = 65_536
_STORED_CHUNK = CHUNK_BYTES + TAG_BYTES


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def sealed_bytes(plain: bytes, seal: Seal, name: str) -> bytes:
    """Return the content of the sealed file `name`."""
    salt = secrets.token_bytes(SALT_BYTES)
    cipher = seal.of_file(salt, name)
    chunks = max(1, -(-len(plain) // CHUNK_BYTES))
    parts = [MAGIC, salt]
    for number in range(chunks):
        part = plain[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES]
        parts.append(cipher.encrypt(_nonce(number, number == chunks - 1), part, None))
    return b"".join(parts)


def is_sealed(path: Path) -> bool:
    """Return whether a file is sealed; raises OSError."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def open_file(path: Path, seal: Seal | None, name: str | None = None) -> BinaryIO:
    """Open a file to read, sealed or plain; `name` is the one it was sealed by, else the path's.

    Raises OSError, and StorageError when it is sealed and there is no seal, or it was changed. Reading raises the
    latter too.
    """
    return opened(path.open("rb"), seal, name or path.name)


def opened(file: BinaryIO, seal: Seal | None, name: str) -> BinaryIO:
    """Return what the file `name`, sealed or plain, says; it is closed with what is returned, and on an error.

    Raises as `open_file` does.
    """
    try:
        sealed = file.read(len(MAGIC)) == MAGIC
        file.seek(0)
        if not sealed:
            return file
        if seal is None:
            raise no_key(f"'{name}'")
        return cast(BinaryIO, io.BufferedReader(SealedReader(file, seal, name), CHUNK_BYTES))
    except BaseException:
        file.close()
        raise


def read_file(path: Path, seal: Seal | None, name: str | None = None) -> bytes:
    """Return what a file says, sealed or plain; raises OSError or StorageError."""
    with open_file(path, seal, name) as file:
        return file.read()


def plain_size(stored: int) -> int:
    """Return how many bytes a sealed file of `stored` bytes says."""
    body = stored - HEADER_BYTES
    return body - TAG_BYTES * max(1, -(-body // _STORED_CHUNK))


class SealedReader(io.RawIOBase):
    """Reads a sealed file from any place; closes the file with itself. Raises StorageError where it was changed."""

    def __init__(self, file: BinaryIO, seal: Seal, name: str) -> None:
        super().__init__()
        self._file = file
        self._name = name
        header = file.read(HEADER_BYTES)
        stored = file.seek(0, os.SEEK_END)
        if len(header) < HEADER_BYTES or stored < HEADER_BYTES + TAG_BYTES:
            raise damaged(f"'{name}'")
        self._cipher = seal.of_file(header[len(MAGIC) :], name)
        self._last = max(1, -(-(stored - HEADER_BYTES) // _STORED_CHUNK)) - 1
        self._size = plain_size(stored)
        self._at = 0
        self._number, self._chunk = -1, b""
        # Only the last chunk tells whether the file was cut off.
        self._read_chunk(self._last)

    def _read_chunk(self, number: int) -> bytes:
        if number != self._number:
            self._file.seek(HEADER_BYTES + number * _STORED_CHUNK)
            try:
                stored = self._file.read(_STORED_CHUNK)
                chunk = self._cipher.decrypt(_nonce(number, number == self._last), stored, None)
            except (InvalidTag, ValueError):
                raise damaged(f"'{self._name}'") from None
            self._number, self._chunk = number, chunk
        return self._chunk

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the base takes any buffer
        """Read what is left of the chunk at the present place, at most as much as the buffer holds."""
        if self._at >= self._size:
            return 0
        number, inside = divmod(self._at, CHUNK_BYTES)
        part = self._read_chunk(number)[inside : inside + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._at = base + offset
        return self._at

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def seekable(self) -> bool:
        """Whether it can be read from any place."""
        return True

    def close(self) -> None:
        """Close it, and the file below."""
        if not self.closed:
            self._file.close()
        super().close()


class SealedWriter:
    """Writes a sealed file in constant memory; the first chunk can be written again, as the header of a FLAC must be.

    `finish` completes it; without that it does not open. Raises OSError of the file's.
    """

    def __init__(self, file: io.FileIO, seal: Seal, name: str) -> None:
        self._file = file
        salt = secrets.token_bytes(SALT_BYTES)
        self._cipher = seal.of_file(salt, name)
        self._first = bytearray()
        self._tail = bytearray()
        self._number = 1  # of the chunk in the tail
        self._at = 0
        self._put(MAGIC + salt)

    @property
    def _size(self) -> int:
        return len(self._first) + (self._number - 1) * CHUNK_BYTES + len(self._tail)

    def write(self, data: bytes) -> int:
        """Write at the present place: in the first chunk, or at the end."""
        view = memoryview(data)
        while view:
            if self._at < CHUNK_BYTES:
                part = view[: CHUNK_BYTES - self._at]
                self._first[self._at : self._at + len(part)] = part
            else:
                if self._at != self._size:
                    raise OSError(errno.ESPIPE, "a sealed file can be changed in its first chunk only")
                self._begin_tail()
                part = view[: CHUNK_BYTES - len(self._tail)]
                self._tail += part
            self._at += len(part)
            view = view[len(part) :]
        return len(data)

    def _begin_tail(self) -> None:
        if self._number == 1 and not self._tail:
            self._put(bytes(_STORED_CHUNK))  # the first chunk's place: it is written last
        if len(self._tail) == CHUNK_BYTES:
            self._put(self._cipher.encrypt(_nonce(self._number, False), bytes(self._tail), None))
            self._tail.clear()
            self._number += 1

    def finish(self) -> None:
        """Write what is left."""
        if not self._tail:
            self._put(self._cipher.encrypt(_nonce(0, True), bytes(self._first), None))
            return
        self._put(self._cipher.encrypt(_nonce(self._number, True), bytes(self._tail), None))
        self._file.seek(HEADER_BYTES)
        self._put(self._cipher.encrypt(_nonce(0, False), bytes(self._first), None))

    def read(self, size: int = -1) -> bytes:
        """Read from the first chunk: nobody who writes reads more."""
        end = len(self._first) if size < 0 else self._at + size
        part = bytes(self._first[self._at : end])
        self._at += len(part)
        return part

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        self._at = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence] + offset
        return self._at

    def tell(self) -> int:
        """Return the present place."""
        return self._at

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
