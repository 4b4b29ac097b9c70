"""Uvicorn's connection of HTTP/1.1, with a limit of time for each step of a request and a place among the visitors."""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState
from websockets.http11 import MAX_LINE_LENGTH, MAX_NUM_HEADERS

from server.door.visitors import Visitor, Visitors

# For a last answer to be taken by whoever is cut off.
LINGER_S = 2.0


class Step(Enum):
    """What a connection is at; the values are why it is cut off there."""

    FIRST_BYTE = "first_byte"
    HEADERS = "headers"
    BODY = "body"
    ANSWER = "answer"
    CLOSING = "closing"


class HttpConnection(H11Protocol):
    """A connection that is cut off when it takes too long for the step it is at."""

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
        self._visitor: Visitor | None = None
        self._step: Step | None = None
        self._stalled: asyncio.TimerHandle | None = None

    # -------------------------------------------------------------- what comes

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let the connection in where there is room."""
        super().connection_made(transport)
        self._visitor = self._visitors.enter(transport)
        if self._visitor is None:
            transport.abort()
            return
        self._note_step()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the connection's place go."""
        self._visitors.leave(self.transport)
        self._unset_stalled()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, and note how far the request is."""
        super().data_received(data)
        self._note_step()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection to a socket, unless its headers are more than that can read."""
        lines = [len(name) + len(value) + 4 for name, value in self.headers]
        if len(lines) > MAX_NUM_HEADERS or max((len(event.target) + 16, *lines)) > MAX_LINE_LENGTH:
            self._answer(b"431 Request Header Fields Too Large")
            return
        if event.method != b"GET":
            self._answer(b"405 Method Not Allowed", b"allow: GET\r\n")
            return
        if self._visitor is not None:
            self._visitor.at_ease()
            self._visitor.waits = False
        self._unset_stalled()
        super().handle_websocket_upgrade(event)

    # -------------------------------------------------------------- what goes

    def on_response_complete(self) -> None:
        """Note that the connection may ask for something else."""
        super().on_response_complete()
        self._note_step()

    def pause_writing(self) -> None:
        """Give a client that takes nothing so much time."""
        super().pause_writing()
        if self._visitor is not None:
            self._visitor.waits = True
        self._stalled = self.loop.call_later(self._visitors.settings.stalled_s, self._cut_off, Step.ANSWER)

    def resume_writing(self) -> None:
        """The client takes something."""
        self._unset_stalled()
        self._note_step()
        super().resume_writing()

    # -------------------------------------------------------------- how far it is

    def _note_step(self) -> None:
        """Find the step that the connection is at; each has its own time."""
        visitor = self._visitor
        if visitor is None or self.transport.get_protocol() is not self:
            return  # refused, or a socket by now
        step = self._now()
        visitor.waits = step is not None or self._stalled is not None
        if step is self._step:
            return
        self._step = step
        if step is None:
            visitor.at_ease()
        else:
            visitor.within(self._seconds(step), self._late)

    def _now(self) -> Step | None:
        """Return what the client still owes us; None: nothing."""
        if self.transport.is_closing():
            return Step.CLOSING
        match self.conn.their_state:
            case h11.IDLE:
                return Step.HEADERS if self.conn.trailing_data[0] else Step.FIRST_BYTE
            case h11.SEND_BODY:
                return Step.BODY
            case _:
                return None

    def _seconds(self, step: Step) -> float:
        limits = self._visitors.settings
        return {
            Step.FIRST_BYTE: limits.first_byte_s,
            Step.HEADERS: limits.headers_s,
            Step.BODY: limits.body_s,
            Step.CLOSING: LINGER_S,
        }.get(step, limits.stalled_s)

    def _late(self) -> None:
        assert self._step is not None  # noqa: S101 - a timer belongs to a step
        if self._step is Step.HEADERS and self.conn.our_state is h11.IDLE:
            self._visitors.refused(self._step.value)
            self._answer(b"408 Request Timeout")
            self._note_step()
        else:
            self._cut_off(self._step)

    def _cut_off(self, step: Step) -> None:
        if self._visitor is not None:
            self._visitors.cut_off(self._visitor, step.value)

    def _answer(self, status: bytes, headers: bytes = b"") -> None:
        """Answer a request that no application is to see, and close."""
        self.transport.write(
            b"HTTP/1.1 " + status + b"\r\n" + headers + b"content-length: 0\r\nconnection: close\r\n\r\n"
        )
        self.transport.close()

    def _unset_stalled(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
