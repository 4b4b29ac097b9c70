"""Visitors who keep to no rules: plain connections, written to byte by byte."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import json
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bench.replay.remote import Reserved

PATIENCE_S = 60.0
OPCODES = {"continuation": 0, "text": 1, "binary": 2, "ping": 9}


@dataclass
class Knocker:
    """One plain connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send bytes; nothing happens where the other end is gone."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            return

    async def rest(self, within_s: float | None = PATIENCE_S) -> bytes:
        """Return all that comes until the other end closes."""
        came = b""
        async with asyncio.timeout(within_s):
            try:
                while data := await self.reader.read(65_536):
                    came += data
            except ConnectionError:
                pass
        return came

    async def asked(self, path: str = "/health") -> int:
        """Ask for a page over this connection; return the status."""
        await self.send(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        async with asyncio.timeout(PATIENCE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
            await self.reader.readexactly(int(head.partition(b"content-length: ")[2].split()[0]))
        return int(head.split()[1])


@asynccontextmanager
async def knocking(address: str, *, source: str = "127.0.0.1", receive_bytes: int = 0) -> AsyncIterator[Knocker]:
    """Connect from an address of this machine; with `receive_bytes`, the system takes about so much for us unread."""
    host, _, port = address.rpartition(":")
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if receive_bytes:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connection.setblocking(False)
    connection.bind((source, 0))
    await asyncio.get_running_loop().sock_connect(connection, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=connection, limit=4_096 if receive_bytes else 65_536)
    try:
        yield Knocker(reader, writer)
    finally:
        writer.transport.abort()


async def opened_from(
    source: str, address: str, card: str = "pharmacy-new-inhaler", **headers: str
) -> tuple[int, Reserved | None]:
    """Open a session from an address of this machine; return the status, and the session with a token to join with."""
    url = f"ws://{address}/v1/realtime"

    def post(path: str, body: dict[str, str], token: str = "") -> tuple[int, dict[str, Any]]:
        where = http.client.HTTPConnection(address, timeout=PATIENCE_S, source_address=(source, 0))
        with contextlib.closing(where) as connection:
            bearer = {"Authorization": f"Bearer {token}"} if token else {}
            connection.request("POST", path, json.dumps(body), headers | bearer)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def ask() -> tuple[int, Reserved | None]:
        status, told = post("/api/sessions", {"card": card})
        if status != 201:
            return status, None
        status, join = post(f"/api/sessions/{told['id']}/join", {}, told["token"])
        return status, Reserved("", join["token"], url, f"http://{address}") if "token" in join else None

    return await asyncio.to_thread(ask)


def handshake(token: str = "", *lines: str, method: str = "GET") -> bytes:
    """Return a WebSocket's handshake."""
    key = base64.b64encode(os.urandom(16)).decode()
    head = [
        f"{method} /v1/realtime HTTP/1.1",
        "Host: here",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
        *([f"Authorization: Bearer {token}"] if token else []),
        *lines,
    ]
    return ("\r\n".join(head) + "\r\n\r\n").encode()


def frame(kind: str, data: bytes = b"", *, final: bool = True) -> bytes:
    """Return a client's frame of at most 125 bytes, or of 65,535 where it is a message."""
    first = OPCODES[kind] | (0x80 if final else 0)
    size = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0xFE]) + struct.pack("!H", len(data))
    return bytes([first]) + size + bytes(4) + data  # a mask of zeros changes nothing
