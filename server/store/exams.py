"""Exams in the database: when, for whom, with which cards and examiners, which sessions came of it, what went wrong."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store.tables import exam_examiners, exam_incidents, exam_parts, exam_sessions, exams

ExamState = Literal["scheduled", "begun", "closed", "void"]


@dataclass(frozen=True, slots=True)
class ExamPart:
    """One role-play of an exam, with the card that the schedule chose."""

    number: int
    card_id: str
    card_title: str


@dataclass(frozen=True, slots=True)
class ExamSession:
    """A session of an exam; part 0 is the warm-up. A void one stays, with who voided it and why."""

    session_id: str
    part: int
    made_ms: int
    voided_ms: int | None = None
    voided_by: str | None = None
    void_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that went wrong in an exam: who noticed it, what it was, and why."""

    id: str
    session_id: str | None
    at_ms: int
    by: str
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Exam:
    """One candidate's exam; times are milliseconds since 1970."""

    id: str
    title: str
    candidate_id: str | None
    opens_ms: int
    closes_ms: int
    state: ExamState
    made_ms: int
    begun_ms: int | None = None
    closed_ms: int | None = None
    voided_ms: int | None = None
    voided_by: str | None = None
    void_reason: str | None = None
    parts: tuple[ExamPart, ...] = ()
    examiners: frozenset[str] = frozenset()
    sessions: tuple[ExamSession, ...] = ()
    incidents: tuple[Incident, ...] = ()

    def is_void(self, session_id: str) -> bool:
        """Return whether a session counts no more: it, or the whole exam, was declared void."""
        return self.void_reason_of(session_id) is not None

    def void_reason_of(self, session_id: str) -> str | None:
        """Return why a session, or the whole exam, was declared void; None: it was not."""
        for one in self.sessions:
            if one.session_id == session_id and one.voided_ms is not None:
                return one.void_reason or ""
        return (self.void_reason or "") if self.state == "void" else None

    def session_of(self, part: int) -> ExamSession | None:
        """Return the session of a part that counts, None where there is none."""
        return next((one for one in self.sessions if one.part == part and one.voided_ms is None), None)


_COLUMNS = tuple(column for column in exams.c if column.name in Exam.__dataclass_fields__)
_OF_SESSIONS = tuple(exam_sessions.c[name] for name in ExamSession.__dataclass_fields__)
_OF_INCIDENTS = tuple(exam_incidents.c[name] for name in Incident.__dataclass_fields__)


async def add(connection: AsyncConnection, exam: Exam) -> None:
    """Add an exam with its parts and examiners."""
    await connection.execute(insert(exams).values({column.name: getattr(exam, column.name) for column in _COLUMNS}))
    for part in exam.parts:
        row = {"exam_id": exam.id, "number": part.number, "card_id": part.card_id, "card_title": part.card_title}
        await connection.execute(insert(exam_parts).values(row))
    await assign(connection, exam.id, exam.examiners)


async def assign(connection: AsyncConnection, exam_id: str, examiners: Collection[str]) -> None:
    """Have these people be the examiners of an exam, and nobody else."""
    await connection.execute(delete(exam_examiners).where(exam_examiners.c.exam_id == exam_id))
    for person_id in sorted(examiners):
        await connection.execute(insert(exam_examiners).values(exam_id=exam_id, person_id=person_id))


async def by_id(connection: AsyncConnection, exam_id: str) -> Exam | None:
    """Return an exam with all that belongs to it, or None."""
    found = await _whole(connection, await _rows(connection, select(*_COLUMNS).where(exams.c.id == exam_id)))
    return found[0] if found else None


async def of_session(connection: AsyncConnection, session_id: str) -> Exam | None:
    """Return the exam that a session belongs to, or None."""
    of = select(exam_sessions.c.exam_id).where(exam_sessions.c.session_id == session_id)
    found = await _whole(connection, await _rows(connection, select(*_COLUMNS).where(exams.c.id.in_(of))))
    return found[0] if found else None


async def examiners_of_session(connection: AsyncConnection, session_id: str) -> frozenset[str]:
    """Return who examines a session; nobody where it belongs to no exam."""
    wanted = (
        select(exam_examiners.c.person_id)
        .join(exam_sessions, exam_sessions.c.exam_id == exam_examiners.c.exam_id)
        .where(exam_sessions.c.session_id == session_id)
    )
    return frozenset(row[0] for row in await connection.execute(wanted))


async def find(
    connection: AsyncConnection,
    *,
    candidate_id: str | None = None,
    examiner_id: str | None = None,
    state: str | None = None,
    limit: int = 200,
) -> list[Exam]:
    """Return exams, the latest first: all, or those of a candidate or an examiner (of either, where both are given)."""
    query = select(*_COLUMNS)
    theirs = []
    if candidate_id is not None:
        theirs.append(exams.c.candidate_id == candidate_id)
    if examiner_id is not None:
        assigned = select(exam_examiners.c.exam_id).where(exam_examiners.c.person_id == examiner_id)
        theirs.append(exams.c.id.in_(assigned))
    if theirs:
        query = query.where(or_(*theirs))
    if state is not None:
        query = query.where(exams.c.state == state)
    query = query.order_by(exams.c.opens_ms.desc(), exams.c.id.desc()).limit(limit)
    return await _whole(connection, await _rows(connection, query))


