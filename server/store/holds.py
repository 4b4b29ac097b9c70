"""Legal holds: role-plays, and everything of a person, that nobody may erase and no retention deletes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import and_, delete, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import ProtocolError
from server.store import audit
from server.store.tables import holds, sessions

About = Literal["session", "person"]


@dataclass(frozen=True, slots=True)
class LegalHold:
    """One hold: what it is about, why, who set it and when."""

    about: About
    id: str
    reason: str
    made_by: str
    made_ms: int

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


_COLUMNS = tuple(holds.c[name] for name in LegalHold.__dataclass_fields__)


async def hold(connection: AsyncConnection, one: LegalHold) -> None:
    """Set a hold, in place of an earlier one about the same; the audit has a line."""
    await connection.execute(delete(holds).where(holds.c.about == one.about, holds.c.id == one.id))
    await connection.execute(insert(holds).values(one.as_json()))
    await audit.append(connection, "hold.set", by=one.made_by, reason=one.reason, **{one.about: one.id})


async def release(connection: AsyncConnection, about: About, held_id: str, *, reason: str, by: str) -> None:
    """Take a hold away; the audit has a line. Raises ProtocolError where there is none."""
    gone = await connection.execute(delete(holds).where(holds.c.about == about, holds.c.id == held_id))
    if not gone.rowcount:
        raise ProtocolError(
            "there is no such hold; see `interlocutor sessions holds`", code="hold.none", http_status=404
        )
    await audit.append(connection, "hold.released", by=by, reason=reason, **{about: held_id})


async def all_holds(connection: AsyncConnection) -> list[LegalHold]:
    """Return all holds, the oldest first."""
    return [
        LegalHold(*row) for row in await connection.execute(select(*_COLUMNS).order_by(holds.c.made_ms, holds.c.id))
    ]


async def of_person(connection: AsyncConnection, person_id: str) -> LegalHold | None:
    """Return the hold of a person, or None."""
    wanted = select(*_COLUMNS).where(holds.c.about == "person", holds.c.id == person_id)
    row = (await connection.execute(wanted)).first()
    return LegalHold(*row) if row is not None else None


async def check_free(connection: AsyncConnection, session_id: str) -> None:
    """Raise ProtocolError while a role-play, or all of its person, is held."""
    whose = select(sessions.c.person_id).where(sessions.c.id == session_id).scalar_subquery()
    about = or_(
        and_(holds.c.about == "session", holds.c.id == session_id), and_(holds.c.about == "person", holds.c.id == whose)
    )
    if (await connection.execute(select(holds.c.id).where(about).limit(1))).first() is not None:
        raise ProtocolError(
            "this record is held for a legal reason, so nobody can delete it now; ask whoever runs this server",
            code="session.held",
            http_status=409,
        )
