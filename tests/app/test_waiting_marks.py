"""What waits for whose marks, and what whoever looks after the examiners does about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from server.store import audit, exams, sessions
from tests.app.accounts import World, world
from tests.app.inside import KEY
from tests.app.test_marking import read, save

pytestmark = pytest.mark.asyncio

EVA, FINN, GINA, ADA, ANA = (f"{name}@example.org" for name in ("eva", "finn", "gina", "ada", "ana"))


async def waiting(client: httpx2.AsyncClient) -> dict[str, dict[str, Any]]:
    answer = await client.get("/api/desk/waiting")
    assert answer.status_code == 200, answer.text
    return {one["session"]: one for one in answer.json()["waiting"]}


async def people(one: World) -> list[httpx2.AsyncClient]:
    roles = {EVA: "examiner", FINN: "examiner", GINA: "examiner", ADA: "admin", ANA: "candidate"}
    return [await one.person(login, role, name=login.split("@")[0].title()) for login, role in roles.items()]


async def test_one_marker_is_missing_another_is_assigned_and_signs(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        eva, finn, gina, ada, ana = await people(one)
        ana_id = await one.id_of(ANA)
        exam = await one.past(mode="exam", of=ana_id, began_ms=1_000, examiners=(EVA, FINN))
        later = await one.past(mode="exam", began_ms=9_000, examiners=(EVA, GINA))
        void = await one.past(mode="exam", examiners=(EVA, FINN))
        await one.past(mode="practice")
        async with one.server.store.database.writing() as connection:
            await exams.void_session(connection, void, by="a test", reason="noise", at_ms=1)
        assert list(await waiting(ada)) == [exam, later]
        first = (await waiting(ada))[exam]
        assert (first["since_ms"], first["signed"], first["wanted"], first["state"]) == (1_001, 0, 2, "waiting")
        assert (first["candidate"], sorted(first["missing"])) == ("Ana", ["Eva", "Finn"])
        await save(eva, exam, "draft", 0)
        assert (await waiting(ada))[exam]["signed"] == 0
        await save(eva, exam, "signed", 1, fluency=6)
        told = (await waiting(ada))[exam]
        assert (told["signed"], told["missing"]) == (1, ["Finn"])
        assert told["since_ms"] > 1_001
        # Each examiner has what waits for them, and is not told of others.
        assert set(await waiting(eva)) == {later}
        assert (await waiting(finn))[exam]["missing"] == []
        assert set(await waiting(gina)) == {later}
        assert (await ana.get("/api/desk/waiting")).status_code == 403
        assert (await gina.get(f"/api/sessions/{exam}/marks")).status_code == 403

        place = f"/api/sessions/{exam}/examiners"
        assert (await eva.post(place, json={"examiner": GINA})).status_code == 403
        for wrong in ("nobody@example.org", ANA, 7):
            assert (await ada.post(place, json={"examiner": wrong})).status_code == 400
        assert (await ada.post(place, json={"examiner": GINA})).status_code == 201
        assert set(await waiting(gina)) == {exam, later}
        await save(gina, exam, "signed", 0, fluency=2)
        # They differ: it waits for a third, who is there.
        told = (await waiting(ada))[exam]
        assert (told["state"], told["missing"]) == ("differing", ["Finn"])
        await save(finn, exam, "signed", 0, fluency=4)
        assert list(await waiting(ada)) == [later]
        async with one.server.store.database.reading() as connection:
            lines = [line async for line in audit.lines(connection)]
        assert [line.content["by"] for line in lines if line.action == "exam.assigned" and line.content] == [
            await one.id_of(ADA)
        ]


async def test_a_role_play_is_closed_with_one_mark_and_a_line_in_the_audit(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        eva, finn, _, _, _ = await people(one)
        developer = one.client(Authorization=f"Bearer {KEY}")
        exam = await one.past(mode="exam", of=await one.id_of(ANA), examiners=(EVA, FINN))
        place = f"/api/sessions/{exam}/marks/close"
        refused = await developer.post(place, json={"reason": "Finn is ill"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "marking.closed")
        await save(eva, exam, "signed", 0, fluency=5)
        assert (await eva.post(place, json={"reason": "Finn is ill"})).status_code == 403
        for wrong in ({}, {"reason": " "}, {"reason": 3}):
            assert (await developer.post(place, json=wrong)).status_code == 400
        answer = await developer.post(place, json={"reason": "Finn is ill"})
        assert (answer.status_code, answer.json()["marks"]) == (201, 1)
        assert (await developer.post(place, json={"reason": "again"})).status_code == 409
        assert await waiting(developer) == {}
        told = (await read(eva, exam))["outcome"]
        assert (told["state"], told["closed"], told["decided"]["fluency"]) == ("decided", True, 5.0)
        # Who comes too late is told so; whoever has signed may still correct it.
        late = await save(finn, exam, "signed", 0)
        assert (late.status_code, late.json()["error"]["code"]) == (409, "marking.closed")
        assert (await save(eva, exam, "signed", 1, fluency=4)).status_code == 201
        assert (await read(eva, exam))["outcome"]["decided"]["fluency"] == 4.0
        assert (await eva.get(f"/api/sessions/{exam}/report")).json()["decided"] == "alone"
        async with one.server.store.database.reading() as connection:
            lines = [line.content async for line in audit.lines(connection) if line.action == "marks.closed"]
        assert [(line["session"], line["marks"], line["reason"]) for line in lines if line] == [
            (exam, 1, "Finn is ill")
        ]


async def test_two_who_differ_are_not_closed_and_an_erased_one_waits_for_nobody(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        eva, finn, _, _, _ = await people(one)
        developer = one.client(Authorization=f"Bearer {KEY}")
        exam = await one.past(mode="exam", examiners=(EVA, FINN))
        await save(eva, exam, "signed", 0, fluency=6)
        await save(finn, exam, "signed", 0, fluency=2)
        assert (await waiting(developer))[exam]["missing"] == []
        refused = await developer.post(f"/api/sessions/{exam}/marks/close", json={"reason": "nobody is left"})
        assert refused.status_code == 409
        async with one.server.store.database.writing() as connection:
            await sessions.set_state(connection, exam, "erased")
        assert await waiting(developer) == {}
