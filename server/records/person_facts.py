"""All that the database knows of one person, as plain data; of others it tells nothing but that somebody acted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store import audit
from server.store.people import Person
from server.store.sessions import IndexedSession, Wanted, find
from server.store.store import Store
from server.store.tables import audit as audit_table
from server.store.tables import audit_contents, consents, exams, identities, logins, markings, notes

MOST_SESSIONS = 100_000
OTHERS = "somebody else, who may"
TOLD = frozenset(
    (
        "person", "by", "session", "exam", "network", "role", "state", "mode", "opens_ms", "closes_ms",
        "key", "scopes", "events", "head", "payloads", "recording",
    )
)  # fmt: skip
"""What somebody may see of a line: nothing of an exam's cards and examiners, and no words of others."""


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """What is known of somebody; `lines` are those of the audit that are about them or their role-plays."""

    person: Person
    sessions: list[IndexedSession]
    consents: dict[str, dict[str, Any]]
    logins: list[dict[str, Any]]
    identities: list[dict[str, Any]]
    exams: list[dict[str, Any]]
    notes_written: list[dict[str, Any]]
    notes_about: list[dict[str, Any]]
    marks: list[dict[str, Any]]
    lines: list[dict[str, Any]]


async def facts_of(store: Store, person: Person, *, with_notes: bool) -> PersonFacts:
    """Return what is known of somebody; what examiners noted about them, and all of the lines, only if asked for.

    Raises DatabaseError.
    """
    async with store.database.reading() as connection:
        theirs = await find(connection, Wanted(person_id=person.id, limit=MOST_SESSIONS))
        ids = [one.id for one in theirs]
        given = await _rows(connection, consents, consents.c.person_id == person.id)
        about = await _rows(connection, notes, notes.c.session_id.in_(ids)) if with_notes else []
        marks = await _rows(connection, markings, markings.c.session_id.in_(ids)) if with_notes else []
        return PersonFacts(
            person,
            theirs,
            {str(row["session_id"]): row for row in given},
            [_but(row, "digest") for row in await _rows(connection, logins, logins.c.person_id == person.id)],
            await _rows(connection, identities, identities.c.person_id == person.id),
            [_but(row, "voided_by") for row in await _rows(connection, exams, exams.c.candidate_id == person.id)],
            await _rows(connection, notes, notes.c.author_id == person.id),
            [_but(row, "author", "author_id") for row in about],
            [_but(row, "examiner", "examiner_id") for row in marks],
            await _lines(connection, person.id, set(ids), whole=with_notes),
        )


async def _rows(connection: AsyncConnection, table: Any, which: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in (await connection.execute(select(table).where(which))).mappings()]


def _but(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


async def _lines(
    connection: AsyncConnection, person_id: str, session_ids: set[str], *, whole: bool
) -> list[dict[str, Any]]:
    names = or_(
        *(audit_contents.c.content.contains(f'"{key}":"{person_id}"', autoescape=True) for key in ("person", "by"))
    )
    about = audit_contents.c.content.like('%"session":"%')
    wanted = (
        select(audit_table.c.at_ms, audit_table.c.action, audit_contents.c.content)
        .join(audit_contents, audit_contents.c.seq == audit_table.c.seq)
        .where(or_(names, about))
        .order_by(audit_table.c.seq)
    )
    found = []
    async with connection.stream(wanted) as rows:
        async for at_ms, action, content in rows:
            told = audit.plain(content) or {}
            by = told.get("by")
            if person_id not in (by, told.get("person")) and told.get("session") not in session_ids:
                continue
            if by is not None and by != person_id and str(by).startswith("per_"):
                told["by"] = OTHERS
            if not whole:
                told = {name: value for name, value in told.items() if name in TOLD}
            found.append({"at_ms": int(at_ms), "action": action, **told})
    return found
