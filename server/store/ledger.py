"""What role-plays have to say to the database, in order and after the fact: nobody who speaks waits for it.

While the database can't be used, what is told stays here and is tried again; the session's own folder has it all
besides, so that what is still here when the server dies is found by the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import islice, takewhile

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import AppError, DatabaseError
from server.store.database import Database

logger = structlog.get_logger("server.store.ledger")

Work = Callable[[AsyncConnection], Awaitable[object]]
# Some thousand role-plays; beyond that the folders alone have what happened.
MOST = 10_000
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0
# A class that begins together is on the disk after one sync.
BATCH = 64
# These go away by themselves or by somebody's help; anything else would fail for ever.
PASSING = {
    "database.unavailable",
    "database.locked",
    "database.full",
    "database.gone",
    "database.read_only",
    "database.damaged",
}


@dataclass(frozen=True, slots=True)
class _Entry:
    what: str
    work: Work | None = None
    # Done once all before it is written, outside any transaction.
    then: Callable[[], Awaitable[object]] | None = None


class Ledger:
    """Takes entries on the event loop, in no time, and writes them in order."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._entries: deque[_Entry] = deque()
        self._told = asyncio.Event()
        self._done = asyncio.Event()
        self._done.set()
        self._waiting = False  # for the database
        # How many entries could not be written; the sessions' folders have them all the same.
        self.refused = 0

    def __len__(self) -> int:
        return len(self._entries)

    def note(self, what: str, work: Work) -> None:
        """Queue an entry; `what` is told to the operator if it can't be written."""
        self._queue(_Entry(what, work))

    def then(self, done: Callable[[], Awaitable[object]]) -> None:
        """Have something done once all that was noted so far is written."""
        self._queue(_Entry("what follows", then=done))

    def _queue(self, entry: _Entry) -> None:
        if len(self._entries) >= MOST:
            self.refused += 1
            logger.error("ledger_full", entry=entry.what)
            return
        self._entries.append(entry)
        self._done.clear()
        self._told.set()

    async def run(self) -> None:
        """Write entries as they come, those that have gathered meanwhile together, for as long as the server runs."""
        pause_s = FIRST_PAUSE_S
        while True:
            await self._told.wait()
            self._told.clear()
            while self._entries:
                batch = list(islice(takewhile(lambda entry: entry.work is not None, self._entries), BATCH))
                done = await self._write_all(batch or [self._entries[0]])
                for _ in range(done):
                    self._entries.popleft()
                if done:
                    pause_s = FIRST_PAUSE_S
                else:
                    await asyncio.sleep(pause_s)
                    pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)
            self._done.set()

    async def drained(self, within_s: float) -> bool:
        """Wait until all is written; False when the time ran out."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._done.wait()
        if self._entries:
            logger.warning("ledger_unwritten", entries=len(self._entries))
        return not self._entries

    async def _write_all(self, batch: list[_Entry]) -> int:
        """Write entries, all in one transaction if none is refused; return how many of them are dealt with."""
        if len(batch) > 1:
            try:
                async with self._database.writing() as connection:
                    for entry in batch:
                        assert entry.work is not None  # noqa: S101 - only such are in a batch
                        await entry.work(connection)
                return len(batch)
            except Exception:  # one of them: it is found, and told of, one by one
                logger.debug("ledger_batch_refused", entries=len(batch))
        return int(await self._write(batch[0]))

    async def _write(self, entry: _Entry) -> bool:
        """Write an entry; return whether it is dealt with."""
        try:
            if entry.then is not None:
                await entry.then()
            if entry.work is not None:
                async with self._database.writing() as connection:
                    await entry.work(connection)
        except DatabaseError as error:
            if error.code in PASSING:
                if not self._waiting:
                    logger.warning("ledger_waits", error=error.message, code=error.code)
                self._waiting = True
                return False
            self.refused += 1
            logger.error("ledger_refused", entry=entry.what, error=error.message)
        except AppError as error:
            self.refused += 1
            logger.error("ledger_refused", entry=entry.what, error=error.message)
        except Exception as error:  # a fault of ours must not stop all that comes after it
            self.refused += 1
            logger.exception("ledger_refused", entry=entry.what, error=type(error).__name__)
        if self._waiting:
            logger.info("ledger_goes_on", entries=len(self._entries))
        self._waiting = False
        return True
