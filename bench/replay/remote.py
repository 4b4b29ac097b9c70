"""A link to a session on a server, over its WebSocket and with the messages of any client."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
from dataclasses import dataclass, fields
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from audio.frames import Pcm, pcm_from_bytes, pcm_to_bytes
from bench.replay.coming_back import CONNECT_S, QUIET_S, ComingBack, pauses_s
from bench.replay.http import ask_json, parsed
from bench.replay.link import (
    Ignored,
    Listener,
    Over,
    PatientChunk,
    PlayoutCleared,
    PlayoutHeld,
    ReplyBegan,
    ReplyEnded,
    Restarted,
    Resumed,
    Timeline,
    Timing,
    Told,
    Trouble,
    TurnTranscribed,
)
from common.errors import ProtocolError
from pipelines.events import TurnTimeline
from server.protocol.binary import SUBPROTOCOL, CandidateAudioMessage, pack_candidate, parse_patient
from server.wire.ticket import Ticket

KEY_VARIABLE = "INTERLOCUTOR_KEY"
"""Holds a key of the server that is asked (`interlocutor keys make`), or its developer's."""

TIMEOUT_S = 20.0  # for the server to be done with the session
_TRANSIENT = tuple(f'{{"type": "{kind}"' for kind in ("input_audio_buffer.append", "interlocutor.playout"))
TOO_OFTEN = 4429  # wait a little
# With other codes the server says that the session is over, or not ours.
LOST_CODES = (None, 1001, 1005, 1006, 1012, 1013, TOO_OFTEN)


@dataclass(frozen=True, slots=True)
class Reserved:
    """A session as the server reserved it; without an id, a key opens one by connecting."""

    id: str
    token: str
    url: str
    base_url: str


