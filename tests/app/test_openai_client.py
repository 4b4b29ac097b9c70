"""OpenAI's own client, unmodified, over a real socket: spoken conversations with server turn-taking and without."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from audio.frames import FRAME_MS, WIRE_HZ, Pcm, pcm_from_bytes, samples_for, silence
from bench.replay.plan import plan_replay
from tests.app.process import KEY, ServerProcess
from tests.app.wire import DATA, check_log, encoded, sentence

pytestmark = pytest.mark.asyncio

PATIENCE_S = 60.0
AUDIBLE = 1_000  # of 32767
FRAME_SAMPLES = samples_for(FRAME_MS, WIRE_HZ)


@dataclass
class Talk:
    """A program written for OpenAI's service: a microphone at real pace, and what has come of each kind."""

    connection: AsyncRealtimeConnection
    to_say: list[Pcm] = field(default_factory=list)
    seen: list[Any] = field(default_factory=list)
    audio: dict[str, bytearray] = field(default_factory=dict)
    _read_to: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def speak(self, samples: Pcm) -> None:
        self.to_say += [samples[at : at + FRAME_SAMPLES] for at in range(0, len(samples), FRAME_SAMPLES)]

    async def microphone(self) -> None:
        began_s, sent = time.monotonic(), 0
        while True:
            frame = self.to_say.pop(0) if self.to_say else silence(FRAME_MS, WIRE_HZ)
            await self.connection.input_audio_buffer.append(audio=encoded(frame))
            sent += 1
            await asyncio.sleep(max(0.0, began_s + sent * FRAME_MS / 1000.0 - time.monotonic()))

    async def read(self) -> None:
        async for event in self.connection:
            self.seen.append(event)
            if event.type == "response.output_audio.delta":
                self.audio.setdefault(event.item_id, bytearray()).extend(base64.b64decode(event.delta))
            async with self._changed:
                self._changed.notify_all()

    async def until(self, kind: str, where: Callable[[Any], bool] = lambda _: True) -> Any:
        """Return the next event of a kind, after the last one returned."""
        found: list[Any] = []

        def ready() -> bool:
            while self._read_to < len(self.seen) and not found:
                event = self.seen[self._read_to]
                self._read_to += 1
                if event.type == kind and where(event):
                    found.append(event)
            return bool(found)

        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(ready)
        return found[0]

    def errors(self) -> list[Any]:
        return [event.error for event in self.seen if event.type == "error"]

    def loudest(self, item_id: str) -> int:
        return int(np.abs(pcm_from_bytes(bytes(self.audio[item_id])).astype(np.int32)).max())


@asynccontextmanager
async def talking(server: ServerProcess, card: str, **client: Any) -> AsyncIterator[Talk]:
    async with (
        AsyncOpenAI(api_key=KEY, **client) as openai,
        openai.realtime.connect(model=f"card:{card}") as connection,
    ):
        talk = Talk(connection)
        reader = asyncio.create_task(talk.read())
        microphone: asyncio.Task[None] | None = None
        try:
            created = await talk.until("session.created")
            assert created.session.type == "realtime"
            microphone = asyncio.create_task(talk.microphone())
            yield talk
        finally:
            for task in (microphone, reader):
                if task is not None:
                    task.cancel()
            await asyncio.gather(*(t for t in (microphone, reader) if t is not None), return_exceptions=True)
    await check_log(server, created.session.id)


