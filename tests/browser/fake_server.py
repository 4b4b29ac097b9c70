"""A stand-in for the server that speaks the page's side of the protocol: scripted, on loopback, in a thread.

It hears speech by its level alone and answers with a tone, so that the page is tested and not an engine.
"""

from __future__ import annotations

import base64
import io
import json
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from audio.frames import WIRE_HZ, Pcm, pcm_from_bytes, pcm_to_bytes
from pipelines.patient.card import PublicCard

STATIC = Path(__file__).parents[2] / "static"
CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; "
    "media-src 'self' blob:; worker-src 'self'"
)
TOKEN = "test-token"
SESSION = "session-1"
SPOKEN_RMS = 0.02  # full scale 1: the test's voice is about 0.1 after the browser's processing
PAUSE_MS = 400
REPLY_MS = 900

CARDS = (
    PublicCard(
        id="nursing-asthma-plan",
        version=1,
        title="An asthma plan that is not followed",
        profession="nursing",
        setting="Community health centre",
        role="A nurse at the health centre",
        background=(
            "This patient was in hospital last week with asthma. You have been asked to go through the new plan with "
            "the patient, and to find out how the inhalers are used at home."
        ),
        tasks=(
            "Find out how the patient has been since leaving hospital.",
            "Ask about the inhalers (which one, how often, difficulties).",
            "Explain why the preventer has to be used every day, also on good days.",
            "Reassure the patient about side effects, and agree on a next appointment.",
        ),
        patient_speaks_first=False,
    ),
    PublicCard(
        id="nursing-dressing-change",
        version=1,
        title="Dressing a wound at home",
        profession="nursing",
        setting="The patient's home",
        role="A district nurse",
        background="You are visiting a patient whose leg wound heals slowly. Today you change the dressing.",
        tasks=("Ask about pain.", "Find out how the leg is rested.", "Advise on walking and keeping the leg raised."),
        patient_speaks_first=True,
    ),
    PublicCard(
        id="pharmacy-new-tablets",
        version=1,
        title="New tablets for blood pressure",
        profession="pharmacy",
        setting="High-street pharmacy",
        role="A pharmacist",
        background="A customer collects tablets for the first time and seems unsure about them.",
        tasks=("Find out what the customer knows.", "Explain how to take the tablets.", "Advise on dizziness."),
        patient_speaks_first=False,
    ),
)

CUES = (
    {"topic": "How it was after hospital", "told": True},
    {"topic": "Difficulties with the inhaler", "told": False},
    {"topic": "Worry about side effects", "told": False},
)


