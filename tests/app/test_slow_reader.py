"""A client whose network takes little: what it is told of the patient's audio must not wait behind that audio."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection

from audio.frames import FRAME_MS, WIRE_HZ, samples_for, silence
from audio.playout import CHUNK_MS
from bench.replay.remote import reserve
from tests.app.process import ServerProcess, faults_of, running
from tests.app.wire import CARD, PATIENCE_S, connect_to, encoded, sentence

pytestmark = pytest.mark.asyncio

AUDIO = "response.output_audio.delta"
# At most so much audio arrives, of the 2.3 s that are sent without an acknowledgement.
UNREACHED_MS = 1_000
HOLD = "interlocutor.playout.hold"
# The candidate speaks after this silence, in which the same length of the reply is left unread.
QUIET_MS = 1_500


@asynccontextmanager
async def narrow_client(server: ServerProcess) -> AsyncIterator[ClientConnection]:
    """Connect with a small buffer, through a library that reads no further than it is asked to."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    narrow.connect(("127.0.0.1", int(server.address.rpartition(":")[2])))
    client = await connect_to(await reserve(server.url, CARD), sock=narrow, max_queue=1, ping_interval=None)
    try:
        yield client
    finally:
        client.transport.abort()
        await client.wait_closed()


async def until(client: ClientConnection, kind: str) -> list[str]:
    """Read up to an event of that type; return the types of all that came."""
    kinds: list[str] = []
    async with asyncio.timeout(PATIENCE_S):
        while not kinds or kinds[-1] != kind:
            kinds.append(json.loads(await client.recv())["type"])
    return kinds


async def send(client: ClientConnection, kind: str, **fields: Any) -> None:
    await client.send(json.dumps({"type": kind, **fields}))


async def speak_unread(client: ClientConnection) -> None:
    """Say nothing for a while, then speak, at real pace, reading nothing meanwhile."""
    loop, size = asyncio.get_running_loop(), samples_for(FRAME_MS, WIRE_HZ)
    audio, began_s = np.concatenate((silence(QUIET_MS, WIRE_HZ), sentence())), loop.time()
    for number in range(len(audio) // size):
        await send(client, "input_audio_buffer.append", audio=encoded(audio[number * size : (number + 1) * size]))
        await asyncio.sleep(max(0.0, began_s + (number + 1) * FRAME_MS / 1_000 - loop.time()))


async def test_sound_that_a_slow_client_has_not_read_stays_within_reach(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """What lies in the socket can't be overtaken by a hold, nor recalled by a clear: so little may lie there."""

    with running(tmp_path_factory.mktemp("slow"), "engines.backend=mock") as server:
        async with narrow_client(server) as client:
            await send(client, "interlocutor.client.configure", playout_acks=True)
            content = [{"type": "input_text", "text": "How are you today?"}]
            await send(client, "conversation.item.create", item={"type": "message", "role": "user", "content": content})
            await send(client, "response.create")
            await until(client, AUDIO)
            await speak_unread(client)
            kinds = await until(client, HOLD)
            await send(client, "interlocutor.session.end")
            kinds += await until(client, "interlocutor.session.ended")
    assert kinds.count(AUDIO) * CHUNK_MS <= UNREACHED_MS
    assert kinds.index(HOLD) < kinds.index("interlocutor.playout.clear")
    assert faults_of(server) == []
