"""Uvicorn's connection of a WebSocket, which a client can't fill our memory by, nor keep open when it is over.

Pings are answered by the protocol itself, below every queue of ours, and a frame of six bytes costs its sender nothing.
So they are counted, and a client that reads nothing is not sent any more of them.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame

from server.door.visitors import Visitors

# Frames are read piece by piece: 256 KiB of pings, which is what one read gives, would hold everybody up for a second.
PIECE_BYTES = 2_048
PINGS_BURST = 50.0
# Our own clients send a message whole. A part may be empty, so that a message of any size has any number of them.
MOST_PARTS = 1_024
# After its close a client has so long to close its side.
CLOSED_WITHIN_S = 12.0


class SocketConnection(WebSocketsSansIOProtocol):
    """A WebSocket whose pings and parts of messages are counted."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        visitors: Visitors,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._visitors = visitors
        self._pings = PINGS_BURST
        self._pinged_s = self.loop.time()
        self._gone: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the connection's place go."""
        self._visitors.leave(self.transport)
        if self._gone is not None:
            self._gone.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, piece by piece, as long as the connection stands."""
        for at in range(0, len(data), PIECE_BYTES):
            if self.transport.is_closing():
                return
            super().data_received(data[at : at + PIECE_BYTES])
            if self.conn.handshake_exc is not None and not self.handshake_initiated:
                # It can't be read as a handshake, and nobody would ever answer it.
                self.transport.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                self._close_soon()
                return

    def handle_ping(self) -> None:
        """Answer a ping of a client that reads; cut off one that sends too many."""
        now_s = self.loop.time()
        gained = (now_s - self._pinged_s) * self._visitors.settings.pings_per_s
        self._pings, self._pinged_s = min(PINGS_BURST, self._pings + gained) - 1.0, now_s
        if self._pings < 0.0:
            self._cut_off("pings")
        elif self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # drops the answer: only the last ping needs one

    def handle_cont(self, event: Frame) -> None:
        """Take a part of a message."""
        super().handle_cont(event)
        if len(self.frames) > MOST_PARTS:
            self._cut_off("parts")

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """The application is done: the client has so long to take what is left, and to close."""
        super().on_task_complete(task)
        if not self.disconnected:
            self._gone = self.loop.call_later(CLOSED_WITHIN_S, self.transport.abort)

    def _close_soon(self) -> None:
        self.transport.close()
        self._gone = self.loop.call_later(CLOSED_WITHIN_S, self.transport.abort)

    def _cut_off(self, why: str) -> None:
        visitor = self._visitors.of(self.transport)
        if visitor is not None:
            self._visitors.cut_off(visitor, why)
        else:
            self.transport.abort()
