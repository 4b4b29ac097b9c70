"""Joining: by HTTP a visit mints a token for one connection, by WebSocket or by a call; a drop has its ticket."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from bench.replay.remote import Reserved, joining, reserve
from server.host import Server
from server.sessions import join_tokens
from server.wire.ticket import HEADER, Ticket
from tests.app.asking import answered
from tests.app.inside import KEY, serving
from tests.app.test_history import browser
from tests.app.wire import CARD, Wire, connect_to
from tests.rtc.caller import CallSocket, calling
from tests.unit.test_join_tokens import forged

pytestmark = pytest.mark.asyncio

Refusal = tuple[int, str | None]


@dataclass(frozen=True)
class Door:
    """One way in: tries a token, and tells the status and the code of the refusal, or that there was none."""

    transport: str
    address: str
    offer: bytes

    async def knock(self, token: str | None, **headers: str) -> Refusal:
        """Try to connect, and go away again."""
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if self.transport == "call":
            return await asyncio.to_thread(self._call, headers)
        try:
            socket = await connect(f"ws://{self.address}/v1/realtime", additional_headers=headers)
        except InvalidStatus as refused:
            return refused.response.status_code, json.loads(refused.response.body or b"")["error"]["code"]
        await socket.close()
        return 101, None

    def _call(self, headers: dict[str, str]) -> Refusal:
        token = headers.get("Authorization", "").removeprefix("Bearer ")
        url = f"http://{self.address}/v1/realtime/calls"
        status, told = answered("POST", url, token, self.offer, "application/sdp")
        return status, json.loads(told)["error"]["code"] if status >= 400 else None


async def an_offer() -> bytes:
    socket = CallSocket()
    await socket.pc.setLocalDescription()
    offer = socket.pc.localDescription.sdp.encode()
    await socket.close()
    return offer


async def token_of(reserved: Reserved) -> str:
    return (await joining(reserved))["Authorization"].removeprefix("Bearer ")


def code_of(told: tuple[int, bytes]) -> Refusal:
    return told[0], json.loads(told[1])["error"]["code"] if told[0] >= 400 else None


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("transport", ["websocket", "call"])
async def test_what_is_old_used_forged_or_meant_for_something_else_opens_nothing(
    tmp_path: Path, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path) as (address, server):
        base = f"http://{address}"
        door = Door(transport, address, await an_offer())
        reserved, gone = await reserve(base, CARD), await reserve(base, CARD)
        key = server.join_tokens._key

        assert await door.knock(None) == (401, "access.denied")
        # The session's own token is for asking; what it minted is for connecting, and for nothing else.
        assert await door.knock(reserved.token) == (401, "join.needed")
        for bad in (forged({}, algorithm="none"), forged({}, key=b"x" * 32), forged({"aud": "a"}, key=key), "ek_x"):
            assert await door.knock(bad) == (401, "join.refused")

        token = await token_of(reserved)
        asking = await asyncio.to_thread(answered, "GET", f"{base}/api/sessions/{reserved.id}", token)
        assert code_of(asking) == (401, "access.denied")

        monkeypatch.setattr(join_tokens, "LIFE_S", 0)
        assert await door.knock(await token_of(reserved)) == (401, "join.expired")
        monkeypatch.undo()

        lost = await token_of(gone)
        server.registry._forget({gone.id})
        assert await door.knock(lost) == (404, "session.gone")

        assert (await door.knock(token))[0] in (101, 201)
        assert await door.knock(token) == (401, "join.used")


async def test_a_secret_for_a_page_opens_nothing_for_pages_of_other_origins(tmp_path: Path) -> None:
    page, elsewhere = "https://page.example", "https://other.example"
    async with serving(tmp_path, allowed_origins=[page, elsewhere]) as (address, _):

        async def secret(origin: object, *, asked_by: str | None = None) -> tuple[int, dict[str, Any]]:
            body: dict[str, Any] = {"session": {"model": f"card:{CARD}"}, "origin": origin}
            async with httpx2.AsyncClient(base_url=f"http://{address}") as client:
                headers = {"Authorization": f"Bearer {KEY}"} | ({"Origin": asked_by} if asked_by else {})
                answer = await client.post("/v1/realtime/client_secrets", json=body, headers=headers)
            return answer.status_code, answer.json()

        async def knock(token: str, origin: str | None) -> tuple[int, str]:
            """Connect as a page does; return the close code and what was told first, or an event's type."""
            offered = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{token}")]
            headers = {"Origin": origin} if origin else {}
            try:
                async with connect(
                    f"ws://{address}/v1/realtime", subprotocols=offered, additional_headers=headers
                ) as socket:
                    told = json.loads(await socket.recv())
                    if told["type"] != "error":
                        return 0, told["type"]
                    await socket.wait_closed()
                    return socket.close_code or 0, told["error"]["code"]
            except InvalidStatus as refused:
                return refused.response.status_code, json.loads(refused.response.body or b"{}")["error"]["code"]

        status, told = await secret(page + "/")
        assert (status, told["value"][:3]) == (200, "ek_")
        assert await knock(told["value"], elsewhere) == (4403, "join.origin")
        assert await knock(told["value"], None) == (403, "join.origin")
        assert await knock(told["value"], page) == (0, "session.created")
        # A page that asks itself gets one for its own origin.
        _, told = await secret(None, asked_by=page)
        assert (await knock(told["value"], elsewhere))[1] == "join.origin"
        assert await knock(told["value"], page) == (0, "session.created")
        # Without a page, and without a word of one, it is anybody's, as OpenAI's is.
        _, told = await secret(None)
        assert await knock(told["value"], elsewhere) == (0, "session.created")
        for wrong in ("null", "page.example", "https://page.example/path", 7, ["https://page.example"]):
            status, told = await secret(wrong)
            assert (status, told["error"]["code"]) == (400, "session.origin"), wrong