class FakeServer:
    """The server and what a test may set and read; `url` is where it listens."""

    def __init__(self) -> None:
        self.reset()
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._listening = threading.Event()
        config = uvicorn.Config(self._app(), ws="websockets-sansio", log_level="warning", lifespan="on")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def start(self) -> None:
        """Serve until `stop`; returns once it listens."""
        self._thread.start()
        if not self._listening.wait(10):
            raise RuntimeError("the fake server did not start within 10 s")

    def stop(self) -> None:
        """Stop serving."""
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()

    def reset(self) -> None:
        """Forget everything a test set."""
        self.prepare_s = 180
        self.session_s = 300
        self.full = False  # no room: 503
        self.known = True  # the cards can be opened: else 404
        self.expires_s = 600
        self.drop_after_turns: int | None = None  # cut the connection after so many turns
        self.end_after_turns: int | None = None  # end the session by time after so many turns
        self.interrupt = False  # take the reply back while it is being heard
        self.problem: tuple[str, str] | None = None
        self.sessions: list[dict[str, Any]] = []
        self.received: list[dict[str, Any]] = []
        self.silent_frames = 0
        self.voiced_frames = 0
        self.turns: list[dict[str, Any]] = []

    # ------------------------------------------------------------ HTTP

    def _app(self) -> Starlette:
        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            self._listening.set()
            yield

        return Starlette(
            routes=[
                Route("/", lambda _: FileResponse(STATIC / "index.html")),
                Mount("/static", StaticFiles(directory=STATIC)),
                Route("/api/info", self._info),
                Route("/api/cards", self._cards),
                Route("/api/sessions", self._open, methods=["POST"]),
                Route("/api/sessions/{id}", self._summary),
                Route("/api/sessions/{id}/recording", self._recording),
                WebSocketRoute("/v1/realtime", self._realtime),
            ],
            middleware=[Middleware(BaseHTTPMiddleware, dispatch=_with_policy)],
            lifespan=lifespan,
        )

    async def _info(self, _: Request) -> Response:
        engine = {"name": "fake", "demonstration": True}
        engines = {"recogniser": engine, "responder": {"name": "fake", "demonstration": False}, "synthesiser": engine}
        limits = {"prepare_s": self.prepare_s, "session_s": self.session_s}
        return JSONResponse({"version": "0", "env": "dev", "engines": engines, "limits": limits})

    async def _cards(self, _: Request) -> Response:
        return JSONResponse({"cards": [card.model_dump() for card in CARDS]})

    async def _open(self, request: Request) -> Response:
        wanted = await request.json()
        if self.full:
            return _error(503, "server.full", "All places are taken.", {"Retry-After": "7"})
        card = next((card for card in CARDS if card.id == wanted["card"]), None)
        if card is None or not self.known:
            return _error(404, "card.unknown", "There is no such card.")
        self.sessions.append(wanted)
        self._card = card
        return JSONResponse(
            {
                "id": SESSION,
                "token": TOKEN,
                "url": f"ws://some.other.name/v1/realtime?session={SESSION}",
                "expires_s": self.expires_s,
                "prepare_s": self.prepare_s,
                "session_s": self.session_s,
                "card": card.model_dump(),
            },
            status_code=201,
        )

    async def _summary(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _error(401, "access.denied", "No token.")
        return JSONResponse(
            {
                "id": SESSION,
                "status": "ended",
                "card": self._card.id,
                "mode": self.sessions[-1]["mode"],
                "turns": self.turns,
                "cues": list(CUES) if self.sessions[-1]["mode"] == "practice" else [],
                "talk": {"candidate_ms": 5200, "patient_ms": 2900, "candidate_share": 0.642},
                "latency": {"p50": 812, "p95": 1240} if self.turns else {"p50": None, "p95": None},
            }
        )

    async def _recording(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _error(401, "access.denied", "No token.")
        file = io.BytesIO()
        soundfile.write(file, np.stack([_tone(500), _tone(500)], axis=1), WIRE_HZ, format="FLAC")
        return Response(file.getvalue(), media_type="audio/flac")

    # ------------------------------------------------------------ the conversation

    async def _realtime(self, socket: WebSocket) -> None:
        if f"openai-insecure-api-key.{TOKEN}" not in socket.scope["subprotocols"]:
            await socket.close(1008)
            return
        await socket.accept(subprotocol="realtime")
        with suppress(WebSocketDisconnect):
            await _Talk(self, socket).run(patient_first=self._card.patient_speaks_first)


class _Talk:
    """One connection."""

    def __init__(self, server: FakeServer, socket: WebSocket) -> None:
        self._server = server
        self._socket = socket
        self._turn = 0
        self._voiced_ms = 0.0
        self._silent_ms = 0.0
        self._hearing = False
        self._reply: str | None = None  # the item that is being heard
        self._began = time.monotonic()

    async def run(self, *, patient_first: bool) -> None:
        await self._send("session.created", session={"type": "realtime", "id": SESSION})
        while True:
            message = json.loads(await self._socket.receive_text())
            self._server.received.append({key: message[key] for key in message if key != "audio"})
            if message["type"] == "interlocutor.client.configure":
                await self._send("interlocutor.client.configured", playout_acks=True)
                await self._send("interlocutor.session.started", session_s=self._server.session_s)
                if self._server.problem:
                    code, text = self._server.problem
                    await self._send("interlocutor.problem", code=code, message=text)
                if patient_first:
                    await self._say("Oh, there you are. Come in, come in.")
            elif message["type"] == "input_audio_buffer.append":
                await self._hear(pcm_from_bytes(base64.b64decode(message["audio"])))
            elif message["type"] == "interlocutor.playout":
                await self._played(message["item_id"], message["played_ms"])
            elif message["type"] == "interlocutor.session.end":
                await self._end("ended")
                return

    async def _hear(self, samples: Pcm) -> None:
        frame_ms = 1000 * len(samples) / WIRE_HZ
        loud = float(np.sqrt(np.mean((samples / 32768.0) ** 2))) > SPOKEN_RMS
        if not samples.any():
            self._server.silent_frames += 1
        if loud:
            self._server.voiced_frames += 1
        if self._reply is not None:
            return  # the patient is speaking, and this one is not interrupted
        self._voiced_ms = self._voiced_ms + frame_ms if loud else 0.0
        self._silent_ms = 0.0 if loud else self._silent_ms + frame_ms
        item = f"candidate-{self._turn}"
        if not self._hearing and self._voiced_ms >= 60:
            self._hearing = True
            await self._send("input_audio_buffer.speech_started", audio_start_ms=0, item_id=item)
            for text, stable in (("Hello", 0), ("Hello I am", 1), ("Hello I am the nurse", 3)):
                await self._send(
                    "interlocutor.transcript.partial", item_id=item, turn=0, text=text, stable_words=stable
                )
        elif self._hearing and self._silent_ms >= PAUSE_MS:
            self._hearing = False
            await self._answer(item)

    async def _answer(self, item: str) -> None:
        text = "Hello, I am the nurse."
        self._turn += 1
        self._server.turns.append({"role": "candidate", "text": text, "at_ms": self._now_ms(), "interrupted": False})
        await self._send("input_audio_buffer.speech_stopped", audio_end_ms=0, item_id=item)
        await self._send("input_audio_buffer.committed", item_id=item, previous_item_id=None)
        kind = "conversation.item.input_audio_transcription.completed"
        await self._send(kind, item_id=item, content_index=0, transcript=text)
        if self._server.drop_after_turns == self._turn:
            await self._socket.close(1011)
            raise WebSocketDisconnect(1011)
        if self._server.end_after_turns == self._turn:
            await self._end("time_limit")
            raise WebSocketDisconnect(1000)
        await self._say("I have been better, to be honest.")
        parts = {"endpoint": 400, "recognise": 120, "respond": 60, "speak": 80, "deliver": 152}
        await self._send("interlocutor.turn.latency", turn=self._turn, voice_to_voice_ms=812, parts=parts)

    async def _say(self, text: str) -> None:
        item, response = f"patient-{self._turn}", f"response-{self._turn}"
        self._reply = item
        await self._send("response.created", response={"id": response, "status": "in_progress"})
        about = {"id": item, "type": "message", "role": "assistant", "content": []}
        await self._send("response.output_item.added", response_id=response, item=about)
        sound = _tone(REPLY_MS)
        for start in range(0, len(sound), WIRE_HZ // 10):
            delta = base64.b64encode(pcm_to_bytes(sound[start : start + WIRE_HZ // 10])).decode()
            await self._send("response.output_audio.delta", response_id=response, item_id=item, delta=delta)
        for word in text.split(" "):
            kind = "response.output_audio_transcript.delta"
            await self._send(kind, response_id=response, item_id=item, delta=f"{word} ")
        if not self._server.interrupt:
            await self._send("response.output_audio.done", response_id=response, item_id=item)
            kind = "response.output_audio_transcript.done"
            await self._send(kind, response_id=response, item_id=item, transcript=text)
            await self._send("response.done", response={"id": response, "status": "completed"})
        turn = {"role": "patient", "text": text, "at_ms": self._now_ms(), "interrupted": self._server.interrupt}
        self._server.turns.append(turn)

    async def _played(self, item: str, played_ms: int) -> None:
        if item != self._reply:
            return
        if self._server.interrupt and played_ms >= 200:
            self._reply = None
            await self._send("interlocutor.playout.clear", item_id=item, heard_ms=played_ms)
            await self._send("conversation.item.truncated", item_id=item, content_index=0, audio_end_ms=played_ms)
            await self._send("response.done", response={"id": item, "status": "cancelled"})
        elif played_ms >= REPLY_MS:
            self._reply = None

    async def _end(self, reason: str) -> None:
        await self._send("interlocutor.session.ended", reason=reason)
        await self._socket.close(1000)

    async def _send(self, kind: str, **fields: Any) -> None:
        await self._socket.send_json({"type": kind, "event_id": f"event-{time.monotonic_ns()}", **fields})

    def _now_ms(self) -> int:
        return round(1000 * (time.monotonic() - self._began))


def _tone(duration_ms: int) -> Pcm:
    time_s = np.arange(WIRE_HZ * duration_ms // 1000) / WIRE_HZ
    return (6000 * np.sin(2 * np.pi * 220 * time_s)).astype(np.int16)


def _error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status, headers=headers)


async def _with_policy(request: Request, call_next: RequestResponseEndpoint) -> Response:
    response = await call_next(request)
    response.headers["Content-Security-Policy"] = CSP
    return response
