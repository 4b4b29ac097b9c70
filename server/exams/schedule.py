"""The schedule of exams: who sits one when, with which cards and examiners; voiding, and what went wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import CardError, ProtocolError
from pipelines.patient.card import Card
from server.accounts.account_names import login_of
from server.exams.timetable import ROLE_PLAYS
from server.store import audit, exams, people
from server.store.exams import Exam, ExamPart, Incident
from server.store.people import Person
from server.store.store import Store
from server.store.tokens import new_id, now_ms

MAX_TITLE_CHARS, MAX_REASON_CHARS = 200, 2_000
LONGEST_WINDOW_MS = 31 * 86_400_000
EXAMINERS = ("examiner", "admin")


class Schedule:
    """Keeps exams in the database; every change is in the audit. `by` is who makes it."""

    def __init__(self, store: Store, cards: Mapping[str, Card]) -> None:
        self._store = store
        self._cards = cards

    async def create(
        self,
        by: str,
        *,
        candidates: Sequence[str],
        examiners: Collection[str],
        cards: Sequence[str],
        opens_ms: int,
        closes_ms: int,
        title: str = "",
    ) -> list[Exam]:
        """Plan an exam for each candidate (log-in names); raises ProtocolError or CardError."""
        self._check_time(opens_ms, closes_ms)
        parts = self._parts(cards)
        if not candidates:
            raise ProtocolError("name at least one candidate", code="exam.fields")
        title = title.strip()[:MAX_TITLE_CHARS] or "Speaking exam"
        made: list[Exam] = []
        async with self._store.database.writing() as connection:
            who = await self._examiners(connection, examiners)
            for login in dict.fromkeys(candidates):
                candidate = await _person(connection, login, ("candidate",))
                exam = Exam(
                    new_id("exam_"), title, candidate.id, opens_ms, closes_ms, "scheduled", now_ms(),
                    parts=parts, examiners=who,
                )  # fmt: skip
                await exams.add(connection, exam)
                await audit.append(
                    connection,
                    "exam.created",
                    by=by,
                    exam=exam.id,
                    person=candidate.id,
                    cards=[part.card_id for part in parts],
                    examiners=sorted(who),
                    opens_ms=opens_ms,
                    closes_ms=closes_ms,
                )
                made.append(exam)
        return made

    async def get(self, exam_id: str) -> Exam:
        """Return an exam; raises ProtocolError (404)."""
        async with self._store.database.reading() as connection:
            found = await exams.by_id(connection, exam_id)
        if found is None:
            raise ProtocolError("there is no such exam; look at the list of exams", code="exam.gone", http_status=404)
        return found

    async def is_expected(self, candidate_id: str) -> bool:
        """Return whether somebody has an exam that is under way, or that they can still begin."""
        async with self._store.database.reading() as connection:
            theirs = await exams.find(connection, candidate_id=candidate_id)
        now = now_ms()
        return any(one.state == "begun" or (one.state == "scheduled" and one.closes_ms > now) for one in theirs)

    async def assign(self, by: str, exam_id: str, examiners: Collection[str]) -> Exam:
        """Have these people (log-in names), and nobody else, examine an exam; raises ProtocolError."""
        await self.get(exam_id)
        async with self._store.database.writing() as connection:
            who = await self._examiners(connection, examiners)
            await exams.assign(connection, exam_id, who)
            await audit.append(connection, "exam.assigned", by=by, exam=exam_id, examiners=sorted(who))
        return await self.get(exam_id)

    async def add_examiner(self, by: str, exam_id: str, login: str) -> Exam:
        """Have one more person (log-in name) examine an exam; raises ProtocolError."""
        exam = await self.get(exam_id)
        async with self._store.database.writing() as connection:
            (added,) = await self._examiners(connection, [login])
            if added == exam.candidate_id:
                raise ProtocolError("nobody examines an exam of their own", code="exam.person")
            who = exam.examiners | {added}
            await exams.assign(connection, exam_id, who)
            await audit.append(connection, "exam.assigned", by=by, exam=exam_id, examiners=sorted(who))
        return await self.get(exam_id)

    async def void(self, by: str, exam_id: str, reason: str) -> Exam:
        """Void a whole exam: it stays in the record as void. Raises ProtocolError."""
        reason = _reason(reason)
        await self.get(exam_id)
        async with self._store.database.writing() as connection:
            if await exams.void(connection, exam_id, by=by, reason=reason, at_ms=now_ms()):
                await audit.append(connection, "exam.voided", by=by, exam=exam_id, reason=reason)
        return await self.get(exam_id)

    async def void_session(self, by: str, exam_id: str, session_id: str, reason: str) -> Exam:
        """Void one session of an exam: its role-play may be held again while its phase lasts. Raises ProtocolError."""
        reason = _reason(reason)
        exam = await self.get(exam_id)
        if all(one.session_id != session_id for one in exam.sessions):
            raise ProtocolError(
                "this session belongs to another exam, or to none", code="exam.session", http_status=404
            )
        async with self._store.database.writing() as connection:
            if await exams.void_session(connection, session_id, by=by, reason=reason, at_ms=now_ms()):
                await audit.append(connection, "session.voided", by=by, exam=exam_id, session=session_id, reason=reason)
        return await self.get(exam_id)

    async def note_incident(
        self, by: str, exam_id: str, *, what: str, reason: str, session_id: str | None = None
    ) -> Incident:
        """Write an incident down; raises ProtocolError."""
        incident = Incident(new_id("inc_"), session_id, now_ms(), by, what.strip()[:64], _reason(reason))
        async with self._store.database.writing() as connection:
            await exams.add_incident(connection, exam_id, incident)
            await audit.append(
                connection, "exam.incident", by=by, exam=exam_id, session=session_id, what=incident.what,
                reason=incident.reason,
            )  # fmt: skip
        return incident

    def _parts(self, cards: Sequence[str]) -> tuple[ExamPart, ...]:
        if len(cards) != ROLE_PLAYS:
            raise ProtocolError(f"an exam has {ROLE_PLAYS} role-plays: name {ROLE_PLAYS} cards", code="exam.cards")
        for card_id in cards:
            if card_id not in set(self._cards):  # not those beside them
                known = ", ".join(self._cards)
                raise CardError(f"there is no card '{card_id}'; choose one of: {known}", code="card.unknown")
        if len(set(cards)) != len(cards):
            raise ProtocolError("the two role-plays of an exam need two different cards", code="exam.cards")
        return tuple(ExamPart(number, one, self._cards[one].title) for number, one in enumerate(cards, 1))

    async def _examiners(self, connection: AsyncConnection, logins: Collection[str]) -> frozenset[str]:
        return frozenset([(await _person(connection, login, EXAMINERS)).id for login in logins])

    @staticmethod
    def _check_time(opens_ms: int, closes_ms: int) -> None:
        if closes_ms <= opens_ms:
            raise ProtocolError("the exam closes before it opens; give a later end", code="exam.time")
        if closes_ms - opens_ms > LONGEST_WINDOW_MS:
            raise ProtocolError("an exam may be begun within 31 days at most; give an earlier end", code="exam.time")
        if closes_ms <= now_ms():
            raise ProtocolError("this time is over already; give a time in the future", code="exam.time")


async def _person(connection: AsyncConnection, login: str, roles: Collection[str]) -> Person:
    found = await people.by_login(connection, login_of(login))
    if found is None or found.state == "disabled":
        raise ProtocolError(f"nobody here has the log-in name '{login[:80]}'", code="exam.person")
    if found.role not in roles:
        raise ProtocolError(f"{found.login} is {found.role}, and must be {' or '.join(roles)}", code="exam.person")
    return found


def _reason(text: str) -> str:
    reason = text.strip()
    if not reason or len(reason) > MAX_REASON_CHARS:
        raise ProtocolError(f"give a reason of 1 to {MAX_REASON_CHARS} characters", code="exam.reason")
    return reason