async def test_only_whose_session_it_is_mints(tmp_path: Path) -> None:
    async with serving(tmp_path, auth="accounts") as (address, server):
        anna, bert = await browser(address, server, "anna"), await browser(address, server, "bert")
        opened = (await anna.post("/api/sessions", json={"card": CARD})).json()
        other = (await bert.post("/api/sessions", json={"card": CARD})).json()
        path = f"/api/sessions/{opened['id']}/join"

        def mint(token: str, session: Any = opened) -> Refusal:
            url = f"http://{address}/api/sessions/{session['id']}/join"
            return code_of(answered("POST", url, token, b""))

        assert (await bert.post(path)).status_code == 403
        assert await asyncio.to_thread(mint, other["token"]) == (403, "access.denied")
        assert await asyncio.to_thread(mint, "") == (401, "access.denied")
        assert await asyncio.to_thread(mint, opened["token"]) == (201, None)
        # By the cookie of whoever's it is, if our own page asks.
        minted = await anna.post(path)
        assert (minted.status_code, minted.json()["expires_s"]) == (201, join_tokens.LIFE_S)
        csrf = anna.headers.pop("X-CSRF-Token")
        assert (await anna.post(path)).json()["error"]["code"] == "access.csrf"
        anna.headers["X-CSRF-Token"] = csrf
        evil = await anna.post(path, headers={"Origin": "https://evil.example"})
        assert evil.json()["error"]["code"] == "access.origin"
        # As browsers do it: in a subprotocol, of which none is echoed that holds a secret.
        offered = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{minted.json()['token']}")]
        wire = Wire(await connect(opened["url"], subprotocols=offered))
        assert (await wire.until("session.created"))["session"]["id"] == opened["id"]
        assert wire.socket.subprotocol == "realtime"
        assert (await anna.post(path)).json()["error"]["code"] == "session.in_use"
        assert await wire.end() == 1000
        assert (await anna.post(path)).json()["error"]["code"] == "session.over"
        # An address is no place for a token: proxies and logs keep it.
        fresh = (await bert.post(f"/api/sessions/{other['id']}/join")).json()["token"]
        for name in ("token", "access_token", "api_key"):
            with pytest.raises(InvalidStatus, match="401"):
                await connect(f"{other['url']}?{name}={fresh}")
        await wire.drop()
        for client in (anna, bert):
            await client.aclose()


