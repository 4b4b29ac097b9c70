"""Tells the index of sessions, and the audit, what happens: after the fact, and off everybody's way."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import StorageError
from pipelines.log.disk import DiskThread
from server.records.log_facts import LogHead, log_head, recording_digest
from server.records.records import Records
from server.records.taking_over import keep_consent
from server.sessions.session import Session
from server.store import audit, sessions
from server.store.sessions import IndexedSession
from server.store.store import Store
from server.store.tokens import now_ms

logger = structlog.get_logger("server.sessions.session_index")

# The end of a log has so long to reach the disk.
WRITTEN_S = 30.0
# Recordings are joined one after another; half an hour of a class's take a while.
JOINED_S = 600.0
# When the server stops, the disks are done by now.
SETTLED_S = 10.0


class SessionIndex:
    """Notes when role-plays begin and end; each call returns at once."""

    def __init__(self, store: Store, chores: DiskThread, records: Records) -> None:
        self._store = store
        self._records = records
        self._chores = chores
        self._tasks: set[asyncio.Task[None]] = set()

    def began(self, session: Session) -> None:
        """Note that a session was joined."""
        row = self._row(session)
        self._store.ledger.note(f"{session.id} began", partial(_begin, row=row, session=session))

    @staticmethod
    def _row(session: Session) -> IndexedSession:
        return IndexedSession(
            session.id, session.card.id, session.card.title, session.mode, session.person_id, "running", now_ms()
        )

    def restored(self, session: Session) -> None:
        """Note that a session goes on that an earlier server held."""
        row = self._row(session)
        self._store.ledger.note(f"{session.id} restored", partial(_restore, row=row, session=session))

    def over(self, session: Session) -> None:
        """Note that a session is over, once its log is on the disk."""
        task = asyncio.create_task(self._finish(session, now_ms()))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def recorded(self, session_id: str, digest: str) -> None:
        """Note that a session's recording is one file now, and its SHA-256."""
        line = partial(audit.append, action="session.recorded", session=session_id, recording=digest)
        self._store.ledger.note(f"{session_id} recorded", line)

    async def settled(self) -> None:
        """Wait until all that is over was told to the ledger, for some seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLED_S):
                await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _finish(self, session: Session, ended_ms: int) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WRITTEN_S):
                await session.written.wait()
        try:
            head = await self._chores.run(partial(log_head, session.folder))
        except StorageError as error:
            logger.warning("session_not_indexed", session=session.id, error=error.message)
            return
        self._store.ledger.note(
            f"{session.id} ended",
            partial(_end, session_id=session.id, ended_ms=ended_ms, head=head, counts=_counts(session)),
        )
        await self._prove_recording(session)
        self._store.ledger.then(self._store.anchor_quietly)

    async def _prove_recording(self, session: Session) -> None:
        """Have the audit know the digest of the recording, once it is one file."""
        try:
            async with asyncio.timeout(JOINED_S):
                await session.joined.wait()
            digest = await self._chores.run(partial(recording_digest, session.folder))
        except (TimeoutError, OSError) as error:
            logger.warning("recording_not_proved", session=session.id, error=str(error) or "it took too long")
            return
        if digest is not None:
            self.recorded(session.id, digest)
            await self._move(session.folder)

    async def _move(self, folder: Path) -> None:
        """Have the object store, if there is one, keep the recording; what fails is tried again later."""
        recordings, vault = self._records.recordings, self._records.vault
        if recordings.moves:
            await asyncio.to_thread(recordings.move_left, [folder], vault.open_session)


async def _begin(connection: AsyncConnection, *, row: IndexedSession, session: Session) -> None:
    await sessions.begin(connection, row)
    if session.consent is not None:
        await keep_consent(connection, row.id, session.consent, person_id=row.person_id, at_ms=row.began_ms)
    await audit.append(
        connection, "session.began", session=row.id, person=row.person_id, mode=row.mode, card=row.card_id
    )


async def _restore(connection: AsyncConnection, *, row: IndexedSession, session: Session) -> None:
    """Its beginning may not have reached the database."""
    if await sessions.by_id(connection, row.id) is None:
        await _begin(connection, row=row, session=session)
    await audit.append(connection, "session.restored", session=row.id, person=row.person_id)


def _counts(session: Session) -> dict[str, int]:
    """Return how many turns there were, and in a practice how many cues, and how many were told."""
    debrief = session.debrief
    if debrief is None:
        return {"turns": 0}
    counts = {"turns": sum(turn.role == "candidate" for turn in debrief.turns)}
    if session.mode != "practice":
        return counts
    return counts | {"cues": len(debrief.cues), "cues_told": sum(told for _, told in debrief.cues)}


async def _end(
    connection: AsyncConnection, *, session_id: str, ended_ms: int, head: LogHead | None, counts: dict[str, int]
) -> None:
    events, digest, payloads = (head.events, head.digest, head.payloads) if head is not None else (0, None, None)
    await sessions.end(connection, session_id, ended_ms=ended_ms, events=events, head=digest, **counts)
    await audit.append(connection, "session.ended", session=session_id, events=events, head=digest, payloads=payloads)