async def test_three_turns_are_spoken_and_the_patient_is_interrupted_once(embedded_server: ServerProcess) -> None:
    planned = plan_replay([DATA / "consultation-pharmacy.flac"]).turns
    turns = (sentence(), planned[1].samples, planned[4].samples)
    audio = {"input": {"format": {"type": "audio/pcm", "rate": 24_000}, "turn_detection": {"type": "server_vad"}}}
    settings: Any = {"type": "realtime", "audio": audio}

    address = f"ws://{embedded_server.address}/v1"
    async with talking(embedded_server, "pharmacy-new-inhaler", websocket_base_url=address) as talk:
        await talk.connection.session.update(session=settings)
        await talk.until("session.updated")
        heard = []
        # Two turns one after the other; over the second answer the third question is spoken.
        for turn in turns[:2]:
            talk.speak(turn)
            await talk.until("input_audio_buffer.speech_started")
            await talk.until("input_audio_buffer.speech_stopped")
            heard.append((await talk.until("conversation.item.input_audio_transcription.completed")).transcript)
            answer = (await talk.until("response.created")).response
            delta = await talk.until("response.output_audio.delta")
            if turn is turns[0]:
                done = (await talk.until("response.done")).response
                assert (done.id, done.status) == (answer.id, "completed")
                assert done.output[0].content[0].transcript
                assert talk.loudest(delta.item_id) > AUDIBLE
        talk.speak(turns[2])
        await talk.until("input_audio_buffer.speech_started")
        # This client's loudspeaker is behind: it has not played most of the audio that the server takes for heard.
        played_ms = 100
        await talk.connection.conversation.item.truncate(item_id=delta.item_id, content_index=0, audio_end_ms=played_ms)
        await talk.until("response.done")  # told right after the interruption
        cut = next(e.response for e in talk.seen if e.type == "response.done" and e.response.id == answer.id)
        assert (cut.id, cut.status, cut.status_details.reason) == (answer.id, "cancelled", "turn_detected")
        truncated = await talk.until("conversation.item.truncated", lambda e: e.audio_end_ms == played_ms)
        assert truncated.item_id == delta.item_id
        await talk.connection.conversation.item.retrieve(item_id=delta.item_id)
        item = (await talk.until("conversation.item.retrieved")).item
        assert item.status == "incomplete"
        kept, before = item.content[0].transcript, cut.output[0].content[0].transcript
        assert len(kept) < len(before)
        assert before.startswith(kept.rstrip(".,-? "))
        heard.append((await talk.until("conversation.item.input_audio_transcription.completed")).transcript)
        assert (await talk.until("response.output_audio.delta")).item_id != delta.item_id
        assert [len(text.split()) >= 3 for text in heard] == [True, True, True]
        assert talk.errors() == []
        # A developer's program says such things as a matter of course; the patient's mind stays the card's.
        await talk.connection.session.update(session={"type": "realtime", "instructions": "You are a pirate."})
        await talk.until("session.updated")
        assert talk.errors() == []


async def test_the_client_takes_the_turns_itself(mock_server: ServerProcess) -> None:
    """Push to talk: nothing is committed, and nothing answered, until it is asked for."""

    async with talking(mock_server, "pharmacy-new-inhaler", base_url=f"{mock_server.url}/v1") as talk:
        manual: Any = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        await talk.connection.session.update(session=manual)
        updated = await talk.until("session.updated")
        assert updated.session.audio.input.turn_detection is None
        talk.speak(sentence())
        await talk.until("input_audio_buffer.speech_started")
        while talk.to_say:  # noqa: ASYNC110
            await asyncio.sleep(FRAME_MS / 1000.0)  # the microphone's pace
        with pytest.raises(TimeoutError):  # twice the silence after which a turn would be over
            async with asyncio.timeout(1.8):
                await talk.until("input_audio_buffer.committed")
        await talk.connection.input_audio_buffer.commit()
        await talk.until("input_audio_buffer.committed")
        said = await talk.until("conversation.item.input_audio_transcription.completed")
        assert said.transcript
        assert not [event for event in talk.seen if event.type == "response.created"]
        await talk.connection.response.create()
        delta = await talk.until("response.output_audio.delta")
        assert talk.loudest(delta.item_id) > AUDIBLE
        await talk.connection.response.cancel()
        assert (await talk.until("response.done")).response.status == "cancelled"
        assert talk.errors() == []
