"""Erasing what was said: from memory, from the folder and from the index, so that no crash and no full disk stops it.

The index is told first that it is to be erased; where that can't be written, the folder is erased all the same, since
that frees the disk. The folder's marker comes before its words go, and whatever was cut off is finished at the next
start. What is left, the tombstone, says that there was a role-play, when, and how many lines its log had.
"""

from __future__ import annotations

from functools import partial

import structlog

from common.errors import DatabaseError, StorageError
from pipelines.log.disk import DiskThread
from server.records.recordings import Recordings
from server.sessions.session import Session
from server.store import sessions
from server.store.erasures import note_erasure
from server.store.holds import check_free
from server.store.store import Store

logger = structlog.get_logger("server.sessions.erasing")


class Eraser:
    """Erases sessions that are over."""

    def __init__(self, store: Store, recordings: Recordings, *, disk: DiskThread, chores: DiskThread) -> None:
        self._store = store
        self._recordings = recordings
        self._disk = disk
        self._chores = chores

    async def erase(self, session: Session, *, by: str) -> None:
        """Erase a session; `by` is who asked for it.

        Raises ProtocolError while it is held, DatabaseError while nobody can say whether it is, and StorageError when
        its folder can't be written.
        """
        async with self._store.database.reading() as connection:
            await check_free(connection, session.id)
        session.debrief = None
        try:
            async with self._store.database.writing() as connection:
                await sessions.set_state(connection, session.id, "erasing")
        except DatabaseError as error:
            logger.warning("erasure_not_announced", session=session.id, error=error.message)
        await self._erase_folder(session)
        self._store.ledger.note(f"{session.id} erased", partial(note_erasure, session_id=session.id, by=by))
        logger.info("session_erased", session=session.id)

    async def _erase_folder(self, session: Session) -> None:
        try:
            # After what the disk thread and the chores still have to do for this session: its log's end, its recording.
            await self._disk.run(lambda: None)
            await self._chores.run(partial(self._recordings.erase, session.folder))
        except OSError as error:
            raise StorageError("the record can't be deleted now; try again, or ask whoever runs this server") from error
