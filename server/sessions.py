"""The sessions of this server: admission, tokens, their drivers and folders, and their end.

A session exists before a socket: it is reserved by `create`, joined by `join`, and kept for its debrief after its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import structlog

from audio.clock import Clock
from audio.playout import Sink
from audio.speech import SpeechDetector
from audio.vad import make_vad
from common.errors import AccessError, CapacityError, ProtocolError, RateError, StorageError, storage_error
from pipelines.catalogue import Choices
from pipelines.events import Audience, ConsentGiven, SessionSetup
from pipelines.log.disk import DiskThread
from pipelines.log.jsonl import JsonlStore
from pipelines.log.session_log import Record, SessionLog
from pipelines.patient.card import Card
from pipelines.patient.card_library import CardLibrary
from pipelines.session.driver import Engines, SessionDriver, SessionSpec
from pipelines.session.recording import SessionRecorder
from server.admission import RateLimit, Reservation, gives_way
from server.metrics import Metrics
from server.principal import Principal, Role
from server.records.debrief import Debrief, summarise
from server.records.housekeeping import delete_old, join_left_over, session_folders
from server.settings.tree import Settings
from server.wire.live import LiveSession
from server.wire.ticket import Ticket, bad_ticket

logger = structlog.get_logger("server.sessions")

MODES = ("practice", "exam")
DEBRIEF_S = 3600.0  # how long an ended session can still be looked at
SWEEP_S = 5.0
DELETE_EVERY_S = 6 * 3600.0


class Status(StrEnum):
    """Where a session is in its life."""

    RESERVED = "reserved"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(slots=True)
class Session:
    """One role-play, from its reservation to its debrief."""

    id: str
    card: Card
    mode: str
    folder: Path
    expires_ms: float
    status: Status = Status.RESERVED
    driver: SessionDriver | None = None
    live: LiveSession | None = None
    debrief: Debrief | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    written: asyncio.Event = field(default_factory=asyncio.Event)  # its log and segments are on the disk
    joined: asyncio.Event = field(default_factory=asyncio.Event)  # its recording is one file, if there is one
    consent: ConsentGiven | None = None
    role: Role = "candidate"  # of whoever has its token
    made_ms: float = 0.0
    network: str | None = None  # that it was asked for from; None: by a developer


class SessionRegistry:
    """All sessions of this process."""

    def __init__(
        self,
        settings: Settings,
        *,
        cards: CardLibrary,
        engines: Engines,
        choices: Choices,
        clock: Clock,
        disk: DiskThread,
        chores: DiskThread,
        metrics: Metrics,
    ) -> None:
        self.draining = False
        self._settings = settings
        self._cards = cards
        self._engines = engines
        self._choices = choices
        self._clock = clock
        self._disk = disk  # what a crash must not lose
        self._chores = chores  # what may take a while
        self._metrics = metrics
        self._sessions: dict[str, Session] = {}
        self._tokens: dict[str, str] = {}  # SHA-256 of a token -> session id
        self._folder = settings.data_path / "sessions"
        self._limit = RateLimit(settings.server.reservations, now_s=lambda: clock.now_ms() / 1000.0)
        self.places = settings.server.max_sessions
        self.taken_besides: Callable[[], float] = lambda: 0.0  # places that sessions take beyond one each
        metrics.sessions_detached.set_function(self._detached)

    @property
    def places(self) -> int:
        """How many sessions may be reserved or running at once."""
        return self._places

    @places.setter
    def places(self, places: int) -> None:
        self._places = places
        self._metrics.session_capacity.set(places)

    # -------------------------------------------------------------- life

    def create(
        self, card_id: str, mode: str, *, role: Role = "candidate", network: str | None = None
    ) -> tuple[Session, str]:
        """Reserve a session; return it with its token, whose bearer has `role` in this session alone.

        `network` is whose limits hold (`network_of`); None for a developer, who has none. Raises CardError,
        ProtocolError, CapacityError (full, draining, or asked too often) or StorageError (nothing could be recorded).
        """
        card = self._cards.get_card(card_id)
        if mode not in MODES:
            raise ProtocolError(f"mode '{mode}' is unknown; use one of {', '.join(MODES)}", code="session.mode")
        self._admit(network)
        session_id = f"sess_{secrets.token_hex(10)}"
        token = f"ek_{secrets.token_urlsafe(32)}"  # OpenAI's browser clients take no other for a short-lived key
        now_ms = self._clock.now_ms()
        due_ms = now_ms + self._settings.session.join_within_s * 1000.0
        folder = self._folder / session_id
        session = Session(session_id, card, mode, folder, due_ms, role=role, made_ms=now_ms, network=network)
        self._make_folder(session.folder)
        if network is not None:
            self._limit.take(network)
        self._sessions[session_id] = session
        self._tokens[_digest(token)] = session_id
        self._metrics.count_admission("admitted")
        logger.info("session_reserved", session=session_id, card=card_id, mode=mode)
        return session, token

    def _admit(self, network: str | None) -> None:
        retry_s = self._settings.server.retry_after_s
        if self.draining:
            self._metrics.count_admission("draining")
            raise CapacityError(
                "the server is about to restart; try again shortly", retry_after_s=retry_s, code="capacity.draining"
            )
        if network is not None and (wait_s := self._limit.wait_s(network)):
            self._metrics.count_admission("limited")
            raise RateError(
                f"too many role-plays were opened from your network; try again in {wait_s} seconds",
                retry_after_s=wait_s,
            )
        taken = sum(s.status is not Status.ENDED for s in self._sessions.values())
        if taken + self.taken_besides() >= self.places and not self._make_room(network):
            self._metrics.count_admission("full")
            raise CapacityError(f"all places are taken; try again in {retry_s} seconds", retry_after_s=retry_s)

    def _make_room(self, asking: str | None) -> bool:
        """Let a reservation that nobody has joined go, if one gives way to whoever asks; return whether it did."""
        reserved = [s for s in self._sessions.values() if s.status is Status.RESERVED]
        settings = self._settings.server.reservations
        kept_s = self._settings.session.prepare_s + settings.spare_s
        session_id = gives_way(
            (Reservation(s.id, s.network, s.made_ms) for s in reserved),
            asking,
            overdue_before_ms=self._clock.now_ms() - kept_s * 1000.0,
            firm=settings.firm,
        )
        if session_id is None:
            return False
        logger.info("reservation_gave_way", session=session_id)
        self._forget({session_id})
        return True

    def _make_folder(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True)
            probe = folder / "probe"
            probe.write_bytes(b"\0" * 4096)  # a full disk often still makes folders
            probe.unlink()
        except OSError as error:
            raise storage_error(folder, error) from error

    def make_driver(self, session: Session, input_hz: int, sink: Sink) -> SessionDriver:
        """Make the driver of a session that is being joined."""
        settings = self._settings
        failed = _to_loop(lambda error: driver.storage_failed(error))
        vad = make_vad(settings.vad)
        if vad.fallback:
            logger.warning("vad_fallback", reason=vad.reason)
        driver = SessionDriver(
            SessionSpec(
                session.id,
                session.card,
                session.mode,
                settings.session.session_s,
                int(hashlib.sha256(session.id.encode()).hexdigest()[:8], 16),
                input_hz,
            ),
            engines=self._engines,
            settings=settings.conversation,
            detector=SpeechDetector(vad.vad, settings.speech),
            conditioning=settings.audio,
            clock=self._clock,
            sink=sink,
            make_log=lambda media_ms: SessionLog(
                now_ms=self._clock.now_ms,
                media_ms=media_ms,
                salt=lambda: secrets.token_hex(16),
                store=JsonlStore(session.folder, self._disk, failed=failed),
            ),
            make_recorder=lambda hz: SessionRecorder(
                session.folder, self._disk, chores=self._chores, rate_hz=hz, failed=failed
            ),
        )
        session.driver = driver
        driver.log.subscribe(Audience.INTERNAL, self._observe)
        driver.log.append(
            SessionSetup(
                card_id=session.card.id,
                card_version=session.card.version,
                card_digest=self._cards.digest(session.card.id),
                engines={
                    "recogniser": self._choices.recogniser.name,
                    "responder": self._choices.responder.name,
                    "synthesiser": self._choices.synthesiser.name,
                    "vad": vad.vad.name,
                },
                settings_digest=settings.digest(),
            )
        )
        if session.consent is not None:
            driver.log.append(session.consent)
        return driver

    def join(self, session: Session) -> None:
        """Mark a session as running; raises ProtocolError when it has been joined before or is over."""
        if session.status is Status.RUNNING:
            raise ProtocolError("this session is already in use in another window", code="session.in_use")
        if session.status is Status.ENDED:
            raise ProtocolError("this session is over; start a new one", code="session.over")
        session.status = Status.RUNNING
        self._count()

    def resume(self, principal: Principal, ticket: Ticket) -> Session:
        """Return the running session that a ticket leads back to; raises AccessError or ProtocolError.

        A session's own token names the session; a developer's key may have opened many, of which the ticket knows one.
        """
        session = self.get(principal.session_id) if principal.session_id is not None else self._session_of(ticket)
        if session.status is Status.ENDED:
            raise ProtocolError("this session is over; start a new one", code="session.over", close_code=4404)
        if session.live is None:
            raise bad_ticket()
        session.live.check(ticket)
        return session

    def _session_of(self, ticket: Ticket) -> Session:
        for session in self.running():
            if session.live is not None and session.live.gave(ticket):
                return session
        raise bad_ticket()

    def finish(self, session: Session) -> None:
        """Keep a session's debrief and let its place go."""
        if session.status is Status.ENDED:
            return
        session.status = Status.ENDED
        session.expires_ms = self._clock.now_ms() + DEBRIEF_S * 1000.0
        if session.driver is not None:
            session.driver.end("ended")
            session.debrief = summarise(session.driver.log.read_from(0, Audience.EXAMINER), session.card)
            session.driver.log.close()
            session.driver = None
        session.live = None
        self._tell_when_kept(session)
        session.ended.set()
        self._count()
        logger.info("session_over", session=session.id)

    def _tell_when_kept(self, session: Session) -> None:
        """Set `written` and `joined` once the threads have done what they were asked before: they keep the order."""
        loop = asyncio.get_running_loop()

        def tell(done: asyncio.Event) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(done.set)

        def written() -> None:
            tell(session.written)
            self._chores.submit(lambda: tell(session.joined))

        self._disk.submit(written)

    def _observe(self, record: Record) -> None:
        self._metrics.observe_event(record)

    def _count(self) -> None:
        running = sum(s.status is Status.RUNNING for s in self._sessions.values())
        self._metrics.sessions_active.set(running)

    def _detached(self) -> int:
        return sum(s.live is not None and s.live.away for s in self.running())

    # -------------------------------------------------------------- who is who

    def principal(self, token: str | None) -> Principal:
        """Return whom a bearer token stands for; raises AccessError."""
        if not token:
            raise AccessError("a token is needed: create a session first and send its token as bearer")
        if self.is_developer(token):
            return Principal("developer", None)
        session_id = self._tokens.get(_digest(token))
        if session_id is None:
            raise AccessError("this token is unknown or has expired; create a new session")
        return Principal(self._sessions[session_id].role, session_id)

    def is_developer(self, token: str | None) -> bool:
        """Return whether a bearer token is the developer's key."""
        key = self._settings.developer_key
        given, wanted = (token or "").encode(), key.get_secret_value().encode() if key is not None else b""
        return bool(wanted) and secrets.compare_digest(given, wanted)

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

    def running(self) -> list[Session]:
        """Return the sessions that are running."""
        return [s for s in self._sessions.values() if s.status is Status.RUNNING]

    # -------------------------------------------------------------- housekeeping

    async def sweep_for_ever(self) -> None:
        """Let unused reservations and old debriefs go every few seconds, what was kept long enough every few hours."""
        deleted_ms = self._clock.now_ms()
        while True:
            self.sweep()
            if self._clock.now_ms() - deleted_ms >= DELETE_EVERY_S * 1000.0:
                deleted_ms = self._clock.now_ms()
                self._chores.submit(self._delete_old)
            await asyncio.sleep(SWEEP_S)

    def sweep(self) -> None:
        """Let go what has expired; a reservation nobody joined leaves no folder behind."""
        now_ms = self._clock.now_ms()
        self._forget(
            {s.id for s in self._sessions.values() if s.status is not Status.RUNNING and s.expires_ms <= now_ms}
        )

    def _forget(self, gone: set[str]) -> None:
        for session_id in gone:
            session = self._sessions.pop(session_id)
            if session.status is Status.RESERVED:
                # A call that is just being connected must not join it any more.
                session.status = Status.ENDED
                folder = session.folder
                self._chores.submit(lambda folder=folder: shutil.rmtree(folder, ignore_errors=True))  # type: ignore[misc]
        self._tokens = {digest: sid for digest, sid in self._tokens.items() if sid not in gone}

    def recover(self) -> None:
        """Delete what was kept long enough, and join what a crash left in segments; to be called before any session."""
        left = session_folders(self._folder)  # now: sessions that begin meanwhile have segments too
        self._chores.submit(self._delete_old)
        self._chores.submit(lambda: join_left_over(left))

    def _delete_old(self) -> None:
        delete_old(self._folder, keep_days=self._settings.session.keep_days)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _to_loop(listener: Callable[[StorageError], None]) -> Callable[[StorageError], None]:
    """Return a function that the disk thread may call; the listener runs on the event loop."""
    loop = asyncio.get_running_loop()

    def tell(error: StorageError) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(listener, error)

    return tell
