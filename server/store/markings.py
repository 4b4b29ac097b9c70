"""Sheets of marks in the database: each save is a row, and no row is ever changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import ProtocolError
from server.store import audit
from server.store.tables import markings

SheetState = Literal["draft", "signed"]


@dataclass(frozen=True, slots=True)
class Marking:
    """One row: `number` counts an examiner's rows on a session from 1, `sheet` is JSON."""

    session_id: str
    examiner_id: str
    number: int
    examiner: str
    state: SheetState
    sheet: str
    made_ms: int


_COLUMNS = tuple(markings.c[name] for name in Marking.__dataclass_fields__)


async def add(connection: AsyncConnection, marking: Marking) -> None:
    """Add a row, with a line in the audit where it is signed; raises ProtocolError unless its number is the next."""
    mine = (markings.c.session_id == marking.session_id, markings.c.examiner_id == marking.examiner_id)
    last = (await connection.execute(select(func.max(markings.c.number)).where(*mine))).scalar_one()
    if marking.number != (last or 0) + 1:
        raise _stale()
    row = {name: getattr(marking, name) for name in Marking.__dataclass_fields__}
    try:
        async with connection.begin_nested():
            await connection.execute(insert(markings).values(row))
    except IntegrityError:
        raise _stale() from None
    if marking.state == "signed":
        await audit.append(
            connection, "marks.signed", by=marking.examiner_id, session=marking.session_id, number=marking.number
        )


async def of_session(connection: AsyncConnection, session_id: str) -> list[Marking]:
    """Return all rows of a session, the oldest first."""
    wanted = select(*_COLUMNS).where(markings.c.session_id == session_id)
    wanted = wanted.order_by(markings.c.made_ms, markings.c.examiner_id, markings.c.number)
    return [Marking(*row) for row in await connection.execute(wanted)]


async def signed_everywhere(connection: AsyncConnection) -> list[Marking]:
    """Return all signed rows of all sessions, by session, the oldest first."""
    wanted = select(*_COLUMNS).where(markings.c.state == "signed")
    wanted = wanted.order_by(markings.c.session_id, markings.c.made_ms, markings.c.examiner_id, markings.c.number)
    return [Marking(*row) for row in await connection.execute(wanted)]


async def erase(connection: AsyncConnection, session_id: str) -> None:
    """Erase all marks of a session."""
    await connection.execute(delete(markings).where(markings.c.session_id == session_id))


def _stale() -> ProtocolError:
    return ProtocolError(
        "these marks were saved in another window; load the page again", code="marking.stale", http_status=409
    )
