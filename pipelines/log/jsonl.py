"""The JSONL store: `events.jsonl` (envelopes) and `payloads.jsonl` (payloads by seq), written by the disk thread.

With a seal, what a payload line says is sealed under its number; envelopes stay readable, so that the log can be proved
without any key. A payload is written before its envelope, so an envelope on disk always has its payload; after a crash
a torn last line is left out by the reader.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from audio.files import write_all
from common.errors import StorageError
from common.seal import Seal, damaged, no_key
from pipelines.events import Audience
from pipelines.log.disk import DiskThread
from pipelines.log.session_log import Envelope, digest_of

EVENTS = "events.jsonl"
PAYLOADS = "payloads.jsonl"


class JsonlStore:
    """Keeps one session's log in a folder of its own."""

    def __init__(
        self, folder: Path, disk: DiskThread, *, failed: Callable[[StorageError], None], seal: Seal | None = None
    ) -> None:
        self._disk = disk
        self._seal = seal
        self._failed = failed
        self._broken = False
        # From then on nothing is taken: the numbers of the files may be those of others soon.
        self._closed = False
        # Numbers, payloads with their salts, and envelope lines, in order.
        self._pending: deque[tuple[int, dict[str, Any], bytes]] = deque()
        self._writing = threading.Lock()
        self._events = _open(folder / EVENTS)
        self._payloads = _open(folder / PAYLOADS)

    def write(self, envelope: Envelope, salt: str, payload: dict[str, Any]) -> None:
        """Queue one entry for the disk thread; does nothing once closed."""
        if self._closed:
            return
        head = json.dumps(dataclasses.asdict(envelope) | {"audience": envelope.audience.name.lower()})
        self._pending.append((envelope.seq, {"salt": salt, "payload": payload}, head.encode() + b"\n"))
        self._disk.submit(self._drain, self._report)

    def sync(self) -> None:
        """Hand what is queued to the system now, and queue a sync of both files.

        The few lines of a turn's end are written here and not in the disk thread: a client must not be told that a turn
        is finished while its record could still die with this process.
        """
        if self._closed:
            return
        try:
            self._drain()
        except OSError as error:
            self._report(error)
        self._disk.submit(self._sync, self._report)

    def close(self) -> None:
        """Queue a last sync and release the files; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._disk.submit(self._close, self._report)

    def _drain(self) -> None:
        with self._writing:
            while self._pending:
                seq, said, envelope_line = self._pending.popleft()
                if not self._broken:
                    # Sealed here, and not on the loop: to seal is to let other threads run, and to wait for them.
                    write_all(self._payloads, payload_line(seq, said, self._seal))
                    write_all(self._events, envelope_line)

    def _sync(self) -> None:
        os.fsync(self._payloads)
        os.fsync(self._events)

    def _close(self) -> None:
        try:
            self._drain()
            if not self._broken:
                self._sync()
        finally:
            os.close(self._payloads)
            os.close(self._events)

    def _report(self, error: Exception) -> None:
        # Told once: after a failed write the files end at their last whole entry and stay as they are.
        if not self._broken:
            self._broken = True
            self._failed(StorageError(f"the session's log can't be written: {_plain(error)}"))


def payload_line(seq: int, said: dict[str, Any], seal: Seal | None) -> bytes:
    """Return the line of a payload and its salt, sealed if there is a seal."""
    if seal is not None:
        sealed = seal.seal(json.dumps(said, ensure_ascii=False).encode(), about=_about(seq))
        return b'{"seq": %d, "sealed": "%b"}\n' % (seq, base64.b64encode(sealed))
    return json.dumps({"seq": seq} | said, ensure_ascii=False).encode() + b"\n"


def _about(seq: int) -> str:
    return f"event {seq}"


def mend(folder: Path) -> int:
    """Cut off what a killed server left torn at the end of a log, so that it can be continued; return its next seq.

    Raises StorageError.
    """
    try:
        next_seq = 0
        for line in _cut_torn(folder / EVENTS):
            next_seq = json.loads(line)["seq"] + 1
        # A payload is written before its envelope: one without it was never part of the log.
        kept = [line for line in _cut_torn(folder / PAYLOADS) if json.loads(line)["seq"] < next_seq]
        _shorten(folder / PAYLOADS, sum(len(line) + 1 for line in kept))
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"the log in {folder.name} is damaged, so it can't be continued") from error
    except OSError as error:
        raise StorageError(f"the session's log can't be mended: {_plain(error)}") from error
    return next_seq


def _cut_torn(path: Path) -> list[bytes]:
    """Return the whole lines of a file, and cut off what follows the last of them."""
    *lines, torn = path.read_bytes().split(b"\n")
    if torn:
        _shorten(path, sum(len(line) + 1 for line in lines))
    return lines


def _shorten(path: Path, size_bytes: int) -> None:
    if path.stat().st_size != size_bytes:
        os.truncate(path, size_bytes)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise StorageError(f"the session's log can't be opened: {_plain(error)}") from error


def _plain(error: Exception) -> str:
    return error.strerror or "disk error" if isinstance(error, OSError) else type(error).__name__


@dataclasses.dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry as read back: the envelope and its payload, None once erased."""

    envelope: Envelope
    salt: str | None
    payload: dict[str, Any] | None


