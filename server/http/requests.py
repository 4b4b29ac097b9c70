"""What every route asks of a request: the server, who sent it, whether they may, and its body within a limit."""

from __future__ import annotations

from typing import Any

from starlette.requests import HTTPConnection, Request

from common.errors import AccessError, AppError, CapacityError, ProtocolError
from server.host import Server
from server.http.security import origin_allowed
from server.protocol.refusal import Refused
from server.protocol.strict_json import parse_object

KEY_PROTOCOL = "openai-insecure-api-key."
MAX_BODY_BYTES = 4_096


def server_of(connection: HTTPConnection) -> Server:
    """Return the server that was asked."""
    server: Server = connection.app.state.server
    return server


def under(connection: HTTPConnection, path: str) -> str:
    """Return a path of this server as clients ask for it: below the path that a proxy serves us under."""
    prefix: str = connection.scope.get("root_path", "")
    return prefix + path


def address_of(connection: HTTPConnection, path: str, *, socket: bool = False) -> str:
    """Return the whole address of a path of this server, as this client reaches it."""
    scheme = {"https": "wss", "http": "ws"}.get(connection.url.scheme, "ws") if socket else connection.url.scheme
    return f"{scheme}://{connection.headers.get('host', connection.url.netloc)}{under(connection, path)}"


def token_of(connection: HTTPConnection, offered: list[str] | None = None) -> str | None:
    """Return the bearer token, from the header or (browsers can't set one) from the subprotocol."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    for protocol in offered or ():
        if protocol.startswith(KEY_PROTOCOL):
            return protocol.removeprefix(KEY_PROTOCOL)
    return None


def check_origin(connection: HTTPConnection) -> None:
    """Raise AccessError when a page of another origin asks that was not allowed."""
    if not origin_allowed(connection.headers, tuple(server_of(connection).settings.server.allowed_origins)):
        raise AccessError(
            "this page may not call this server; ask its operator to allow the origin",
            code="access.origin",
            http_status=403,
            close_code=4403,
        )


def check_ready(server: Server) -> None:
    """Raise CapacityError while the server can't take sessions."""
    if server.not_ready is not None:
        raise CapacityError(
            f"the server is not ready ({server.not_ready}); try again shortly",
            retry_after_s=server.settings.server.retry_after_s,
            code="capacity.not_ready",
        )


async def read_body(request: Request, *, max_bytes: int, too_big: AppError | None = None) -> bytes:
    """Return a request's body; raises `too_big`, or else a ProtocolError, once it is larger than `max_bytes`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise too_big or ProtocolError(f"the request is larger than {max_bytes} bytes", code="protocol.too_big")
    return bytes(body)


async def read_json(request: Request) -> dict[str, Any]:
    """Return a small body that is one JSON object, or is empty; raises ProtocolError."""
    return parse_json(await read_body(request, max_bytes=MAX_BODY_BYTES) or b"{}", max_bytes=MAX_BODY_BYTES)


def parse_json(body: bytes, *, max_bytes: int) -> dict[str, Any]:
    """Return a body that is one JSON object; raises ProtocolError."""
    try:
        return parse_object(body, max_bytes=max_bytes)
    except Refused:  # its words are about messages
        why = "the request's body must be one JSON object: no key twice, no NaN, whole characters"
        raise ProtocolError(why, code="protocol.bad_json") from None
