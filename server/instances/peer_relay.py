"""Passes a request on to another server, and its answer back; what a client sees is as if it had asked there.

The other server is told the client's address as a proxy tells it. `HOPS` counts how often a request was passed on, so
that none goes in a circle.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterable
from urllib.parse import quote

import httpx2 as httpx
import structlog
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from server.records.holder import moving
from server.wire.channel import ABORT_KEY

logger = structlog.get_logger("server.instances")

HOPS = "interlocutor-relayed"
CONNECT_S, ANSWER_S, CLOSE_S = 2.0, 8.0, 2.0
# Messages that wait for a slow client; beyond that the server that sends them waits, and judges.
MOST_WAITING = 8
_TIMEOUT = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
# Of one connection alone (RFC 9110, 7.6.1), and what we say anew.
_OWN = {
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
    "upgrade", "x-forwarded-for", "x-forwarded-proto", HOPS,
}  # fmt: skip
_SOCKET_OWN = {"host", *(f"sec-websocket-{name}" for name in ("key", "version", "extensions", "protocol"))}


class Unreachable(Exception):
    """A server did not take a request at all: it may go elsewhere."""


class PeerRelay:
    """Connections to the other servers; `secret` is what all of them know and nobody else."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._client = httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=32),
        )

    async def close(self) -> None:
        """Close them."""
        await self._client.aclose()

    def hops_of(self, connection: HTTPConnection) -> int:
        """Return how often a request was passed on; what a stranger says of that is not believed."""
        hops, _, secret = connection.headers.get(HOPS, "").partition(" ")
        known = secrets.compare_digest(secret.encode(), self._secret.encode())
        return int(hops) if known and hops in ("1", "2", "3") else 0

    async def ask(self, request: Request, address: str) -> Response:
        """Return what another server answers; raises Unreachable if it was not asked, CapacityError if lost."""
        answer = Response()
        body = bytearray()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status_code = message["status"]
                answer.raw_headers = list(message["headers"])
            else:
                body.extend(message.get("body", b""))

        await self.pass_on(request.scope, request.receive, keep, address)
        answer.body = bytes(body)
        return answer

    async def pass_on(self, scope: Scope, receive: Receive, send: Send, address: str) -> None:
        """Pass an HTTP request on and its answer back; raises as `ask` does, before anything was sent back."""
        headers = Headers(scope=scope)
        has_body = "content-length" in headers or "transfer-encoding" in headers
        # Made by hand: the client's own would add headers that nobody sent.
        request = httpx.Request(
            scope["method"],
            f"{address}{_path(scope)}",
            headers=self._headers(scope, _OWN),
            content=_body(receive) if has_body else None,
            extensions={"timeout": _TIMEOUT.as_dict()},
        )
        try:
            answer = await self._client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Unreachable from error
        except httpx.HTTPError as error:
            logger.warning("instance_silent", address=address, error=type(error).__name__)
            raise moving() from error
        try:
            kept = [(name, value) for name, value in answer.headers.raw if name.decode().lower() not in _OWN]
            await send({"type": "http.response.start", "status": answer.status_code, "headers": kept})
            with contextlib.suppress(httpx.HTTPError):  # what is missing of it the client notices by its length
                async for chunk in answer.aiter_raw():
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await answer.aclose()

    async def pass_socket_on(self, scope: Scope, receive: Receive, send: Send, address: str) -> None:
        """Pass a WebSocket's messages on until it is closed; raises Unreachable where there was none."""
        try:
            there = await self._connect(scope, address)
        except InvalidStatus as refused:
            await _refuse(scope, send, refused)
            return
        except (OSError, TimeoutError, InvalidHandshake) as error:
            raise Unreachable from error
        try:
            await receive()  # that somebody wants to connect
            await send({"type": "websocket.accept", "subprotocol": there.subprotocol, "headers": []})
            await _both_ways(scope, receive, send, there)
        finally:
            await there.close()

    async def _connect(self, scope: Scope, address: str) -> ClientConnection:
        host = Headers(scope=scope).get("host", "127.0.0.1")
        where = httpx.URL(address)
        return await connect(
            f"ws://{host}{_path(scope)}",
            host=where.host,
            port=where.port or 80,
            additional_headers=self._headers(scope, _OWN | _SOCKET_OWN),
            subprotocols=scope.get("subprotocols") or None,
            user_agent_header=None,
            compression=None,
            proxy=None,
            max_size=None,
            max_queue=MOST_WAITING,
            # Whether the client lives is the other server's to find out.
            ping_interval=None,
            open_timeout=CONNECT_S + ANSWER_S,
            close_timeout=CLOSE_S,
        )

    def _headers(self, scope: Scope, without: Iterable[str]) -> list[tuple[str, str]]:
        kept = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        kept = [(name, value) for name, value in kept if name.lower() not in without]
        client = scope.get("client")
        scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
        hops = self.hops_of(HTTPConnection(scope)) + 1
        forwarded = [("x-forwarded-for", client[0] if client else ""), ("x-forwarded-proto", scheme)]
        return [*kept, *forwarded, (HOPS, f"{hops} {self._secret}")]


async def _both_ways(scope: Scope, receive: Receive, send: Send, there: ClientConnection) -> None:
    """Pass messages on until one side has gone, and tell the other."""
    up = asyncio.create_task(_to_server(receive, there), name="relay-up")
    down = asyncio.create_task(_to_client(send, there), name="relay-down")
    gone = asyncio.create_task(there.wait_closed(), name="relay-gone")
    tasks = (up, down, gone)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if up.done() and up.exception() is None and up.result():
            return
        # Its server has gone: the client is told, unless it takes nothing.
        await asyncio.wait((down,), timeout=CLOSE_S)
        if not down.done() and (abort := scope.get(ABORT_KEY)) is not None:
            abort()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _to_server(receive: Receive, there: ClientConnection) -> bool:
    """Pass on what a client says; return whether it went, and not its server."""
    with contextlib.suppress(ConnectionClosed):
        while (message := await receive())["type"] != "websocket.disconnect":
            text = message.get("text")
            await there.send(text if text is not None else message.get("bytes") or b"")
        code = message.get("code") or 1005
        await there.close(code if code not in (1005, 1006) else 1000)
        return True
    return False


async def _to_client(send: Send, there: ClientConnection) -> None:
    try:
        while True:
            message = await there.recv()
            kind = "text" if isinstance(message, str) else "bytes"
            await send({"type": "websocket.send", kind: message})
    except ConnectionClosed as closed:
        code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd is not None else (1012, "")
        with contextlib.suppress(OSError, RuntimeError):  # the client has gone too
            await send({"type": "websocket.close", "code": 1012 if code in (1005, 1006) else code, "reason": reason})


async def _refuse(scope: Scope, send: Send, refused: InvalidStatus) -> None:
    """Answer a handshake as the other server did."""
    response = refused.response
    given = [(name.lower(), value) for name, value in response.headers.raw_items()]
    kept = [(name.encode(), value.encode()) for name, value in given if name not in _OWN]
    if "websocket.http.response" in scope.get("extensions", {}):
        await send({"type": "websocket.http.response.start", "status": response.status_code, "headers": kept})
        await send({"type": "websocket.http.response.body", "body": response.body or b""})
    else:
        await send({"type": "websocket.close", "code": 1008})


def _path(scope: Scope) -> str:
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    query: bytes = scope.get("query_string", b"")
    return raw.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] != "http.request":
            # Half of what was meant must not pass for the whole.
            raise ClientDisconnect
        yield message.get("body", b"")
        if not message.get("more_body"):
            return
