"""Who is let in, and for how long: limits by address, places that nobody uses, role-plays that never begin."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from bench.replay.remote import Reserved
from server.host import Server
from tests.app.asking import answered
from tests.app.inside import KEY, serving
from tests.app.process import faults_of, running
from tests.app.wire import CARD, PATIENCE_S, Joining, Wire, connect_to

pytestmark = pytest.mark.asyncio

ATTACKER = "203.0.113.66"
ASKED = 1_000
# A client that never begins sends a small message so often.
EVERY_S = 0.05


class Stranger:
    """Somebody behind a proxy on this machine, which says what their address is."""

    def __init__(self, address: str, host: str, *, key: str = "") -> None:
        self.base_url = f"http://{host}"
        self._host = host
        self._headers = {"X-Forwarded-For": address} | ({"Authorization": f"Bearer {key}"} if key else {})

    async def ask(self, times: int = 1) -> list[tuple[int, dict[str, Any], str | None]]:
        """Ask for a session so many times, one after another; return each answer's status, body and Retry-After."""

        def post(connection: http.client.HTTPConnection) -> tuple[int, dict[str, Any], str | None]:
            connection.request("POST", "/api/sessions", json.dumps({"card": CARD}), self._headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read()), answer.headers["Retry-After"]

        def ask() -> list[tuple[int, dict[str, Any], str | None]]:
            with contextlib.closing(http.client.HTTPConnection(self._host, timeout=PATIENCE_S)) as connection:
                return [post(connection) for _ in range(times)]

        return await asyncio.to_thread(ask)

    async def reserved(self) -> Reserved:
        """Open a session."""
        ((status, told, _),) = await self.ask()
        assert status == 201, told
        return Reserved(told["id"], told["token"], told["url"], self.base_url)


@asynccontextmanager
async def candidate(reserved: Reserved) -> AsyncIterator[Wire]:
    wire = Wire(await connect_to(reserved))
    try:
        await wire.until("session.created")
        yield wire
    finally:
        await wire.drop()


def admissions(server: Server, result: str) -> float:
    return server.metrics.registry.get_sample_value("voice_admissions_total", {"result": result}) or 0.0


async def test_an_address_that_asks_too_often_is_told_when_it_may_again(tmp_path: Path) -> None:
    async with serving(tmp_path, reservations={"burst": 3, "per_minute": 6}) as (address, server):
        answers = await Stranger(ATTACKER, address).ask(5)
        assert [status for status, _, _ in answers] == [201] * 3 + [429] * 2
        _, told, retry_after = answers[-1]
        assert told["error"]["code"] == "access.too_many"
        assert retry_after in ("9", "10")
        assert f"try again in {retry_after} seconds" in told["error"]["message"]
        assert admissions(server, "limited") == 2
        assert [status for status, _, _ in await Stranger("198.51.100.1", address).ask()] == [201]
        one, another = Stranger("2001:db8::1", address), Stranger("2001:db8::2:1", address)
        assert {status for status, _, _ in await one.ask(3)} == {201}
        assert [status for status, _, _ in await another.ask()] == [429]  # the same /64
        assert {status for status, _, _ in await Stranger(ATTACKER, address, key=KEY).ask(5)} == {201}
        assert [status for status, _, _ in await Stranger(ATTACKER, address, key=KEY + "x").ask()] == [401]
        # What a developer's key opens by connecting is not limited either.
        headers = {"Authorization": f"Bearer {KEY}", "X-Forwarded-For": ATTACKER}
        async with connect(f"ws://{address}/v1/realtime?model=card:{CARD}", additional_headers=headers):
            assert admissions(server, "limited") == 3


async def test_what_was_refused_for_another_reason_does_not_count(tmp_path: Path) -> None:
    limits = {"burst": 2, "per_minute": 1}
    async with serving(tmp_path, reservations=limits, max_sessions=1) as (address, server):
        stranger = Stranger("198.51.100.1", address)
        assert [status for status, _, _ in await stranger.ask(9)] == [201] + [503] * 8
        assert (admissions(server, "full"), admissions(server, "limited")) == (8, 0)


@pytest.mark.parametrize("burst", [30, 10_000], ids=["limited", "as if from many addresses at once"])
async def test_a_thousand_requests_that_nobody_joins_keep_no_candidate_out(tmp_path: Path, burst: int) -> None:
    async with serving(tmp_path, reservations={"burst": burst}) as (address, server):
        attacker = Stranger(ATTACKER, address)
        asked = await attacker.ask(ASKED)
        assert sum(status == 201 for status, _, _ in asked) == 16  # all places there are
        async with contextlib.AsyncExitStack() as stack:
            for number in range(5):
                reserved = await Stranger(f"198.51.100.{number}", address).reserved()
                await attacker.ask(20)
                wire = await stack.enter_async_context(candidate(reserved))
                await wire.answered()
        assert len(server.registry.running()) <= 5
        # Who had to make room is told so, and leaves nothing behind.
        gone = Reserved(asked[15][1]["id"], asked[15][1]["token"], asked[15][1]["url"], "")
        status, told = await asyncio.to_thread(answered, "GET", f"http://{address}/api/sessions/{gone.id}", gone.token)
        assert (status, json.loads(told)["error"]["code"]) == (401, "access.denied")
        await asyncio.to_thread(server.chores.flush)
        assert not (tmp_path / "sessions" / gone.id).exists()


