"""A plain client of the realtime protocol over a real socket, and a neighbour that must not notice the others."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from audio.files import mono_at, read_recording
from audio.frames import FRAME_MS, WIRE_HZ, Pcm, pcm_to_bytes, samples_for, silence
from bench.replay.remote import Reserved, joining, reserve
from server.wire.ticket import Ticket
from tests.app.asking import answered
from tests.app.process import ServerProcess

DATA = Path(__file__).resolve().parents[1] / "data"
CARD = "pharmacy-new-inhaler"
# Nobody waits for this long, unless something is wrong or the machine is very busy.
PATIENCE_S = 60.0
# A neighbour on scripted engines is answered in milliseconds; a busy machine may need the rest of this time.
ANSWER_S = 25.0
NEIGHBOUR_EVERY_S = 0.15
FRAME_SAMPLES = samples_for(FRAME_MS, WIRE_HZ)
Event = dict[str, Any]


def cut(name: str, from_ms: float, to_ms: float) -> Pcm:
    """Return a stretch of a recording in tests/data, int16 mono at 24 kHz."""
    audio = mono_at(read_recording(DATA / name), WIRE_HZ)
    return audio[samples_for(from_ms, WIRE_HZ) : samples_for(to_ms, WIRE_HZ)]


def sentence() -> Pcm:
    """Return a second of speech: "It is good to meet you.\""""
    return cut("consultation-pharmacy.flac", 3_850, 5_000)


def encoded(samples: Pcm) -> str:
    """Return audio as it goes into a message."""
    return base64.b64encode(pcm_to_bytes(samples)).decode()


Joining = Callable[..., AbstractAsyncContextManager["Wire"]]
"""What `joined` is for one transport: takes a server, and perhaps a card and a mode."""


