"""Makes the driver of a session: its log, recorder and voice detector, and the record of what it was made from."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import structlog

from audio.clock import Clock
from audio.frames import pcm_to_bytes
from audio.playout import Sink
from audio.speech import SpeechDetector
from audio.vad import make_vad
from common.errors import StorageError
from common.seal import Seal
from pipelines.engine_choices import Choices
from pipelines.events import Audience, SessionSetup
from pipelines.intent.card_store import CardStore
from pipelines.log.disk import DiskThread
from pipelines.log.jsonl import JsonlStore
from pipelines.log.session_log import SessionLog
from pipelines.patient.card import Card
from pipelines.patient.card_library import CardLibrary
from pipelines.session.driver import Engines, SessionDriver, SessionSpec
from pipelines.session.recording import SessionRecorder
from pipelines.session.relay import SoundRelay
from server.metrics import Metrics
from server.protocol.desk_messages import pack_sound
from server.sessions.disk_watch import DiskWatch
from server.sessions.session import Session
from server.settings.tree import Settings
from server.trace_sending import Tracing
from server.vault.session_keys import sync_key
from server.vault.vault import Vault

logger = structlog.get_logger("server.sessions.factory")


@dataclass(frozen=True, slots=True)
class DriverFactory:
    """What all sessions' drivers are made from; `disk` has what a crash must not lose, `chores` what may take a while.

    Metrics and traces read each session's log.
    """

    settings: Settings
    cards: CardLibrary
    engines: Engines
    choices: Choices
    clock: Clock
    disk: DiskThread
    chores: DiskThread
    metrics: Metrics
    tracing: Tracing
    vault: Vault
    disk_watch: DiskWatch
    # By the id of each model that the engines need.
    model_digests: Mapping[str, str] = field(default_factory=dict)

    def make(self, session: Session, input_hz: int, sink: Sink) -> SessionDriver:
        """Return the driver of a session that is being joined, not started; it is the session's from now on.

        Of one with a past, the log and the recording go on, sealed as they were.
        """
        settings, past = self.settings, session.past
        seal = self._seal(session)

        def not_stored(error: StorageError) -> None:
            self.disk_watch.failed(error)
            driver.storage_failed(error)

        failed = _to_loop(not_stored)
        relay = session.relay = SoundRelay(encode=lambda at_ms, stereo: pack_sound(at_ms, pcm_to_bytes(stereo)))
        # The disk thread keeps the order: no sealed line is on the disk for sure before its key is.
        self.disk.submit(partial(sync_key, session.folder), lambda error: failed(_not_kept(error)))
        vad = make_vad(settings.vad)
        if vad.fallback:
            logger.warning("vad_fallback", reason=vad.reason)
        driver = SessionDriver(
            SessionSpec(
                session.id,
                session.card,
                session.mode,
                _length_s(session, settings.session.session_s),
                seed_of(session.id, session.mode),
                input_hz,
                may_leave=self._may_leave(session),
            ),
            engines=self.engines,
            settings=settings.conversation,
            detector=SpeechDetector(vad.vad, settings.speech),
            conditioning=settings.audio,
            clock=self.clock,
            sink=sink,
            make_log=lambda media_ms: SessionLog(
                now_ms=self.clock.now_ms,
                media_ms=media_ms,
                salt=lambda: secrets.token_hex(16),
                store=JsonlStore(session.folder, self.disk, failed=failed, seal=seal),
            ),
            make_recorder=lambda hz: SessionRecorder(
                session.folder,
                self.disk,
                chores=self.chores,
                rate_hz=hz,
                failed=failed,
                relay=relay,
                seal=seal,
                from_ms=past.media_ms if past is not None else 0.0,
            ),
        )
        session.driver = driver
        driver.log.subscribe(Audience.INTERNAL, self.metrics.observe_event)
        if past is not None:
            driver.log.go_on(past.records, past.next_seq)
            self.tracing.follow(driver.log)
            session.past = None
            session.begun.set()
            return driver
        self.tracing.follow(driver.log)
        driver.log.append(self._setup(session, vad.vad.name))
        if session.consent is not None:
            driver.log.append(session.consent)
        session.begun.set()
        return driver

    def _seal(self, session: Session) -> Seal | None:
        if session.past is None:
            return self.vault.make_session(session.folder)
        return self.vault.open_session(session.folder)

    def _may_leave(self, session: Session) -> bool:
        """Return whether the candidate agreed to the very provider and country that are configured now.

        Without a card nobody but the key's holder opens a conversation, to have that model speak.
        """
        if session.card.is_free:
            return True
        plan, consent = self.choices.remote, session.consent
        return (
            plan is not None
            and consent is not None
            and (consent.provider, consent.country) == (plan.label, plan.country)
        )

    def _setup(self, session: Session, vad: str) -> SessionSetup:
        return SessionSetup(
            card_id=session.card.id,
            card_version=session.card.version,
            card_digest=self.cards.digest(session.card.id),
            engines=self.choices.names | {"vad": vad},
            settings_digest=self.settings.digest(),
            seed=seed_of(session.id, session.mode),
            index_digest=self._index_digest(session.card),
            settings=self.settings.shaping(),
            models=dict(self.model_digests),
        )

    def _index_digest(self, card: Card) -> str:
        chosen = self.choices.interpreter
        return CardStore(chosen.place.folder).digest(card) if chosen.place is not None else ""


def _not_kept(error: Exception) -> StorageError:
    why = error.strerror if isinstance(error, OSError) else type(error).__name__
    return StorageError(f"the session's key can't be written: {why}")


def _length_s(session: Session, usual_s: int) -> int:
    """Return how long a role-play lasts that begins now."""
    return usual_s if session.talk_s is None else max(1, round(session.talk_s()))


def _to_loop(listener: Callable[[StorageError], None]) -> Callable[[StorageError], None]:
    """Return a function that the disk thread may call; the listener runs on the event loop."""
    loop = asyncio.get_running_loop()

    def tell(error: StorageError) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(listener, error)

    return tell


def seed_of(session_id: str, mode: str) -> int:
    """Return what a patient's choices of words and order come from: in an exam all candidates meet the same patient."""
    return 0 if mode == "exam" else int(hashlib.sha256(session_id.encode()).hexdigest()[:8], 16)