async def test_a_joined_session_that_never_begins_gives_its_place_up(
    joining: Joining, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Small messages all the time keep a connection, and no place; a session that has begun is left alone."""

    async def chatter(wire: Wire) -> None:
        while True:
            await wire.send("interlocutor.pulse")
            await asyncio.sleep(EVERY_S)

    settings = ("engines.backend=mock", "session.start_within_s=4", "server.max_sessions=2")
    with running(tmp_path_factory.mktemp("never"), *settings) as server:
        async with joining(server) as talking:
            await talking.answered()
            async with joining(server) as wire:
                chat = asyncio.create_task(chatter(wire))
                problem = await wire.until("interlocutor.problem")
                assert problem["code"] == "session.not_started"
                assert (await wire.until("interlocutor.session.ended"))["reason"] == "not_started"
                assert await wire.closed() in (4408, 1005)  # a data channel has no close code
                chat.cancel()
                await asyncio.gather(chat, return_exceptions=True)
            async with joining(server) as next_one:  # the place is free
                await next_one.answered()
            await talking.answered()
        assert server.metric('voice_websocket_closes_total{code="4408"}') == 1
    assert faults_of(server) == []


async def test_silent_holders_of_all_places_make_room_and_are_told_why(tmp_path: Path) -> None:
    """One address joins as many sessions as there are places, and keeps them alive without ever beginning."""
    async with serving(tmp_path) as (address, _), contextlib.AsyncExitStack() as stack:
        attacker = Stranger(ATTACKER, address)
        held = [await stack.enter_async_context(candidate(await attacker.reserved())) for _ in range(16)]
        ((status, told, _),) = await attacker.ask()
        assert (status, told["error"]["speaking"], told["error"]["preparing"]) == (503, 0, 16)
        for number in range(15):
            other = await Stranger(f"198.51.100.{number}", address).reserved()
            await (await stack.enter_async_context(candidate(other))).answered()
            # The latest goes first, and its place is free at once, however long it takes to go.
            gone = held.pop()
            problem = await gone.until("interlocutor.problem")
            assert problem["code"] == "session.not_started"
            assert "all places were taken" in problem["message"]
            assert (await gone.until("interlocutor.session.ended"))["reason"] == "not_started"
            assert await gone.closed() == 4408
        # Every address keeps one, and whoever talks is left alone.
        assert (await attacker.ask())[0][0] == 503
        assert [status for status, _, _ in await Stranger("198.51.100.99", address).ask()] == [503]
        await held[0].answered()


async def test_who_joins_and_does_not_begin_makes_room_for_anybody_soon(tmp_path: Path) -> None:
    async with serving(tmp_path, max_sessions=1, reservations={"per_minute": 0, "begin_s": 5}) as (address, _):
        one, another = Stranger("198.51.100.1", address), Stranger("198.51.100.2", address)
        async with candidate(await one.reserved()) as waits:
            assert [status for status, _, _ in await another.ask()] == [503]
            async with asyncio.timeout(PATIENCE_S):
                while (await another.ask())[0][0] != 201:
                    await waits.send("interlocutor.pulse")
                    await asyncio.sleep(EVERY_S)  # the pace of somebody who asks again
            assert await waits.closed() == 4408


async def place_is(address: str, reserved: Reserved, state: str) -> int:
    """Say how things stand at a session's page; return the answer's status."""
    url = f"http://{address}/api/sessions/{reserved.id}/place"
    body = json.dumps({"state": state}).encode()
    return (await asyncio.to_thread(answered, "POST", url, reserved.token, body, "application/json"))[0]


async def test_a_place_that_was_given_back_is_free_and_one_whose_page_is_left_makes_room(tmp_path: Path) -> None:
    async with serving(tmp_path, max_sessions=1) as (address, _):
        one, another = Stranger("198.51.100.1", address), Stranger("198.51.100.2", address)
        first = await one.reserved()
        ((status, told, _),) = await another.ask()
        assert (status, told["error"]["preparing"], told["error"]["speaking"]) == (503, 1, 0)
        assert await place_is(address, first, "left") == 204
        assert await place_is(address, first, "here") == 401  # it is not there any more
        second = await another.reserved()
        assert await place_is(address, second, "away") == 204
        assert await place_is(address, second, "here") == 204  # the page was loaded anew
        assert [status for status, _, _ in await one.ask()] == [503]
        assert await place_is(address, second, "away") == 204
        third = await one.reserved()
        assert await place_is(address, third, "elsewhere") == 400
        async with candidate(third) as wire:
            await wire.answered()
            assert await place_is(address, third, "left") == 204
            assert (await wire.until("interlocutor.session.ended"))["reason"] == "ended"
        await another.reserved()
