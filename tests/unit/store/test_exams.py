"""Exams in the database, the same on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server.store import exams, people, sessions
from server.store.exams import Exam, ExamPart, ExamSession, Incident
from server.store.people import Person
from server.store.sessions import IndexedSession, Wanted
from tests.unit.store.conftest import MakeStore

pytestmark = pytest.mark.asyncio

ANNA = Person("per_1", "anna", "Anna", "candidate", "active", None, 1)
ED = replace(ANNA, id="per_2", login="ed", role="examiner")
EVE = replace(ED, id="per_3", login="eve")
PARTS = (ExamPart(1, "one", "One"), ExamPart(2, "two", "Two"))
EXAM = Exam("exam_1", "Winter", "per_1", 1_000, 2_000, "scheduled", 1, parts=PARTS, examiners=frozenset({"per_2"}))


async def test_an_exam_is_kept_with_all_that_belongs_to_it(opened: MakeStore) -> None:
    async with opened() as store:
        async with store.database.writing() as connection:
            for person in (ANNA, ED, EVE):
                await people.add(connection, person)
            await exams.add(connection, EXAM)
            await exams.add(connection, replace(EXAM, id="exam_2", opens_ms=3_000, examiners=frozenset()))
            assert await exams.begin(connection, "exam_1", at_ms=1_100)
            assert not await exams.begin(connection, "exam_1", at_ms=1_200)
            for part, session_id in enumerate(("sess_0", "sess_1", "sess_2")):
                await exams.add_session(connection, "exam_1", ExamSession(session_id, part, 1_100 + part))
            assert await exams.void_session(connection, "sess_1", by="per_2", reason="noise", at_ms=1_300)
            assert not await exams.void_session(connection, "sess_1", by="per_3", reason="again", at_ms=1_400)
            await exams.add_incident(
                connection, "exam_1", Incident("inc_1", "sess_1", 1_250, "per_2", "noise", "drill")
            )
        async with store.database.reading() as connection:
            kept = await exams.by_id(connection, "exam_1")
            assert kept is not None
            assert (kept.state, kept.begun_ms, kept.parts, kept.examiners) == ("begun", 1_100, PARTS, EXAM.examiners)
            assert [one.session_id for one in kept.sessions] == ["sess_0", "sess_1", "sess_2"]
            assert kept.session_of(1) is None
            assert kept.sessions[1] == ExamSession("sess_1", 1, 1_101, 1_300, "per_2", "noise")
            assert [one.reason for one in kept.incidents] == ["drill"]
            assert await exams.of_session(connection, "sess_2") == kept
            assert await exams.by_id(connection, "exam_3") is None
            assert [one.id for one in await exams.find(connection, candidate_id="per_1")] == ["exam_2", "exam_1"]
            assert [one.id for one in await exams.find(connection, examiner_id="per_2")] == ["exam_1"]
            assert await exams.find(connection, examiner_id="per_3") == []


async def test_examiners_find_the_sessions_of_their_exams_alone(opened: MakeStore) -> None:
    async with opened() as store:
        async with store.database.writing() as connection:
            for person in (ANNA, ED, EVE):
                await people.add(connection, person)
            await exams.add(connection, EXAM)
            await exams.add_session(connection, "exam_1", ExamSession("sess_1", 1, 1))
            for session_id in ("sess_1", "sess_2"):
                row = IndexedSession(session_id, "one", "One", "exam", "per_1", "ended", 1)
                await sessions.begin(connection, row)

        async def found(examiner_id: str) -> list[str]:
            wanted = Wanted(modes=("exam",), or_person_id=examiner_id, examiner_id=examiner_id)
            async with store.database.reading() as connection:
                return [one.id for one in await sessions.find(connection, wanted)]

        assert await found("per_2") == ["sess_1"]
        assert await found("per_3") == []
        async with store.database.writing() as connection:
            await exams.assign(connection, "exam_1", {"per_3"})
        assert (await found("per_2"), await found("per_3")) == ([], ["sess_1"])
        async with store.database.reading() as connection:
            assert await exams.examiners_of_session(connection, "sess_1") == {"per_3"}
            assert await exams.examiners_of_session(connection, "sess_2") == frozenset()


async def test_what_is_void_stays_void(opened: MakeStore) -> None:
    async with opened() as store:
        async with store.database.writing() as connection:
            await people.add(connection, ANNA)
            await people.add(connection, ED)
            await exams.add(connection, EXAM)
            assert await exams.void(connection, "exam_1", by="per_2", reason="fire", at_ms=5)
            assert not await exams.void(connection, "exam_1", by="per_1", reason="other", at_ms=6)
            await exams.close(connection, "exam_1", at_ms=7)
            assert not await exams.begin(connection, "exam_1", at_ms=8)
        async with store.database.reading() as connection:
            kept = await exams.by_id(connection, "exam_1")
            assert kept is not None
            assert (kept.state, kept.void_reason, kept.voided_by, kept.closed_ms) == ("void", "fire", "per_2", None)
