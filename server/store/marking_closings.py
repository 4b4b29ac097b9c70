"""Role-plays whose marking was closed with fewer marks than are wanted: one row each, which is never changed."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import ProtocolError
from server.store import audit
from server.store.tables import marking_closings


@dataclass(frozen=True, slots=True)
class MarkingClosing:
    """With how many marks somebody closed a role-play, and why."""

    session_id: str
    marks: int
    closed_by: str
    reason: str
    closed_ms: int


_COLUMNS = tuple(marking_closings.c[name] for name in MarkingClosing.__dataclass_fields__)


async def add(connection: AsyncConnection, closing: MarkingClosing) -> None:
    """Close a role-play, with a line in the audit; raises ProtocolError where it is closed already."""
    row = {name: getattr(closing, name) for name in MarkingClosing.__dataclass_fields__}
    try:
        async with connection.begin_nested():
            await connection.execute(insert(marking_closings).values(row))
    except IntegrityError:
        raise ProtocolError("it was closed already", code="marking.closed", http_status=409) from None
    await audit.append(
        connection, "marks.closed", by=closing.closed_by, session=closing.session_id, marks=closing.marks,
        reason=closing.reason,
    )  # fmt: skip


async def of_session(connection: AsyncConnection, session_id: str) -> MarkingClosing | None:
    """Return how a role-play was closed; None: it was not."""
    row = (await connection.execute(select(*_COLUMNS).where(marking_closings.c.session_id == session_id))).first()
    return MarkingClosing(*row) if row is not None else None


async def marks_by_session(connection: AsyncConnection) -> dict[str, int]:
    """Return with how many marks each closed role-play was closed."""
    wanted = select(marking_closings.c.session_id, marking_closings.c.marks)
    return {row[0]: row[1] for row in await connection.execute(wanted)}


async def erase(connection: AsyncConnection, session_id: str) -> None:
    """Forget that a session was closed."""
    await connection.execute(delete(marking_closings).where(marking_closings.c.session_id == session_id))
