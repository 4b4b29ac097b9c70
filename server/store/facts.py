"""Small facts about this deployment, by their names."""

from __future__ import annotations

from sqlalchemy import delete, insert, select
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
