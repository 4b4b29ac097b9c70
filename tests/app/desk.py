"""An observer of a role-play on a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from server.protocol.desk_messages import SUBPROTOCOL, TICKET_PREFIX
from tests.app.asking import answered
from tests.app.inside import KEY


class Follower:
    """An observer's connection: keeps what it is sent."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.told: list[dict[str, Any]] = []
        self.sound: list[bytes] = []
        self.close_code: int | None = None
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for message in self.socket:
                if isinstance(message, bytes):
                    self.sound.append(message)
                else:
                    self.told.append(json.loads(message))
        except ConnectionClosed:
            pass
        self.close_code = self.socket.close_code

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events so far."""
        return [event for one in self.told if one["type"] == "interlocutor.desk.events" for event in one["events"]]

    def kinds(self) -> list[str]:
        """Return their kinds."""
        return [event["event"] for event in self.events]


async def ticket(address: str, session_id: str, bearer: str = KEY) -> dict[str, Any]:
    """Ask for a ticket; return the server's answer."""
    url = f"http://{address}/api/sessions/{session_id}/follow"
    status, raw = await asyncio.to_thread(answered, "POST", url, bearer, b"{}")
    assert status == 201, raw
    told: dict[str, Any] = json.loads(raw)
    return told


async def knock(told: dict[str, Any], **headers: str) -> ClientConnection:
    """Connect with a ticket."""
    offered: Any = [SUBPROTOCOL, TICKET_PREFIX + told["ticket"]]
    return await connect(told["url"], subprotocols=offered, compression=None, additional_headers=headers)


@asynccontextmanager
async def following(address: str, session_id: str, bearer: str = KEY) -> AsyncIterator[Follower]:
    """Follow a role-play."""
    follower = Follower(await knock(await ticket(address, session_id, bearer)))
    try:
        yield follower
    finally:
        await follower.socket.close()
        await follower.task