async def may_return(wire: Wire) -> Ticket:
    await wire.say("How are you today?")
    await wire.until("response.output_audio.delta")
    return Ticket((await wire.may_come_back())["token"], 0)


async def back(reserved: Reserved, ticket: Ticket, transport: str) -> Refusal:
    """Come back with a ticket alone; return what it came to."""
    if transport == "call":
        socket = CallSocket()
        try:
            await socket.pc.setLocalDescription()
            headers = {HEADER: str(ticket), "Content-Type": "application/sdp"}
            async with httpx2.AsyncClient(base_url=reserved.base_url, headers=headers, timeout=60) as client:
                answer = await client.post("/v1/realtime/calls", content=socket.pc.localDescription.sdp)
            return code_of((answer.status_code, answer.content))
        finally:
            await socket.close()
    wire = Wire(await connect_to(reserved, ticket))
    try:
        return await came_of(wire)
    finally:
        await wire.drop()


async def came_of(wire: Wire) -> Refusal:
    seen = asyncio.create_task(wire.until("interlocutor.session.resumed"))
    over = asyncio.create_task(wire.closed())
    await asyncio.wait((seen, over), return_when=asyncio.FIRST_COMPLETED)
    for task in (seen, over):
        task.cancel()
    await asyncio.gather(seen, over, return_exceptions=True)
    if wire.of("interlocutor.session.resumed"):
        return 101, None
    (error,) = wire.of("error")
    return wire.close_code or 0, error["error"]["code"]


async def opened_by(server: Server, address: str, who: str) -> tuple[Reserved, Any]:
    """Open a session as a person by their page, or let a key open one; return it with what takes their right away."""
    if who == "person":
        anna = await browser(address, server, "anna")
        told = (await anna.post("/api/sessions", json={"card": CARD})).json()
        await anna.aclose()
        person = (await server.accounts.find("anna")).id
        reserved = Reserved(told["id"], told["token"], told["url"], f"http://{address}")
        return reserved, lambda: server.accounts.change("a test", person, enabled=False)
    key, secret = await server.key_ring.make("a test", name="x", scopes=["*"], days=None)
    url = f"ws://{address}/v1/realtime?model=card:{CARD}"
    return Reserved("", secret, url, f"http://{address}"), lambda: server.key_ring.revoke("a test", key.id)


@pytest.mark.parametrize("who", ["person", "key"])
@pytest.mark.parametrize("transport", ["websocket", "call"])
async def test_a_ticket_leads_back_while_its_bearer_may_still_take_part(
    tmp_path: Path, who: str, transport: str
) -> None:
    async with serving(tmp_path, auth="accounts") as (address, server):
        reserved, end_right = await opened_by(server, address, who)
        wire = Wire(await connect_to(reserved))
        ticket = await may_return(wire)
        # A ticket needs nothing besides, whoever opened the session.
        alone = Reserved("sess", "", f"ws://{address}/v1/realtime", reserved.base_url)
        assert await back(alone, ticket, transport) == ((101 if transport == "websocket" else 201), None)
        await end_right()
        refused = await back(alone, ticket, transport)
        assert refused == ((4403 if transport == "websocket" else 403), "access.denied")
        await wire.drop()


async def test_a_ticket_of_one_session_and_the_token_of_another_lead_nowhere(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, server):
        base = f"http://{address}"
        mine, other = await reserve(base, CARD), await reserve(base, CARD)
        wire = Wire(await connect_to(mine))
        ticket = await may_return(wire)
        protocols = [Subprotocol("realtime"), Subprotocol(str(ticket))]
        scoped = (await server.key_ring.make("a test", name="x", scopes=["card.list"], days=None))[1]
        for bearer in (other.token, scoped, "nobody"):
            headers = {"Authorization": f"Bearer {bearer}"}
            stranger = Wire(await connect(mine.url, subprotocols=protocols, additional_headers=headers))
            assert await came_of(stranger) in ((4403, "access.denied"), (4401, "access.denied")), bearer
            await stranger.drop()
        assert await wire.end() == 1000
        assert await back(mine, ticket, "websocket") == (4404, "session.over")
        assert await back(mine, Ticket("x" * 32, 0), "websocket") == (4401, "session.resume")
        await wire.drop()


