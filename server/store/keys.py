"""Keys of programs in the database: their digests, what each may do, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store.tables import keys


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret; `scopes` are names of actions, `*` is all that a developer may do."""

    id: str
    name: str
    scopes: frozenset[str]
    made_ms: int
    expires_ms: int | None
    revoked_ms: int | None


_COLUMNS = tuple(keys.c[name] for name in ("id", "name", "scopes", "made_ms", "expires_ms", "revoked_ms"))


async def add(connection: AsyncConnection, key: Key, digest: str) -> None:
    """Keep a key."""
    row = {column.name: getattr(key, column.name) for column in _COLUMNS}
    await connection.execute(insert(keys).values(row | {"scopes": " ".join(sorted(key.scopes)), "digest": digest}))


async def by_digest(connection: AsyncConnection, digest: str, *, at_ms: int) -> Key | None:
    """Return the key that a secret's digest belongs to, if it is good at this time."""
    return await _good(connection, keys.c.digest == digest, at_ms)


async def by_id(connection: AsyncConnection, key_id: str, *, at_ms: int) -> Key | None:
    """Return a key, if it is good at this time."""
    return await _good(connection, keys.c.id == key_id, at_ms)


async def _good(connection: AsyncConnection, which: ColumnElement[bool], at_ms: int) -> Key | None:
    row = (await connection.execute(select(*_COLUMNS).where(which, keys.c.revoked_ms.is_(None)))).first()
    key = _key(row) if row is not None else None
    return None if key is None or (key.expires_ms is not None and key.expires_ms <= at_ms) else key


async def all_keys(connection: AsyncConnection) -> list[Key]:
    """Return all keys, the oldest first."""
    return [_key(row) for row in await connection.execute(select(*_COLUMNS).order_by(keys.c.made_ms, keys.c.id))]


async def revoke(connection: AsyncConnection, key_id: str, *, at_ms: int) -> bool:
    """Revoke a key for good; return whether there was one to revoke."""
    wanted = update(keys).where(keys.c.id == key_id, keys.c.revoked_ms.is_(None)).values(revoked_ms=at_ms)
    return bool((await connection.execute(wanted)).rowcount)


async def renew(connection: AsyncConnection, key_id: str, digest: str) -> bool:
    """Give a key a new secret; the old one is good no more. Return whether there was one."""
    wanted = update(keys).where(keys.c.id == key_id, keys.c.revoked_ms.is_(None)).values(digest=digest)
    return bool((await connection.execute(wanted)).rowcount)


def _key(row: Sequence[Any]) -> Key:
    return Key(row[0], row[1], frozenset(str(row[2]).split()), row[3], row[4], row[5])
