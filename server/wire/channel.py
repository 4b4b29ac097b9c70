"""What carries a connection's messages: a WebSocket now; a WebRTC data channel fits the same protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

ABORT_KEY = "interlocutor.abort"


class ChannelClosed(Exception):
    """The other end is gone; `code` is its close code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class Channel(Protocol):
    """A two-way channel of whole messages."""

    transport: str
    """Its name in logs and metrics: websocket or webrtc."""

    async def send_text(self, text: str) -> None:
        """Send a message; raises ChannelClosed. Waits while the other end takes nothing."""

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message, as `send_text`; only where the connection's voice makes such messages."""

    async def receive_message(self) -> str | bytes:
        """Return the next message; raises ChannelClosed."""

    async def close(self, code: int, reason: str) -> None:
        """Close with a code and a reason of at most 123 bytes; does nothing when it is closed."""

    def abort(self) -> None:
        """Drop the connection at once; what was not sent is lost."""


class WebSocketChannel:
    """A channel over an accepted Starlette WebSocket."""

    transport = "websocket"

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def send_text(self, text: str) -> None:
        """Send a text frame; raises ChannelClosed."""
        await self._send(self._websocket.send_text(text))

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary frame; raises ChannelClosed."""
        await self._send(self._websocket.send_bytes(data))

    async def _send(self, sending: Awaitable[None]) -> None:
        try:
            await sending
        except WebSocketDisconnect as gone:
            raise ChannelClosed(gone.code) from None
        except (WebSocketDisconnected, OSError, RuntimeError):  # sending after a close is a RuntimeError of the server
            raise ChannelClosed(1006) from None

    async def receive_message(self) -> str | bytes:
        """Return the next frame's text or bytes; raises ChannelClosed."""
        try:
            message = await self._websocket.receive()
        except WebSocketDisconnected:
            raise ChannelClosed(1006) from None
        if message["type"] == "websocket.disconnect":
            raise ChannelClosed(message.get("code") or 1005)
        text: str | None = message.get("text")
        data: bytes = message.get("bytes") or b""
        return text if text is not None else data

    async def close(self, code: int, reason: str) -> None:
        """Close the WebSocket."""
        try:
            await self._websocket.close(code, reason.encode()[:123].decode(errors="ignore"))
        except (WebSocketDisconnect, WebSocketDisconnected, OSError, RuntimeError):
            return  # it was closed before

    def abort(self) -> None:
        """Drop the socket where AbortableSockets is installed; otherwise the server drops it when the route returns."""
        abort: Callable[[], None] | None = self._websocket.scope.get(ABORT_KEY)
        if abort is not None:
            abort()


class AbortableSockets:
    """ASGI middleware, to be the outermost: lets a channel drop its socket without waiting for a stalled peer.

    It also has no audio queued out of our reach. ASGI has no such messages. Uvicorn's `send` is a method of the
    connection, which has the transport; with another server nothing is found and `abort` does nothing, so the socket
    lives until the server's own timeout.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note the transport's abort in the scope of a WebSocket."""
        if scope["type"] == "websocket":
            transport: Any = getattr(getattr(send, "__self__", None), "transport", None)
            if isinstance(transport, asyncio.WriteTransport):
                # What the socket does not take waits in our own queue, where a hold can overtake it: by default a
                # transport keeps 64 KiB, which is a second of audio.
                transport.set_write_buffer_limits(high=0)
                scope = {**scope, ABORT_KEY: transport.abort}
        await self._app(scope, receive, send)