class Wire:
    """One connection: keeps every message as received, in order."""

    first_audio = "response.output_audio.delta"
    """The message by which the patient's first audio is known."""
    knows_ours = True
    """Whether it says that it knows our own events, and so gets them."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.raw: list[str | bytes] = []
        self.events: list[Event] = []
        self.close_code: int | None = None
        self.session_id = ""
        self._read_to = 0
        self._changed = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())
        self._microphone: asyncio.Task[None] | None = None
        self._to_say: list[Pcm] = []

    # -------------------------------------------------------------- out

    async def send(self, kind: str, **fields: Any) -> None:
        """Send a message."""
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def say(self, text: str) -> None:
        """Type a turn and ask for the reply."""
        content = [{"type": "input_text", "text": text}]
        await self.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        await self.send("response.create")

    async def append(self, samples: Pcm) -> None:
        """Send audio at once."""
        await self.send("input_audio_buffer.append", audio=encoded(samples))

    def microphone(self) -> None:
        """Send audio at real pace from now on: what `speak` was given, silence otherwise."""
        self._microphone = asyncio.create_task(self._send_audio())

    def speak(self, samples: Pcm) -> None:
        """Have the microphone send this next."""
        self._to_say += [samples[at : at + FRAME_SAMPLES] for at in range(0, len(samples), FRAME_SAMPLES)]

    @property
    def speaking(self) -> bool:
        """Whether there is something left to say."""
        return bool(self._to_say)

    async def _send_audio(self) -> None:
        began_s, sent = time.monotonic(), 0
        try:
            while True:
                await self.append(self._to_say.pop(0) if self._to_say else silence(FRAME_MS, WIRE_HZ))
                sent += 1
                await asyncio.sleep(max(0.0, began_s + sent * FRAME_MS / 1000.0 - time.monotonic()))
        except ConnectionClosed:
            return  # `until` tells, if anybody waits

    # -------------------------------------------------------------- in

    async def _read(self) -> None:
        try:
            async for message in self.socket:
                event = json.loads(message)
                self.raw.append(message)
                self.events.append(event)
                if event["type"] == "session.created":
                    self.session_id = event["session"]["id"]
                    if self.knows_ours:
                        await self.send("interlocutor.client.configure", playout_acks=False)
                async with self._changed:
                    self._changed.notify_all()
        except ConnectionClosed:
            pass
        self.close_code = self.socket.close_code
        async with self._changed:
            self._changed.notify_all()

    async def until(self, kind: str, where: Callable[[Event], bool] = lambda _: True) -> Event:
        """Return the next event of a kind, after the last one returned; fails when the connection closes first."""
        found: list[Event] = []

        def ready() -> bool:
            while self._read_to < len(self.events) and not found:
                event = self.events[self._read_to]
                self._read_to += 1
                if event["type"] == kind and where(event):
                    found.append(event)
            return bool(found) or self.close_code is not None

        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(ready)
        assert found, f"closed with {self.close_code} before {kind}: {self.of('error')}"
        return found[0]

    async def may_come_back(self) -> Event:
        """Ask to be let in again after a cut; return with what, and within how many seconds."""
        await self.send("interlocutor.client.configure", playout_acks=True, resume=True)
        # The answer to what every wire says first may still be on its way.
        told = await self.until("interlocutor.client.configured", lambda event: event["resume"] is not None)
        return cast(Event, told["resume"])

    async def error(self) -> tuple[str, str | None]:
        """Return the next error's code and the field it is about."""
        body = (await self.until("error"))["error"]
        assert body["message"]
        assert "\n" not in body["message"]
        return body["code"], body.get("param")

    async def closed(self) -> int:
        """Wait for the connection's end; return its close code."""
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: self.close_code is not None)
        assert self.close_code is not None
        return self.close_code

    def of(self, kind: str) -> list[Event]:
        """Return all events of a kind so far."""
        return [event for event in self.events if event["type"] == kind]

    async def answered(self) -> float:
        """Type a turn, wait for the reply's first audio, cut it short; return the seconds it took."""
        began_s = time.monotonic()
        await self.say("How are you today?")
        await self.until(self.first_audio)
        took_s = time.monotonic() - began_s
        await self.send("response.cancel")
        await self.until("response.done")
        return took_s

    async def end(self) -> int:
        """End the role-play; return the close code."""
        await self.send("interlocutor.session.end")
        return await self.closed()

    async def drop(self) -> None:
        """Let go of everything."""
        tasks = [task for task in (self._microphone, self._reader) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.socket.transport.abort()
        await self.socket.wait_closed()


async def reserved_at(url: str, card: str = CARD, mode: str = "practice") -> tuple[Reserved, str]:
    """Reserve a session; return it with the server's answer as received."""
    body = json.dumps({"card": card, "mode": mode}).encode()
    status, raw = await asyncio.to_thread(answered, "POST", f"{url}/api/sessions", "", body)
    assert status == 201, raw
    told = json.loads(raw)
    return Reserved(told["id"], told["token"], told["url"], url), raw.decode()


async def connect_to(reserved: Reserved, ticket: Ticket | None = None, **options: Any) -> ClientConnection:
    """Connect to a reserved session as its candidate, or with a ticket come back to it."""
    headers = await joining(reserved, ticket)
    if ticket is not None:
        options["subprotocols"] = [*options.get("subprotocols", [Subprotocol("realtime")]), Subprotocol(str(ticket))]
    return await connect(reserved.url, additional_headers=headers, compression=None, max_size=2**22, **options)


@asynccontextmanager
async def joined(
    server: ServerProcess, card: str = CARD, mode: str = "practice", **options: Any
) -> AsyncIterator[Wire]:
    """Reserve a session and connect to it as its candidate."""
    wire = Wire(await connect_to(await reserve(server.url, card, mode), **options))
    try:
        await wire.until("session.created")
        yield wire
    finally:
        await wire.drop()


@asynccontextmanager
async def neighbour(server: ServerProcess) -> AsyncIterator[None]:
    """Hold a session beside the block; it must be answered throughout, and its log be whole in the end."""
    async with joined(server) as wire:
        took_s = [await wire.answered()]
        over = asyncio.Event()

        async def go_on() -> None:
            while not over.is_set():
                took_s.append(await wire.answered())
                await asyncio.sleep(NEIGHBOUR_EVERY_S)  # a pace, not a wait: it is answered as fast as it asks

        talk = asyncio.create_task(go_on())
        try:
            yield
        finally:
            over.set()
            await talk
        assert await wire.end() == 1000
    assert max(took_s) < ANSWER_S
    await check_log(server, wire.session_id)


async def check_log(server: ServerProcess, session_id: str) -> list[str]:
    """Wait until a session's log is closed; return the types of its entries, each found intact."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            types = [entry.envelope.type for entry in server.entries(session_id)]
            if types[-1:] == ["session_ended"]:
                return types
            await asyncio.sleep(0.02)  # another process's disk: there is no event to wait for
