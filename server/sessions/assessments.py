"""The assessments of role-plays that are over: one is made at a time, few wait, and the latest ones are kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

from common.errors import CapacityError
from pipelines.assessment.assessor import Assessor
from pipelines.events import Audience
from pipelines.log.stored_events import StoredLog
from server.records.candidate_track import candidate_track
from server.records.folder import RecordFolder
from server.records.records import Records
from server.sessions.session import Session

MOST_WAITING = 8  # role-plays, with the one that is being read
MOST_KEPT = 32  # answers, of some 50 kB
RETRY_S = 5

Answer = dict[str, Any]


class Assessments:
    """Answers with the measures of a session, its tasks and its coaching, as plain data.

    Whoever asks waits on the event loop: no more than one thread is ever taken.
    """

    def __init__(self, assessor: Assessor, records: Records) -> None:
        self._assessor = assessor
        self._vault = records.vault
        self._recordings = records.recordings
        self._turn = asyncio.Lock()
        self._under_way: dict[str, asyncio.Task[Answer]] = {}
        self._kept: OrderedDict[str, Answer] = OrderedDict()

    async def of(self, session: Session) -> Answer:
        """Return what can be said of a session that is over, nothing once it is erased; raises CapacityError."""
        if RecordFolder(session.folder).erased:
            # It may have been erased by another process.
            self.forget(session.id)
            return _nothing()
        if (kept := self._kept.get(session.id)) is not None:
            self._kept.move_to_end(session.id)
            return kept
        task = self._under_way.get(session.id)
        if task is None:
            if len(self._under_way) >= MOST_WAITING:
                raise CapacityError(
                    "many role-plays are being assessed now; try again in a few seconds",
                    retry_after_s=RETRY_S,
                    code="capacity.assessing",
                )
            task = self._under_way[session.id] = asyncio.create_task(self._make(session))
            task.add_done_callback(lambda _: self._under_way.pop(session.id))
        # Others may wait for the same: who goes away does not end it.
        return await asyncio.shield(task)

    def forget(self, session_id: str) -> None:
        """Drop the answer about a session that is erased."""
        self._kept.pop(session_id, None)

    async def _make(self, session: Session) -> Answer:
        async with self._turn:
            # Before it is read: what is not there yet is to be read again.
            whole = session.written.is_set() and session.joined.is_set()
            joining = await asyncio.to_thread(lambda: any(session.folder.glob("segment-*.flac")))
            made = await asyncio.to_thread(self._read, session)
        if whole and not joining and not RecordFolder(session.folder).erased:
            self._kept[session.id] = made
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return made

    def _read(self, session: Session) -> Answer:
        record = RecordFolder(session.folder)
        if record.erased or not record.has_log or session.card.is_free:
            return _nothing()
        seal = self._vault.open_session(session.folder)
        track = candidate_track(self._recordings, session.folder, seal)
        records = StoredLog(session.folder, seal).records(Audience.DEVELOPER)
        return self._assessor.assess(records, session.card, track).as_json()


def _nothing() -> Answer:
    return {"measures": [], "tasks": None, "coaching": None}