def read_jsonl(folder: Path, seal: Seal | None = None) -> Iterator[StoredEntry]:
    """Yield the entries of a stored log in order; a torn last line is left out.

    Raises StorageError when the folder has no log, when it is sealed and there is no seal, and when a line was changed.
    """
    # Envelopes are read first: of a log still being written, none is without its payload.
    events = list(_lines(folder / EVENTS))
    payloads: dict[int, tuple[str, dict[str, Any]]] = {}
    for line in _lines(folder / PAYLOADS):
        try:
            said = _opened(line, seal, folder) if "sealed" in line else line
            payloads[line["seq"]] = (said["salt"], said["payload"])
        except (KeyError, TypeError, ValueError):
            raise damaged(f"the log of {folder.name}") from None
    for line in events:
        try:
            envelope = Envelope(**line | {"audience": Audience[line["audience"].upper()]})
        except (KeyError, TypeError, AttributeError):
            raise damaged(f"the log of {folder.name}") from None
        salt, payload = payloads.get(envelope.seq, (None, None))
        yield StoredEntry(envelope, salt, payload)


def _opened(line: dict[str, Any], seal: Seal | None, folder: Path) -> dict[str, Any]:
    if seal is None:
        raise no_key(f"the log of {folder.name}")
    said = json.loads(seal.open(base64.b64decode(line["sealed"], validate=True), about=_about(line["seq"])))
    if not isinstance(said, dict):
        raise damaged(f"the log of {folder.name}")
    return said


def plain_payloads(folder: Path, seal: Seal | None) -> Iterator[bytes]:
    """Yield the lines of a log's payloads unsealed; raises StorageError."""
    for line in _lines(folder / PAYLOADS):
        yield payload_line(line["seq"], _opened(line, seal, folder), None) if "sealed" in line else _plain_line(line)


def sealed_payloads(folder: Path, seal: Seal) -> Iterator[bytes]:
    """Yield the lines of a log's payloads, sealed those that are not; raises StorageError."""
    for line in _lines(folder / PAYLOADS):
        if "sealed" in line:
            yield _plain_line(line)
        else:
            yield payload_line(line["seq"], {"salt": line["salt"], "payload": line["payload"]}, seal)


def _plain_line(line: dict[str, Any]) -> bytes:
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


def is_intact(entry: StoredEntry) -> bool:
    """Return whether the payload is the one the envelope was made for; True once erased, there being nothing left."""
    if entry.payload is None or entry.salt is None:
        return True
    return digest_of(entry.salt, entry.payload) == entry.envelope.digest


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StorageError(f"no session log in {path.parent.name}: {_plain(error)}") from error
    for raw in data.split(b"\n")[:-1]:  # what follows the last newline is torn or empty
        try:
            line = json.loads(raw)
        except ValueError:
            line = None
        if not isinstance(line, dict):
            raise damaged(f"the log of {path.parent.name}")
        yield line
