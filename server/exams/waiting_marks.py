"""Role-plays of exams that are over and wait for somebody's marks: for whose, since when; and how that is mended."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import ProtocolError
from server.exams.marked import outcome_of_rows
from server.exams.timetable import WARM_UP
from server.settings.marking import MarkingSettings
from server.store import exams, marking_closings, markings, people
from server.store.marking_closings import MarkingClosing
from server.store.markings import Marking
from server.store.store import Store
from server.store.tables import exam_examiners, exam_sessions, sessions
from server.store.tables import exams as exams_table
from server.store.tokens import now_ms

MAX_REASON_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class WaitingRolePlay:
    """One of them; `since_ms` is its end, or the last signature. `missing` are its examiners who have not signed."""

    session_id: str
    card_title: str
    candidate_id: str | None
    since_ms: int
    state: str
    signed: tuple[str, ...]
    missing: tuple[str, ...]
    wanted: int

    def as_json(self, names: dict[str, str]) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "session": self.session_id,
            "card_title": self.card_title,
            "candidate": names.get(self.candidate_id or ""),
            "since_ms": self.since_ms,
            "state": self.state,
            "signed": len(self.signed),
            "wanted": self.wanted,
            "missing": [names.get(one, one) for one in self.missing],
        }

    @property
    def people(self) -> set[str]:
        """The ids of all whose names are shown."""
        return {*self.missing, *([self.candidate_id] if self.candidate_id else [])}


async def waiting_role_plays(
    connection: AsyncConnection, settings: MarkingSettings, *, examiner_id: str | None = None
) -> list[WaitingRolePlay]:
    """Return all that wait, the longest first; with `examiner_id` those that wait for this examiner's marks."""
    held = await _held(connection)
    examiners: dict[str, set[str]] = {}
    for session_id, person_id in await connection.execute(
        select(exam_sessions.c.session_id, exam_examiners.c.person_id).join(
            exam_examiners, exam_examiners.c.exam_id == exam_sessions.c.exam_id
        )
    ):
        examiners.setdefault(session_id, set()).add(person_id)
    rows = await markings.signed_everywhere(connection)
    by_session = {session_id: list(each) for session_id, each in groupby(rows, key=lambda row: row.session_id)}
    closed = await marking_closings.marks_by_session(connection)
    found = []
    for session_id, (title, candidate_id, ended_ms) in held.items():
        given: list[Marking] = by_session.get(session_id, [])
        outcome = outcome_of_rows(given, settings, closed_with=closed.get(session_id))
        if outcome.state == "decided":
            continue
        signed = tuple(dict.fromkeys(row.examiner_id for row in given))
        missing = tuple(sorted(examiners.get(session_id, set()) - set(signed)))
        if examiner_id is not None and examiner_id not in missing:
            continue
        since_ms = max([ended_ms, *(row.made_ms for row in given)])
        found.append(
            WaitingRolePlay(
                session_id, title, candidate_id, since_ms, outcome.state, signed, missing, settings.examiners
            )
        )
    return sorted(found, key=lambda one: one.since_ms)


async def _held(connection: AsyncConnection) -> dict[str, tuple[str, str | None, int]]:
    """Return the role-plays that are to be marked: those of exams, over, neither void nor the warm-up."""
    of = exam_sessions.c
    wanted = (
        select(sessions.c.id, sessions.c.card_title, exams_table.c.candidate_id, sessions.c.ended_ms)
        .join(exam_sessions, of.session_id == sessions.c.id)
        .join(exams_table, exams_table.c.id == of.exam_id)
        .where(sessions.c.state == "ended", of.voided_ms.is_(None), exams_table.c.state != "void", of.part != WARM_UP)
    )
    return {row[0]: (row[1], row[2], row[3] or 0) for row in await connection.execute(wanted)}


async def close_marking(
    store: Store, settings: MarkingSettings, session_id: str, *, by: str, reason: str
) -> MarkingClosing:
    """Let the marks that were signed be all, for this reason; raises ProtocolError where that can't be."""
    reason = reason.strip()
    if not reason or len(reason) > MAX_REASON_CHARS:
        raise ProtocolError(f"give a reason of 1 to {MAX_REASON_CHARS} characters", code="marking.fields")
    async with store.database.writing() as connection:
        rows = await markings.of_session(connection, session_id)
        known = await marking_closings.of_session(connection, session_id)
        outcome = outcome_of_rows(rows, settings, closed_with=known.marks if known is not None else None)
        if outcome.state != "waiting" or not outcome.markers:
            raise ProtocolError(
                "only a role-play with a signed sheet that still waits for another can be closed",
                code="marking.closed",
                http_status=409,
            )
        closing = MarkingClosing(session_id, len(outcome.markers), by, reason, now_ms())
        await marking_closings.add(connection, closing)
    return closing


async def exam_of(store: Store, session_id: str) -> str:
    """Return the exam of a session; raises ProtocolError (404) where it belongs to none."""
    async with store.database.reading() as connection:
        exam = await exams.of_session(connection, session_id)
    if exam is None:
        raise ProtocolError("this role-play belongs to no exam", code="exam.session", http_status=404)
    return exam.id


async def names_of(connection: AsyncConnection, waiting: list[WaitingRolePlay]) -> dict[str, str]:
    """Return the names of all who are shown with these, by their ids."""
    return await people.names(connection, {one for each in waiting for one in each.people})
