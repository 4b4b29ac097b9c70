"""Deletes role-plays that were kept long enough, by the dates of the store and never by those of files.

What the store does not know stays, and so does what is held. A run deletes a limited number, nothing on a clock that
jumped (`clock_doubts.py`), and says of each what was really done.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from sqlalchemy import and_, exists, func, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import AppError, DatabaseError
from server.objects.objects import object_store_error
from server.records.clock_doubts import ClockJudgement, Looks, judge
from server.records.recordings import Recordings
from server.settings.retention import DAY_MS, RetentionSettings
from server.store import audit, facts, sessions
from server.store.erasures import DELETED, RETENTION, note_erasure
from server.store.holds import check_free
from server.store.store import Store
from server.store.tables import audit as audit_table
from server.store.tables import holds
from server.store.tables import sessions as table
from server.store.tokens import now_ms

logger = structlog.get_logger("server.records.retention")

LAST, STEADY = "retention.last_ms", "retention.steady_since_ms"


@dataclass(frozen=True, slots=True)
class Due:
    """A role-play whose days are over."""

    id: str
    mode: str
    over_ms: int


@dataclass(slots=True)
class Run:
    """What a run found and did; `why_not` says why it deleted nothing, None where it might."""

    due: list[Due] = field(default_factory=list)
    held: int = 0
    deleted: list[Due] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    why_not: str | None = None
    alarm: bool = False

    @property
    def left(self) -> int:
        """How many are due and still there."""
        return len(self.due) - len(self.deleted)


class Retention:
    """Runs that look and delete; `deleted` is told of each role-play that is gone."""

    def __init__(
        self,
        store: Store,
        root: Path,
        settings: RetentionSettings,
        *,
        recordings: Recordings | None = None,
        wall_ms: Callable[[], int] = now_ms,
        deleted: Callable[[Due], None] = lambda _due: None,
    ) -> None:
        self._store = store
        self._root = root
        self._settings = settings
        self._recordings = recordings or Recordings()
        self._wall_ms = wall_ms
        self._deleted = deleted

    async def look(self) -> Run:
        """Return what a run would do, and do nothing; raises DatabaseError."""
        at_ms = self._wall_ms()
        async with self._store.database.reading() as connection:
            judged = judge(at_ms, await _looks(connection))
            due, held = await self._find(connection, at_ms)
        return Run(due, held, why_not=judged.why_not, alarm=judged.alarm)

    async def run(self, *, clock_is_right: bool = False) -> Run:
        """Delete what was kept long enough; raises DatabaseError. `clock_is_right`: somebody looked, so none waits."""
        run = await self.look()
        at_ms = self._wall_ms()
        noted = await self._note_look(at_ms)
        if noted is not None:
            run.why_not, run.alarm = noted.why_not, noted.alarm
        if clock_is_right:
            run.why_not = None
        if run.why_not is not None:
            if run.due:
                logger.warning("retention_waits", reason=run.why_not, due=len(run.due))
            return run
        if len(run.due) > self._settings.most_per_run:
            logger.warning("retention_limited", due=len(run.due), most=self._settings.most_per_run)
        for due in run.due[: self._settings.most_per_run]:
            try:
                await self._delete(due)
            except (AppError, OSError) as error:
                run.failed.append(due.id)
                logger.error("session_not_deleted", session=due.id, error=str(error))
                continue
            run.deleted.append(due)
            self._deleted(due)
            logger.info("session_deleted", session=due.id, mode=due.mode, reason="kept long enough")
        if noted is None:
            await self._note_look(at_ms)
        return run

    async def _note_look(self, at_ms: int) -> ClockJudgement | None:
        """Note what time it is; None where the disk is full, and what is deleted must make room first."""
        try:
            async with self._store.database.writing() as connection:
                judged = judge(at_ms, await _looks(connection))
                await facts.put(connection, LAST, str(at_ms))
                await facts.put(connection, STEADY, str(judged.steady_since_ms))
                if judged.alarm:
                    await audit.append(connection, "clock.doubted", reason=judged.why_not)
        except DatabaseError as error:
            if error.code != "database.full":
                raise
            return None
        if judged.alarm:
            logger.warning("clock_doubted", reason=judged.why_not)
        return judged

    async def _find(self, connection: AsyncConnection, at_ms: int) -> tuple[list[Due], int]:
        """Return what is due and not held, the oldest first, and how many are held."""
        over = func.coalesce(table.c.ended_ms, table.c.began_ms)
        kept_for = {mode: self._settings.days(mode) for mode in ("practice", "exam", "")}
        # A day more than was said: a clock that is wrong by less than a jump can't take one of the days away.
        before = {mode: at_ms - (days + 1) * DAY_MS for mode, days in kept_for.items()}
        modes = [and_(table.c.mode == mode, over < before[mode]) for mode in ("practice", "exam")]
        others = and_(not_(table.c.mode.in_(("practice", "exam"))), over < before[""])
        whole = and_(table.c.state.in_(("ended", "erasing", "erased")), or_(*modes, others))
        about_session = and_(holds.c.about == "session", holds.c.id == table.c.id)
        about_person = and_(holds.c.about == "person", holds.c.id == table.c.person_id)
        is_held = exists().where(or_(about_session, about_person))
        wanted = select(table.c.id, table.c.mode, over, table.c.state, is_held).where(whole).order_by(over, table.c.id)
        rows = (await connection.execute(wanted)).all()
        held = sum(bool(row[4]) for row in rows)
        free = [(Due(row[0], row[1], int(row[2])), row[3]) for row in rows if not row[4]]
        return await asyncio.to_thread(self._still_there, free), held

    def _still_there(self, found: list[tuple[Due, str]]) -> list[Due]:
        # Of what was erased long ago a folder may be left, with its envelopes; most have none.
        return [due for due, state in found if state != "erased" or (self._root / due.id).is_dir()]

    async def _delete(self, due: Due) -> None:
        """Delete a role-play; what a crash cuts off is done again by the next start or run."""
        folder = self._root / due.id
        await self._announce(due)
        if await asyncio.to_thread(folder.is_dir):
            gone = await asyncio.to_thread(self._recordings.erase, folder)
            if not gone:
                # Without its folder nobody could tell which object is to be deleted: another run does it.
                raise object_store_error("its recording could not be deleted in the object store")
        async with self._store.database.writing() as connection:
            await note_erasure(connection, due.id, by=RETENTION, action=DELETED)
        # Last: without its folder nobody could tell that an erasure was cut off.
        if await asyncio.to_thread(folder.is_dir):
            await asyncio.to_thread(shutil.rmtree, folder)

    async def _announce(self, due: Due) -> None:
        async with self._store.database.reading() as connection:
            await check_free(connection, due.id)
            known = await sessions.by_id(connection, due.id)
        if known is None or known.state != "ended":
            return
        try:
            async with self._store.database.writing() as connection:
                await sessions.set_state(connection, due.id, "erasing")
        except DatabaseError as error:
            # What is deleted makes the room that the database needs.
            if error.code != "database.full":
                raise


async def _looks(connection: AsyncConnection) -> Looks:
    newest = (await connection.execute(select(audit_table.c.at_ms).order_by(audit_table.c.seq.desc()).limit(1))).first()
    last, steady = await facts.get(connection, LAST), await facts.get(connection, STEADY)
    return Looks(
        None if last is None else int(last),
        None if steady is None else int(steady),
        None if newest is None else int(newest[0]),
    )
