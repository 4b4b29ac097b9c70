"""A server as one of several: it gives signs of life, may lead them, and takes over what a dead one held.

The leader alone does what is done once for all: deleting what was kept long enough, backups, moving recordings. Whoever
has the leader's lock leads; it has it until it dies, so there is one, and another within a second of its death.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
from prometheus_client import Counter

from common.errors import AppError, StorageError
from server.instances.directory import Directory
from server.instances.peer_relay import PeerRelay
from server.records.holder import FOLDER, SharedHolder
from server.records.locking import lock_file

logger = structlog.get_logger("server.instances")

BEAT_S = 1.0
WATCH_S = 0.4
# The server with the most room takes a dead one's role-plays over; if it does not, any other does after so long.
COURTESY_S = 1.5
_LEADER = ".leader"


class Membership:
    """What a server does because there are others; `adopt` is given what a dead one held, `lead` is called once."""

    def __init__(
        self,
        holder: SharedHolder,
        directory: Directory,
        relay: PeerRelay,
        *,
        data_path: Path,
        adopt: Callable[[set[str]], Awaitable[None]],
        lead: Callable[[], None],
        takes: Callable[[], bool],
        adopted: Counter,
    ) -> None:
        self.holder = holder
        self.directory = directory
        self.relay = relay
        # What is being taken over: it is held here, and not known yet.
        self.arriving: frozenset[str] = frozenset()
        self._lock_file = data_path / FOLDER / _LEADER
        self._adopt = adopt
        self._lead = lead
        self._takes = takes
        self._adopted = adopted
        self._lock: int | None = None
        self._dead_since_s: dict[str, float] = {}
        self._told = ""
        # Held by this server, and not running yet.
        self._taken: set[str] = set()

    @property
    def leads(self) -> bool:
        """Whether this server leads."""
        return self._lock is not None

    @property
    def others_alive(self) -> int:
        """How many other servers gave a sign of life lately."""
        return len(self.directory.alive())

    def stand_for_leader(self) -> bool:
        """Lead from now on, if nobody does; return whether this server leads. Raises StorageError."""
        if self._lock is None:
            try:
                self._lock = lock_file(self._lock_file)
            except OSError as error:
                raise StorageError(f"{self._lock_file.name} can't be locked: {error.strerror}") from error
            if self._lock is not None:
                logger.info("instance_leads", name=self.holder.name)
        return self.leads

    async def beat_for_ever(self) -> None:
        """Give a sign of life every second."""
        while True:
            await asyncio.sleep(BEAT_S)
            await self.directory.beat()

    async def watch_for_ever(self) -> None:
        """Take over what dead servers held, and their lead, within a second or two."""
        while True:
            await asyncio.sleep(WATCH_S)
            if not self._takes():
                continue
            try:
                if not self.leads and await asyncio.to_thread(self.stand_for_leader):
                    self._lead()
                await self._watch()
                self._told = ""
            except AppError as error:
                self._tell(error.message)
            # A fault of ours must not end the watch, nor leave what was taken over to nobody: it is tried again.
            except Exception as error:
                self._tell(type(error).__name__)
                logger.exception("instances_not_watched")

    def _tell(self, why: str) -> None:
        if why != self._told:
            logger.error("instances_not_watched", error=why)
        self._told = why

    async def _watch(self) -> None:
        await self._adopt_arrived()
        dead = await asyncio.to_thread(self.holder.dead)
        now_s = time.monotonic()
        self._dead_since_s = {name: self._dead_since_s.get(name, now_s) for name in dead}
        for name, held in dead.items():
            waited_s = now_s - self._dead_since_s[name]
            if waited_s < COURTESY_S and not self.directory.has_most_room():
                continue
            # Known before it is moved: who asks for it meanwhile is told to wait, and not that it is gone.
            self.arriving = frozenset(held)
            try:
                self._taken = await asyncio.to_thread(self.holder.take_over, name)
            finally:
                self.arriving = frozenset(self._taken)
            if self._taken:
                logger.warning("instance_lost", name=name, held=len(self._taken))
                await self._adopt_arrived()
                await self.directory.leave(name)

    async def _adopt_arrived(self) -> None:
        """Go on with what was taken over; what fails is tried again the next time."""
        if self._taken:
            await self._adopt(self._taken)
            self._adopted.inc(len(self._taken))
            self._taken, self.arriving = set(), frozenset()

    def resign(self) -> None:
        """Let another lead."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
