"""Stock clients over a real socket: OpenAI's own library holds a conversation; one that reads nothing is cut off."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from audio.files import mono_at, read_recording
from audio.frames import FRAME_MS, WIRE_HZ, Pcm, pcm_to_bytes, silence
from pipelines.catalogue import EngineSettings
from server.app import create_app
from server.host import Server
from server.serve import listen
from server.settings import ServerSettings, Settings

SPEECH = Path(__file__).resolve().parents[1] / "data" / "consultation-pharmacy.flac"
FROM_MS, TO_MS = 3_850, 5_000  # "It is good to meet you."
KEY = "a-developers-key-for-tests-0123456789"
MODEL = "card:pharmacy-new-inhaler"
PATIENCE_S = 20.0


@asynccontextmanager
async def serving(folder: Path, **server: Any) -> AsyncIterator[tuple[str, Server]]:
    """Serve with scripted engines on loopback; yield the address without its scheme, and the server."""
    settings = Settings(
        server=ServerSettings(port=0, **server),
        engines=EngineSettings(backend="mock"),
        data_path=folder,
        developer_key=SecretStr(KEY),
    )
    app = create_app(settings)
    listening = listen(settings)
    config = uvicorn.Config(
        app, log_config=None, ws="websockets-sansio", ws_per_message_deflate=False, timeout_graceful_shutdown=2
    )
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve(sockets=[listening]))
    try:
        ours: Server = app.state.server
        await until(lambda: ours.not_ready is None)
        yield f"127.0.0.1:{listening.getsockname()[1]}", ours
    finally:
        running.should_exit = True
        await task
        listening.close()


async def until(ready: Callable[[], bool]) -> None:
    """Return once `ready()`; raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while not ready():  # noqa: ASYNC110 - the server tells nobody of these
            await asyncio.sleep(0.01)


def sentence() -> Pcm:
    speech = mono_at(read_recording(SPEECH), WIRE_HZ)
    return speech[FROM_MS * WIRE_HZ // 1000 : TO_MS * WIRE_HZ // 1000]


async def speak(connection: AsyncRealtimeConnection, done: asyncio.Event) -> None:
    """Send the sentence, then silence until `done`, at the pace of speech."""
    size = WIRE_HZ * FRAME_MS // 1000
    frames = [sentence()[start : start + size] for start in range(0, len(sentence()), size)]
    began_s = time.monotonic()
    sent = 0
    while not done.is_set():
        frame = frames[sent] if sent < len(frames) else silence(FRAME_MS, WIRE_HZ)
        await connection.input_audio_buffer.append(audio=base64.b64encode(pcm_to_bytes(frame)).decode())
        sent += 1
        await asyncio.sleep(max(0.0, began_s + sent * FRAME_MS / 1000.0 - time.monotonic()))


def test_openais_own_client_holds_a_conversation(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as (address, server):
            client = AsyncOpenAI(api_key=KEY, base_url=f"http://{address}/v1")
            async with asyncio.timeout(PATIENCE_S), client, client.realtime.connect(model=MODEL) as connection:
                await converse(connection)
            await until(lambda: server.registry.running() == [])

    asyncio.run(main())


async def converse(connection: AsyncRealtimeConnection) -> None:
    seen: list[str] = []
    sound = bytearray()
    said = patient = ""
    done = asyncio.Event()
    speaker: asyncio.Task[None] | None = None
    async for event in connection:
        seen.append(event.type)
        match event.type:
            case "session.created":
                assert event.session.type == "realtime"
                await connection.session.update(
                    session={
                        "type": "realtime",
                        "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}}},
                    }
                )
            case "session.updated":
                speaker = asyncio.create_task(speak(connection, done))
            case "conversation.item.input_audio_transcription.completed":
                said = event.transcript
            case "response.output_audio.delta":
                sound += base64.b64decode(event.delta)
            case "response.output_audio_transcript.done":
                patient = event.transcript
            case "response.done":
                assert event.response.status == "completed"
                break
            case "error":
                pytest.fail(event.error.message)
    done.set()
    assert speaker is not None
    await speaker
    assert said
    assert patient
    assert np.abs(np.frombuffer(bytes(sound), dtype="<i2")).max() > 1_000
    assert seen.index("input_audio_buffer.speech_started") < seen.index("input_audio_buffer.committed")
    assert seen.index("input_audio_buffer.committed") < seen.index("response.created")
    await connection.session.update(session={"type": "realtime", "instructions": "You are a pirate."})
    async for event in connection:
        if event.type == "error":
            assert (event.error.code, event.error.param) == ("protocol.unsupported", "session.instructions")
            break


async def flood(client: ClientConnection, message: str) -> None:
    """Send a message over and over, each answered with some 600 bytes; raises ConnectionClosed when cut off."""
    while True:
        await client.send(message)
        await asyncio.sleep(0.006)  # a little slower than the server's limit on messages


def test_a_client_that_reads_nothing_is_cut_off_and_its_place_is_free_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, send_deadline_s=0.5, socket_send_buffer_bytes=4_096) as (address, server):
            narrow = socket.socket()
            narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            narrow.connect(("127.0.0.1", int(address.rpartition(":")[2])))
            client = await connect(
                f"ws://{address}/v1/realtime?model={MODEL}",
                sock=narrow,
                additional_headers={"Authorization": f"Bearer {KEY}"},
                compression=None,
                max_queue=1,  # reads no further than what is asked for: this client asks for nothing
                ping_interval=None,
                close_timeout=1,
            )
            await until(lambda: len(server.registry.running()) == 1)
            update = json.dumps({"type": "session.update", "session": {"type": "realtime"}})
            async with asyncio.timeout(PATIENCE_S):
                with pytest.raises(ConnectionClosed):
                    await flood(client, update)
            await until(lambda: server.registry.running() == [])
            await client.close()

    asyncio.run(main())
