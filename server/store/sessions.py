"""The index of sessions: which role-plays there were, whose they are, and the heads of their logs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, delete, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store.tables import consents, exam_examiners, exam_sessions, sessions

# Databases take some thousand values in one question.
MOST_ASKED = 5_000

SessionState = Literal["running", "ended", "erasing", "erased"]


OF_WORDS = ("card_id", "card_title", "turns", "cues", "cues_told")
"""What the index has of what was said: with whom, about what, how much, and what it found out."""


@dataclass(frozen=True, slots=True)
class IndexedSession:
    """One role-play as the index knows it; `head` is the SHA-256 of all `events` lines of its log.

    Of a practice `cues_told` of the card's `cues` were told; of an exam nobody but its examiners may know.
    """

    id: str
    card_id: str
    card_title: str
    mode: str
    person_id: str | None
    state: SessionState
    began_ms: int
    ended_ms: int | None = None
    erased_ms: int | None = None
    turns: int | None = None
    events: int | None = None
    head: str | None = None
    cues: int | None = None
    cues_told: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {column.name: getattr(self, column.name) for column in _COLUMNS}

    @property
    def erased(self) -> bool:
        """Whether what was said is gone, or is to be."""
        return self.state in ("erasing", "erased")

    def as_shown(self) -> dict[str, Any]:
        """Return what may be shown of it: of an erased one when it was, for whom, and how long its log was."""
        return {name: value for name, value in self.as_json().items() if not self.erased or name not in OF_WORDS}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sessions are asked for; what is None does not matter. `modes` empty: none at all."""

    person_id: str | None = None
    modes: Sequence[str] | None = None
    mode: str | None = None
    state: str | None = None
    card_id: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    # The place of the last one of the page before: the newest come first.
    after: tuple[int, str] | None = None
    limit: int = 50
    # Of exams only those that this person examines.
    examiner_id: str | None = None
    # Besides those of `modes`, sessions of this person, of whatever mode.
    or_person_id: str | None = None


_COLUMNS = tuple(sessions.c[name] for name in IndexedSession.__dataclass_fields__)


async def begin(connection: AsyncConnection, session: IndexedSession) -> bool:
    """Add a session; return whether it was new. What is known of a known one stays."""
    new = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = new(sessions).values(session.as_json()).on_conflict_do_nothing(index_elements=[sessions.c.id])
    return bool((await connection.execute(row)).rowcount)


async def end(
    connection: AsyncConnection,
    session_id: str,
    *,
    ended_ms: int,
    turns: int,
    events: int,
    head: str | None,
    cues: int | None = None,
    cues_told: int | None = None,
) -> None:
    """Note a session's end, the head of its log, and what was found out, where that is known."""
    values = {"state": "ended", "ended_ms": ended_ms, "turns": turns, "events": events, "head": head}
    values |= {"cues": cues, "cues_told": cues_told}
    still = and_(sessions.c.id == session_id, sessions.c.state == "running")
    await connection.execute(update(sessions).where(still).values(values))


async def set_state(connection: AsyncConnection, session_id: str, state: SessionState, **values: Any) -> bool:
    """Set a session's state; return whether it is known and had another."""
    wanted = update(sessions).where(sessions.c.id == session_id, sessions.c.state != state)
    return bool((await connection.execute(wanted.values(state=state, **values))).rowcount)


async def consent(
    connection: AsyncConnection, session_id: str, *, person_id: str | None, version: str, text_digest: str, at_ms: int
) -> None:
    """Keep what was agreed to for a session; the words themselves are in its log."""
    await connection.execute(delete(consents).where(consents.c.session_id == session_id))
    row = {"session_id": session_id, "person_id": person_id, "version": version}
    await connection.execute(insert(consents).values(row | {"text_digest": text_digest, "given_ms": at_ms}))


async def by_id(connection: AsyncConnection, session_id: str) -> IndexedSession | None:
    """Return a session, or None."""
    row = (await connection.execute(select(*_COLUMNS).where(sessions.c.id == session_id))).first()
    return IndexedSession(*row) if row is not None else None


async def by_ids(connection: AsyncConnection, session_ids: Collection[str]) -> dict[str, IndexedSession]:
    """Return those of these sessions that are known."""
    ids = list(session_ids)
    found: dict[str, IndexedSession] = {}
    for first in range(0, len(ids), MOST_ASKED):
        some = sessions.c.id.in_(ids[first : first + MOST_ASKED])
        found |= {row[0]: IndexedSession(*row) for row in await connection.execute(select(*_COLUMNS).where(some))}
    return found


def _examined_by(person_id: str) -> Select[tuple[str]]:
    """Return the ids of the sessions of exams that somebody examines."""
    assigned = exam_examiners.c.exam_id == exam_sessions.c.exam_id
    return (
        select(exam_sessions.c.session_id).join(exam_examiners, assigned).where(exam_examiners.c.person_id == person_id)
    )


async def find(connection: AsyncConnection, wanted: Wanted) -> list[IndexedSession]:
    """Return the sessions that are asked for, the newest first, at most `limit`."""
    query = select(*_COLUMNS)
    if wanted.person_id is not None:
        query = query.where(sessions.c.person_id == wanted.person_id)
    if wanted.modes is not None:
        mine: ColumnElement[bool] = sessions.c.mode.in_(list(wanted.modes))
        if wanted.examiner_id is not None:
            mine = and_(mine, sessions.c.id.in_(_examined_by(wanted.examiner_id)))
        query = query.where(or_(mine, sessions.c.person_id == wanted.or_person_id) if wanted.or_person_id else mine)
    exact = ((sessions.c.mode, wanted.mode), (sessions.c.state, wanted.state), (sessions.c.card_id, wanted.card_id))
    for column, value in exact:
        if value is not None:
            query = query.where(column == value)
    if wanted.since_ms is not None:
        query = query.where(sessions.c.began_ms >= wanted.since_ms)
    if wanted.until_ms is not None:
        query = query.where(sessions.c.began_ms < wanted.until_ms)
    if wanted.after is not None:
        began_ms, last_id = wanted.after
        before = and_(sessions.c.began_ms == began_ms, sessions.c.id < last_id)
        query = query.where(or_(sessions.c.began_ms < began_ms, before))
    query = query.order_by(sessions.c.began_ms.desc(), sessions.c.id.desc()).limit(wanted.limit)
    return [IndexedSession(*row) for row in await connection.execute(query)]
