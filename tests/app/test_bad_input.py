"""What clients do wrong: each fault gets one clear answer and the right close code, and nobody else notices."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from audio.frames import WIRE_HZ, silence
from bench.replay.remote import joining, reserve
from tests.app.asking import answered
from tests.app.process import KEY, ServerProcess, faults_of, running
from tests.app.wire import CARD, Wire, check_log, joined, neighbour, sentence

PATIENCE_S = 60.0
# A server that is being abused may grow by this much; its allocator takes memory in steps of this order.
GROWTH_MB = 24.0


@pytest.mark.asyncio
async def test_a_message_that_is_wrong_is_refused_and_the_session_goes_on(mock_server: ServerProcess) -> None:
    wrong: list[tuple[str, tuple[str, str | None]]] = [
        ("{", ("protocol.bad_json", None)),
        ("[]", ("protocol.bad_json", None)),
        ("[" * 60_000, ("protocol.bad_json", None)),
        ('{"type": "response.sing"}', ("protocol.unknown_event", "type")),
        ('{"type": 7}', ("protocol.unknown_event", "type")),
        (_append("AAA"), ("audio.bad_base64", "audio")),
        (_append("no base64!"), ("audio.bad_base64", "audio")),
        (_append("AAAA"), ("audio.odd_length", "audio")),
        (_append("A" * 90_000), ("protocol.too_big", "audio")),
        (_append("A" * 100_000), ("protocol.too_big", None)),
        ('{"type": "interlocutor.playout", "item_id": "item_p1", "played_ms": NaN}', ("protocol.bad_json", None)),
        ('{"type": "conversation.item.retrieve", "item_id": ""}', ("protocol.invalid_field", "item_id")),
        ('{"type": "input_audio_buffer.commit"}', ("input_audio_buffer_commit_empty", None)),
        ('{"type": "response.cancel"}', ("response_cancel_not_active", None)),
        ('{"type": "interlocutor.playout", "item_id": "p", "played_ms": 1}', ("protocol.not_configured", "type")),
        ('{"type": "conversation.item.delete", "item_id": "item_c1"}', ("protocol.unsupported", "item_id")),
    ]

    async with neighbour(mock_server), joined(mock_server) as wire:
        for message, (code, param) in wrong:
            await wire.socket.send(message)
            assert await wire.error() == (code, param), message[:80]
        await wire.socket.send(b"\0\1")
        assert await wire.error() == ("protocol.binary", None)
        await wire.answered()
        assert await wire.end() == 1000
        assert "turn_committed" in await check_log(mock_server, wire.session_id)


@pytest.mark.asyncio
async def test_a_client_that_is_wrong_all_the_time_is_let_go(mock_server: ServerProcess) -> None:
    async with neighbour(mock_server):
        async with joined(mock_server) as wire:
            for _ in range(3):
                await wire.socket.send(b"\0\1")
            assert await wire.closed() == 1003
        async with joined(mock_server) as wire:
            for _ in range(30):
                await wire.socket.send("{")
            assert await wire.closed() == 1008
            assert wire.of("error")[-1]["error"]["code"] == "protocol.too_many_errors"
        async with joined(mock_server) as wire:
            await wire.socket.send(_append("A" * 200_000))
            assert await wire.closed() == 1009
        async with joined(mock_server) as wire:
            for _ in range(1_000):
                await wire.send("input_audio_buffer.clear")
            assert await wire.closed() == 4429


@pytest.mark.asyncio
async def test_sound_faster_than_it_was_spoken_is_refused_and_in_the_end_its_sender(mock_server: ServerProcess) -> None:
    tenth = silence(100, WIRE_HZ)

    async with neighbour(mock_server), joined(mock_server) as wire:
        began_s = time.monotonic()
        sent = 0
        while not wire.of("error"):
            await wire.append(tenth)
            sent += 1
            await asyncio.sleep(max(0.0, began_s + sent * 0.1 / 3 - time.monotonic()))  # three times real time
            assert sent < 200
        assert await wire.error() == ("audio.too_fast", "audio")
        await wire.answered()
        assert wire.close_code is None
        for _ in range(120):
            await wire.append(tenth)
        assert await wire.closed() == 1008
        types = await check_log(mock_server, wire.session_id)
        assert "turn_committed" in types
        gaps = [e.payload for e in mock_server.entries(wire.session_id) if e.envelope.type == "media_gap"]
        assert sum(gap["refused_ms"] for gap in gaps if gap) > 9_000


@pytest.mark.asyncio
async def test_a_candidate_who_says_nothing_is_prompted_once_and_can_still_speak(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Twenty seconds of nothing at a thirtieth of the usual wait: not even silence is sent after the first frame."""

    data = tmp_path_factory.mktemp("silent")
    with running(data, "engines.backend=mock", "conversation.silence_prompt_ms=500") as server:
        async with neighbour(server), joined(server) as wire:
            await wire.append(silence(20, WIRE_HZ))
            await wire.until("response.output_audio.delta")
            await wire.send("response.cancel")
            await wire.until("response.done")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.5):  # three times the wait
                    await wire.until("response.created")
            await wire.answered()
            await wire.end()
            types = await check_log(server, wire.session_id)
            assert types.count("reply_started") == 2
            assert "media_gap" in types
    assert faults_of(server) == []


