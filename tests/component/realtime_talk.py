"""A client of a realtime connection in this process: an in-memory channel, scripted engines, virtual time."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from audio.frames import Pcm, pcm_to_bytes
from audio.g711 import Law, encode_g711
from audio.playout import Sink
from audio.speech import SpeechDetector
from common.errors import StorageError
from pipelines.conversation.settings import ConversationSettings
from pipelines.events import Audience, Event
from pipelines.log.disk import DiskThread
from pipelines.log.session_log import SessionLog
from pipelines.patient.card_library import CardLibrary
from pipelines.patient.free import FREE_CARD
from pipelines.scripted.scripted_responder import ScriptedResponder
from pipelines.session.driver import Engines, SessionDriver, SessionSpec
from pipelines.session.recording import SessionRecorder
from pipelines.virtual_time import virtual_clock
from server.principal import Principal
from server.rtc.outbound import PatientTrack
from server.rtc.voice import TrackVoice
from server.settings.tree import ServerSettings
from server.wire.channel import ChannelClosed
from server.wire.connection import RealtimeConnection, SessionInfo
from server.wire.live import LiveSession
from server.wire.ticket import Ticket
from tests.component.engines import engines_on_lanes

CARDS = Path(__file__).resolve().parents[2] / "configs" / "cards"
CARD = "nursing-leg-wound"
FRAME_MS = 20
RESUME_S = 60
CHUNK_MS = 40  # of the patient's audio, as playout cuts it
TRANSPORT: ContextVar[str] = ContextVar("transport", default="websocket")
"""What talks are held over: a test of the conversation is run over each."""
# What has not come by then, in virtual time, does not come.
PATIENCE_S = 60.0


class LevelVad:
    """Takes everything above -40 dBFS for speech, so that a tone will do."""

    name = "level"
    window_samples = 320

    def __init__(self) -> None:
        self._rest: Pcm = np.zeros(0, dtype=np.int16)

    def process(self, samples: Pcm) -> list[float]:
        """Return 1.0 for each loud window, else 0.0."""
        joined = np.concatenate([self._rest, samples])
        count = len(joined) // self.window_samples
        self._rest = joined[count * self.window_samples :]
        windows = joined[: count * self.window_samples].reshape(count, self.window_samples)
        return [float(np.abs(window.astype(np.int32)).max() > 300) for window in windows]

    def reset(self) -> None:
        """Forget the started window."""
        self._rest = self._rest[:0]


class MemoryChannel:
    """A channel whose other end is the test; while `stalled`, nothing is taken off it."""

    transport = "websocket"

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.sent_at_s: list[float] = []
        self.sent_bytes: list[bytes] = []
        self.closed: tuple[int, str] | None = None
        self.aborted = False
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._changed = asyncio.Condition()
        self._inbound: asyncio.Queue[str | bytes | ChannelClosed] = asyncio.Queue()

    def stall(self, stalled: bool = True) -> None:
        """Stop taking messages, or go on."""
        if stalled:
            self._flowing.clear()
        else:
            self._flowing.set()

    @property
    def idle(self) -> bool:
        """Whether the connection has taken everything."""
        return self._inbound.empty()

    def put(self, message: str | bytes | ChannelClosed) -> None:
        """Let the connection receive something."""
        self._inbound.put_nowait(message)

    async def send_text(self, text: str) -> None:
        await self._flowing.wait()
        self.sent.append(json.loads(text))
        self.sent_at_s.append(asyncio.get_running_loop().time())
        async with self._changed:
            self._changed.notify_all()

    async def send_bytes(self, data: bytes) -> None:
        await self._flowing.wait()
        self.sent_bytes.append(data)

    async def receive_message(self) -> str | bytes:
        message = await self._inbound.get()
        if isinstance(message, ChannelClosed):
            raise message
        return message

    async def close(self, code: int, reason: str) -> None:
        await self._flowing.wait()
        self.closed = (code, reason)
        self.put(ChannelClosed(code))

    def abort(self) -> None:
        self.aborted = True

    async def wait_until(self, ready: Callable[[], bool]) -> None:
        """Return once `ready()` holds after a message was sent; raises TimeoutError."""
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(ready)


@cache
def _cards() -> CardLibrary:
    """The supplied cards: reading them takes half a second, and a run opens many sessions."""
    return CardLibrary.load(CARDS)


class Talk:
    """One connection and what a test does with it."""

    def __init__(
        self,
        engines: Engines,
        *,
        principal: Principal,
        settings: ServerSettings,
        opening: str | None,
        session_s: int,
        idle_s: float,
        call: bool = False,
        record: Callable[[int], SessionRecorder] | None = None,
        knows_ours: bool = True,
        free: bool = False,
    ) -> None:
        self.channel = MemoryChannel()
        self.is_call = call
        self._record = record
        self._tracks: list[tuple[PatientTrack, asyncio.Task[None]]] = []
        self.driver: SessionDriver | None = None
        self.rates_hz: list[int] = []
        self.refuse_driver: Exception | None = None
        self.code: int | None = None
        self.over: list[float] = []  # when the session was given up
        self.token = ""
        self.codes: list[int] = []  # of connections that were lost
        self._engines = engines
        self._card = FREE_CARD if free else _cards()[CARD].model_copy(update={"opening": opening})
        self._session_s = session_s
        self.live = LiveSession(
            principal=principal,
            session_info=SessionInfo(id="sess_1", card_id=self._card.id, expires_at_s=0, free=free),
            make_driver=self._make_driver,
            settings=settings,
            resume_s=RESUME_S,
            over=lambda: self.over.append(asyncio.get_running_loop().time()),
        )
        self.live.link.knows_ours = knows_ours
        self._settings = settings
        self._idle_s = idle_s
        self.connection = RealtimeConnection(
            self.live, self.channel, settings=settings, idle_s=idle_s, voice=self._voice()
        )
        self.running = asyncio.create_task(self.connection.run())

    def _voice(self) -> TrackVoice | None:
        """Return the voice of a call whose track is sent, if this is one."""
        self.hang_up()
        if not self.is_call:
            return None
        track = PatientTrack(self.live.played)

        async def send() -> None:
            while True:
                await track.recv()

        self._tracks.append((track, asyncio.create_task(send())))
        return TrackVoice(self.live, track)

    def hang_up(self) -> None:
        """Send no more of a call's track."""
        while self._tracks:
            track, sending = self._tracks.pop()
            sending.cancel()
            track.stop()

    def _make_driver(self, input_hz: int, sink: Sink) -> SessionDriver:
        self.rates_hz.append(input_hz)
        if self.refuse_driver is not None:
            raise self.refuse_driver
        clock = virtual_clock()
        self.driver = SessionDriver(
            SessionSpec("sess_1", self._card, "practice", self._session_s, 0, input_hz),
            engines=self._engines,
            settings=ConversationSettings(),
            detector=SpeechDetector(LevelVad()),
            clock=clock,
            sink=sink,
            make_log=lambda media_ms: SessionLog(now_ms=clock.now_ms, media_ms=media_ms, salt=lambda: ""),
            make_recorder=self._record,
        )
        return self.driver

    # -------------------------------------------------------------- what a client does

    def send(self, kind: str, **fields: Any) -> None:
        """Send a message."""
        self.channel.put(json.dumps({"type": kind, **fields}))

    async def say(self, duration_ms: int, *, rate_hz: int = 24_000, law: Law | None = None) -> None:
        """Send a tone at the pace of speech."""
        await self._audio(6_000, duration_ms, rate_hz, law)

    async def pause(self, duration_ms: int, *, rate_hz: int = 24_000, law: Law | None = None) -> None:
        """Send silence at the pace of speech."""
        await self._audio(0, duration_ms, rate_hz, law)

    async def _audio(self, level: int, duration_ms: int, rate_hz: int, law: Law | None) -> None:
        time_s = np.arange(rate_hz * FRAME_MS // 1000) / rate_hz
        frame = (level * np.sin(2 * np.pi * 200 * time_s)).astype(np.int16)
        data = pcm_to_bytes(frame) if law is None else encode_g711(frame, law)
        audio = base64.b64encode(data).decode()
        for _ in range(duration_ms // FRAME_MS):
            if self.is_call:
                self.live.hear(frame)
            else:
                self.send("input_audio_buffer.append", audio=audio)
            await asyncio.sleep(FRAME_MS / 1000.0)

    async def wait(self, kind: str, count: int = 1) -> dict[str, Any]:
        """Return the `count`th event of that type, once it was sent."""
        await self.channel.wait_until(lambda: len(self.all(kind)) >= count)
        return self.all(kind)[count - 1]

    async def sounding(self, chunks: int) -> None:
        """Return once so much of the patient's audio was sent, or was heard on a call."""
        if not self.is_call:
            await self.wait("response.output_audio.delta", chunks)
            return
        await self.wait("output_audio_buffer.started")
        await asyncio.sleep(chunks * CHUNK_MS / 1000.0)

    async def taken(self) -> None:
        """Return once all messages that were sent have been taken; audio on a call would overtake them."""
        # Nobody tells when the channel is idle; each step is one turn of the loop.
        while not self.channel.idle:  # noqa: ASYNC110
            await asyncio.sleep(0)

    async def refusal(self, count: int = 1) -> dict[str, Any]:
        """Return the body of the `count`th error."""
        body: dict[str, Any] = (await self.wait("error", count))["error"]
        return body

    async def stable(self) -> None:
        """Return once everything that was sent has been taken: an answer to a last message is there."""
        count = len(self.all("input_audio_buffer.cleared")) + 1
        self.send("input_audio_buffer.clear")
        await self.wait("input_audio_buffer.cleared", count)

    # -------------------------------------------------------------- lost connections

    async def ask_to_resume(self, *, acks: bool = True) -> None:
        """Say that this client comes back, and keep its token."""
        self.send("interlocutor.client.configure", playout_acks=acks, resume=True)
        self.token = (await self.wait("interlocutor.client.configured"))["resume"]["token"]

    def seen(self) -> int:
        """Return the number of the last event that came."""
        numbers = [int(event["event_id"].removeprefix("event_")) for event in self.channel.sent if event["event_id"]]
        return max(numbers, default=0)

    async def lose(self, code: int = 1006) -> None:
        """Have the connection break."""
        self.channel.put(ChannelClosed(code))
        self.codes.append(await self.running)

    def come_back(self, *, seen: int | None = None, reply: int | None = None, played_ms: float = 0.0) -> None:
        """Connect again; `channel` is the new one from now on."""
        ticket = Ticket(self.token, self.seen() if seen is None else seen, reply, played_ms)
        self.live.check(ticket)
        self.channel = MemoryChannel()
        self.connection = RealtimeConnection(
            self.live, self.channel, settings=self._settings, idle_s=self._idle_s, ticket=ticket, voice=self._voice()
        )
        self.running = asyncio.create_task(self.connection.run())

    # -------------------------------------------------------------- what came of it

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of that type."""
        return [event for event in self.channel.sent if event["type"] == kind]

    def kinds(self) -> list[str]:
        """Return the types of all events, each run of equal ones once."""
        kinds = [event["type"] for event in self.channel.sent]
        return [kind for index, kind in enumerate(kinds) if index == 0 or kinds[index - 1] != kind]

    def logged(self, kind: type[Event]) -> list[Any]:
        """Return the log's events of that type."""
        if self.driver is None:
            return []
        records = self.driver.log.read_from(0, Audience.INTERNAL)
        return [record.event for record in records if isinstance(record.event, kind)]


@asynccontextmanager
async def talking(*, replies: list[Any] | None = None, **options: Any) -> AsyncIterator[Talk]:
    """Hold a connection while the block runs, then have the client go away; no task may be left.

    `options` are those of `talking_on`.
    """
    async with engines_on_lanes(responder=lambda: ScriptedResponder(replies)) as engines:
        before = asyncio.all_tasks()
        async with talking_on(engines, **options) as one:
            yield one
        left = asyncio.all_tasks() - before
        assert not left, f"tasks were left behind: {left}"


@asynccontextmanager
async def talking_on(
    engines: Engines,
    *,
    role: Principal = Principal("candidate", "sess_1"),  # noqa: B008 - frozen
    opening: str | None = None,
    session_s: int = 300,
    idle_s: float = 120.0,
    send_deadline_s: float = 5.0,
    call: bool | None = None,
    folder: Path | None = None,
    knows_ours: bool = True,
    free: bool = False,
) -> AsyncIterator[Talk]:
    """Hold a connection on engines that others may talk on as well; the role-play is over in the end.

    With `call` audio goes by tracks, as on a call by WebRTC; unless it is said, TRANSPORT says so. The recording is
    written to `folder`, if there is one.
    """
    disk, chores = DiskThread(), DiskThread("chores")

    def record(rate_hz: int) -> SessionRecorder:
        assert folder is not None
        return SessionRecorder(folder, disk, chores=chores, rate_hz=rate_hz, failed=_fail)

    try:
        one = Talk(
            engines,
            principal=role,
            settings=ServerSettings(send_deadline_s=send_deadline_s),
            opening=opening,
            session_s=session_s,
            idle_s=idle_s,
            call=TRANSPORT.get() == "webrtc" if call is None else call,
            record=record if folder is not None else None,
            knows_ours=knows_ours,
            free=free,
        )
        try:
            yield one
            one.channel.put(ChannelClosed(1000 if one.token else 1001))
            async with asyncio.timeout(PATIENCE_S):
                one.code = await one.running
        finally:
            one.running.cancel()
            with suppress(asyncio.CancelledError):
                await one.running
            one.hang_up()
            await asyncio.sleep(0)
        if one.driver is not None:
            assert one.driver.ended.is_set()
    finally:
        disk.close()  # gives the chores its last
        chores.close()


def _fail(error: StorageError) -> None:
    raise error
