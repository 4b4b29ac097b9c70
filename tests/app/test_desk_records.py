"""What the desk is told of records that are void, deleted, or not whole; and that their candidate is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from pipelines.events import SessionRestored
from server.store import exams
from tests.app.accounts import world
from tests.app.asked_model import log_of_past
from tests.app.inside import KEY
from tests.app.test_marking import save

pytestmark = pytest.mark.asyncio

EVA, ANA = "eva@example.org", "ana@example.org"


async def row_of(client: httpx2.AsyncClient, session_id: str) -> dict[str, Any]:
    listed = (await client.get("/api/sessions")).json()["sessions"]
    found: list[dict[str, Any]] = [row for row in listed if row["id"] == session_id]
    assert len(found) == 1
    return found[0]


async def test_void_and_deleted_ones_are_told_as_such_and_not_marked(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        eva, ana = await one.person(EVA, "examiner"), await one.person(ANA)
        exam = await one.past(mode="exam", of=await one.id_of(ANA), examiners=(EVA,))
        async with log_of_past(one, exam, sealed=True) as log:
            log.candidate("Good morning.")
            log.note(SessionRestored(1_000.0))
        record = f"/api/sessions/{exam}/record"
        told = (await eva.get(record)).json()
        assert told["standing"] == {"erased": False, "void": None, "gaps": ["restarted"]}
        assert (await row_of(eva, exam))["void"] is False
        async with one.server.store.database.writing() as connection:
            assert await exams.void_session(connection, exam, by="a test", reason="fire alarm", at_ms=2)
        told = (await eva.get(record)).json()
        assert (told["standing"]["void"], len(told["turns"])) == ("fire alarm", 1)
        assert (await row_of(eva, exam))["void"] is True
        refused = await save(eva, exam, "signed", 0)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "marking.refused")
        for known in ((await ana.get(record)).json(), await row_of(ana, exam)):
            assert not {"standing", "void", "gaps"} & set(known)

        developer = one.client(Authorization=f"Bearer {KEY}")
        assert (await developer.delete(f"/api/sessions/{exam}")).status_code == 200
        assert await one.server.store.ledger.drained(5.0)
        told = (await eva.get(record)).json()
        assert (told["standing"]["erased"], told["turns"], told["recording"]["state"]) == (True, [], "deleted")
        # It is in the list still, as what it is.
        assert (await row_of(eva, exam))["state"] == "erased"


async def test_a_session_of_a_void_exam_is_void(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        eva = await one.person(EVA, "examiner")
        exam = await one.past(mode="exam", examiners=(EVA,))
        async with one.server.store.database.writing() as connection:
            whole = await exams.of_session(connection, exam)
            assert whole is not None
            assert await exams.void(connection, whole.id, by="a test", reason="the wrong room", at_ms=2)
        assert (await eva.get(f"/api/sessions/{exam}/record")).json()["standing"]["void"] == "the wrong room"
        assert (await save(eva, exam, "draft", 0)).status_code == 400
