"""What examiners write down beside a role-play: rows that are added and never changed.

A note that no longer counts is withdrawn by another row that names it. They go when the role-play is erased.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import and_, delete, func, insert, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store.tables import notes

NoteKind = Literal["note", "bookmark", "incident", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Note:
    """One row; `at_ms` is the media time that it is about, `withdraws` the note that no longer counts."""

    session_id: str
    id: str
    author_id: str
    author: str
    kind: NoteKind
    at_ms: int
    text: str
    made_ms: int
    withdraws: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


_COLUMNS = tuple(notes.c[name] for name in Note.__dataclass_fields__)


async def add(connection: AsyncConnection, note: Note) -> bool:
    """Add a note; return whether it was new: one that is sent twice is kept once."""
    known = select(notes.c.id).where(notes.c.session_id == note.session_id, notes.c.id == note.id)
    if (await connection.execute(known)).first() is not None:
        return False
    try:
        async with connection.begin_nested():
            await connection.execute(insert(notes).values(note.as_json()))
    except IntegrityError:
        return False
    return True


async def find(
    connection: AsyncConnection, session_id: str, *, author_id: str, after: tuple[int, str] | None, limit: int
) -> list[Note]:
    """Return what somebody wrote, and everybody's incidents, the oldest first."""
    theirs = or_(notes.c.author_id == author_id, notes.c.kind == "incident", _withdraws_incident())
    wanted = select(*_COLUMNS).where(notes.c.session_id == session_id, theirs)
    if after is not None:
        made_ms, last = after
        later = and_(notes.c.made_ms == made_ms, notes.c.id > last)
        wanted = wanted.where(or_(notes.c.made_ms > made_ms, later))
    wanted = wanted.order_by(notes.c.made_ms, notes.c.id).limit(limit)
    return [Note(*row) for row in await connection.execute(wanted)]


async def by_id(connection: AsyncConnection, session_id: str, note_id: str) -> Note | None:
    """Return a note, or None."""
    wanted = select(*_COLUMNS).where(notes.c.session_id == session_id, notes.c.id == note_id)
    row = (await connection.execute(wanted)).first()
    return Note(*row) if row is not None else None


async def count(connection: AsyncConnection, session_id: str) -> int:
    """Return how many rows a session has."""
    wanted = select(func.count()).select_from(notes).where(notes.c.session_id == session_id)
    return int((await connection.execute(wanted)).scalar_one())


async def erase(connection: AsyncConnection, session_id: str) -> None:
    """Erase all that was written about a session."""
    await connection.execute(delete(notes).where(notes.c.session_id == session_id))


def _withdraws_incident() -> Any:
    other = notes.alias()
    return (
        select(other.c.id)
        .where(other.c.session_id == notes.c.session_id, other.c.id == notes.c.withdraws, other.c.kind == "incident")
        .exists()
    )
