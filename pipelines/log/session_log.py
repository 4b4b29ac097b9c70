"""The session log: append-only envelopes behind one interface (`append`, `read_from`, `snapshot`).

The envelope says when, what and for whom; the payload is kept apart from it, so that payloads can be encrypted or
erased while envelopes and their digests remain. One place, `LogReader`, enforces the audience.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pipelines.events import Audience, Event

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Envelope:
    """One line of the log; times in milliseconds, `wall` (ISO 8601, UTC) is for people only."""

    v: int
    seq: int
    media_ms: float
    session_ms: float
    wall: str
    type: str
    audience: Audience
    digest: str  # SHA-256 of salt and canonical payload


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An envelope with its event."""

    envelope: Envelope
    event: Event


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where the log stands, for a late joiner: read on from `next_seq`."""

    next_seq: int
    turns: int
    records: tuple[LogEntry, ...]


class LogStore(Protocol):
    """Where envelopes and payloads are kept."""

    def write(self, envelope: Envelope, salt: str, payload: dict[str, Any]) -> None:
        """Take one entry; returns at once."""

    def sync(self) -> None:
        """See that no entry so far can be lost with this process, and ask for all to be on disk; returns at once."""

    def close(self) -> None:
        """Write what is left and release the files; returns when done."""


Listener = Callable[[LogEntry], None]


def canonical(payload: dict[str, Any]) -> str:
    """Return the payload as JSON with sorted keys and no spaces: the text that is digested."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest_of(salt: str, payload: dict[str, Any]) -> str:
    """Return the SHA-256 of salt and payload, hex; the salt keeps short texts from being guessed once erased."""
    return hashlib.sha256((salt + canonical(payload)).encode()).hexdigest()


class SessionLog:
    """The log of one session, in memory for its readers and written through to a store."""

    def __init__(
        self,
        *,
        now_ms: Callable[[], float],
        media_ms: Callable[[], float],
        salt: Callable[[], str],
        store: LogStore | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._now_ms = now_ms
        self._media_ms = media_ms
        self._salt = salt
        self._store = store
        self._wall = wall
        self._zero_ms: float | None = None
        self._next_seq = 0
        self._records: list[LogEntry] = []
        self._readers: list[LogReader] = []

    def go_on(self, records: Sequence[LogEntry], next_seq: int) -> None:
        """Go on with a stored log, of which these records can be read; to be called before the first event."""
        self._records += records
        self._next_seq = next_seq
        if records:
            self._zero_ms = self._now_ms() - records[-1].envelope.session_ms

    @property
    def next_seq(self) -> int:
        """The number of the next event."""
        return self._next_seq

    def append(self, event: Event) -> LogEntry:
        """Add an event and tell every reader that may see it; returns the record."""
        now_ms = self._now_ms()
        if self._zero_ms is None:
            self._zero_ms = now_ms
        salt = self._salt()
        payload = event.payload()
        envelope = Envelope(
            v=SCHEMA_VERSION,
            seq=self._next_seq,
            media_ms=round(self._media_ms(), 3),
            session_ms=round(now_ms - self._zero_ms, 3),
            wall=_iso(self._wall()),
            type=event.type_name(),
            audience=event.audience,
            digest=digest_of(salt, payload),
        )
        record = LogEntry(envelope, event)
        self._records.append(record)
        self._next_seq += 1
        if self._store is not None:
            self._store.write(envelope, salt, payload)
        for reader in tuple(self._readers):
            reader.offer(record)
        return record

    def read_from(self, seq: int, audience: Audience) -> Iterator[LogEntry]:
        """Yield the records from `seq` on that `audience` may see."""
        # A log that was continued may have numbers that can't be read any more.
        records = self._records[seq:] if len(self._records) == self._next_seq else self._records
        return (r for r in records if r.envelope.seq >= seq and r.envelope.audience <= audience)

    def snapshot(self, audience: Audience) -> Snapshot:
        """Return where the log stands now, as `audience` may see it."""
        records = tuple(self.read_from(0, audience))
        turns = sum(r.envelope.type == "turn_committed" for r in records)
        return Snapshot(next_seq=self._next_seq, turns=turns, records=records)

    def subscribe(self, audience: Audience, listener: Listener) -> LogReader:
        """Call `listener` with each later record that `audience` may see, until the reader is closed."""
        reader = LogReader(self, audience, listener)
        self._readers.append(reader)
        return reader

    def unsubscribe(self, reader: LogReader) -> None:
        """Stop telling a reader."""
        if reader in self._readers:
            self._readers.remove(reader)

    def sync(self) -> None:
        """Ask the store to put everything so far on disk."""
        if self._store is not None:
            self._store.sync()

    def close(self) -> None:
        """Close the store; the log can still be read from memory."""
        if self._store is not None:
            self._store.close()


class LogReader:
    """A subscription; the only way out of the log, so the audience is enforced in one place."""

    def __init__(self, log: SessionLog, audience: Audience, listener: Listener) -> None:
        self._log = log
        self._audience = audience
        self._listener = listener

    def offer(self, record: LogEntry) -> None:
        """Pass a record on if this reader's audience may see it."""
        if record.envelope.audience <= self._audience:
            self._listener(record)

    def close(self) -> None:
        """End the subscription."""
        self._log.unsubscribe(self)


def _iso(wall_s: float) -> str:
    whole = int(wall_s)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{int((wall_s - whole) * 1000):03d}Z"