async def begin(connection: AsyncConnection, exam_id: str, *, at_ms: int) -> bool:
    """Note that an exam has begun; return whether it had not: of two who begin it at once, one does."""
    wanted = update(exams).where(exams.c.id == exam_id, exams.c.state == "scheduled")
    return bool((await connection.execute(wanted.values(state="begun", begun_ms=at_ms))).rowcount)


async def close(connection: AsyncConnection, exam_id: str, *, at_ms: int) -> None:
    """Note that an exam is over; a void one stays void."""
    wanted = update(exams).where(exams.c.id == exam_id, exams.c.state == "begun")
    await connection.execute(wanted.values(state="closed", closed_ms=at_ms))


async def void(connection: AsyncConnection, exam_id: str, *, by: str, reason: str, at_ms: int) -> bool:
    """Void an exam; return whether it was not void."""
    wanted = update(exams).where(exams.c.id == exam_id, exams.c.state != "void")
    values = {"state": "void", "voided_ms": at_ms, "voided_by": by, "void_reason": reason}
    return bool((await connection.execute(wanted.values(values))).rowcount)


async def add_session(connection: AsyncConnection, exam_id: str, session: ExamSession) -> None:
    """Note that a session was opened for a part of an exam."""
    row = {column.name: getattr(session, column.name) for column in _OF_SESSIONS}
    await connection.execute(insert(exam_sessions).values(row | {"exam_id": exam_id}))


async def void_session(connection: AsyncConnection, session_id: str, *, by: str, reason: str, at_ms: int) -> bool:
    """Void a session of an exam; return whether there was one that was not void."""
    wanted = update(exam_sessions).where(exam_sessions.c.session_id == session_id, exam_sessions.c.voided_ms.is_(None))
    return bool((await connection.execute(wanted.values(voided_ms=at_ms, voided_by=by, void_reason=reason))).rowcount)


async def void_among(connection: AsyncConnection, session_ids: Collection[str]) -> frozenset[str]:
    """Return those of these sessions (some thousand at most) that were declared void, or whose exam was."""
    of = exam_sessions.c
    wanted = select(of.session_id).join(exams, exams.c.id == of.exam_id)
    wanted = wanted.where(of.session_id.in_(list(session_ids)), or_(of.voided_ms.is_not(None), exams.c.state == "void"))
    return frozenset(row[0] for row in await connection.execute(wanted))


async def add_incident(connection: AsyncConnection, exam_id: str, incident: Incident) -> None:
    """Write an incident down."""
    row = {column.name: getattr(incident, column.name) for column in _OF_INCIDENTS}
    await connection.execute(insert(exam_incidents).values(row | {"exam_id": exam_id}))


async def _rows(connection: AsyncConnection, query: Any) -> Sequence[Any]:
    return list(await connection.execute(query))


async def _whole(connection: AsyncConnection, rows: Sequence[Any]) -> list[Exam]:
    """Return exams with what belongs to them, in the order of their rows."""
    ids = [row[0] for row in rows]
    if not ids:
        return []
    of = exam_parts.c
    parts = await _gathered(
        connection,
        select(of.exam_id, of.number, of.card_id, of.card_title).where(of.exam_id.in_(ids)).order_by(of.number),
    )
    who = exam_examiners.c
    examiners = await _gathered(connection, select(who.exam_id, who.person_id).where(who.exam_id.in_(ids)))
    held = await _gathered(
        connection,
        select(exam_sessions.c.exam_id, *_OF_SESSIONS)
        .where(exam_sessions.c.exam_id.in_(ids))
        .order_by(exam_sessions.c.made_ms),
    )
    wrong = await _gathered(
        connection,
        select(exam_incidents.c.exam_id, *_OF_INCIDENTS)
        .where(exam_incidents.c.exam_id.in_(ids))
        .order_by(exam_incidents.c.at_ms),
    )
    return [
        replace(
            Exam(*row),
            parts=tuple(ExamPart(*one) for one in parts.get(row[0], ())),
            examiners=frozenset(one[0] for one in examiners.get(row[0], ())),
            sessions=tuple(ExamSession(*one) for one in held.get(row[0], ())),
            incidents=tuple(Incident(*one) for one in wrong.get(row[0], ())),
        )
        for row in rows
    ]


async def _gathered(connection: AsyncConnection, query: Any) -> dict[str, list[Any]]:
    """Return the rows of a query by their first column, without it."""
    found: dict[str, list[Any]] = {}
    for row in await connection.execute(query):
        found.setdefault(row[0], []).append(row[1:])
    return found