@pytest.mark.asyncio
async def test_a_client_that_reads_nothing_is_cut_off_and_costs_nobody_anything(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    update = json.dumps({"type": "session.update", "session": {"type": "realtime"}})

    async def flood(deaf: ClientConnection) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:  # each is answered with some 600 bytes
                await deaf.send(update)
                await asyncio.sleep(0.006)

    data = tmp_path_factory.mktemp("deaf")
    # Half a second is too short for a good client on a busy machine.
    settings = ("server.send_deadline_s=2", "server.socket_send_buffer_bytes=4096")
    with running(data, "engines.backend=mock", *settings) as server:
        async with neighbour(server):
            before = server.usage.memory_info().rss
            narrow = socket.socket()
            narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            narrow.connect(("127.0.0.1", int(server.address.rpartition(":")[2])))
            reserved = await reserve(server.url, CARD)
            deaf = await connect(
                reserved.url,
                sock=narrow,
                additional_headers=await joining(reserved),
                compression=None,
                # The library reads no further than the client asks for, and this client asks for nothing.
                max_queue=1,
                ping_interval=None,
                close_timeout=1,
            )
            began_s = time.monotonic()
            with pytest.raises(ConnectionClosed):
                await flood(deaf)
            assert time.monotonic() - began_s < PATIENCE_S / 2
            assert (server.usage.memory_info().rss - before) / 1e6 < GROWTH_MB
        assert server.metric("voice_sessions_active") == 0.0
    assert server.logged("client_too_slow")
    assert faults_of(server) == []


@pytest.mark.parametrize(
    ("body", "status", "code", "says"),
    [
        ('{"card": "nobody"}', 400, "card.unknown", CARD),
        ('{"card": "../../etc/passwd"}', 400, "card.unknown", CARD),
        (f'{{"card": "{CARD}", "mode": "duel"}}', 400, "session.mode", "practice"),
        ('{"mode": "exam"}', 400, "session.fields", '"card"'),
        ("[", 400, "protocol.bad_json", "JSON"),
        ("[" * 4_000, 400, "protocol.bad_json", "JSON"),
        (json.dumps({"card": "a" * 5_000}), 400, "protocol.too_big", "4096"),
    ],
)
def test_a_session_that_can_not_be_had(
    mock_server: ServerProcess, body: str, status: int, code: str, says: str
) -> None:
    url = f"{mock_server.url}/api/sessions"
    answer_status, raw = answered("POST", url, body=body.encode(), kind="application/json")
    answer = json.loads(raw)
    assert (answer_status, answer["error"]["code"]) == (status, code)
    assert says in answer["error"]["message"]
    assert "\n" not in answer["error"]["message"]


def bearer_of(headers: dict[str, str]) -> str:
    return headers["Authorization"].removeprefix("Bearer ")


@pytest.mark.asyncio
async def test_doors_that_stay_shut(mock_server: ServerProcess) -> None:
    async def knock(url: str, key: str | None) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
        with pytest.raises(Exception, match="rejected WebSocket connection") as refused:
            await connect(url, additional_headers=headers)
        response: Any = refused.value.response  # type: ignore[attr-defined]
        return response.status_code, json.loads(response.body)["error"]["code"]

    realtime = f"ws://{mock_server.address}/v1/realtime"
    assert await knock(realtime, None) == (401, "access.denied")
    assert await knock(realtime, "made-up") == (401, "access.denied")
    assert await knock(realtime, KEY) == (400, "session.model")
    assert await knock(f"{realtime}?model=card:nobody", KEY) == (400, "card.unknown")
    async with joined(mock_server) as wire:
        await wire.answered()
        reserved = await reserve(mock_server.url, CARD)
        one, two, three = [await joining(reserved) for _ in range(3)]
        second = Wire(await connect(reserved.url, additional_headers=one))
        try:
            await second.until("session.created")
            assert await knock(reserved.url, bearer_of(two)) == (400, "session.in_use")
            await second.send("interlocutor.session.end")
            assert await second.closed() == 1000
            assert await knock(reserved.url, bearer_of(three)) == (400, "session.over")
        finally:
            await second.drop()
        await wire.answered()


@pytest.mark.asyncio
async def test_a_message_before_the_session_is_set_up(mock_server: ServerProcess) -> None:
    """Whatever comes first is either carried out on the defaults or refused; none of it ends the connection."""

    async with neighbour(mock_server), joined(mock_server) as wire:
        await wire.send("conversation.item.truncate", item_id="item_p1", content_index=0, audio_end_ms=0)
        assert await wire.error() == ("item.not_found", "item_id")
        await wire.send("output_audio_buffer.clear")
        assert await wire.error() == ("response_cancel_not_active", None)
        await wire.send("input_audio_buffer.clear")
        await wire.until("input_audio_buffer.cleared")
        wire.speak(sentence())
        wire.microphone()
        await wire.until("response.output_audio.delta")
        rate = {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16_000}}}}
        await wire.send("session.update", session={"type": "realtime"} | rate)
        assert await wire.error() == ("protocol.too_late", "session.audio.input.format.rate")
        assert await wire.end() == 1000
        assert wire.of("interlocutor.session.ended")[0]["reason"] == "ended"


def _append(audio: str) -> str:
    return json.dumps({"type": "input_audio_buffer.append", "audio": audio})
