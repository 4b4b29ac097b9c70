"""Role-plays that are over and no longer in memory, as the index and their folders still have them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from common.errors import ProtocolError
from pipelines.events import Audience
from pipelines.log.stored_events import StoredLog
from pipelines.patient.card_library import CardLibrary
from server.principal import Principal
from server.records.debrief import Debrief, summarise
from server.records.folder import RecordFolder
from server.session_tags import SESSION_ID
from server.sessions.access import is_bearer
from server.sessions.admission import Reservation
from server.sessions.session import Session, Status
from server.store import sessions
from server.store.store import Store
from server.vault.vault import Vault


class PastSessions:
    """Finds them by their id; what was said is read by whoever may know it, and not before."""

    def __init__(self, store: Store, root: Path, cards: CardLibrary) -> None:
        self._store = store
        self._root = root
        self._cards = cards

    async def bearer(self, session_id: str, token: str) -> Principal | None:
        """Return who opened a session that is no longer in memory, by its token; None: it is not theirs."""
        known = SESSION_ID.fullmatch(session_id) is not None
        if known and await asyncio.to_thread(is_bearer, self._root / session_id, token):
            return Principal("candidate", session_id)
        return None

    async def get(self, session_id: str) -> Session:
        """Return a session that is over; raises ProtocolError where there is none, or its card is gone."""
        row = None
        if SESSION_ID.fullmatch(session_id):  # it becomes a folder's name
            async with self._store.database.reading() as connection:
                row = await sessions.by_id(connection, session_id)
        folder = self._root / session_id
        if row is None or row.state == "running" or not await asyncio.to_thread(folder.is_dir):
            raise ProtocolError(
                "this session is not here (any more); create a new one",
                code="session.gone",
                http_status=404,
                close_code=4404,
            )
        if row.card_id not in self._cards:
            raise ProtocolError(
                "the card of this role-play is not on this server any more; ask whoever runs it to put it back",
                code="session.no_card",
                http_status=409,
            )
        card = self._cards[row.card_id]
        reservation = Reservation(session_id, None, 0.0)
        session = Session(reservation, card, row.mode, folder, 0.0, Status.ENDED)
        session.person_id, session.opened_ms = row.person_id, row.began_ms
        for done in (session.ended, session.written, session.joined):
            done.set()
        return session


async def debrief_of(session: Session, vault: Vault) -> Debrief | None:
    """Return what came of a session that is over, from its log if it is not in memory any more; None once erased."""
    if session.debrief is not None or session.status is not Status.ENDED:
        return session.debrief
    record = RecordFolder(session.folder)

    def read() -> Debrief | None:
        if record.erased or not record.has_log:
            return None
        log = StoredLog(session.folder, vault.open_session(session.folder))
        return summarise(log.records(Audience.EXAMINER), session.card)

    return await asyncio.to_thread(read)
