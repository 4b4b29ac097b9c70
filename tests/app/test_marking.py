"""Marking over HTTP: drafts, signatures, blindness, a third examiner, and what is refused."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import shutil
from pathlib import Path
from typing import Any

import httpx2
import pytest

from server.http.routes import ROUTES
from server.marking.criteria import CRITERIA
from server.store import audit, markings
from tests.app.accounts import World, world
from tests.app.inside import KEY
from tests.app.wire import CARD

pytestmark = pytest.mark.asyncio

LIBRARY = os.environ.get("INTERLOCUTOR_STATISTICS_PYTHON", "")
EXAMINERS = ("eva@example.org", "finn@example.org", "gina@example.org")


def sheet(**marks: int) -> dict[str, Any]:
    usual = {one.id: 4 if one.kind == "linguistic" else 2 for one in CRITERIA}
    whole: dict[str, Any] = {name: {"mark": mark} for name, mark in (usual | marks).items()}
    whole["fluency"] |= {"note": "Even <i>pace</i> 😀", "evidence": [{"from_ms": 1_000, "to_ms": 2_500, "text": "So"}]}
    whole["gathering"] |= {"indicators": ["D1", "D5"]}
    return {"marks": whole, "comment": "=All in all"}


async def save(client: httpx2.AsyncClient, exam: str, state: str, after: int, **marks: int) -> httpx2.Response:
    body = {"after": after, "state": state, "sheet": sheet(**marks)}
    return await client.post(f"/api/sessions/{exam}/marks", json=body)


async def read(client: httpx2.AsyncClient, exam: str) -> dict[str, Any]:
    answer = await client.get(f"/api/sessions/{exam}/marks")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def examiners(one: World) -> list[httpx2.AsyncClient]:
    return [await one.person(f"{name}@example.org", "examiner") for name in ("eva", "finn", "gina")]


async def test_two_mark_blind_differ_and_a_third_decides(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        eva, finn, gina = await examiners(one)
        exam = await one.past(mode="exam", examiners=EXAMINERS)
        table, measures = f"/api/sessions/{exam}/marks.csv", f"/api/sessions/{exam}/measures"
        assert (await save(eva, exam, "draft", 0)).status_code == 201
        assert (await save(eva, exam, "signed", 1, fluency=5)).status_code == 201
        assert (await save(finn, exam, "draft", 0, fluency=2)).status_code == 201
        for client in (eva, finn, gina):
            told = await read(client, exam)
            assert told["outcome"] == {
                "state": "waiting", "closed": False, "sheets": [], "differs": [], "decided": {},
            }  # fmt: skip
            for blind in (table, measures):
                refused = await client.get(blind)
                assert (refused.status_code, refused.json()["error"]["code"]) == (409, "marking.blind")
        assert (await read(eva, exam))["own"]["state"] == "signed"
        assert (await read(finn, exam))["own"]["sheet"]["marks"]["fluency"]["mark"] == 2
        assert (await save(finn, exam, "signed", 1, fluency=2)).status_code == 201

        told = await read(gina, exam)
        assert (told["outcome"]["state"], told["outcome"]["differs"]) == ("differing", ["fluency"])
        first = told["outcome"]["sheets"][0]["sheet"]["marks"]["fluency"]
        assert first["note"] == "Even <i>pace</i> 😀"
        assert first["evidence"] == [{"from_ms": 1_000, "to_ms": 2_500, "text": "So"}]
        assert (await eva.get(measures)).status_code == 200
        assert (await save(gina, exam, "signed", 0, fluency=3)).status_code == 201
        told = await read(eva, exam)
        assert told["outcome"]["state"] == "decided"
        assert told["outcome"]["decided"]["fluency"] == 3.0
        rows = list(csv.reader(io.StringIO((await eva.get(table)).text)))
        assert rows[0][:8] == ["session", "criterion", "most", "Somebody", "Somebody", "Somebody", "differs", "decided"]
        parts = ["indicators", "reasons", "evidence", "comment"]
        assert rows[0][8:] == [f"{part} {place}" for place in (1, 2, 3) for part in parts]
        assert rows[2][:8] == [exam, "Fluency", "6", "5", "2", "3", "yes", "3.0"]
        assert rows[2][8:12] == ["", "Even <i>pace</i> 😀", "1.0-2.5 s So", "'=All in all"]
        assert rows[8][8:12] == ["D1 D5", "", "", "'=All in all"]
        assert len(rows) == 1 + len(CRITERIA)
        developer = one.client(Authorization=f"Bearer {KEY}")
        told = (await developer.get("/api/desk/agreement")).json()
        assert [row["pairs"] for row in told["criteria"]] == [1] * len(CRITERIA)
        assert {row["severity"] for row in told["examiners"]} == {round(3 / 9, 3), round(-3 / 9, 3)}
        assert {row["kappa_none"] for row in told["criteria"]} == {"too_few"}
        table_rows = list(csv.DictReader(io.StringIO((await developer.get("/api/desk/agreement.csv")).text)))
        assert [row["of"] for row in table_rows] == ["criterion"] * 9 + ["examiner"] * 2
        fluency = table_rows[1]
        assert (fluency["name"], fluency["exact"], fluency["kappa"], fluency["severity"]) == ("Fluency", "0.0", "", "")
        rows = list(csv.reader(io.StringIO((await developer.get("/api/desk/pairs.csv")).text)))
        assert rows[2][1:] == ["fluency", "Somebody", "5", "Somebody", "2"]


@pytest.mark.skipif(not LIBRARY, reason="statsmodels is not set up: scripts/nightly-marking")
async def test_the_library_s_coefficients_are_told_once_there_are_enough(tmp_path: Path) -> None:
    async with world(tmp_path, marking={"coefficients_from": 3, "statistics_python": LIBRARY}) as one:
        eva, finn, _ = await examiners(one)
        for first, second in ((2, 3), (5, 5), (3, 4)):
            exam = await one.past(mode="exam", examiners=EXAMINERS)
            assert (await save(eva, exam, "signed", 0, fluency=first)).status_code == 201
            assert (await save(finn, exam, "signed", 0, fluency=second)).status_code == 201
        told = (await one.client(Authorization=f"Bearer {KEY}").get("/api/desk/agreement")).json()
        fluency = told["criteria"][1]
        assert told["fault"] == ""
        # By hand: 1 less 2/3, what they differ by in the mean, of 24/9, what they would by chance.
        assert fluency["kappa"] == pytest.approx(1 - (2 / 3) / (24 / 9), abs=0.001)
        assert fluency["kappa_low"] < fluency["kappa"] < fluency["kappa_high"]
        assert told["criteria"][0]["kappa_none"] == "all_equal"
        severity = {row["severity"] for row in told["examiners"]}
        assert severity == {round(2 / 27, 3), round(-2 / 27, 3)}


async def test_what_was_signed_stands_until_another_is_signed_and_nothing_is_overwritten(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        eva, finn, _ = await examiners(one)
        exam = await one.past(mode="exam", examiners=EXAMINERS)
        await save(eva, exam, "signed", 0, fluency=5)
        await save(finn, exam, "signed", 0)
        assert (await save(eva, exam, "draft", 1, fluency=4)).status_code == 201
        told = await read(finn, exam)
        assert told["outcome"]["sheets"][0]["sheet"]["marks"]["fluency"]["mark"] == 5
        assert (await save(eva, exam, "signed", 2, fluency=4)).status_code == 201
        told = await read(finn, exam)
        # It was the first to be signed, and stays so.
        assert told["outcome"]["sheets"][0]["sheet"]["marks"]["fluency"]["mark"] == 4
        async with one.server.store.database.reading() as connection:
            rows = await markings.of_session(connection, exam)
            lines = [line async for line in audit.lines(connection)]
        assert sorted((row.number, row.state) for row in rows) == [
            (1, "signed"),
            (1, "signed"),
            (2, "draft"),
            (3, "signed"),
        ]
        assert sum(line.action == "marks.signed" for line in lines) == 3


async def test_signing_twice_at_once_counts_once(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        eva, *_ = await examiners(one)
        exam = await one.past(mode="exam", examiners=EXAMINERS)
        answers = await asyncio.gather(*(save(eva, exam, "signed", 0) for _ in range(5)))
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
        assert {a.json()["error"]["code"] for a in answers if a.status_code == 409} == {"marking.stale"}


async def test_who_and_what_is_refused(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        eva, *_ = await examiners(one)
        ana = await one.person("ana@example.org")
        exam = await one.past(mode="exam", of=await one.id_of("ana@example.org"), examiners=EXAMINERS)
        assert (await save(ana, exam, "signed", 0)).status_code == 403
        assert (await ana.get(f"/api/sessions/{exam}/marks")).status_code == 403
        assert (await save(eva, await one.past(mode="practice"), "signed", 0)).status_code == 403
        # One's own.
        own = await one.past(mode="exam", of=await one.id_of("eva@example.org"), examiners=EXAMINERS)
        # Another's exam.
        assert (await save(eva, await one.past(mode="exam"), "signed", 0)).status_code == 403
        assert (await save(eva, own, "signed", 0)).status_code == 403
        for body in ({}, {"after": 0, "state": "final", "sheet": {}}, {"after": "0", "state": "draft", "sheet": {}}):
            answer = await eva.post(f"/api/sessions/{exam}/marks", json=body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "marking.fields")
        lacking = {"after": 0, "state": "signed", "sheet": {"marks": {"fluency": {"mark": 3}}}}
        answer = await eva.post(f"/api/sessions/{exam}/marks", json=lacking)
        assert "Intelligibility: give a mark before you sign" in answer.text
        # While it goes on.
        session, _ = one.server.registry.reserve(CARD, "exam")
        await one.examine(session.id, examiners=EXAMINERS)
        one.server.registry.join(session)
        assert (await save(eva, session.id, "draft", 0)).json()["error"]["code"] == "session.running"


async def test_after_erasure_nothing_is_marked_and_what_was_is_gone(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        eva, *_ = await examiners(one)
        exam = await one.past(mode="exam", examiners=EXAMINERS)
        await save(eva, exam, "signed", 0)
        developer = one.client(Authorization=f"Bearer {KEY}")
        assert (await developer.delete(f"/api/sessions/{exam}")).status_code == 200
        assert await one.server.store.ledger.drained(5.0)
        async with one.server.store.database.reading() as connection:
            assert await markings.of_session(connection, exam) == []
        assert (await save(eva, exam, "signed", 0)).status_code in (400, 404)
        shutil.rmtree(tmp_path / "sessions" / exam, ignore_errors=True)


async def test_nothing_that_examiners_write_is_in_any_byte_that_a_candidate_receives(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        eva, finn, _ = await examiners(one)
        ana = await one.person("ana@example.org")
        exam = await one.past(mode="exam", of=await one.id_of("ana@example.org"), examiners=EXAMINERS)
        note = {"id": "0" * 32, "kind": "incident", "at_ms": 1, "text": "zebra"}
        assert (await eva.post(f"/api/sessions/{exam}/notes", json=note)).status_code == 201
        for client in (eva, finn):
            body = {"after": 0, "state": "signed", "sheet": sheet() | {"comment": "zebra"}}
            assert (await client.post(f"/api/sessions/{exam}/marks", json=body)).status_code == 201
        read_by_examiners = 0
        for entry in ROUTES:
            if "GET" not in entry.methods or "{name" in entry.path:
                continue
            path = entry.path.replace("{session_id}", exam).replace("{exam_id}", "x").replace("{person_id}", "x")
            answer = await ana.get(path)
            assert b"zebra" not in answer.content, path
            read_by_examiners += b"zebra" in (await eva.get(path)).content
        # The search above would be worth nothing if nobody could read it.
        assert read_by_examiners >= 2
