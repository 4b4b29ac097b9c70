"""What a server knows of the others: where they are, whether they live, and how much room they have."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import structlog

from common.errors import DatabaseError
from server.store import instances
from server.store.instances import READY, Instance
from server.store.store import Store

logger = structlog.get_logger("server.instances")

FORGET_AFTER_MS = 86_400_000.0


class Directory:
    """Tells the others of this server and reads of them; `me` says how it is now.

    While the database is away, what was read last counts for `lost_after_s`, and addresses for longer.
    """

    def __init__(
        self,
        store: Store,
        *,
        name: str,
        me: Callable[[], Instance],
        lost_after_s: float,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now_s = now_s
        self.name = name
        self._store = store
        self._me = me
        self._lost_after_ms = lost_after_s * 1000.0
        self._known: dict[str, Instance] = {}
        self._read_s = self._now_s()
        # Sessions that were opened on others since the last reading.
        self._sent: dict[str, int] = {}
        self._away = False
        self._ready_then: list[str] = []

    async def beat(self) -> None:
        """Have the others know that this server lives, and learn of them."""
        try:
            async with self._store.database.writing() as connection:
                await instances.beat(connection, self._me())
                known = await instances.all_instances(connection)
                for long_gone in known:
                    if long_gone.silent_ms > FORGET_AFTER_MS:
                        await instances.forget(connection, long_gone.name)
        except DatabaseError as error:
            if not self._away:
                logger.warning("directory_away", error=error.message)
            self._away = True
            return
        if self._away:
            logger.info("directory_back")
        self._away = False
        self._known = {one.name: one for one in known if one.name != self.name}
        self._read_s = self._now_s()
        self._sent.clear()
        ready = sorted(one.name for one in self._ready())
        if ready != self._ready_then:
            logger.info("instances_ready", others=ready)
        self._ready_then = ready

    async def leave(self, name: str) -> None:
        """Take a server out: this one, which ends, or one that died. What fails is told to the operator alone."""
        self._known.pop(name, None)
        try:
            async with self._store.database.writing() as connection:
                await instances.forget(connection, name)
        except DatabaseError as error:
            logger.warning("directory_away", error=error.message)

    def address_of(self, name: str) -> str | None:
        """Return where a server is, or was when it was last heard of; None: nobody knows."""
        found = self._known.get(name)
        return found.address if found is not None else None

    def alive(self) -> list[Instance]:
        """Return the others that gave a sign of life lately."""
        silent_ms = (self._now_s() - self._read_s) * 1000.0
        return [one for one in self._known.values() if one.silent_ms + silent_ms < self._lost_after_ms]

    def leader(self) -> Instance | None:
        """Return the other server that leads, None where none is known."""
        return next((one for one in self.alive() if one.leads), None)

    def roomiest(self) -> Instance | None:
        """Return the other server with the most room, None where none has more than this one.

        Of two with nearly as much this one is taken: a role-play that stays goes over no other server.
        """
        mine = self._me()
        own = mine.free if mine.state == READY else 0
        best = max(self._ready(), key=lambda one: self._room(one), default=None)
        if best is None or self._room(best) <= 0 or self._room(best) <= own + (1 if own > 0 else 0):
            return None
        return best

    def has_most_room(self) -> bool:
        """Whether no other server has more room than this one."""
        own = self._me().free
        return all(self._room(one) <= own for one in self._ready())

    def sent(self, name: str) -> None:
        """Note that a session was opened on another server, which will say so itself in a second."""
        self._sent[name] = self._sent.get(name, 0) + 1

    def _ready(self) -> Iterable[Instance]:
        return (one for one in self.alive() if one.state == READY)

    def _room(self, one: Instance) -> int:
        return one.free - self._sent.get(one.name, 0)
