"""Sessions that were alive when an earlier server ended: continued where that can be, closed properly where not.

At the start their folders are looked through, so that tokens are known again; once the engines are ready each that can
go on gets its driver, and waits for its client as after any lost connection. Its clock stood still meanwhile.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

from audio.clock import Clock
from audio.frames import FRAME_MS
from audio.recorder import recorded_ms
from common.errors import AppError, StorageError
from common.seal import Seal
from pipelines.events import Audience, ConsentGiven, ReplyFinished, SessionEnded
from pipelines.log.disk import DiskThread
from pipelines.log.jsonl import JsonlStore, mend
from pipelines.log.session_log import SessionLog
from pipelines.log.stored_events import StoredLog
from pipelines.patient.card_library import CardLibrary
from pipelines.session.past import Past, read_past
from server.principal import Principal
from server.records.debrief import summarise
from server.records.folder import RecordFolder
from server.sessions.admission import Reservation
from server.sessions.checkpoint import Checkpoint, read_checkpoint, remove_checkpoint
from server.sessions.folders import SessionFolders
from server.sessions.registry import SessionRegistry
from server.sessions.session import Session, Status
from server.settings.tree import SessionSettings
from server.store.tokens import now_ms
from server.vault.vault import Vault
from server.wire.live import LiveSession

logger = structlog.get_logger("server.sessions.live_restoring")

# A server that was away for longer meets nobody who still waits. The time of day may be wrong, so this is generous.
LONGEST_AWAY_S = 900.0
LEAST_LEFT_S = 1.0  # of a role-play that is continued

MakeLive = Callable[[Session, Principal], LiveSession]


@dataclass(frozen=True, slots=True)
class LeftOver:
    """A session's folder with where it stood, and what its log says; None where it has not begun."""

    folder: Path
    checkpoint: Checkpoint
    past: Past | None

    @property
    def goes_on(self) -> bool:
        """Whether its client could come back to it."""
        begun = self.past is None or (self.past.started and not self.past.over)
        return self.checkpoint.wire is not None and begun

    @property
    def left_s(self) -> float:
        """How much was left of the role-play."""
        wire, past = self.checkpoint.wire, self.past
        if wire is not None and wire.left_ms is not None:
            return max(LEAST_LEFT_S, wire.left_ms / 1000.0)
        if past is None or not past.records:
            return LEAST_LEFT_S
        return max(LEAST_LEFT_S, past.session_s - past.records[-1].envelope.session_ms / 1000.0)


def read_left_over(folders: Iterable[Path], vault: Vault) -> list[LeftOver]:
    """Return the sessions that were alive; a log that was torn by the end of its server is mended."""
    found = []
    for folder in folders:
        try:
            checkpoint = read_checkpoint(folder)
            if checkpoint is not None and not RecordFolder(folder).erased:
                found.append(_left_over(folder, checkpoint, vault.open_session(folder)))
                continue
            remove_checkpoint(folder)
        except (StorageError, OSError) as error:
            logger.warning("session_not_restored", session=folder.name, reason=str(error))
    return found


def _left_over(folder: Path, checkpoint: Checkpoint, seal: Seal | None) -> LeftOver:
    if not RecordFolder(folder).has_log:
        return LeftOver(folder, checkpoint, None)
    next_seq = mend(folder)
    past = read_past(StoredLog(folder, seal).records(Audience.INTERNAL))
    past.next_seq = next_seq
    # The timeline goes on where the longer of the two ends.
    past.media_ms = FRAME_MS * math.ceil(max(past.media_ms, recorded_ms(folder, seal=seal)) / FRAME_MS)
    return LeftOver(folder, checkpoint, past if past.records else None)


