"""The desk: the rooms that are followed, the tickets to them, and the watch over who may."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection
from functools import partial

import structlog

from common.errors import AccessError, CapacityError, DatabaseError, ProtocolError
from server.desk.glance import Glance
from server.desk.listening_call import ListenerCalls
from server.desk.observer import Observer
from server.desk.room import Room
from server.desk.seat import Seat
from server.desk.tickets import Tickets
from server.principal import Principal
from server.sessions.session import Session, Status
from server.store import audit, exams
from server.store.store import Store
from server.wire.channel import Channel

logger = structlog.get_logger("server.desk")

# Whoever loses the right is cut within a second.
CHECK_EVERY_S = 0.4
# A database that does not answer proves nothing; after so long of it nobody follows on trust.
TRUST_S = 10.0
MOST_OBSERVERS = 64  # of one role-play


class Desk:
    """All observers of this process; `session_s` and `deadline_s` are the server's settings."""

    def __init__(
        self,
        store: Store,
        *,
        now_ms: Callable[[], float],
        session_s: int,
        deadline_s: float,
        calls: ListenerCalls | None = None,
    ) -> None:
        self._calls = calls
        self.tickets = Tickets(now_ms=now_ms)
        self._store = store
        self._session_s = session_s
        self._deadline_s = deadline_s
        self._rooms: dict[str, Room] = {}
        self._glances: dict[str, Glance] = {}
        self._observers: set[Observer] = set()
        self._watch: asyncio.Task[None] | None = None

    def check(self, session: Session) -> None:
        """Raise ProtocolError for a session that is over, CapacityError for one with too many observers."""
        if session.status is Status.ENDED:
            raise ProtocolError(
                "this role-play is over; open its record instead", code="session.over", http_status=409, close_code=4404
            )
        room = self._rooms.get(session.id)
        if room is not None and room.following >= MOST_OBSERVERS:
            raise CapacityError("too many people follow this role-play; try again later", retry_after_s=30)

    def present(self, session_id: str) -> tuple[int, int]:
        """Return how many follow a session, and how many of them listen."""
        room = self._rooms.get(session_id)
        return (room.following, room.listening) if room is not None else (0, 0)

    def glance(self, session: Session) -> Glance:
        """Return what a session's log has told by now."""
        glance = self._glances.setdefault(session.id, Glance())
        if session.driver is not None:
            glance.read(session.driver.log)
        return glance

    def forget_all_but(self, session_ids: Collection[str]) -> None:
        """Forget what was seen of sessions that are not among these."""
        self._glances = {one: glance for one, glance in self._glances.items() if one in session_ids}

    async def follow(self, seat: Seat, channel: Channel) -> int:
        """Serve an observer until it is over; return the close code. Raises what `check` does."""
        session = seat.session
        self.check(session)
        room = self._rooms.get(session.id)
        if room is None:
            room = self._rooms[session.id] = Room(session, empty=partial(self._close, session.id))
        observer = Observer(
            room,
            channel,
            seat,
            session_s=self._session_s,
            deadline_s=self._deadline_s,
            note=self.note,
            calls=self._calls,
        )
        self._observers.add(observer)
        if self._watch is None:
            self._watch = asyncio.create_task(self._watch_rights(), name="desk-rights")
        self.note("desk.followed", seat)
        try:
            return await observer.run()
        finally:
            self._observers.discard(observer)
            if not self._observers and self._watch is not None:
                self._watch.cancel()
                self._watch = None

    def _close(self, session_id: str) -> None:
        del self._rooms[session_id]

    def note(self, action: str, seat: Seat) -> None:
        """Have the audit know what an observer does."""
        line = partial(audit.append, action=action, by=seat.name, session=seat.session.id)
        self._store.ledger.note(f"{action} {seat.session.id}", line)

    # -------------------------------------------------------------- rights

    async def _watch_rights(self) -> None:
        sure_s = asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            now_s = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(TRUST_S):
                    await self._check_rights()
                sure_s = now_s
            except (DatabaseError, TimeoutError) as error:
                if now_s - sure_s >= TRUST_S:
                    logger.warning("observers_not_checked", error=str(error) or "the database does not answer")
                    self._cut_all()
            # A fault of ours must not leave people with a right that they have lost.
            except Exception:
                logger.exception("observers_not_checked")
                self._cut_all()

    def _cut_all(self) -> None:
        for observer in self._observers:
            observer.cut()

    async def _check_rights(self) -> None:
        """Look up each log-in and key once, and cut those who may no longer."""
        await self._look_up_examiners()
        known: dict[str, Principal | None] = {}
        for observer in tuple(self._observers):
            seat = observer.seat
            if seat.key not in known:
                known[seat.key] = None
                with contextlib.suppress(AccessError):
                    known[seat.key] = await seat.renew()
            observer.check(known[seat.key])

    async def _look_up_examiners(self) -> None:
        """Know who examines the exams that are followed: that may have changed, here or in another process."""
        followed = {observer.seat.session.id: observer.seat.session for observer in self._observers}
        held = [session for session in followed.values() if session.mode == "exam"]
        if not held:
            return
        async with self._store.database.reading() as connection:
            for session in held:
                session.examiners = await exams.examiners_of_session(connection, session.id)
