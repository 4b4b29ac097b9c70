"""Small facts about this deployment, by their names."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store.tables import facts


async def get(connection: AsyncConnection, name: str) -> str | None:
    """Return a fact, or None."""
    found = await connection.execute(select(facts.c.value).where(facts.c.name == name))
    value: str | None = found.scalar_one_or_none()
    return value


async def put(connection: AsyncConnection, name: str, value: str) -> None:
    """Keep a fact in place of what it was."""
    await connection.execute(delete(facts).where(facts.c.name == name))
    await connection.execute(insert(facts).values(name=name, value=value))


async def put_first(connection: AsyncConnection, name: str, value: str) -> str:
    """Keep a fact unless there is one, or another server puts it now; return the one that is kept."""
    both = text("INSERT INTO facts (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING")
    await connection.execute(both, {"name": name, "value": value})
    return str((await connection.execute(select(facts.c.value).where(facts.c.name == name))).scalar_one())
