"""The audit: who did what, as a chain of digests that only grows.

Each line's digest covers the one before, so that a line that is changed, moved or cut out breaks the chain; the last
lines are proved by the anchors that were written elsewhere. What is personal lies apart under a salted digest, so that
it can be erased and the chain still holds.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import insert, select, text
from sqlalchemy.engine import Transaction
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store.tables import audit, audit_contents
from server.store.tokens import now_ms

FIRST = "0" * 64
"""What stands before the first line."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain stands: its last line's number and digest."""

    seq: int
    digest: str


@dataclass(frozen=True, slots=True)
class AuditLine:
    """A line as it is kept; `content` is None once erased."""

    seq: int
    at_ms: int
    action: str
    content_digest: str
    previous: str
    digest: str
    salt: str | None
    content: dict[str, Any] | None

    def faults(self, before: Head) -> list[str]:
        """Return what is wrong with this line after `before`, one sentence each."""
        found = []
        if self.seq != before.seq + 1:
            found.append(f"line {before.seq + 1} is missing: line {self.seq} follows {before.seq}")
        if self.previous != before.digest:
            found.append(f"line {self.seq} does not follow the line before it: one of them was changed or moved")
        if self.digest != _digest(self.seq, self.at_ms, self.action, self.content_digest, self.previous):
            found.append(f"line {self.seq} was changed")
        if self.content is not None and self.content_digest != _content_digest(self.salt or "", self.content):
            found.append(f"the content of line {self.seq} was changed")
        return found

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "seq": self.seq,
            "at_ms": self.at_ms,
            "action": self.action,
            "content": self.content,
            "salt": self.salt,
            "content_digest": self.content_digest,
            "previous": self.previous,
            "digest": self.digest,
        }


@dataclass(slots=True)
class _Gathered:
    """Lines of a transaction that are not written yet, and where the chain stands with them."""

    head: Head | None = None
    lines: list[dict[str, Any]] = field(default_factory=list)
    contents: list[dict[str, Any]] = field(default_factory=list)


# One that ends without `write_gathered` takes its lines with it.
_gathered: WeakKeyDictionary[Transaction, _Gathered] = WeakKeyDictionary()


def _transaction(connection: AsyncConnection) -> Transaction | None:
    return connection.sync_connection.get_transaction() if connection.sync_connection is not None else None


def _of(connection: AsyncConnection) -> _Gathered | None:
    transaction = _transaction(connection)
    return _gathered.get(transaction) if transaction is not None else None


def gather(connection: AsyncConnection) -> None:
    """From now on keep the lines of this transaction until `write_gathered`: many cost little more than one then."""
    transaction = _transaction(connection)
    if transaction is not None:
        _gathered[transaction] = _Gathered()


async def write_gathered(connection: AsyncConnection) -> None:
    """Write the lines that this transaction has gathered."""
    gathered = _of(connection)
    if gathered is not None and gathered.lines:
        lines, gathered.lines = gathered.lines, []
        contents, gathered.contents = gathered.contents, []
        await connection.execute(insert(audit), lines)
        await connection.execute(insert(audit_contents), contents)


async def append(connection: AsyncConnection, action: str, **content: Any) -> Head:
    """Add a line in the transaction of what it tells of; values are plain data, None is left out."""
    gathered = _of(connection)
    last = gathered.head if gathered is not None else None
    if last is None:
        if connection.dialect.name == "postgresql":
            # Readers go on; of two writers the second waits, so that numbers follow each other without a gap.
            await connection.execute(text("LOCK TABLE audit IN SHARE ROW EXCLUSIVE MODE"))
        last = await head(connection)
    told = {name: value for name, value in content.items() if value is not None}
    seq, at_ms, salt = last.seq + 1, now_ms(), secrets.token_hex(16)
    content_digest = _content_digest(salt, told)
    digest = _digest(seq, at_ms, action, content_digest, last.digest)
    line = {"seq": seq, "at_ms": at_ms, "action": action, "content_digest": content_digest}
    line |= {"previous": last.digest, "digest": digest}
    contents = {"seq": seq, "salt": salt, "content": _canonical(told)}
    if gathered is not None:
        gathered.head = Head(seq, digest)
        gathered.lines.append(line)
        gathered.contents.append(contents)
    else:
        await connection.execute(insert(audit).values(line))
        await connection.execute(insert(audit_contents).values(contents))
    return Head(seq, digest)


async def head(connection: AsyncConnection) -> Head:
    """Return where the chain stands."""
    await write_gathered(connection)
    row = (await connection.execute(select(audit.c.seq, audit.c.digest).order_by(audit.c.seq.desc()).limit(1))).first()
    return Head(int(row[0]), str(row[1])) if row is not None else Head(0, FIRST)


async def lines(connection: AsyncConnection, *, since_ms: int = 0) -> AsyncIterator[AuditLine]:
    """Yield the lines in order, those of `since_ms` and later."""
    await write_gathered(connection)
    wanted = (
        select(*audit.c, audit_contents.c.salt, audit_contents.c.content)
        .outerjoin(audit_contents, audit_contents.c.seq == audit.c.seq)
        .where(audit.c.at_ms >= since_ms)
        .order_by(audit.c.seq)
    )
    async with connection.stream(wanted) as rows:
        async for row in rows:
            seq, at_ms, action, content_digest, previous, digest, salt, content = tuple(row)
            told = plain(content)
            yield AuditLine(int(seq), int(at_ms), action, content_digest, previous, digest, salt, told)


def plain(content: str | None) -> dict[str, Any] | None:
    """Return the content of a line as plain data, None once erased."""
    if content is None:
        return None
    try:
        told = json.loads(content)
    except ValueError:
        told = None
    # What can't be read was changed, and so was what is written otherwise than we write; its digest will say so.
    return told if isinstance(told, dict) and _canonical(told) == content else {"unreadable": content}


def _canonical(content: dict[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _content_digest(salt: str, content: dict[str, Any]) -> str:
    return hashlib.sha256((salt + _canonical(content)).encode()).hexdigest()


def _digest(seq: int, at_ms: int, action: str, content_digest: str, previous: str) -> str:
    return hashlib.sha256(json.dumps([seq, at_ms, action, content_digest, previous]).encode()).hexdigest()
