"""A link to a session on a server over WebRTC, with aiortc as the client.

The patient's audio comes as one stream that names no reply: what comes while a reply is under way is that reply's.
As in a browser it waits in a small buffer before it is heard, and the server alone pauses, moves and clears it.

A short cut heals by itself. Whoever is to come back calls anew when nothing came for four seconds, as WebRTC itself
notices only after half a minute; what was said meanwhile goes late over the data channel, then the track again.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections import deque
from typing import Any, Self

import numpy as np

from audio.frames import Pcm, pcm_to_bytes
from bench.replay.coming_back import CONNECT_S, QUIET_S, ComingBack, pauses_s
from bench.replay.http import TIMEOUT_S, parsed
from bench.replay.link import Listener, Over, PatientChunk, ReplyBegan, ReplyEnded, Timing
from bench.replay.remote import Reserved, joining, told_of
from bench.replay.webrtc_call import DIRECT, ClientCall, RelayedWay
from common.errors import AppError
from server.wire.ticket import HEADER, Ticket

# What arrives is heard so much later, as in a browser on a good network.
BUFFER_MS = 40.0
# Audio louder than this, of 32768, waits until its reply is announced; silence does not.
AUDIBLE = 64
MOST_EARLY = 10  # frames
TAKEN = "session.taken"
TRY_AGAIN = ("replay.server", "capacity.full", "session.resume_rate")  # other refusals are for good


class RtcLink:
    """A client of the realtime protocol on a call; open it with `RtcLink.open`.

    With `resume` it calls again when its call is lost, and sends late what was not received.
    """

    def __init__(
        self, reserved: Reserved, *, resume: bool = False, way: RelayedWay = DIRECT, quiet_s: float = QUIET_S
    ) -> None:
        self.bytes_received = 0  # of messages; audio is counted by `call.jitter`
        self.keep: list[str] | None = None  # a list here keeps every message as received
        self.call: ClientCall
        self._reserved = reserved
        self._way = way
        self._quiet_s = quiet_s
        self._back = ComingBack(wanted=resume)
        self._flows = True  # audio is sent as it comes; else it is only kept
        self._ended = False  # the session, by the server's word
        self._tell: Listener = lambda _told: None
        self._serving: asyncio.Task[None] | None = None
        self._reply: int | None = None
        self._early: deque[Pcm] = deque(maxlen=MOST_EARLY)
        self._buffered: deque[tuple[int, Pcm]] = deque()
        self._playing: int | None = None
        self._timing: Timing | None = None
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    async def open(
        cls, reserved: Reserved, *, resume: bool = False, way: RelayedWay = DIRECT, quiet_s: float = QUIET_S
    ) -> Self:
        """Call a reserved session; raises AppError. It comes back after `quiet_s` without a packet, if it is to."""
        link = cls(reserved, resume=resume, way=way, quiet_s=quiet_s)
        await link._connect()
        link._introduce()
        link._serving = asyncio.create_task(link._serve())
        return link

    @property
    def resumed(self) -> int:
        """How often a call was lost and another took its place."""
        return self._back.resumed

    async def _connect(self, ticket: Ticket | None = None, *, within_s: float = TIMEOUT_S) -> None:
        headers = await joining(self._reserved, ticket)
        if ticket is not None:
            headers[HEADER] = str(ticket)
        self.call = ClientCall(hear=self._arrived, take=self._received)
        try:
            await self.call.connect(self._reserved.base_url, headers, within_s=within_s, way=self._way)
        except BaseException:
            await self.call.close()
            raise

    def _introduce(self) -> None:
        asked = self._back.asked
        self.send_message("interlocutor.client.configure", playout_acks=True, echo_cancellation=True, **asked)

    def listen(self, listener: Listener) -> None:
        """Tell this listener from now on."""
        self._tell = listener

    def send(self, samples: Pcm) -> None:
        """Send 20 ms of int16 mono at 24 kHz, or keep it while there is no call."""
        self._back.memory.keep_audio(samples, _now_s())
        if self._flows:
            self.call.microphone.put(samples)

    def acknowledge(self, reply: int, played_ms: float) -> None:
        """Say nothing: the server knows what it has sent."""

    def send_message(self, kind: str, **fields: Any) -> None:
        """Send any message."""
        self.call.put(json.dumps({"type": kind, **fields}))

    async def close(self) -> None:
        """End the session and wait for the server to close the call."""
        self.send_message("interlocutor.session.end")
        if self._serving is not None:
            await asyncio.wait((self._serving,), timeout=TIMEOUT_S)
        await self.drop()

    async def drop(self) -> None:
        """Let go of everything without a word."""
        if self._timer is not None:
            self._timer.cancel()
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)
        await self.call.close()

    # -------------------------------------------------------------- calls come and go

    async def _serve(self) -> None:
        """Stay on one call after the other until the session is over."""
        while True:
            await self._lost()
            if self._ended or not await self._come_back():
                break
        self._tell(Over("closed"))

    async def _lost(self) -> None:
        """Return when the call is closed, or nothing came over it for too long."""
        while not self.call.closed.is_set():
            left_s = self.call.heard_s + self._quiet_s - _now_s()
            if left_s <= 0 and self._back.within_s is not None:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s if left_s > 0 else self._quiet_s):
                    await self.call.closed.wait()

    async def _come_back(self) -> bool:
        """Call again, more and more patiently; return whether the session goes on."""
        if self._back.within_s is None:
            return False
        self._flows = False
        await self.call.close()
        deadline_s = _now_s() + self._back.within_s
        for pause_s in pauses_s():
            await asyncio.sleep(pause_s)
            if _now_s() > deadline_s:
                break
            try:
                await self._connect(self._back.ticket(), within_s=CONNECT_S)
            except AppError as refused:
                if refused.code not in TRY_AGAIN:
                    break
            else:
                return True
        return False

    def _send_kept(self, received_ms: float) -> None:
        """Send late what the server has not, then live audio again."""
        now_s = _now_s()
        for began_s, samples in self._back.memory.since(received_ms):
            late_ms = round(max(0.0, 1000.0 * (now_s - began_s)))
            audio = base64.b64encode(pcm_to_bytes(samples)).decode()
            self.send_message("input_audio_buffer.append", audio=audio, late_ms=late_ms)
        self._flows = True

    # -------------------------------------------------------------- what comes

    def _received(self, message: str | bytes) -> None:
        text = message if isinstance(message, str) else message.decode()
        self.bytes_received += len(text)
        if self.keep is not None:
            self.keep.append(text)
        event = parsed(text)
        self._back.note(event)
        if event["type"] == "interlocutor.session.resumed":
            self._send_kept(event["received_ms"])
        elif event["type"] == "interlocutor.pulse" and self._flows:
            self._back.memory.align(event["received_ms"])
        self._hear_of(event)

    def _hear_of(self, event: dict[str, Any]) -> None:
        told = told_of(event)
        if isinstance(told, ReplyBegan):
            self._reply = told.reply
        elif isinstance(told, Timing):  # it comes before the audio that it is about
            self._timing = told
            return
        elif isinstance(told, ReplyEnded) and self._timing is not None:
            self._tell(self._timing)
            self._timing = None
        if told is not None:
            self._ended = self._ended or isinstance(told, Over) or event.get("code") == TAKEN
            self._tell(told)
        if isinstance(told, ReplyBegan):
            while self._early:
                self._hear(told.reply, self._early.popleft())
        elif isinstance(told, ReplyEnded):
            self._reply = None

    def _arrived(self, samples: Pcm) -> None:
        if self._reply is not None:
            self._hear(self._reply, samples)
        elif len(samples) and int(np.abs(samples).max()) > AUDIBLE:
            self._early.append(samples)

    def _hear(self, reply: int, samples: Pcm) -> None:
        """Hand a reply's audio on: the first after the buffer's time, so that the rest may be late by as much."""
        if self._playing == reply:
            self._tell(PatientChunk(reply, samples))
            return
        self._buffered.append((reply, samples))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(BUFFER_MS / 1000.0, self._play)

    def _play(self) -> None:
        self._timer = None
        while self._buffered:
            reply, samples = self._buffered.popleft()
            self._playing = reply
            self._tell(PatientChunk(reply, samples))


def _now_s() -> float:
    return asyncio.get_running_loop().time()
