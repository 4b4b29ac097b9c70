"""Keeps a checkpoint of each session in its folder: at each step of its life, and every second while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from functools import partial

import structlog

from pipelines.log.disk import DiskThread
from server.sessions.access import Access
from server.sessions.checkpoint import Checkpoint, remove_checkpoint, write_checkpoint
from server.sessions.session import Session, Status
from server.store.tokens import now_ms
from server.wire.wire_point import WirePoint

logger = structlog.get_logger("server.sessions.checkpoints")

EVERY_S = 1.0

RunningSessions = Callable[[], list[Session]]


class Checkpoints:
    """Writes them by the disk thread, in order; a disk that fails costs the checkpoint alone."""

    def __init__(self, access: Access, disk: DiskThread) -> None:
        self._access = access
        self._disk = disk

    def keep(self, session: Session) -> None:
        """Write down where a session stands."""
        if session.status is Status.ENDED:
            return
        point = session.live.checkpoint() if session.live is not None else None
        self._write(session, point)

    def keep_last(self, session: Session, point: WirePoint | None) -> None:
        """Write down where a session stood that was just suspended."""
        self._write(session, point)

    def remove(self, session: Session) -> None:
        """The session is over: nobody goes on with it."""
        self._disk.submit(partial(remove_checkpoint, session.folder), _log)

    def _write(self, session: Session, point: WirePoint | None) -> None:
        checkpoint = Checkpoint(
            at_ms=now_ms(),
            card=session.card.id,
            mode=session.mode,
            person=session.person_id,
            tokens=self._access.tokens_of(session.id),
            consent=asdict(session.consent) if session.consent is not None else None,
            opened_ms=session.opened_ms,
            wire=point,
            joined=session.status is Status.RUNNING,
        )
        self._disk.submit(partial(write_checkpoint, session.folder, checkpoint), _log)


def _log(error: Exception) -> None:
    logger.warning("checkpoint_not_written", error=type(error).__name__)


async def keep_for_ever(checkpoints: Checkpoints, running: RunningSessions) -> None:
    """Keep those of all running sessions, every second for as long as the server runs."""
    while True:
        await asyncio.sleep(EVERY_S)
        for session in running():
            # One that waits for the engines stands where its last server wrote it down.
            if session.live is not None:
                checkpoints.keep(session)
