"""The one error tree of the house.

    AppError                     code, HTTP status, close code, a message that tells the person what to do
    ├── AudioError               audio that can't be used (`audio.invalid`, ...)
    ├── SettingsError            settings that can't be used, with a dotted path
    ├── CardError                a card that can't be used
    ├── EngineError              an engine that could not be loaded or failed
    │   └── WorkerDied           its worker process is gone
    │       └── WorkerHung       its worker stood still, and was ended or given up
    ├── StorageError             the data folder can't be written
    ├── DatabaseError            the database can't be used: locked, full, gone, of another version
    ├── ProtocolError            a message from a client that is refused
    ├── AccessError              no token, a wrong one, or one that may not do this
    └── CapacityError            the server is full or draining: try later
        └── RateError            too many requests from one address: try later

`code` is stable and documented in docs/protocol.md; the message never carries internals.
It lives below all rooms, since every room raises from the same tree and imports point downwards.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path


class AppError(Exception):
    """A failure with an address: a stable code, an HTTP status and a WebSocket close code."""

    code = "internal"
    http_status = 500
    close_code = 1011

    def __init__(
        self, message: str, *, code: str | None = None, http_status: int | None = None, close_code: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.http_status = http_status or self.http_status
        self.close_code = close_code or self.close_code


class AudioError(AppError):
    """Audio that can't be used: no audio at all, empty, truncated, of a wrong rate or shape."""

    code = "audio.invalid"
    http_status = 400
    close_code = 1003


class SettingsError(AppError):
    """Settings that can't be used; the message starts with the dotted path of the setting."""

    code = "settings.invalid"


class CardError(AppError):
    """A role-play card that can't be used; the message names the file and the place in it."""

    code = "card.invalid"
    http_status = 400
    close_code = 1008


class EngineError(AppError):
    """An engine that could not be loaded, or that failed at its work."""

    code = "engine.failed"
    http_status = 503


class WorkerDied(EngineError):
    """The worker process of an engine is gone; its work can be given to a new one."""

    code = "engine.worker_died"


class WorkerHung(WorkerDied):
    """The worker of an engine stood still and was ended, or given up; its work can be given to a new one."""

    code = "engine.worker_hung"


class StorageError(AppError):
    """The data folder can't be written: read-only, full or gone."""

    code = "storage.failed"
    http_status = 507


class DatabaseError(AppError):
    """The database can't be used now: it is locked, full, gone, or of another version than this program."""

    code = "database.unavailable"
    http_status = 503


class ProtocolError(AppError):
    """A client's message that is refused; the connection goes on unless the close code is used."""

    code = "protocol.invalid"
    http_status = 400
    close_code = 1008


class AccessError(AppError):
    """No token, an unknown or expired one, or one whose role may not do this."""

    code = "access.denied"
    http_status = 401
    close_code = 4401


class CapacityError(AppError):
    """The server takes no more sessions now; `retry_after_s` says when to try again.

    `told` is what else whoever is refused may know of it, as it goes into the answer.
    """

    code = "capacity.full"
    http_status = 503
    close_code = 1013

    def __init__(
        self, message: str, *, retry_after_s: int, code: str | None = None, told: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s
        self.told = told or {}


class RateError(CapacityError):
    """One address asks too often; `retry_after_s` says when it may again."""

    code = "access.too_many"
    http_status = 429
    close_code = 4429


def storage_error(path: Path, error: OSError) -> StorageError:
    """Return the StorageError that tells what to do about a failed write to `path`."""
    start = f"'{path.name}' can't be written"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(f"{start}: the disk is full; free space in the data folder", code="storage.full")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return StorageError(
            f"{start}: the data folder is read-only for this server; make it writable", code="storage.read_only"
        )
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return StorageError(f"{start}: its folder is not there; create the data folder", code="storage.missing")
    return StorageError(f"{start}: {os.strerror(error.errno or errno.EIO)}; check the disk of the data folder")
