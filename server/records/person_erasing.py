"""Erases a person: their names, log-ins and practices, and what the audit has of their addresses.

What a crash cuts off is finished by the next start. Their exams belong to the exam: the setting says whether they stay,
without a name. That somebody was erased stays known, by an id that names nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import structlog
from sqlalchemy import Column, Table, and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import AppError, DatabaseError, ProtocolError
from server.records.folder import RecordFolder
from server.store import audit, people, sessions
from server.store.erasures import note_erasure
from server.store.holds import check_free, of_person
from server.store.people import Person
from server.store.store import Store
from server.store.tables import audit as audit_table
from server.store.tables import audit_contents, consents, exam_incidents, exam_sessions, markings, metadata, notes
from server.store.tables import exams as exams_table
from server.store.tables import people as people_table
from server.store.tables import sessions as table

logger = structlog.get_logger("server.records.person_erasing")

Exams = Literal["keep", "erase"]
# Of these lines the content goes: they have addresses of the person, or words about them.
OF_ADDRESSES = ("login.succeeded", "login.failed", "logout", "password.%", "invitation.%", "hold.%")
# These have the words of somebody about an exam.
OF_REASONS = ("exam.incident", "exam.voided", "session.voided")


@dataclass(slots=True)
class ErasedPerson:
    """What went with a person: their sessions, and the exams that stay without a name."""

    person_id: str
    sessions: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


async def erase_person(
    store: Store, root: Path, person_id: str, *, exams: Exams, by: str, again: bool = False
) -> ErasedPerson:
    """Erase a person; may be called again. Raises ProtocolError (held, in a role-play, the last admin, unknown).

    `again`: it was done before and a backup brought them back, so nothing stands in its way. Raises StorageError or
    DatabaseError when it could not be finished: it goes on with the next call or start.
    """
    done = ErasedPerson(person_id)
    async with store.database.reading() as connection:
        person = await _there(connection, person_id)
        if not again:
            await _check(connection, person)
        whose = await _sessions_of(connection, person_id)
        going = [session_id for session_id, mode in whose if mode != "exam" or exams == "erase"]
        done.kept = [session_id for session_id, _ in whose if session_id not in going]
        for session_id in () if again else going:
            await check_free(connection, session_id)
    try:
        await _announce(store, person)
    except DatabaseError as error:
        if error.code != "database.full":
            raise
        # What is erased makes the room that the database needs.
        for session_id in going:
            await _erase_folder(root / session_id)
        await _announce(store, person)
    for session_id in going:
        await _erase_session(store, root, session_id, by=by)
        done.sessions.append(session_id)
    async with store.database.writing() as connection:
        # Somebody else may have done it meanwhile, here or on another server: the audit says it once.
        first = await people.become(connection, person_id, "erased")
        await _forget(connection, person_id, going)
        if exams == "erase":
            await _forget_exams(connection, person_id)
        if first:
            await audit.append(connection, "person.erased", person=person_id, by=by, exams=exams)
    await store.database.shrink_log()
    logger.info("person_erased", person=person_id, sessions=len(done.sessions), exams_kept=len(done.kept))
    return done


async def finish_erasing_people(store: Store, root: Path, *, exams: Exams) -> None:
    """Finish the erasures of people that a crash cut off, or that a role-play came after which had begun before."""
    async with store.database.reading() as connection:
        late = select(table.c.id).where(table.c.person_id == people_table.c.id, table.c.mode != "exam").exists()
        unfinished = or_(people_table.c.state == "erasing", and_(people_table.c.state == "erased", late))
        wanted = select(people_table.c.id).where(unfinished)
        left = [str(row[0]) for row in await connection.execute(wanted)]
    for person_id in left:
        try:
            await erase_person(store, root, person_id, exams=exams, by="the server, at its start")
        except AppError as error:
            logger.error("person_not_erased", person=person_id, error=error.message)


async def _announce(store: Store, person: Person) -> None:
    async with store.database.writing() as connection:
        # From now on nobody logs in as them, and a start goes on from here; unless they were erased meanwhile.
        await people.become(connection, person.id, "erasing")
        # Log-ins, links, accounts elsewhere: all rows that are nothing without their person.
        for rows, column in rows_of_people():
            await connection.execute(delete(rows).where(column == person.id))


def rows_of_people() -> Iterator[tuple[Table, Column[Any]]]:
    """Yield the tables whose rows go with a person, with the column that says whose they are."""
    for rows in metadata.sorted_tables:
        for key in rows.foreign_keys:
            if key.column is people_table.c.id and key.ondelete == "CASCADE":
                yield rows, key.parent


async def _there(connection: AsyncConnection, person_id: str) -> Person:
    person = await people.by_id(connection, person_id)
    if person is None:
        raise ProtocolError("there is no such person here", code="account.unknown", http_status=404)
    return person


async def _check(connection: AsyncConnection, person: Person) -> None:
    if await of_person(connection, person.id) is not None:
        raise ProtocolError(
            "all that is this person's is held for a legal reason, so nobody can erase it now; see `interlocutor "
            "sessions holds`",
            code="session.held",
            http_status=409,
        )
    active = person.role == "admin" and person.state in ("active", "invited")
    if active and await people.count_admins(connection) < 2:
        raise ProtocolError(
            "this is the last admin; make another one first", code="account.last_admin", http_status=409
        )
    under_way = select(table.c.id).where(table.c.person_id == person.id, table.c.state == "running").limit(1)
    if (await connection.execute(under_way)).first() is not None:
        raise ProtocolError(
            "this person is in a role-play now; wait until it is over, or end it first",
            code="session.running",
            http_status=409,
        )


async def _sessions_of(connection: AsyncConnection, person_id: str) -> list[tuple[str, str]]:
    wanted = select(table.c.id, table.c.mode).where(table.c.person_id == person_id).order_by(table.c.id)
    return [(str(row[0]), str(row[1])) for row in await connection.execute(wanted)]


async def _erase_session(store: Store, root: Path, session_id: str, *, by: str) -> None:
    async with store.database.writing() as connection:
        known = await sessions.by_id(connection, session_id)
        if known is not None and known.state == "ended":
            await sessions.set_state(connection, session_id, "erasing")
    await _erase_folder(root / session_id)
    async with store.database.writing() as connection:
        known = await sessions.by_id(connection, session_id)
        if known is not None and known.state != "erased":
            await note_erasure(connection, session_id, by=by)


async def _erase_folder(folder: Path) -> None:
    if await asyncio.to_thread(folder.is_dir):
        await asyncio.to_thread(RecordFolder(folder).erase)


async def _forget(connection: AsyncConnection, person_id: str, going: list[str]) -> None:
    """Take all that names the person out of the database; the row stays as a tombstone."""
    await people.forget(connection, person_id)
    for session_id in going:
        await connection.execute(update(table).where(table.c.id == session_id).values(person_id=None))
        await connection.execute(update(consents).where(consents.c.session_id == session_id).values(person_id=None))
    # What an examiner wrote about others stays, for the exam's sake, without the examiner's name.
    await connection.execute(update(notes).where(notes.c.author_id == person_id).values(author="(erased)"))
    await connection.execute(update(markings).where(markings.c.examiner_id == person_id).values(examiner="(erased)"))
    await _forget_lines(connection, OF_ADDRESSES, f'"person":"{person_id}"')


async def _forget_lines(connection: AsyncConnection, actions: tuple[str, ...], about: str) -> None:
    """Drop the content of the audit's lines of these actions that have `about` in it; the chain still holds."""
    await audit.write_gathered(connection)
    kinds = or_(*(audit_table.c.action.like(action) for action in actions))
    theirs = select(audit_table.c.seq).where(audit_table.c.seq == audit_contents.c.seq, kinds).exists()
    named = audit_contents.c.content.contains(about, autoescape=True)
    await connection.execute(delete(audit_contents).where(named, theirs))


async def _forget_exams(connection: AsyncConnection, person_id: str) -> None:
    """Take the words of people out of somebody's exams; that there were some stays."""
    theirs = select(exams_table.c.id).where(exams_table.c.candidate_id == person_id)
    for (exam_id,) in (await connection.execute(theirs)).all():
        await _forget_lines(connection, OF_REASONS, f'"exam":"{exam_id}"')
    said = update(exam_incidents).where(exam_incidents.c.exam_id.in_(theirs)).values(reason="")
    await connection.execute(said)
    why = update(exam_sessions).where(exam_sessions.c.exam_id.in_(theirs), exam_sessions.c.void_reason.is_not(None))
    await connection.execute(why.values(void_reason=""))
    of_nobody = {"title": "(erased)", "void_reason": None, "candidate_id": None}
    await connection.execute(update(exams_table).where(exams_table.c.candidate_id == person_id).values(of_nobody))
