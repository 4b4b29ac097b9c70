"""A real nginx in front: below a path, taken away or passed on; over IPv6; and under a name with its port."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import urllib.request
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from audio.frames import WIRE_HZ, silence
from bench.replay.remote import reserve
from tests.app.asking import answered
from tests.app.process import KEY, ROOT, running
from tests.app.proxy import WHY, has_nginx, nginx
from tests.app.wire import CARD, DATA, Wire, connect_to
from tests.rtc.caller import calling

pytestmark = [pytest.mark.asyncio, pytest.mark.skipif(not has_nginx(), reason=WHY)]


def fetched(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.read().decode())


@pytest.mark.parametrize("strip", [True, False], ids=["taken away", "passed on"])
async def test_page_socket_and_call_work_below_a_path(tmp_path: Path, strip: bool) -> None:
    with (
        running(tmp_path / "data", "engines.backend=mock", "server.root_path=/oet") as server,
        nginx(server.url.removesuffix("/oet"), tmp_path / "nginx", prefix="/oet", strip=strip) as url,
    ):
        await pages_are_whole(url)
        await a_socket_and_a_call_are_answered(url)


async def pages_are_whole(url: str) -> None:
    for page in ("/", "/login", "/lab"):
        # With a key the page is there behind a proxy too.
        text = await asyncio.to_thread(fetched, url + page)
        files = re.findall(r'(?:href|src)="(static/[^"]+)"', text)
        assert len(files) > 4
        assert '"/static' not in text
        for file in files:
            assert await asyncio.to_thread(fetched, f"{url}/{file}")


async def a_socket_and_a_call_are_answered(url: str) -> None:
    reserved = await reserve(url, CARD)
    assert reserved.url == f"{url.replace('http', 'ws', 1)}/v1/realtime"
    wire = Wire(await connect_to(reserved))
    try:
        await wire.answered()
        assert await wire.end() == 1000
    finally:
        await wire.drop()
    async with calling(await reserve(url, CARD)) as call:
        assert call.call.location.startswith("/oet/v1/realtime/calls/")
        await call.append(silence(200, WIRE_HZ))
        await call.until("interlocutor.session.started")


async def a_replay_is_answered(url: str, folder: Path, transport: str) -> None:
    """Run the command as people do."""
    told = folder / f"{transport}.json"
    replay = [str(DATA / "rate-8k.wav"), "--url", url, "--card", CARD, "--transport", transport, "--json", str(told)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.cli", "replay", *replay, stdout=PIPE, stderr=STDOUT, cwd=ROOT
    )
    written, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, written.decode()
    (turn,) = json.loads(told.read_text())["turns"]
    assert turn["answers"] == 1


async def test_page_socket_call_and_replay_work_below_a_path_over_ipv6_under_a_name_with_its_port(
    tmp_path: Path,
) -> None:
    """All of it at once, as one proxy may have it: `/oet/`, `[::1]`, and `Host: OET.example.org:443`."""
    named = ("server.root_path=/oet", "server.host=::1", "server.allowed_hosts=oet.example.org")
    with (
        running(tmp_path / "data", "engines.backend=mock", *named) as server,
        nginx(
            server.url.removesuffix("/oet"),
            tmp_path / "nginx",
            prefix="/oet",
            address="::1",
            host="OET.example.org:443",
        ) as url,
    ):
        assert re.fullmatch(r"http://\[::1\]:\d+/oet", url)
        await pages_are_whole(url)
        await a_socket_and_a_call_are_answered(url)
        for transport in ("websocket", "webrtc"):
            await a_replay_is_answered(url, tmp_path, transport)
        # A page of that name may call; the port that goes without saying is no other name.
        offered = ["realtime", f"openai-insecure-api-key.{KEY}"]
        address = f"{url.replace('http', 'ws', 1)}/v1/realtime?model=card:{CARD}"
        async with connect(address, origin="https://oet.example.org", subprotocols=offered) as page:  # type: ignore[arg-type]
            assert json.loads(await page.recv())["type"] == "session.created"


async def test_the_latency_page_is_closed_behind_a_proxy_that_says_nothing(tmp_path: Path) -> None:
    """As a server in dev is asked by a plain `proxy_pass`: from this machine, by its address, by HTTP/1.1."""

    def asked(url: str, key: str = "") -> int:
        return answered("GET", f"{url}/api/lab", key)[0]

    with (
        running(tmp_path / "data", "engines.backend=mock") as server,
        nginx(server.url, tmp_path / "nginx", bare=True) as url,
    ):
        assert await asyncio.to_thread(asked, url) == 401
        key = server.lab_url.partition("#key=")[2]
        assert await asyncio.to_thread(asked, server.url, key) == 200
        assert await asyncio.to_thread(asked, url, key[:-1]) == 401
        # Whoever was given the link may come by any way; it opens the page's own addresses alone.
        assert await asyncio.to_thread(asked, url, key) == 200
        assert (await asyncio.to_thread(answered, "GET", f"{url}/api/desk/live", key))[0] == 401


async def test_a_conversation_goes_over_ipv6(tmp_path: Path) -> None:
    with (
        running(tmp_path / "data", "engines.backend=mock", "server.host=::1") as server,
        nginx(server.url, tmp_path / "nginx", address="::1") as url,
    ):
        assert server.url.startswith("http://[::1]:")
        wire = Wire(await connect_to(await reserve(url, CARD)))
        try:
            assert await wire.answered() < 25.0
        finally:
            await wire.drop()


async def test_a_name_with_the_port_that_goes_without_saying_is_the_same_name(tmp_path: Path) -> None:
    with (
        running(tmp_path / "data", "engines.backend=mock", "server.allowed_hosts=oet.example.org") as server,
        nginx(server.url, tmp_path / "nginx", host="OET.example.org:443") as url,
    ):
        address = f"{url.replace('http', 'ws', 1)}/v1/realtime?model=card:{CARD}"
        offered = ["realtime", f"openai-insecure-api-key.{KEY}"]
        async with connect(address, origin="https://oet.example.org", subprotocols=offered) as page:  # type: ignore[arg-type]
            assert json.loads(await page.recv())["type"] == "session.created"
