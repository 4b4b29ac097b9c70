"""A server that is told to stop: role-plays finish, nobody new comes in, and a second signal ends the waiting."""

from __future__ import annotations

import asyncio
import json
import signal
import urllib.error
import urllib.request
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from bench.replay.remote import reserve
from tests.app.inside import until
from tests.app.process import ServerProcess, faults_of, running
from tests.app.wire import CARD, Wire, check_log, connect_to, joined
from tests.rtc.caller import called

pytestmark = pytest.mark.asyncio

SOCKETS, CALLS = 6, 2
STOPPING = "interlocutor.server.stopping"


def ask(url: str, body: dict[str, Any] | None = None) -> tuple[int, str | None, dict[str, Any]]:
    """Return an answer's status, its Retry-After, and its body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    try:
        answer = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as refused:
        answer = refused
    with answer:
        return answer.status, answer.headers.get("Retry-After"), json.loads(answer.read())


async def tell_to_stop(server: ServerProcess) -> None:
    server.process.send_signal(signal.SIGTERM)
    await until(lambda: server.logged("draining"))


async def exit_code(server: ServerProcess) -> int:
    return await asyncio.to_thread(server.process.wait, 60)


async def test_eight_role_plays_finish_and_nobody_new_comes_in(tmp_path: Path) -> None:
    settings = ("engines.backend=mock", "server.drain_deadline_s=120", "server.retry_after_s=7")
    with running(tmp_path, *settings) as server:
        early = await reserve(server.url, CARD)
        async with AsyncExitStack() as stack:
            ways = [joined] * SOCKETS + [called] * CALLS
            talks: list[Wire] = [await stack.enter_async_context(way(server)) for way in ways]
            for talk in talks:
                await talk.answered()
            await tell_to_stop(server)
            for talk in talks:
                told = await talk.until(STOPPING)
                assert (told["within_s"], "You can finish" in told["message"]) == (120.0, True)
            assert (await asyncio.to_thread(ask, f"{server.url}/ready"))[0] == 503
            status, retry, body = await asyncio.to_thread(ask, f"{server.url}/api/sessions", {"card": CARD})
            assert (status, retry, body["error"]["code"]) == (503, "7", "capacity.draining")
            with pytest.raises(Exception, match="503"):
                await connect_to(early)
            for talk in talks:
                await talk.answered()
            codes = [await talk.end() for talk in talks]
        assert codes == [1000] * (SOCKETS + CALLS)
        assert await exit_code(server) == 0
        for talk in talks:
            await check_log(server, talk.session_id)
    assert faults_of(server) == []


async def test_what_is_not_over_at_the_deadline_is_told_and_closed(tmp_path: Path) -> None:
    with running(tmp_path, "engines.backend=mock", "server.drain_deadline_s=1") as server:
        async with joined(server) as one, called(server) as other:
            for talk in (one, other):
                await talk.answered()
            await tell_to_stop(server)
            for talk in (one, other):
                await talk.until(STOPPING)
                assert (await talk.until("interlocutor.session.ended"))["reason"] == "draining"
            assert await one.closed() == 1012
        assert await exit_code(server) == 0
        await check_log(server, one.session_id)
        await check_log(server, other.session_id)
    assert faults_of(server) == []


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_the_waiting(tmp_path: Path, second: signal.Signals) -> None:
    with running(tmp_path, "engines.backend=mock", "server.drain_deadline_s=600") as server:
        async with joined(server) as talk:
            await talk.answered()
            await tell_to_stop(server)
            await talk.answered()
            server.process.send_signal(second)
            assert await talk.closed() == 1012
        assert await exit_code(server) == 0
        await check_log(server, talk.session_id)
