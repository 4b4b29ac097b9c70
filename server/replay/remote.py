"""A link to a session on a server, over its WebSocket and with the messages of any client."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import urllib.error
import urllib.request
from dataclasses import dataclass, fields
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from audio.errors import ProtocolError
from audio.frames import Pcm, pcm_from_bytes, pcm_to_bytes
from audio.text import well_formed
from pipelines.events import TurnTimeline
from server.replay.link import (
    Cleared,
    Held,
    Ignored,
    Listener,
    Over,
    ReplyBegan,
    ReplyOver,
    Resumed,
    Sound,
    Timeline,
    Timing,
    Told,
    Trouble,
    Understood,
)

TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Reserved:
    """A session as the server reserved it."""

    id: str
    token: str
    url: str
    base_url: str


async def reserve(base_url: str, card: str, mode: str = "practice") -> Reserved:
    """Ask a server for a session; raises AppError with the server's own words when it refuses."""
    body = json.dumps({"card": card, "mode": mode}).encode()
    headers = {"Content-Type": "application/json"}
    answer = await _http(f"{base_url.rstrip('/')}/api/sessions", body=body, headers=headers)
    parts = urlsplit(base_url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    url = urlunsplit((scheme, parts.netloc, urlsplit(answer["url"]).path, "", ""))
    return Reserved(answer["id"], answer["token"], url, base_url)


async def fetch_debrief(reserved: Reserved) -> dict[str, Any]:
    """Return what the candidate is shown afterwards."""
    url = f"{reserved.base_url.rstrip('/')}/api/sessions/{reserved.id}"
    return await _http(url, headers={"Authorization": f"Bearer {reserved.token}"})


async def _http(url: str, *, body: bytes | None = None, headers: dict[str, str]) -> dict[str, Any]:
    if urlsplit(url).scheme not in ("http", "https"):
        raise ProtocolError(f"'{url}' is no http address", code="replay.url")

    def call() -> dict[str, Any]:
        request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - the scheme was checked
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
            return _parsed(response.read())

    try:
        return await asyncio.to_thread(call)
    except urllib.error.HTTPError as error:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            told = _parsed(error.read())["error"]
            raise ProtocolError(f"the server refused: {told['message']}", code=told["code"]) from None
        raise ProtocolError(f"the server answered {error.code}", code="replay.server") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ProtocolError(f"no server answers at {url} ({reason}); is it running?", code="replay.server") from None


def _parsed(text: str | bytes) -> dict[str, Any]:
    """Return a server's JSON object, fit to be shown and kept, whatever server it is; raises ValueError."""
    if isinstance(text, bytes):
        text = text.decode()
    parsed: dict[str, Any] = json.loads(text)
    if "\\u" in text:  # an escape, which may be half a surrogate; sound has none
        parsed = json.loads(well_formed(json.dumps(parsed, ensure_ascii=False)))
    return parsed


class RemoteLink:
    """A client of the realtime protocol that acknowledges what it plays; open it with `RemoteLink.open`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._tell: Listener = lambda _told: None
        self._outgoing: asyncio.Queue[str | None] = asyncio.Queue()
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        self.bytes_received = 0
        self.keep: list[str] | None = None  # a list here keeps every message as received

    @classmethod
    async def open(cls, reserved: Reserved) -> Self:
        """Connect to a reserved session; raises AppError."""
        headers = {"Authorization": f"Bearer {reserved.token}"}
        try:
            socket = await connect(reserved.url, additional_headers=headers, compression=None, max_size=2**22)
        except (OSError, InvalidHandshake, TimeoutError) as error:
            raise ProtocolError(f"the server did not take the connection: {error}", code="replay.server") from None
        link = cls(socket)
        link.send_message("interlocutor.client.configure", playout_acks=True, echo_cancellation=True)
        return link

    def listen(self, listener: Listener) -> None:
        """Tell this listener from now on."""
        self._tell = listener

    def send(self, samples: Pcm) -> None:
        """Queue sound for the server."""
        self.send_message("input_audio_buffer.append", audio=base64.b64encode(pcm_to_bytes(samples)).decode())

    def acknowledge(self, reply: int, played_ms: float) -> None:
        """Queue an acknowledgement."""
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
        await self._socket.close()

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while (message := await self._outgoing.get()) is not None:
                await self._socket.send(message)

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                self.bytes_received += len(message)
                if self.keep is not None:
                    self.keep.append(str(message))
                told = told_of(_parsed(message))
                if told is not None:
                    self._tell(told)
        except ConnectionClosed as closed:
            self._tell(Over(f"closed: {closed.rcvd.reason if closed.rcvd else 'connection lost'}"))
        else:
            self._tell(Over("closed"))


def _number(identifier: str) -> int:
    return int("".join(c for c in identifier if c.isdigit()) or 0)


def told_of(event: dict[str, Any]) -> Told | None:
    """Return what a server event means to a simulated candidate, if anything."""
    match event["type"]:
        case "conversation.item.input_audio_transcription.completed":
            return Understood(_number(event["item_id"]), event["transcript"])
        case "response.created":
            return ReplyBegan(_number(event["response"]["id"]))
        case "response.output_audio.delta":
            return Sound(_number(event["item_id"]), pcm_from_bytes(base64.b64decode(event["delta"])))
        case "response.done":
            return _reply_over(event["response"])
        case "interlocutor.playout.clear":
            return Cleared(_number(event["item_id"]))
        case "interlocutor.playout.hold":
            return Held(_number(event["item_id"]))
        case "interlocutor.playout.resume":
            return Resumed(_number(event["item_id"]), event["from_ms"])
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


def _reply_over(response: dict[str, Any]) -> ReplyOver:
    texts = [part.get("transcript") or "" for item in response["output"] for part in item["content"]]
    status = response["status"]
    details = response.get("status_details") or {}
    if status == "cancelled" and details.get("reason") == "turn_detected":
        status = "interrupted"
    return ReplyOver(_number(response["id"]), " ".join(texts), status)
