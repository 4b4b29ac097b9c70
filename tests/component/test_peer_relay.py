"""A WebSocket that is passed on to a real server: what each side learns when the other goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from server.instances import peer_relay
from server.instances.peer_relay import PeerRelay, Unreachable
from server.wire.channel import ABORT_KEY

pytestmark = pytest.mark.asyncio

Message = dict[str, Any]
PATIENCE_S = 30.0


class Visitor:
    """The client's end of a WebSocket as ASGI has it; `takes` says whether it takes what it is sent."""

    def __init__(self, *, takes: bool = True) -> None:
        self.told: list[Message] = []
        self.dropped = asyncio.Event()
        self.said: asyncio.Queue[Message] = asyncio.Queue()
        self.said.put_nowait({"type": "websocket.connect"})
        self.taken = asyncio.Event()
        self._takes = takes
        self.scope: Message = {
            "type": "websocket", "path": "/v1/realtime", "scheme": "ws", "headers": [(b"host", b"oet.example")],
            "subprotocols": ["realtime"], "client": ("198.51.100.7", 1), "extensions": {"websocket.http.response": {}},
            ABORT_KEY: self.dropped.set,
        }  # fmt: skip

    async def send(self, message: Any) -> None:
        """Take a message, or none for ever."""
        if message["type"] == "websocket.send":
            self.taken.set()
            if not self._takes:
                await asyncio.Event().wait()
        self.told.append(message)


@asynccontextmanager
async def passed_on(
    handler: Callable[[ServerConnection], Awaitable[None]], visitor: Visitor
) -> AsyncIterator[asyncio.Task[None]]:
    """Pass a visitor's WebSocket on to a server with this handler."""
    relay = PeerRelay("secret")
    async with serve(handler, "127.0.0.1", 0, subprotocols=["realtime"]) as server:  # type: ignore[list-item]
        port = next(iter(server.sockets)).getsockname()[1]
        passing = asyncio.create_task(
            relay.pass_socket_on(visitor.scope, visitor.said.get, visitor.send, f"http://127.0.0.1:{port}")
        )
        async with asyncio.timeout(PATIENCE_S):
            yield passing
            await passing
    await relay.close()


async def test_each_side_is_told_what_the_other_says_and_how_it_ends() -> None:
    visitor = Visitor()
    heard: list[object] = []

    async def handler(there: ServerConnection) -> None:
        assert there.request is not None
        assert there.request.headers["Host"] == "oet.example"
        assert there.request.headers["X-Forwarded-For"] == "198.51.100.7"
        heard.append(await there.recv())
        await there.send("text")
        await there.send(b"sound")
        await there.close(4404, "session.gone")

    async with passed_on(handler, visitor):
        visitor.said.put_nowait({"type": "websocket.receive", "bytes": b"voice"})
    assert heard == [b"voice"]
    assert visitor.told == [
        {"type": "websocket.accept", "subprotocol": "realtime", "headers": []},
        {"type": "websocket.send", "text": "text"},
        {"type": "websocket.send", "bytes": b"sound"},
        {"type": "websocket.close", "code": 4404, "reason": "session.gone"},
    ]


async def test_the_server_is_told_that_the_client_went() -> None:
    visitor, closed = Visitor(), asyncio.Event()

    async def handler(there: ServerConnection) -> None:
        await there.wait_closed()
        assert there.close_code == 1001
        closed.set()

    async with passed_on(handler, visitor):
        visitor.said.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await closed.wait()


async def test_a_client_that_speaks_while_its_server_dies_is_told_to_come_back() -> None:
    visitor = Visitor()

    async def handler(there: ServerConnection) -> None:
        there.transport.abort()

    async with passed_on(handler, visitor):
        for _ in range(50):
            visitor.said.put_nowait({"type": "websocket.receive", "bytes": b"voice"})
    assert visitor.told[-1] == {"type": "websocket.close", "code": 1012, "reason": ""}


async def test_a_client_that_takes_nothing_is_dropped_once_its_server_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_relay, "CLOSE_S", 0.05)
    visitor = Visitor(takes=False)

    async def handler(there: ServerConnection) -> None:
        await there.send("text")
        await visitor.taken.wait()
        there.transport.abort()

    async with passed_on(handler, visitor):
        await visitor.dropped.wait()


async def test_a_refusal_is_the_other_servers_and_nobody_there_is_unreachable() -> None:
    visitor = Visitor()

    async def never(_there: ServerConnection) -> None:
        raise AssertionError

    relay = PeerRelay("secret")
    async with serve(never, "127.0.0.1", 0, process_request=lambda there, _: there.respond(403, "not here")) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        await relay.pass_socket_on(visitor.scope, visitor.said.get, visitor.send, f"http://127.0.0.1:{port}")
    start, body = visitor.told
    assert (start["status"], body["body"]) == (403, b"not here")
    with pytest.raises(Unreachable):
        await relay.pass_socket_on(visitor.scope, visitor.said.get, visitor.send, f"http://127.0.0.1:{port}")
    await relay.close()