async def test_keys_of_stock_clients_connect_as_they_are(tmp_path: Path) -> None:
    async with serving(tmp_path, auth="accounts") as (address, server):
        _, secret = await server.key_ring.make("a test", name="x", scopes=["*"], days=None)
        for key in (secret, KEY):
            offered = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{key}")]
            wire = Wire(await connect(f"ws://{address}/v1/realtime?model=card:{CARD}", subprotocols=offered))
            await wire.until("session.created")
            assert await wire.end() == 1000
            await wire.drop()


async def test_a_call_that_failed_is_followed_by_a_token_for_the_websocket(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, _):
        reserved = await reserve(f"http://{address}", CARD)
        offer = await an_offer()  # of a call that nobody will connect
        door = Door("call", address, offer)
        assert await door.knock(await token_of(reserved)) == (201, None)
        wire = Wire(await connect_to(reserved))
        assert (await wire.until("session.created"))["session"]["id"] == reserved.id
        assert await wire.end() == 1000
        await wire.drop()
        async with calling(await reserve(f"http://{address}", CARD)) as call:
            assert call.session_id


async def test_a_secret_has_the_settings_and_the_life_that_were_asked_for_and_says_what_is_not_in_force(
    tmp_path: Path,
) -> None:
    detection = {"type": "server_vad", "silence_duration_ms": 900, "create_response": False}
    asked = {
        "type": "realtime",
        "model": f"card:{CARD}",
        "instructions": "Be brief.",
        "tools": [{"type": "function", "name": "look_up"}],
        "audio": {
            "input": {"format": {"type": "audio/pcmu"}, "turn_detection": detection},
            "output": {"format": {"type": "audio/pcm", "rate": 8_000}, "voice": "marin"},
        },
    }
    expires = {"anchor": "created_at", "seconds": 300}
    async with serving(tmp_path) as (address, _), httpx2.AsyncClient(base_url=f"http://{address}") as client:

        async def secret(**body: Any) -> tuple[int, dict[str, Any]]:
            answer = await client.post(
                "/v1/realtime/client_secrets",
                json={"session": {"model": f"card:{CARD}"}} | body,
                headers={"Authorization": f"Bearer {KEY}"},
            )
            return answer.status_code, answer.json()

        before_s = time.time()
        status, told = await secret(session=asked, expires_after=expires)
        assert status == 200
        assert 298 <= told["expires_at"] - before_s <= 310
        assert {one["param"] for one in told["refused"]} == {"session.tools", "session.audio.output.format.rate"}
        assert all(one["code"] and one["message"] for one in told["refused"])
        audio = told["session"]["audio"]
        assert audio["input"]["format"] == {"type": "audio/pcmu"}
        assert audio["input"]["turn_detection"]["silence_duration_ms"] == 900
        assert audio["input"]["turn_detection"]["create_response"] is False
        assert audio["output"]["format"] == {"type": "audio/pcm", "rate": 24_000}
        bearer = {"Authorization": f"Bearer {told['value']}"}
        async with connect(f"ws://{address}/v1/realtime", additional_headers=bearer) as socket:
            # As it was answered: it is in force before the client has said anything.
            created = json.loads(await socket.recv())["session"]
            assert created["audio"] == audio
            assert created["id"] == told["session"]["id"]

        # The session waits ten minutes for somebody, and so does what opens it at most.
        assert (await secret(expires_after={"seconds": 7_200}))[1]["expires_at"] - time.time() <= 601
        assert (await secret())[1]["expires_at"] - time.time() <= 61
        for wrong in ({"seconds": 9}, {"seconds": True}, {"seconds": "60"}, {"anchor": "end"}, 60, {"seconds": 1e9}):
            status, told = await secret(expires_after=wrong)
            assert (status, told["error"]["code"]) == (400, "session.fields"), wrong
        status, told = await secret(session={"model": f"card:{CARD}", "type": "transcription"})
        assert (status, [one["param"] for one in told["refused"]]) == (200, ["session.type"])
