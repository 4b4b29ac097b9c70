"""A session's own token is good for as long as the account lets in whose session it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from server.records.person_erasing import erase_person
from server.sessions.access import keep_bearer
from server.store.tokens import now_ms
from tests.app.accounts import PASSWORD, World, knock, world
from tests.app.wire import CARD

pytestmark = pytest.mark.asyncio

LOGIN = "anna@example.org"


async def opened(one: World) -> tuple[httpx2.AsyncClient, dict[str, Any]]:
    """Have somebody open a session; return who asks with its token, and the session."""
    person = await one.person(LOGIN)
    session = (await person.post("/api/sessions", json={"card": CARD})).json()
    return one.client(Authorization=f"Bearer {session['token']}"), session


async def minted(bearer: httpx2.AsyncClient, session: dict[str, Any]) -> str:
    answer = await bearer.post(f"/api/sessions/{session['id']}/join")
    assert answer.status_code == 201, answer.text
    return f"Bearer {answer.json()['token']}"


async def test_nobody_joins_a_session_whose_account_was_disabled(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        bearer, session = await opened(one)
        join, anna = await minted(bearer, session), await one.id_of(LOGIN)
        asked = [("GET", ""), ("GET", "/record"), ("POST", "/join"), ("POST", "/place")]
        await one.server.accounts.change("a test", anna, enabled=False)
        for method, what in asked:
            refused = await bearer.request(method, f"/api/sessions/{session['id']}{what}", json={"state": "here"})
            assert (what, refused.status_code) == (what, 403)
        assert (await bearer.get("/api/rtc")).status_code == 403
        assert await knock(one.app, "/v1/realtime", Authorization=join) == 403
        await one.server.accounts.change("a test", anna, enabled=True)
        assert (await bearer.get("/api/rtc")).status_code == 200
        assert await knock(one.app, "/v1/realtime", Authorization=await minted(bearer, session)) == 101


async def test_nobody_joins_a_session_whose_account_was_reset_or_erased(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        bearer, session = await opened(one)
        anna = await one.id_of(LOGIN)
        first, second = await minted(bearer, session), await minted(bearer, session)
        await one.server.accounts.reset("a test", anna)
        assert (await bearer.post(f"/api/sessions/{session['id']}/join")).status_code == 403
        assert await knock(one.app, "/v1/realtime", Authorization=first) == 403
        await erase_person(one.server.store, tmp_path / "sessions", anna, exams="keep", by="a test")
        assert (await bearer.post(f"/api/sessions/{session['id']}/join")).status_code == 403
        assert await knock(one.app, "/v1/realtime", Authorization=second) == 403


async def test_another_password_ends_what_the_former_one_opened(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        anna = await one.person(LOGIN)
        session = (await anna.post("/api/sessions", json={"card": CARD})).json()
        bearer = one.client(Authorization=f"Bearer {session['token']}")
        join = await minted(bearer, session)
        body = {"old": PASSWORD, "new": "another long pass phrase"}
        assert (await anna.post("/api/password", json=body)).status_code < 300
        assert (await bearer.get("/api/rtc")).status_code == 403
        assert await knock(one.app, "/v1/realtime", Authorization=join) == 403
        # Whoever logs in has it all again, and what is opened from now on is good.
        again = (await anna.post("/api/sessions", json={"card": CARD})).json()
        fresh = one.client(Authorization=f"Bearer {again['token']}")
        assert (await fresh.get("/api/rtc")).status_code == 200


@pytest.mark.parametrize("how", ["disabled", "erased"])
async def test_nobody_reads_what_is_left_of_a_role_play_whose_account_was(tmp_path: Path, how: str) -> None:
    async with world(tmp_path) as one:
        await one.person(LOGIN)
        anna = await one.id_of(LOGIN)
        session_id = await one.past(of=anna, mode="exam", began_ms=now_ms())
        keep_bearer(tmp_path / "sessions" / session_id, "vt_anna")
        record = f"/api/sessions/{session_id}/record"
        bearer = one.client(Authorization="Bearer vt_anna")
        assert (await bearer.get(record)).status_code == 200
        if how == "disabled":
            await one.server.accounts.change("a test", anna, enabled=False)
        else:
            await erase_person(one.server.store, tmp_path / "sessions", anna, exams="keep", by="a test")
        assert (await bearer.get(record)).status_code == 403