async def reserve(base_url: str, card: str, mode: str = "practice") -> Reserved:
    """Ask a server for a session; raises AppError with the server's own words when it refuses.

    A server with accounts wants a key, which is taken from the environment: a command line is for everybody to see.
    """
    body = json.dumps({"card": card, "mode": mode}).encode()
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get(KEY_VARIABLE):
        headers["Authorization"] = f"Bearer {key}"
    answer = await ask_json(f"{base_url.rstrip('/')}/api/sessions", body=body, headers=headers)
    parts = urlsplit(base_url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    url = urlunsplit((scheme, parts.netloc, urlsplit(answer["url"]).path, "", ""))
    return Reserved(answer["id"], answer["token"], url, base_url)


async def joining(reserved: Reserved, ticket: Ticket | None = None) -> dict[str, str]:
    """Return the headers to connect with, once: a join token, or a key; a ticket needs none. Raises AppError."""
    if ticket is not None and reserved.id:
        return {}
    token = reserved.token
    if reserved.id:
        url = f"{reserved.base_url.rstrip('/')}/api/sessions/{reserved.id}/join"
        token = (await ask_json(url, body=b"", headers={"Authorization": f"Bearer {token}"}))["token"]
    return {"Authorization": f"Bearer {token}"}


async def fetch_debrief(reserved: Reserved) -> dict[str, Any]:
    """Return what the candidate is shown afterwards."""
    url = f"{reserved.base_url.rstrip('/')}/api/sessions/{reserved.id}"
    return await ask_json(url, headers={"Authorization": f"Bearer {reserved.token}"})


class RemoteLink:
    """A client of the realtime protocol that acknowledges what it plays; open it with `RemoteLink.open`.

    With `resume` it comes back when its connection is lost, and sends late what was not received.
    """

    def __init__(self, reserved: Reserved, *, binary: bool, resume: bool) -> None:
        self.bytes_received = 0
        self.bytes_sent = 0
        self.keep: list[str] | None = None  # a list here keeps every message as received
        self._reserved = reserved
        self._offers_binary = binary
        self._back = ComingBack(wanted=resume)
        self._tell: Listener = lambda _told: None
        self._socket: ClientConnection | None = None
        self._binary = False
        self._outgoing: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._connected = asyncio.Event()
        self._flows = True  # audio is sent as it comes; else it is only kept
        self._played = (0, 0.0)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def resumed(self) -> int:
        """How often a connection was lost and another took its place."""
        return self._back.resumed

    @property
    def can_come_back(self) -> bool:
        """Whether the server has said how to come back after a lost connection."""
        return self._back.within_s is not None

    @classmethod
    async def open(cls, reserved: Reserved, *, binary: bool = True, resume: bool = False) -> Self:
        """Connect to a reserved session; raises AppError."""
        link = cls(reserved, binary=binary, resume=resume)
        try:
            socket = await link._connect()
        except (OSError, InvalidHandshake, TimeoutError) as error:
            raise ProtocolError(f"the server did not take the connection: {error}", code="replay.server") from None
        link._introduce()
        link._tasks = [asyncio.create_task(link._serve(socket)), asyncio.create_task(link._write())]
        return link

    async def _connect(self, ticket: Ticket | None = None) -> ClientConnection:
        offered = [Subprotocol("realtime")]
        if self._offers_binary:
            offered.append(Subprotocol(SUBPROTOCOL))
        if ticket is not None:
            offered.append(Subprotocol(str(ticket)))
        headers = await joining(self._reserved, ticket)
        socket = await connect(
            self._reserved.url, additional_headers=headers, subprotocols=offered, compression=None, max_size=2**22
        )
        self._socket, self._binary = socket, socket.subprotocol == SUBPROTOCOL
        self._connected.set()
        return socket

    def _introduce(self) -> None:
        self.send_message(
            "interlocutor.client.configure", playout_acks=True, echo_cancellation=True, **self._back.asked
        )

    def listen(self, listener: Listener) -> None:
        """Tell this listener from now on."""
        self._tell = listener

    def send(self, samples: Pcm) -> None:
        """Queue audio for the server, or keep it while there is no connection."""
        self._back.memory.keep_audio(samples, _now_s())
        if self._flows:
            self._send_audio(samples)

    def _send_audio(self, samples: Pcm, late_ms: float | None = None) -> None:
        pcm, late = pcm_to_bytes(samples), None if late_ms is None else round(late_ms)
        if self._binary:
            reply, played_ms = self._played
            self._outgoing.put_nowait(
                pack_candidate(CandidateAudioMessage(pcm, reply & 0xFFFF, round(played_ms), late))
            )
            return
        more = {} if late is None else {"late_ms": late}
        self.send_message("input_audio_buffer.append", audio=base64.b64encode(pcm).decode(), **more)

    def acknowledge(self, reply: int, played_ms: float) -> None:
        """Queue an acknowledgement; with binary audio it goes with the next frame."""
        self._played = (reply, played_ms)
        if self._flows and not self._binary:
            self.send_message("interlocutor.playout", item_id=f"item_p{reply}", played_ms=round(played_ms, 1))

    def send_message(self, kind: str, **fields: Any) -> None:
        """Queue any message."""
        self._outgoing.put_nowait(json.dumps({"type": kind, **fields}))

    async def close(self) -> None:
        """End the session and wait for the server to close."""
        self.send_message("interlocutor.session.end")
        with contextlib.suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(TIMEOUT_S):
                await self._tasks[0]
        await self._drop()

    async def _drop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close()

    async def _write(self) -> None:
        while True:
            await self._connected.wait()
            message = await self._outgoing.get()
            try:
                if self._socket is not None:
                    await self._socket.send(message)
                self.bytes_sent += len(message)
            except ConnectionClosed:
                self._connected.clear()
                if not _is_sound(message):
                    self._outgoing.put_nowait(message)

    async def _serve(self, connection: ClientConnection) -> None:
        """Read from one connection after the other until the session is over."""
        socket: ClientConnection | None = connection
        reason = ""
        while socket is not None:
            try:
                await self._read(socket)
            except (ConnectionClosed, TimeoutError) as lost:
                reason = _why(lost)
                socket.transport.abort()
                socket = await self._come_back(lost)
        self._tell(Over(reason))

    async def _read(self, socket: ClientConnection) -> None:
        while True:
            async with asyncio.timeout(QUIET_S if self._back.within_s is not None else None):
                message = await socket.recv()
            self.bytes_received += len(message)
            if isinstance(message, bytes):
                audio = parse_patient(message)
                self._tell(PatientChunk(audio.reply, pcm_from_bytes(audio.pcm)))
                continue
            if self.keep is not None:
                self.keep.append(message)
            event = parsed(message)
            self._note(event)
            told = told_of(event)
            if told is not None:
                self._tell(told)

    def _note(self, event: dict[str, Any]) -> None:
        self._back.note(event)
        if event["type"] == "interlocutor.session.resumed":
            now_s = _now_s()
            for began_s, samples in self._back.memory.since(event["received_ms"]):
                self._send_audio(samples, max(0.0, 1000.0 * (now_s - began_s)))
            self._flows = True

    async def _come_back(self, lost: Exception) -> ClientConnection | None:
        """Connect again, more and more patiently; None when the session is over, or the time."""
        code = lost.rcvd.code if isinstance(lost, ConnectionClosed) and lost.rcvd is not None else None
        if self._back.within_s is None or code not in LOST_CODES:
            return None
        self._flows = False
        self._connected.clear()
        waiting = [self._outgoing.get_nowait() for _ in range(self._outgoing.qsize())]
        for message in waiting:
            if not _is_sound(message):
                self._outgoing.put_nowait(message)
        deadline_s = _now_s() + self._back.within_s
        for pause_s in pauses_s(patient=code == TOO_OFTEN):
            await asyncio.sleep(pause_s)
            if _now_s() > deadline_s:
                break
            with contextlib.suppress(OSError, InvalidHandshake, TimeoutError):
                async with asyncio.timeout(CONNECT_S):
                    return await self._connect(self._back.ticket(*self._played))
        return None


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _is_sound(message: str | bytes) -> bool:
    """Return whether a message means nothing on another connection, or is sent again there."""
    return isinstance(message, bytes) or message.startswith(_TRANSIENT)


def _why(lost: Exception) -> str:
    closed = lost.rcvd.reason if isinstance(lost, ConnectionClosed) and lost.rcvd else "connection lost"
    return f"closed: {closed}"


def _number(identifier: str) -> int:
    return int("".join(c for c in identifier if c.isdigit()) or 0)


def told_of(event: dict[str, Any]) -> Told | None:
    """Return what a server event means to a simulated candidate, if anything."""
    match event["type"]:
        case "conversation.item.input_audio_transcription.completed":
            return TurnTranscribed(_number(event["item_id"]), event["transcript"])
        case "response.created":
            return ReplyBegan(_number(event["response"]["id"]))
        case "response.output_audio.delta":
            return PatientChunk(_number(event["item_id"]), pcm_from_bytes(base64.b64decode(event["delta"])))
        case "response.done":
            return _reply_over(event["response"])
        case "interlocutor.playout.clear":
            return PlayoutCleared(_number(event["item_id"]))
        case "interlocutor.playout.hold":
            return PlayoutHeld(_number(event["item_id"]))
        case "interlocutor.playout.resume":
            return Resumed(_number(event["item_id"]), event["from_ms"])
        case "interlocutor.playout.restart":
            return Restarted(_number(event["item_id"]), event["from_ms"])
        case "interlocutor.turn.ignored":
            return Ignored(event["turn"], event["reason"], event["text"])
        case "interlocutor.turn.latency":
            parts = event["parts"]
            return Timing(
                None,
                parts["endpoint"],
                parts["recognise"],
                parts["respond"],
                parts["speak"],
                event["last_voiced_ms"],
            )
        case "interlocutor.turn.timeline":
            known = {field.name for field in fields(TurnTimeline)} - {"reply"}
            return Timeline(
                TurnTimeline(reply=_number(event["item_id"]), **{name: event[name] for name in known if name in event})
            )
        case "error":
            return Trouble(event["error"]["message"])
        case "interlocutor.problem":
            return Trouble(event["message"])
        case "interlocutor.session.ended":
            return Over(event["reason"])
    return None


def _reply_over(response: dict[str, Any]) -> ReplyEnded:
    texts = [part.get("transcript") or "" for item in response["output"] for part in item["content"]]
    status = response["status"]
    details = response.get("status_details") or {}
    if status == "cancelled" and details.get("reason") == "turn_detected":
        status = "interrupted"
    return ReplyEnded(_number(response["id"]), " ".join(texts), status)
