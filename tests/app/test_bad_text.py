"""Half surrogates, which no UTF-8 can carry: refused from clients, replaced in what engines say; nothing breaks."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from bench.replay.link import Over, Told, Trouble, TurnTranscribed
from bench.replay.remote import RemoteLink, Reserved
from pipelines.log.jsonl import is_intact, read_jsonl
from pipelines.scripted import instant
from pipelines.scripted.recogniser import ScriptedRecogniser
from pipelines.scripted.scripted_responder import ScriptedResponder
from tests.app.asking import answered
from tests.app.inside import serving, until
from tests.app.process import ServerProcess
from tests.app.wire import Joining, Wire, connect_to, reserved_at, sentence
from tests.sealed import seal_of

# This is the first half of an emoji; a streamed answer that was cut inside the emoji ends with it.
HALF = "\ud83d"
REPLACED = "\ufffd"


def typed(text: str) -> str:
    """Return a message that types a turn, as JSON in ASCII: the half is an escape, and the frame valid UTF-8."""
    content = [{"type": "input_text", "text": text}]
    return json.dumps(
        {"type": "conversation.item.create", "item": {"type": "message", "role": "user"} | {"content": content}}
    )


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "message",
    [
        typed(f"half {HALF} of it"),
        typed("\ude00"),
        json.dumps({"type": f"response.{HALF}"}),
        json.dumps({"type": "response.cancel", "response_id": HALF}),
        json.dumps({"type": "response.cancel", HALF: 1}),
        json.dumps({"type": "session.update", "event_id": HALF, "session": {"type": "realtime", "instructions": HALF}}),
    ],
)
async def test_half_a_surrogate_in_a_message_is_refused_and_the_session_goes_on(
    mock_server: ServerProcess, message: str, joining: Joining
) -> None:
    async with joining(mock_server) as wire:
        await wire.socket.send(message)
        assert await wire.error() == ("protocol.bad_json", None)
        await wire.answered()
        assert await wire.end() == 1000
        written = mock_server.entries(wire.session_id)
        assert written[-1].envelope.type == "session_ended"


@pytest.mark.asyncio
async def test_two_halves_of_one_character_are_that_character(mock_server: ServerProcess, joining: Joining) -> None:
    async with joining(mock_server) as wire:
        await wire.socket.send(typed("fine \U0001f600"))
        item = (await wire.until("conversation.item.added", lambda e: e["item"]["role"] == "user"))["item"]
        assert item["content"][0]["text"] == "fine \U0001f600"
        assert await wire.end() == 1000


@pytest.mark.parametrize("body", [{"card": HALF}, {"card": "pharmacy-new-inhaler", "mode": HALF}, {HALF: 1}])
def test_half_a_surrogate_in_a_request_is_refused(mock_server: ServerProcess, body: dict[str, object]) -> None:
    status, told = answered("POST", f"{mock_server.url}/api/sessions", body=json.dumps(body).encode())
    assert (status, json.loads(told)["error"]["code"]) == (400, "protocol.bad_json")


@pytest.mark.asyncio
async def test_what_engines_say_beyond_unicode_is_replaced_on_the_wire_in_the_log_and_in_the_debrief(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instant, "recogniser", lambda: ScriptedRecogniser([f"does {HALF} it hurt"], word_ms=100))
    monkeypatch.setattr(
        instant, "responder", lambda: ScriptedResponder({1: (f"Yes {HALF}", "\ude00 it does.")}, cost_ms=0.0)
    )

    async with serving(tmp_path) as (address, server):
        reserved, _ = await reserved_at(f"http://{address}")
        wire = Wire(await connect_to(reserved))
        try:
            await wire.until("session.created")
            wire.speak(sentence())
            wire.microphone()
            said = await wire.until("conversation.item.input_audio_transcription.completed")
            assert said["transcript"] == f"does {REPLACED} it hurt"
            done = await wire.until("response.done")
            (item,) = done["response"]["output"]
            assert item["content"][0]["transcript"] == f"Yes {REPLACED} {REPLACED} it does."
            assert wire.of("error") == wire.of("interlocutor.problem") == []
            assert await wire.end() == 1000
        finally:
            await wire.drop()
        await until(lambda: not server.registry.running())
        url = f"{reserved.base_url}/api/sessions/{reserved.id}"
        status, told = await asyncio.to_thread(answered, "GET", url, reserved.token)
        assert status == 200
        assert [turn["text"] for turn in json.loads(told)["turns"]] == [
            f"does {REPLACED} it hurt",
            f"Yes {REPLACED} {REPLACED} it does.",
        ]
    entries = list(read_jsonl(tmp_path / "sessions" / reserved.id, seal_of(tmp_path / "sessions" / reserved.id)))
    assert entries[-1].envelope.type == "session_ended"
    assert all(is_intact(entry) for entry in entries)


def test_a_request_that_is_no_one_object_is_refused(mock_server: ServerProcess) -> None:
    for body in (b"[]", b'{"card": "a", "card": "b"}', b'{"card": NaN}', b"{" * 3_000, b"\xff", b'"card"'):
        status, told = answered("POST", f"{mock_server.url}/api/sessions", body=body)
        assert (status, json.loads(told)["error"]["code"]) == (400, "protocol.bad_json"), body


@pytest.mark.asyncio
async def test_a_replay_against_a_server_that_sends_half_a_surrogate_goes_on() -> None:
    """Our own never does; another may."""
    told: list[Told] = []

    async def answer(socket: ServerConnection) -> None:
        item = {"item_id": "item_c1", "transcript": f"does {HALF} it"}
        await socket.send(json.dumps({"type": "conversation.item.input_audio_transcription.completed"} | item))
        await socket.send(json.dumps({"type": "interlocutor.problem", "message": f"\ude00 {HALF}\ude00"}))
        await socket.send(json.dumps({"type": "interlocutor.session.ended", "reason": "ended"}))

    async def let_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps({"token": "ek_1"}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    door = await asyncio.start_server(let_in, "127.0.0.1", 0)
    async with door, serve(answer, "127.0.0.1", 0) as server:
        port, joined = (next(iter(each.sockets)).getsockname()[1] for each in (server, door))
        link = await RemoteLink.open(Reserved("s", "t", f"ws://127.0.0.1:{port}", f"http://127.0.0.1:{joined}"))
        link.listen(told.append)
        await link.close()
    assert told[:3] == [
        TurnTranscribed(1, f"does {REPLACED} it"),
        Trouble(f"{REPLACED} \U0001f600"),
        Over("ended"),
    ]