class Restorer:
    """Brings sessions of an earlier server back into the registry."""

    def __init__(
        self,
        registry: SessionRegistry,
        *,
        cards: CardLibrary,
        settings: SessionSettings,
        clock: Clock,
        disk: DiskThread,
        vault: Vault,
    ) -> None:
        self._vault = vault
        self._registry = registry
        self._cards = cards
        self._settings = settings
        self._clock = clock
        self._disk = disk
        self._going_on: list[tuple[Session, LeftOver]] = []
        self._closed: list[Session] = []

    async def look(self, folders: Iterable[Path]) -> set[str]:
        """Know the tokens of sessions that were alive; return the ids of those that are going on."""
        for left in await asyncio.to_thread(read_left_over, folders, self._vault):
            self._put_back(left)
        await self._disk.run(lambda: None)  # what was closed is on the disk
        waiting = [session.id for session, _ in self._going_on]
        return {*waiting, *(s.id for s in self._registry.reserved())}

    def go_on(self, make_live: MakeLive) -> None:
        """Go on with all that can be continued: the engines are ready."""
        for session, left in self._going_on:
            # It was suspended meanwhile: its checkpoint is for the next server.
            if session.status is not Status.RUNNING:
                continue
            wire = left.checkpoint.wire
            assert wire is not None  # noqa: S101 - only such go on
            whose = None if wire.role == "developer" else session.id
            live = make_live(session, Principal(wire.role, whose, name=wire.key_id))
            try:
                live.go_on(wire, left.past, left_s=left.left_s)
            except AppError as error:
                logger.error("session_not_restored", session=session.id, reason=error.message)
                live.end("failed")
                self._registry.finish(session)
                continue
            self._registry.restored(session)
            logger.info("session_restored", session=session.id, left_s=round(left.left_s))
            if session.to_end is not None:
                live.end(session.to_end)
        self._going_on = []

    def tell_when_kept(self, folders: SessionFolders) -> None:
        """Have those that were closed known as kept, once their recordings are joined."""
        closed, self._closed = self._closed, []
        for session in closed:
            folders.tell_when_kept(session.written, session.joined)

    def _put_back(self, left: LeftOver) -> None:
        checkpoint, folder = left.checkpoint, left.folder
        away_s = (now_ms() - checkpoint.at_ms) / 1000.0
        card = self._cards.get(checkpoint.card)
        if card is None or (left.past is None and checkpoint.joined and checkpoint.wire is None):
            self._close_log(left)
            remove_checkpoint(folder)
            return
        reservation = Reservation(folder.name, None, self._clock.now_ms())
        session = Session(reservation, card, checkpoint.mode, folder, self._clock.now_ms(), Status.RUNNING)
        session.person_id = checkpoint.person
        session.opened_ms = checkpoint.opened_ms
        session.consent = ConsentGiven(**checkpoint.consent) if checkpoint.consent is not None else None
        if not checkpoint.joined:
            if away_s > self._settings.join_within_s:
                return
            session.status = Status.RESERVED
            session.expires_ms += 1000.0 * self._settings.join_within_s
        elif left.goes_on and away_s <= LONGEST_AWAY_S:
            session.past = left.past
            session.left_tickets = left.checkpoint.wire.tickets if left.checkpoint.wire is not None else ()
            self._going_on.append((session, left))
        else:
            self._close(session, left)
        self._registry.put_back(session, checkpoint.tokens)

    def _close(self, session: Session, left: LeftOver) -> None:
        """Nobody can go on with it: its record is ended, and its candidate may look at it."""
        log = self._close_log(left)
        session.status = Status.ENDED
        session.interrupted = True
        session.left_tickets = left.checkpoint.wire.tickets if left.checkpoint.wire is not None else ()
        if log is not None:
            session.debrief = summarise(log.read_from(0, Audience.EXAMINER), session.card)
        session.ended.set()
        self._closed.append(session)
        remove_checkpoint(left.folder)
        logger.info("session_closed", session=session.id, reason="interrupted")

    def _close_log(self, left: LeftOver) -> SessionLog | None:
        """End a log that a killed server left open; return it."""
        past = left.past
        if past is None:
            return None
        log = SessionLog(
            now_ms=lambda: past.records[-1].envelope.session_ms,
            media_ms=lambda: past.media_ms,
            salt=lambda: secrets.token_hex(16),
            store=JsonlStore(left.folder, self._disk, failed=_not_written, seal=self._vault.open_session(left.folder)),
        )
        log.go_on(past.records, past.next_seq)
        if not past.over:
            if past.cut_off is not None:
                log.append(ReplyFinished(*past.cut_off, "interrupted", "", 0.0, estimated=True))
            log.append(SessionEnded("interrupted"))
        log.close()
        return log


def _not_written(error: StorageError) -> None:
    logger.warning("session_not_closed", reason=error.message)
