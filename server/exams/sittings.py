"""All exams that are being sat on this server: begun in their time, driven by their clocks, restored after a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import AppError, ProtocolError
from pipelines.events import ConsentGiven, IncidentRaised
from pipelines.log.disk import DiskThread
from pipelines.patient.card_library import CardLibrary
from server.exams.schedule import Schedule
from server.exams.sitting import Sitting, SittingPoint, read_points, write_point
from server.exams.timetable import WARM_UP, Phase, timetable
from server.records.holder import Holder, moving
from server.sessions.admission import Admission
from server.sessions.registry import SessionRegistry
from server.sessions.session import Session, Status
from server.settings.tree import Settings
from server.store import audit, exams
from server.store.exams import Exam, ExamSession
from server.store.store import Store
from server.store.tokens import now_ms

logger = structlog.get_logger("server.exams")

WARM_UP_CARD = "warm-up"
EVERY_S = 1.0
SERVER = "the server"


class Sittings:
    """Begins exams and lets their candidates open the session of the part whose time it is."""

    def __init__(
        self,
        settings: Settings,
        *,
        schedule: Schedule,
        store: Store,
        registry: SessionRegistry,
        admission: Admission,
        cards: CardLibrary,
        disk: DiskThread,
        holder: Holder,
    ) -> None:
        self._settings = settings
        self._holder = holder
        self._schedule = schedule
        self._store = store
        self._registry = registry
        self._admission = admission
        self._cards = cards
        self._disk = disk
        self._folder: Path = settings.data_path / "exams"
        self._sittings: dict[str, Sitting] = {}
        self._waiting: set[str] = set()  # of an earlier server: they go on once the engines are ready
        self._tasks: set[asyncio.Task[None]] = set()

    # -------------------------------------------------------------- what a candidate does

    async def begin(self, exam: Exam) -> Sitting:
        """Begin an exam, or return it where it has begun; raises ProtocolError when it is not its time.

        Raises CapacityError once the server is about to stop.
        """
        known = self._sittings.get(exam.id)
        if known is not None:
            return known
        self._admission.check_open()
        if exam.state == "begun" and await asyncio.to_thread(self._holder.holder_of, exam.id) is not None:
            # Two machines asked two servers at once: the other server has it, and is asked from now on.
            raise moving()
        if exam.state != "scheduled":
            raise ProtocolError(_why_not(exam), code="exam.over", http_status=409)
        self._check_time(exam)
        sitting = self._make(exam)
        # Before anybody else can know that it has begun.
        self._holder.hold(exam.id)
        async with self._store.database.writing() as connection:
            first = await exams.begin(connection, exam.id, at_ms=now_ms())
            if first:
                await audit.append(connection, "exam.began", exam=exam.id, by=exam.candidate_id)
        if exam.id in self._sittings:  # two machines asked at once
            return self._sittings[exam.id]
        if not first:
            self._holder.let_go(exam.id)
            return await self.begin(await self._schedule.get(exam.id))
        self._sittings[exam.id] = sitting
        sitting.clock.run()
        self._keep(sitting)
        logger.info("exam_began", exam=exam.id)
        return sitting

    def holds(self, exam_id: str) -> bool:
        """Return whether an exam is being sat on this server."""
        return exam_id in self._sittings

    def sitting(self, exam: Exam) -> Sitting | None:
        """Return an exam as it is being sat, None where it is not."""
        return self._sittings.get(exam.id)

    async def check_free(self, person_id: str | None) -> None:
        """Raise ProtocolError where somebody sits an exam now, on any server: they must not rehearse with its patient.

        Raises DatabaseError where that can't be known.
        """
        if person_id is not None and await self._sits(person_id):
            raise ProtocolError(
                "your exam goes on; practise again when it is over", code="exam.goes_on", http_status=409
            )

    async def open_session(
        self, exam_id: str, *, person_id: str | None, consent: ConsentGiven | None
    ) -> tuple[Session, str]:
        """Return the session of the part at hand with a token for it; raises AppError.

        One that nobody has joined is given out again: its page was loaded anew, or another machine took its place.
        """
        sitting = self._sittings.get(exam_id)
        if sitting is None:
            raise ProtocolError(_why_not(await self._schedule.get(exam_id)), code="exam.over", http_status=409)
        # Of two tabs that ask at once, the second finds the session of the first.
        async with sitting.opening:
            exam = await self._schedule.get(exam_id)
            return await self._open(exam, sitting, person_id=person_id, consent=consent)

    # -------------------------------------------------------------- what others do

    async def void(self, by: str, exam_id: str, reason: str) -> Exam:
        """Void an exam, which ends it."""
        exam = await self._schedule.void(by, exam_id, reason)
        self._end(exam_id)
        return exam

    async def void_session(self, by: str, exam_id: str, session_id: str, reason: str) -> Exam:
        """Void a session of an exam, which ends it; its role-play may be held again while its phase lasts."""
        exam = await self._schedule.void_session(by, exam_id, session_id, reason)
        self._drop_void(exam)
        return exam

    async def assign(self, by: str, exam_id: str, examiners: Collection[str]) -> Exam:
        """Have these people (log-in names) examine an exam, and nobody else, from this moment on."""
        exam = await self._schedule.assign(by, exam_id, examiners)
        if (sitting := self._sittings.get(exam_id)) is not None:
            sitting.examined_by(exam.examiners)
        return exam

    async def note_incident(self, by: str, exam: Exam, *, what: str, reason: str) -> dict[str, Any]:
        """Write down what went wrong, in the log of the session at hand too."""
        sitting = self._sittings.get(exam.id)
        session = sitting.sessions.get(sitting.phase.part) if sitting is not None and sitting.phase else None
        incident = await self._schedule.note_incident(
            by, exam.id, what=what, reason=reason, session_id=session.id if session is not None else None
        )
        if session is not None and session.driver is not None:
            session.driver.log.append(IncidentRaised(incident.what, incident.by, incident.reason))
        return {"id": incident.id, "at_ms": incident.at_ms, "what": incident.what, "by": by, "reason": incident.reason}

    # -------------------------------------------------------------- the server's own life

    async def look(self, ours: Callable[[str], bool] = lambda _exam_id: True) -> None:
        """Know the exams again that another server held, of those that are ours; they stand still until `go_on`."""
        for exam_id, point in (await asyncio.to_thread(read_points, self._folder)).items():
            if not ours(exam_id):
                continue
            ids = point.sessions
            try:
                exam = await self._schedule.get(exam_id)
                ids = tuple(session.session_id for session in exam.sessions)
                if exam.state == "begun":
                    self._restore(exam, point)
                    continue
            except AppError as error:
                logger.warning("exam_not_restored", exam=exam_id, reason=error.message)
                self._leave(ids)
                continue
            self._let_go(ids)
            self._disk.submit(partial(self._remove, exam_id))

    def go_on(self) -> None:
        """Let the clocks of restored exams run: the engines are ready."""
        if self._admission.draining:
            return
        for exam_id in self._waiting:
            sitting = self._sittings[exam_id]
            sitting.clock.run()
            self._note(sitting, None, "server_restarted", "the server was started anew in the middle of the exam")
        self._waiting.clear()

    async def keep_for_ever(self) -> None:
        """Keep where each exam stands, every second."""
        while True:
            await asyncio.sleep(EVERY_S)
            for sitting in self._sittings.values():
                self._keep(sitting)

    async def learn_for_ever(self) -> None:
        """Learn what the command line has changed of each exam, every second where the database is as quick."""
        while True:
            await asyncio.sleep(EVERY_S)
            for sitting in tuple(self._sittings.values()):
                await self._learn(sitting)

    def hold(self) -> None:
        """Have no exam lose time from now on, as nobody can join it; a talk that is under way has its time still."""
        for sitting in self._sittings.values():
            if not sitting.clock.talking:
                sitting.clock.hold()

    async def stop(self) -> None:
        """Leave all exams where they stand."""
        for sitting in self._sittings.values():
            sitting.clock.hold()
            self._keep(sitting)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -------------------------------------------------------------- within

    async def _sits(self, person_id: str) -> bool:
        if any(one.candidate_id == person_id for one in self._sittings.values()):
            return True
        if self._holder.name is None:
            return False
        async with self._store.database.reading() as connection:
            return any(exam.state == "begun" for exam in await exams.find(connection, candidate_id=person_id))

    async def _open(
        self, exam: Exam, sitting: Sitting, *, person_id: str | None, consent: ConsentGiven | None
    ) -> tuple[Session, str]:
        phase = sitting.phase
        if phase is None or self._sittings.get(exam.id) is not sitting:
            raise ProtocolError(_why_not(exam), code="exam.over", http_status=409)
        counted = exam.session_of(phase.part)
        known = sitting.sessions.get(phase.part)
        if counted is not None and known is not None and known.id == counted.session_id:
            if known.status is Status.RESERVED:
                return known, self._registry.give_token(known)
            raise ProtocolError(
                "this part of the exam is open on another machine, or was held already; go on there",
                code="exam.taken",
                http_status=409,
            )
        if counted is not None:
            raise ProtocolError("this part of the exam was held already", code="exam.taken", http_status=409)
        session, token = self._registry.reserve_card(sitting.card(), "exam", person_id=person_id)
        session.consent = consent
        sitting.take(phase.part, session)
        self._registry.keep(session)
        async with self._store.database.writing() as connection:
            await exams.add_session(connection, exam.id, ExamSession(session.id, phase.part, now_ms()))
        return session, token

    def _make(self, exam: Exam) -> Sitting:
        """Return an exam's sitting, not begun; raises ProtocolError when one of its cards is gone."""
        cards = {part.number: self._cards.get(part.card_id) for part in exam.parts}
        there = {number: card for number, card in cards.items() if card is not None}
        if len(there) < len(cards):
            raise ProtocolError(
                "a card of your exam is not on this server any more; tell the person who holds the exam",
                code="exam.no_card",
                http_status=409,
            )
        warm_up = self._cards.get(WARM_UP_CARD)
        phases = [phase for phase in timetable(self._settings) if phase.part != WARM_UP or warm_up is not None]
        if warm_up is not None:
            there[WARM_UP] = warm_up
        return Sitting(
            exam.id,
            exam.candidate_id,
            there,
            exam.examiners,
            phases,
            closing_s=self._settings.conversation.closing_grace_s,
            moved=self._moved,
            gave_up=self._gave_up,
        )

    def _restore(self, exam: Exam, point: SittingPoint) -> None:
        sitting = self._make(exam)
        sitting.clock.set_to(point.index, point.left_ms / 1000.0)
        self._sittings[exam.id] = sitting
        self._waiting.add(exam.id)
        self._let_go(one.session_id for one in exam.sessions if one.voided_ms is not None)
        for one in exam.sessions:
            session = self._registry.find(one.session_id)
            if session is not None and one.voided_ms is None:
                sitting.take(one.part, session)
                sitting.clock.talking = sitting.clock.talking or session.status is Status.RUNNING
        logger.info("exam_restored", exam=exam.id, phase=point.index, left_s=round(point.left_ms / 1000.0))

    def _leave(self, session_ids: Iterable[str]) -> None:
        """Leave the sessions of an exam that can't be continued to the next server: alone they know no rules."""
        for session in map(self._registry.find, session_ids):
            if session is not None and session.status is not Status.ENDED:
                self._registry.suspend(session)

    def _drop_void(self, exam: Exam) -> None:
        sitting = self._sittings.get(exam.id)
        if sitting is None:
            return
        voided = {one.session_id for one in exam.sessions if one.voided_ms is not None}
        self._let_go(session.id for session in sitting.drop(voided))
        if self._admission.draining:
            self.hold()

    def _let_go(self, session_ids: Iterable[str]) -> None:
        """End sessions that no exam counts."""
        for session in map(self._registry.find, session_ids):
            if session is None:
                continue
            if session.status is Status.RUNNING:
                session.end("failed")
            else:
                self._registry.give_back(session)

    @staticmethod
    def _check_time(exam: Exam) -> None:
        now = now_ms()
        if now < exam.opens_ms:
            raise ProtocolError(
                "your exam has not opened yet; come back at its time", code="exam.early", http_status=409
            )
        if now > exam.closes_ms:
            raise ProtocolError(
                "the time to begin your exam is over; ask the person who holds it for another",
                code="exam.late",
                http_status=409,
            )

    def _moved(self, sitting: Sitting, phase: Phase | None) -> None:
        logger.info("exam_phase", exam=sitting.exam_id, phase=phase.name if phase else "closed")
        if phase is None:
            self._end(sitting.exam_id)
            return
        if self._admission.draining:
            sitting.clock.hold()
        self._keep(sitting)

    def _gave_up(self, sitting: Sitting, session: Session, why: str) -> None:
        if self._admission.draining:
            self.hold()
        self._note(sitting, session, "broken_off", f"the session ended before its time: {why}")

    def _end(self, exam_id: str) -> None:
        sitting = self._sittings.pop(exam_id, None)
        if sitting is None:
            return
        self._waiting.discard(exam_id)
        sitting.stop()
        self._disk.submit(partial(self._remove, exam_id))
        self._store.ledger.note(f"{exam_id} closed", partial(_close, exam_id=exam_id))

    def _note(self, sitting: Sitting, session: Session | None, what: str, reason: str) -> None:
        """Write an incident down that the server itself noticed."""
        task = asyncio.create_task(self._write_incident(sitting.exam_id, session, what, reason))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write_incident(self, exam_id: str, session: Session | None, what: str, reason: str) -> None:
        try:
            session_id = session.id if session is not None else None
            await self._schedule.note_incident(SERVER, exam_id, what=what, reason=reason, session_id=session_id)
        except AppError as error:
            logger.warning("incident_not_written", exam=exam_id, what=what, error=error.message)

    async def _learn(self, sitting: Sitting) -> None:
        try:
            exam = await self._schedule.get(sitting.exam_id)
            sitting.examined_by(exam.examiners)
            self._drop_void(exam)
            if exam.state == "void":
                self._end(sitting.exam_id)
        except AppError as error:
            logger.warning("exam_not_looked_at", exam=sitting.exam_id, error=error.message)

    def _keep(self, sitting: Sitting) -> None:
        if not sitting.clock.is_over:
            self._disk.submit(partial(write_point, self._folder, sitting.exam_id, sitting.point()), _log)

    def _remove(self, exam_id: str) -> None:
        (self._folder / f"{exam_id}.json").unlink(missing_ok=True)
        self._holder.let_go(exam_id)


def _log(error: Exception) -> None:
    logger.warning("exam_not_kept", error=type(error).__name__)


def _why_not(exam: Exam) -> str:
    return {
        "void": "this exam was declared void; ask the person who holds it",
        "closed": "this exam is over",
        "begun": "this exam can't be continued on this server; ask the person who holds it",
    }.get(exam.state, "this exam has not begun")


async def _close(connection: AsyncConnection, *, exam_id: str) -> None:
    await exams.close(connection, exam_id, at_ms=now_ms())
    await audit.append(connection, "exam.closed", exam=exam_id)
