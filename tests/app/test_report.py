"""The report that a candidate may read: what is in it and what is not, when it is there, and for whom."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import httpx2
import pytest

from server.marking.candidate_report import NOTES
from server.marking.criteria import BY_ID
from server.store import exams
from tests.app.accounts import World, world
from tests.app.asked_model import log_of_past
from tests.app.inside import KEY
from tests.app.test_marking import EXAMINERS, sheet

pytestmark = pytest.mark.asyncio

ANA = "ana@example.org"
# Of an examiner's, what only other examiners may read.
INNER = "walrus"


def signed(**marks: int) -> dict[str, Any]:
    """Return a sheet with evidence, and words for each kind of reader."""
    filled = sheet(**marks)
    filled["marks"]["fluency"] |= {"note": INNER, "evidence": [{"from_ms": 1_000, "to_ms": 2_900, "text": INNER}]}
    filled["marks"]["gathering"] |= {"indicators": ["D1"]}
    return filled | {"comment": INNER, "for_candidate": "=Speak a little more slowly."}


async def sign(client: httpx2.AsyncClient, session_id: str, **marks: int) -> None:
    body = {"after": 0, "state": "signed", "sheet": signed(**marks)}
    answer = await client.post(f"/api/sessions/{session_id}/marks", json=body)
    assert answer.status_code == 201, answer.text


async def held(one: World) -> str:
    """Return an exam of Ana's in which both sides have spoken."""
    session_id = await one.past(mode="exam", of=await one.id_of(ANA), examiners=EXAMINERS)
    async with log_of_past(one, session_id, sealed=True) as log:
        log.candidate("Good morning, tell me about it.")
        log.patient("It began on a shelf.", tells="worry")
    return session_id


async def people_of(one: World) -> list[httpx2.AsyncClient]:
    names = dict.fromkeys(EXAMINERS, "examiner") | {ANA: "candidate"}
    return [await one.person(login, role, name=login.partition("@")[0].title()) for login, role in names.items()]


async def test_it_has_what_was_decided_and_nothing_that_examiners_say_to_each_other(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        eva, finn, gina, ana = await people_of(one)
        exam = await held(one)
        report, table = f"/api/sessions/{exam}/report", f"/api/sessions/{exam}/report.csv"
        await sign(eva, exam, fluency=6, grammar=5)
        for place in (report, table):
            refused = await eva.get(place)
            assert (refused.status_code, refused.json()["error"]["code"]) == (409, "marking.undecided")
        await sign(finn, exam, fluency=2)
        assert (await finn.get(report)).status_code == 409
        await sign(gina, exam, fluency=3)
        answer = await gina.get(report)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert (told["candidate"], told["exam"], told["session"]) == ("Ana", "Exam", exam)
        assert (told["decided"], told["notes"]) == ("adjudicated", list(NOTES))
        by_name = {one["name"]: one for one in told["criteria"]}
        fluency, grammar = by_name["Fluency"], by_name[BY_ID["grammar"].name]
        assert (fluency["mark"], fluency["words"]) == (3.0, "limited")
        # Two who agreed, nearly: both words of the scale.
        assert (grammar["mark"], grammar["words"]) == (4.5, "between mostly good and good")
        # The words of the record, whatever was written beside the stretch.
        said = [{"role": "candidate", "text": "Good morning, tell me"}]
        assert fluency["evidence"] == [{"from_ms": 1_000, "to_ms": 2_900, "said": said}]
        assert told["comments"] == ["=Speak a little more slowly."] * 3
        rows = list(csv.DictReader(io.StringIO((await gina.get(table)).text)))
        assert rows[1]["said"] == "candidate: Good morning, tell me"
        assert (rows[1]["decided"], rows[1]["in_words"], rows[1]["from_s"]) == ("3.0", "limited", "1.0")
        assert [row["said"] for row in rows if row["criterion"] == "comment"] == ["'=Speak a little more slowly."] * 3
        for place in (report, table):
            text = (await gina.get(place)).text
            found = [word for word in (INNER, "Eva", "Finn", "Gina", "D1", "worry") if word in text]
            assert found == [], place
        # The candidate is told by whoever holds the exam.
        for place in (report, table):
            refused = await ana.get(place)
            assert refused.status_code == 403
            assert "ask them for yours" in refused.text


async def test_a_candidate_reads_it_where_the_server_is_told_so(tmp_path: Path) -> None:
    async with world(tmp_path, marking={"examiners": 1, "report_to_candidates": True}) as one:
        eva, _, _, ana = await people_of(one)
        exam = await held(one)
        assert (await ana.get(f"/api/sessions/{exam}/report")).status_code == 409
        await sign(eva, exam)
        answer = await ana.get(f"/api/sessions/{exam}/report")
        assert (answer.status_code, answer.json()["decided"]) == (200, "alone")
        # Nobody else's.
        ben = await one.person("ben@example.org")
        assert (await ben.get(f"/api/sessions/{exam}/report")).status_code == 403
        assert (await ana.get(f"/api/sessions/{exam}/marks")).status_code == 403
        # What was declared void counts for nothing, whatever was signed.
        async with one.server.store.database.writing() as connection:
            assert await exams.void_session(connection, exam, by="a test", reason="fire alarm", at_ms=2)
        refused = await eva.get(f"/api/sessions/{exam}/report")
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "marking.undecided")


async def test_a_role_play_without_a_name_has_a_report_too_and_none_once_it_was_deleted(tmp_path: Path) -> None:
    async with world(tmp_path, marking={"examiners": 1}) as one:
        eva, *_ = await people_of(one)
        exam = await one.past(mode="exam", examiners=EXAMINERS)
        await sign(eva, exam)
        told = (await eva.get(f"/api/sessions/{exam}/report")).json()
        assert (told["candidate"], told["criteria"][1]["evidence"][0]["said"]) == (None, [])
        developer = one.client(Authorization=f"Bearer {KEY}")
        assert (await developer.delete(f"/api/sessions/{exam}")).status_code == 200
        assert await one.server.store.ledger.drained(5.0)
        assert (await eva.get(f"/api/sessions/{exam}/report")).status_code in (404, 409)
