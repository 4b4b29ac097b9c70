"""What goes over a page's WebSocket, as the browser sees it."""

from __future__ import annotations

import base64
import json
from typing import Any

from playwright.sync_api import Page, WebSocket

from audio.frames import WIRE_HZ
from server.protocol.binary import parse_candidate, parse_patient


class Wire:
    """The messages of a page's connections from now on; make it before the role-play starts."""

    def __init__(self, page: Page) -> None:
        self.sent: list[dict[str, Any]] = []  # without the microphone's frames
        self.received: list[dict[str, Any]] = []
        # For each frame of the microphone, in order, this tells whether there was any sound in it.
        self.frames: list[bool] = []
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framesent", self._take_sent)
        socket.on("framereceived", self._take_received)

    def _take_received(self, data: str | bytes) -> None:
        if isinstance(data, str):
            self.received.append(json.loads(data))
            return
        audio = parse_patient(data)
        delta = base64.b64encode(audio.pcm).decode()
        kind = "response.output_audio.delta"
        self.received.append({"type": kind, "item_id": f"item_p{audio.reply}", "delta": delta})

    def _take_sent(self, data: str | bytes) -> None:
        if isinstance(data, bytes):
            audio = parse_candidate(data)
            self.frames.append(any(audio.pcm))
            item_id = f"item_p{audio.reply}"
            if audio.reply and self.played_ms(item_id)[-1:] != [audio.played_ms]:
                self.sent.append({"type": "interlocutor.playout", "item_id": item_id, "played_ms": audio.played_ms})
            return
        message = json.loads(data)
        if message["type"] == "input_audio_buffer.append":
            self.frames.append(any(base64.b64decode(message["audio"])))
        else:
            self.sent.append(message)

    def received_ms(self, item_id: str) -> float:
        """Return how much audio of an item has come."""
        deltas = [m["delta"] for m in self.received if m["type"] == "response.output_audio.delta"
                  and m["item_id"] == item_id]  # fmt: skip
        return 1000 * sum(len(base64.b64decode(delta)) for delta in deltas) / 2 / WIRE_HZ

    def played_ms(self, item_id: str) -> list[int]:
        """Return what the page acknowledged of an item, in order."""
        return [m["played_ms"] for m in self.sent if m["type"] == "interlocutor.playout" and m["item_id"] == item_id]
