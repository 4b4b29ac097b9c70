"""All sessions of this process and their life: reserved, joined, taken up again, finished, forgotten."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

import structlog

from audio.clock import Clock
from common.errors import CapacityError, ProtocolError
from pipelines.events import Audience, SessionEnded
from pipelines.patient.card import Card
from pipelines.patient.card_library import CardLibrary
from server.metrics import Metrics
from server.principal import Role
from server.records.debrief import summarise
from server.sessions.access import Access
from server.sessions.admission import Admission, Reservation
from server.sessions.checkpoints import Checkpoints
from server.sessions.folders import SessionFolders
from server.sessions.session import SUSPENDED, Session, Status
from server.sessions.session_index import SessionIndex
from server.settings.tree import SessionSettings
from server.wire.live import LiveSession
from server.wire.ticket import Ticket, bad_ticket

logger = structlog.get_logger("server.sessions.registry")

MODES = ("practice", "exam")
DEBRIEF_S = 3600.0  # how long an ended session can still be looked at


def check_free(session: Session) -> None:
    """Raise ProtocolError when a session has been joined before or is over."""
    if session.status is Status.RUNNING:
        raise ProtocolError("this session is already in use in another window", code="session.in_use")
    if session.status is Status.ENDED:
        raise ProtocolError("this session is over; start a new one", code="session.over")


def check_goes_on(session: Session) -> LiveSession:
    """Return what connections to a running session attach to; raises ProtocolError when it is over."""
    if session.interrupted:
        raise ProtocolError(
            "the server stopped in the middle of this role-play and can't go on with it; what was said is kept",
            code="session.interrupted",
            close_code=4404,
        )
    if session.ended_by == SUSPENDED:
        raise CapacityError(
            "the server is about to restart; come back to this role-play in a moment",
            retry_after_s=1,
            code="capacity.draining",
        )
    if session.live is None:
        raise ProtocolError("this session is over; start a new one", code="session.over", close_code=4404)
    return session.live


class SessionRegistry:
    """Sessions by their id."""

    def __init__(
        self,
        settings: SessionSettings,
        *,
        cards: CardLibrary,
        admission: Admission,
        access: Access,
        folders: SessionFolders,
        clock: Clock,
        metrics: Metrics,
        index: SessionIndex | None = None,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self._index = index
        self._checkpoints = checkpoints
        self._settings = settings
        self._cards = cards
        self._admission = admission
        self._access = access
        self._folders = folders
        self._clock = clock
        self._metrics = metrics
        self._sessions: dict[str, Session] = {}
        metrics.sessions_detached.set_function(self._detached)
        metrics.instances.taken.set_function(lambda: len(self.under_way()))

    # -------------------------------------------------------------- life

    def reserve(
        self,
        card_id: str,
        mode: str,
        *,
        role: Role = "candidate",
        network: str | None = None,
        person_id: str | None = None,
        line: str | None = None,
    ) -> tuple[Session, str]:
        """Reserve a session; return it with its token, whose bearer has `role` in this session alone.

        `network` is whose limits hold (`network_of`); None for a developer, who has none. `person_id` is whose
        role-play it is, where it is known; `line` is as in `Admission.admit`. Raises CardError,
        ProtocolError, CapacityError (full, draining, or asked too often) or StorageError (nothing could be recorded).
        """
        card = self._cards.get_card(card_id)
        if mode not in MODES:
            raise ProtocolError(f"mode '{mode}' is unknown; use one of {', '.join(MODES)}", code="session.mode")
        return self.reserve_card(card, mode, role=role, network=network, person_id=person_id, line=line)

    def reserve_card(
        self,
        card: Card,
        mode: str,
        *,
        role: Role = "candidate",
        network: str | None = None,
        person_id: str | None = None,
        line: str | None = None,
    ) -> tuple[Session, str]:
        """Reserve a session for a card that need not be one to choose from, as `reserve` does."""
        self._admit(network, line)
        now_ms = self._clock.now_ms()
        reservation = Reservation(f"sess_{secrets.token_hex(10)}", network, now_ms)
        folder = self._folders.make(reservation.session_id)
        expires_ms = now_ms + self._settings.join_within_s * 1000.0
        session = self._sessions[reservation.session_id] = Session(reservation, card, mode, folder, expires_ms)
        session.person_id = person_id
        self._admission.admitted(network)
        token = self._access.issue(session.id, role)
        if role == "candidate":
            self._folders.keep_bearer(folder, token)
        self.keep(session)
        logger.info("session_reserved", session=session.id, card=card.id, mode=mode)
        return session, token

    def give_token(self, session: Session, role: Role = "candidate") -> str:
        """Return another token for a session that nobody has joined yet, in place of those that there were."""
        self._access.revoke({session.id})
        token = self._access.issue(session.id, role)
        if role == "candidate":
            self._folders.keep_bearer(session.folder, token)
        self.keep(session)
        return token

    def room(self) -> int:
        """Return how many more sessions would be let in now."""
        return self._admission.room(
            taken=len(self.under_way()), waiting=(session.reservation for session in self.under_way() if session.waits)
        )

    def _admit(self, network: str | None, line: str | None) -> None:
        there = self.under_way()
        waiting = [session.reservation for session in there if session.waits]
        gives_way = self._admission.admit(network, taken=len(there), waiting=waiting, line=line)
        if gives_way is not None:
            self._give_way(self._sessions[gives_way])

    def _give_way(self, session: Session) -> None:
        logger.info("reservation_gave_way", session=session.id, joined=session.live is not None)
        if session.live is None:
            self._forget({session.id})
            return
        # Its client is told why, and may take its time to read it: the place is free at once.
        live = session.live
        self.finish(session)
        live.give_way()

    def note_page(self, session: Session, *, here: bool) -> None:
        """Note that the page of somebody who prepares says it is there, or is being left: then its place may go."""
        if session.status is Status.RESERVED:
            session.reservation = replace(session.reservation, seen_ms=self._clock.now_ms(), away=not here)

    def give_back(self, session: Session) -> None:
        """Let the place of a session go: nobody will come to it, or come back."""
        if session.status is Status.RESERVED:
            logger.info("reservation_given_back", session=session.id)
            self._forget({session.id})
        elif session.live is not None:
            session.live.end("ended")

    def join(self, session: Session) -> None:
        """Mark a session as running; raises ProtocolError when it has been joined before or is over.

        Raises CapacityError once the server is about to stop.
        """
        check_free(session)
        # Before the gate, which takes who passes it for somebody who talks.
        self._admission.check_open()
        session.gate()
        session.status = Status.RUNNING
        # From here on the connection says whether somebody is there, and no page.
        session.reservation = replace(session.reservation, joined_ms=self._clock.now_ms(), seen_ms=None, away=False)
        self.keep(session)
        if self._index is not None:
            self._index.began(session)
        self._count()

    def keep(self, session: Session) -> None:
        """Have it known where a session stands, for a server that comes after this one."""
        if self._checkpoints is not None:
            self._checkpoints.keep(session)

    def put_back(self, session: Session, tokens: Iterable[tuple[str, Role]]) -> None:
        """Take in a session of an earlier server."""
        self._sessions[session.id] = session
        self._access.restore(session.id, tokens)
        if session.status is Status.ENDED:
            session.expires_ms = self._clock.now_ms() + DEBRIEF_S * 1000.0
        self._count()

    def restored(self, session: Session) -> None:
        """Note that a session of an earlier server goes on."""
        self.keep(session)
        if self._index is not None:
            self._index.restored(session)

    def suspend(self, session: Session) -> bool:
        """Let a session go without an end, for the next server to go on with; False where that can't be."""
        if session.live is not None:
            point = session.live.checkpoint()
            if point is None or self._checkpoints is None or not session.live.suspend():
                return False
            self._checkpoints.keep_last(session, point)
        session.status = Status.ENDED
        session.ended_by = SUSPENDED
        session.expires_ms = self._clock.now_ms() + DEBRIEF_S * 1000.0
        if session.live is not None:
            # Its client is quick to come back, and is told to wait for the next server.
            session.left_tickets = session.live.link.tickets
        session.live = session.driver = None
        session.ended.set()
        self._count()
        logger.info("session_suspended", session=session.id)
        return True

    def resume(self, ticket: Ticket) -> Session:
        """Return the running session that a ticket leads back to; raises AccessError or ProtocolError."""
        session = next((each for each in self._sessions.values() if each.gave(ticket)), None)
        if session is None:
            raise bad_ticket()
        check_goes_on(session).check(ticket)
        return session

    def finish(self, session: Session) -> None:
        """Keep a session's debrief and let its place go."""
        if session.status is Status.ENDED:
            return
        session.status = Status.ENDED
        session.expires_ms = self._clock.now_ms() + DEBRIEF_S * 1000.0
        if session.driver is not None:
            session.driver.end("ended")
            session.ended_by = _reason_of(session)
            session.debrief = summarise(session.driver.log.read_from(0, Audience.EXAMINER), session.card)
            session.driver.log.close()
            session.driver = None
        if session.live is not None:
            session.left_tickets = session.live.link.tickets
        session.live = session.relay = None
        if self._checkpoints is not None:
            self._checkpoints.remove(session)
        self._folders.tell_when_kept(session.written, session.joined)
        session.ended.set()
        if self._index is not None:
            self._index.over(session)
        self._count()
        logger.info("session_over", session=session.id)

    def sweep(self) -> None:
        """Let go what has expired; a reservation nobody joined leaves no folder behind."""
        now_ms = self._clock.now_ms()
        self._forget(
            {s.id for s in self._sessions.values() if s.status is not Status.RUNNING and s.expires_ms <= now_ms}
        )

    def _forget(self, session_ids: Collection[str]) -> None:
        for session_id in session_ids:
            session = self._sessions.pop(session_id)
            if session.status is Status.RESERVED:
                # A call that is just being connected must not join it any more.
                session.status = Status.ENDED
                session.ended.set()
                self._folders.discard(session.folder)
            self._folders.let_go(session_id)
        self._access.revoke(session_ids)

    # -------------------------------------------------------------- what there is

    def find(self, session_id: str) -> Session | None:
        """Return a session that is in memory, or None."""
        return self._sessions.get(session_id)

    def get(self, session_id: str | None) -> Session:
        """Return a session; raises ProtocolError (404) when it is not there any more."""
        session = self._sessions.get(session_id or "")
        if session is None:
            raise ProtocolError(
                "this session is not here (any more); create a new one",
                code="session.gone",
                http_status=404,
                close_code=4404,
            )
        return session

    def kept_folders(self) -> list[Path]:
        """Return the folders of sessions that are over and whose recordings should be one file by now."""
        return [session.folder for session in self._sessions.values() if session.joined.is_set()]

    def running(self) -> list[Session]:
        """Return the sessions that are running."""
        return [session for session in self._sessions.values() if session.status is Status.RUNNING]

    def under_way(self) -> list[Session]:
        """Return the sessions that are running, or that somebody prepares for."""
        return [session for session in self._sessions.values() if session.status is not Status.ENDED]

    def reserved(self) -> list[Session]:
        """Return the sessions that nobody has joined yet."""
        return [session for session in self._sessions.values() if session.status is Status.RESERVED]

    def _count(self) -> None:
        self._metrics.sessions_active.set(len(self.running()))

    def _detached(self) -> int:
        return sum(session.live is not None and session.live.away for session in self.running())


def _reason_of(session: Session) -> str:
    """Return why a session ended, by its log."""
    records = session.driver.log.read_from(0, Audience.INTERNAL) if session.driver is not None else ()
    reasons = [record.event.reason for record in records if isinstance(record.event, SessionEnded)]
    return reasons[-1] if reasons else ""
