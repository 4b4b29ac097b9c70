"""Visitors without any right: what they may take of the server's time, memory and places before they are cut off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from audio.frames import WIRE_HZ, silence
from bench.replay.remote import reserve
from server.host import Server
from tests.app.inside import KEY, serving, until
from tests.app.knocking import Knocker, frame, handshake, knocking
from tests.app.process import ServerProcess, running
from tests.app.wire import ANSWER_S, CARD, Wire, connect_to, joined
from tests.bench.attackers import attack
from tests.bench.door import let_in

pytestmark = pytest.mark.asyncio

SHORT: dict[str, Any] = {"first_byte_s": 0.3, "headers_s": 0.3, "body_s": 0.3, "stalled_s": 0.5}


def cuts(server: Server, reason: str) -> float:
    return server.metrics.registry.get_sample_value("http_connections_cut_total", {"reason": reason}) or 0.0


async def test_a_connection_that_sends_nothing_is_cut_off(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=SHORT) as (address, server), knocking(address) as visitor:
        assert await visitor.rest() == b""
        assert cuts(server, "first_byte") == 1


async def test_half_a_request_is_answered_and_cut_off_however_slowly_the_rest_comes(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=SHORT) as (address, server), knocking(address) as visitor:
        await visitor.send(b"GET /health HTTP/1.1\r\nHost: here\r\nX-Slow: ")
        dripping = asyncio.create_task(_drip(visitor))
        assert (await visitor.rest()).startswith(b"HTTP/1.1 408 ")
        await dripping
        assert cuts(server, "headers") == 1
        async with knocking(address) as again:
            assert await again.asked() == 200
            # After a whole request the same holds.
            await again.send(b"GET /heal")
            assert b"HTTP/1.1 408 " in await again.rest()


async def _drip(visitor: Knocker) -> None:
    for _ in range(100):
        if visitor.reader.at_eof():
            return
        await visitor.send(b"x")
        await asyncio.sleep(0.02)  # the pace of a slow visitor, not a wait


async def test_half_a_body_is_cut_off_and_is_no_fault_of_ours(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(tmp_path, limits=SHORT) as (address, server), knocking(address) as visitor:
        await visitor.send(b"POST /api/sessions HTTP/1.1\r\nHost: here\r\nContent-Length: 400\r\n\r\n{")
        await visitor.rest()
        assert cuts(server, "body") == 1
        assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_an_answer_that_nobody_takes_is_cut_off(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=SHORT) as (address, server):
        async with knocking(address, receive_bytes=4_096) as visitor:
            # Nothing is read: the answers wait in the server until it has had enough.
            await visitor.send(b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n" * 40)
            await until(lambda: cuts(server, "answer") == 1)
        async with knocking(address) as other:
            assert await other.asked() == 200


async def test_an_address_that_holds_too_many_connections_loses_its_oldest(tmp_path: Path) -> None:
    async with serving(tmp_path, limits={"connections_per_address": 8}) as (address, server), AsyncExitStack() as stack:
        held = [await stack.enter_async_context(knocking(address, source="127.0.0.2")) for _ in range(8)]
        assert await held[0].asked() == 200
        newest = await stack.enter_async_context(knocking(address, source="127.0.0.2"))
        assert await newest.asked() == 200
        assert await held[0].rest() == b""
        assert cuts(server, "address") == 1
        for one in held[1:]:
            assert await one.asked() == 200


async def test_a_full_door_has_room_for_others_all_the_same(tmp_path: Path) -> None:
    limits = {"connections": 64, "connections_per_address": 64}
    async with serving(tmp_path, limits=limits) as (address, server), AsyncExitStack() as stack:
        for number in range(100):
            await stack.enter_async_context(knocking(address, source=f"127.0.0.{2 + number % 2}"))
        for _ in range(5):
            other = await stack.enter_async_context(knocking(address))
            assert await other.asked() == 200
        assert server.metrics.registry.get_sample_value("http_connections") == 64
        assert cuts(server, "full") == 41


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (handshake("t", "X-Long: " + "x" * 8_200), b"431"),
        (handshake("t", *(f"X-{n}: 1" for n in range(130))), b"431"),
        (handshake("t", method="POST"), b"405"),
        (handshake("t", "X-Odd: \xff\xfe"), b"40"),
    ],
)
async def test_a_handshake_that_can_not_be_read_is_answered(
    mock_server: ServerProcess, request_bytes: bytes, status: bytes
) -> None:
    async with knocking(mock_server.address) as visitor:
        await visitor.send(request_bytes)
        assert (await visitor.rest()).startswith(b"HTTP/1.1 " + status)


async def test_pings_are_answered_while_they_are_few(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, server):
        async with _socket(address) as visitor:
            for _ in range(20):
                await visitor.send(frame("ping", b"here"))
                async with asyncio.timeout(60):
                    await visitor.reader.readuntil(b"\x8a\x04here")
            await visitor.send(frame("ping", b"here") * 100)
            await visitor.rest()
        assert cuts(server, "pings") == 1


async def test_an_address_that_floods_again_and_again_is_not_let_in_and_others_are(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, server):
        for _ in range(5):
            async with knocking(address, source="127.0.0.2") as visitor:
                await visitor.send(handshake("", f"Origin: http://{address}"))
                await visitor.reader.readuntil(b"\r\n\r\n")
                await visitor.send(frame("ping") * 200)
                await visitor.rest()
        await until(lambda: cuts(server, "pings") == 5)
        async with knocking(address, source="127.0.0.2") as visitor:
            assert await visitor.rest() == b""
        assert cuts(server, "blamed") == 1
        async with knocking(address, source="127.0.0.3") as other:
            assert await other.asked() == 200


async def test_a_client_that_pings_and_never_reads_costs_no_memory(mock_server: ServerProcess) -> None:
    async with joined(mock_server) as wire:
        before = mock_server.usage.memory_info().rss
        flood = frame("ping", b"x" * 125) * 500
        wire.socket.transport.pause_reading()
        for _ in range(400):
            if wire.socket.transport.is_closing():
                break
            wire.socket.transport.write(flood)
            await asyncio.sleep(0)
        wire.socket.transport.resume_reading()
        assert await wire.closed() == 1006
        assert mock_server.usage.memory_info().rss - before < 20_000_000


async def test_a_message_in_too_many_parts_is_cut_off(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, server):
        async with _socket(address) as visitor:
            await visitor.send(frame("text", final=False) + frame("continuation", final=False) * 2_000)
            await visitor.rest()
        assert cuts(server, "parts") == 1


async def test_who_asks_is_who_a_trusted_proxy_names_and_nobody_else(tmp_path: Path) -> None:
    limits = {"burst": 1, "per_minute": 0.01}

    async def opened(address: str, source: str, named: str) -> bytes:
        async with knocking(address, source=source) as visitor:
            body = f'{{"card": "{CARD}"}}'
            await visitor.send(
                f"POST /api/sessions HTTP/1.1\r\nHost: {address}\r\nX-Forwarded-For: {named}\r\n"
                f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            return (await visitor.rest())[9:12]

    async with serving(tmp_path, reservations=limits, trusted_proxies=["127.0.0.1"]) as (address, _):
        assert [await opened(address, "127.0.0.1", f"203.0.113.{n}") for n in (1, 2, 2)] == [b"201", b"201", b"429"]
        # Whoever is no proxy can call himself what he likes.
        assert [await opened(address, "127.0.0.2", f"203.0.113.{n}") for n in (3, 4)] == [b"201", b"429"]


async def test_problems_are_reported_now_and_then(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, server), _begun(address) as (session_id, token):
        async with httpx2.AsyncClient(base_url=f"http://{address}") as client:
            answers = [
                await client.post(
                    f"/api/sessions/{session_id}/problems",
                    json={"kind": "sound", "text": "It crackles."},
                    headers={"Authorization": f"Bearer {token}"},
                )
                for _ in range(30)
            ]
        assert [answer.status_code for answer in answers] == [201] * 10 + [429] * 20
        assert answers[-1].json()["error"]["code"] == "session.too_many_reports"
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 10
        assert server.registry.get(session_id).driver is not None


async def test_a_truth_file_can_not_blow_up(tmp_path: Path) -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    async with serving(tmp_path) as (address, _), httpx2.AsyncClient(base_url=f"http://{address}") as client:
        began_s = time.monotonic()
        answer = await client.post("/api/lab/truth", content=bomb, headers={"Authorization": f"Bearer {KEY}"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "recording.truth")
        assert "aliases" in answer.json()["error"]["message"]
        assert time.monotonic() - began_s < 10.0


async def test_the_latency_page_asks_for_a_key_whoever_asks_as_if_from_here(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, _):
        for version in ("1.1", "1.0"):
            async with knocking(address) as visitor:
                # A plain `proxy_pass` asks like this for whoever asked it, by one version or the other.
                await visitor.send(
                    f"GET /api/lab HTTP/{version}\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode()
                )
                assert (await visitor.rest())[9:12] == b"401"


async def test_what_is_refused_leaves_no_folder(tmp_path: Path) -> None:
    limits = {"burst": 3, "per_minute": 0.01}
    async with serving(tmp_path, reservations=limits, max_sessions=2) as (address, server):
        async with httpx2.AsyncClient(base_url=f"http://{address}") as client:
            for number in range(40):
                named = {"X-Forwarded-For": f"203.0.113.{number % 8}"}
                await client.post("/api/sessions", json={"card": CARD}, headers=named)
                await client.post("/api/sessions", json={"card": "none"}, headers=named)
        folders = tmp_path / "sessions"
        await until(lambda: len(list(folders.iterdir())) <= 2)
        assert len(server.registry.running()) == 0


async def test_a_fault_of_ours_has_the_headers_of_every_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(tmp_path) as (address, server), httpx2.AsyncClient(base_url=f"http://{address}") as client:
        monkeypatch.delattr(server, "practice_cards")
        answer = await client.get("/api/cards")
        assert answer.status_code == 500
        for name in ("Content-Security-Policy", "X-Content-Type-Options", "Cache-Control"):
            assert name in answer.headers, name


@asynccontextmanager
async def _begun(address: str) -> AsyncIterator[tuple[str, str]]:
    """Hold a role-play that has begun; yield its id and its token."""
    reserved = await reserve(f"http://{address}", CARD)
    wire = Wire(await connect_to(reserved))
    try:
        await wire.until("session.created")
        await wire.append(silence(100, WIRE_HZ))
        await wire.until("interlocutor.session.started")
        yield reserved.id, reserved.token
    finally:
        await wire.drop()


@asynccontextmanager
async def _socket(address: str) -> AsyncIterator[Knocker]:
    """Open a developer's WebSocket by hand."""
    async with knocking(address) as visitor:
        await visitor.send(handshake(KEY).replace(b"/v1/realtime ", f"/v1/realtime?model=card:{CARD} ".encode()))
        async with asyncio.timeout(60):
            assert (await visitor.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        yield visitor


async def test_a_conversation_goes_on_among_attackers(tmp_path: Path) -> None:
    """The short form of tests/bench/door.py, which measures it."""
    short = [f"server.limits.{name}=2" for name in ("first_byte_s", "headers_s")]
    with running(tmp_path, "engines.backend=mock", *short) as server:
        places = round(server.metric("voice_session_capacity"))
        async with joined(server) as wire:
            await wire.answered()
            before = server.usage.memory_info().rss
            attacking = asyncio.create_task(
                attack(server.address, seconds=8.0, idle=300, half=60, pings=5, holders=places)
            )
            candidates = asyncio.create_task(let_in(server.address, 4))
            while not attacking.done():
                assert await wire.answered() < ANSWER_S
            told = await attacking
            assert (told["left"], told["opened"] > 300) == (0, True)
            # All places were held by those who never sound, and who come back each time: candidates come first.
            assert await candidates == 4
            assert told["holders_joined"] >= places / 2
            assert told["holders_left"] <= places - 1
            assert server.usage.memory_info().rss - before < 50_000_000
            assert await wire.end() == 1000
        assert len(server.log) < 2_000
        assert not [line for line in server.log if line["level"] == "error"]
