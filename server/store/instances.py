"""The directory of several servers that share a database: each tells that it lives, and reads of the others."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Float, cast, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store.tables import instances

READY = "ready"


@dataclass(frozen=True, slots=True)
class Instance:
    """What one server says of itself; `engines` is JSON, `silent_ms` how long ago it said so."""

    name: str
    address: str
    version: str
    state: str
    leads: bool
    places: int
    free: int
    engines: str
    silent_ms: float = 0.0


_FIELDS = ("name", "address", "version", "state", "leads", "places", "free", "engines")


def _now_ms() -> ColumnElement[Any]:
    return cast(func.extract("epoch", func.clock_timestamp()), Float) * 1000


async def beat(connection: AsyncConnection, instance: Instance) -> None:
    """Have the others know that a server lives, and how it is."""
    row = {name: value for name, value in asdict(instance).items() if name in _FIELDS} | {"beat_ms": _now_ms()}
    told = insert(instances).values(row)
    await connection.execute(told.on_conflict_do_update(index_elements=["name"], set_=row))


async def all_instances(connection: AsyncConnection) -> list[Instance]:
    """Return all servers that the directory knows, by their names."""
    silent = (_now_ms() - instances.c.beat_ms).label("silent_ms")
    rows = await connection.execute(select(*(instances.c[name] for name in _FIELDS), silent).order_by(instances.c.name))
    return [Instance(**row._asdict() | {"silent_ms": max(0.0, float(row.silent_ms))}) for row in rows]


async def forget(connection: AsyncConnection, name: str) -> None:
    """Take a server out of the directory: it has ended, or is dead and held nothing."""
    await connection.execute(delete(instances).where(instances.c.name == name))
