"""What a call's other end may do wrong: messages too early, too large, too many; audio that stops or changes."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import struct
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from aiortc.rtp import is_rtcp

from audio.frames import WIRE_HZ, silence
from bench.replay.remote import joining, reserve
from bench.replay.webrtc_call import DIRECT
from common.errors import RateError
from tests.app.inside import serving, until
from tests.app.process import ServerProcess
from tests.app.wire import CARD, check_log, sentence
from tests.nightly import NIGHTLY
from tests.rtc.caller import CallSocket, CallWire, calling

pytestmark = pytest.mark.asyncio

HEARD = "conversation.item.input_audio_transcription.completed"
PATIENCE_S = 60.0


async def another_source(server: ServerProcess) -> None:
    """The numbers and times of another source begin anywhere; its audio goes on after the other's."""
    async with calling(await reserve(server.url, CARD)) as wire:
        wire.microphone()
        await wire.until("interlocutor.session.started")
        (sender,) = wire.call.pc.getSenders()
        sender._ssrc = (sender._ssrc + 1) % 2**32
        await understood(wire)
        await wire.end()
        await check_log(server, wire.session_id)


async def numbers_begun_anew(server: ServerProcess) -> None:
    """The same source counts its packets and their time from somewhere else; its audio goes on."""
    async with calling(await reserve(server.url, CARD)) as wire:
        (sender,) = wire.call.pc.getSenders()
        send, counted, anew = sender.transport._send_rtp, itertools.count(20_000), asyncio.Event()

        async def renumbered(data: bytes) -> None:
            if not is_rtcp(data):
                packet = bytearray(data)
                # Numbers that were never used: those that were, SRTP lets nobody use again.
                struct.pack_into("!H", packet, 2, next(counted) - 900 * anew.is_set())
                packet[4] ^= 0x50 * anew.is_set()
                data = bytes(packet)
            await send(data)

        sender.transport._send_rtp = renumbered  # type: ignore[method-assign]
        wire.microphone()
        await wire.until("interlocutor.session.started")
        anew.set()
        await understood(wire)
        await wire.end()
        await check_log(server, wire.session_id)


async def understood(wire: CallWire) -> None:
    """Say a sentence, and have the patient's answer to it cut short."""
    wire.speak(np.concatenate((silence(300, WIRE_HZ), sentence())))
    assert (await wire.until(HEARD))["transcript"]
    await wire.until("output_audio_buffer.started")
    await wire.send("response.cancel")
    await wire.until("response.done")


async def no_sound_any_more(server: ServerProcess) -> None:
    """Who sends no packets of audio still hears the patient to the end, and can go on."""
    async with calling(await reserve(server.url, CARD)) as wire:
        wire.microphone()
        await wire.until("interlocutor.session.started")
        await wire.say("How are you today?")
        await wire.until("output_audio_buffer.started")
        assert wire._microphone is not None
        wire._microphone.cancel()
        done = await wire.until("response.done")
        assert done["response"]["status"] == "completed"
        wire.microphone()
        await understood(wire)
        await wire.end()
        (first, _) = [e.payload for e in server.entries(wire.session_id) if e.envelope.type == "reply_finished"]
        assert first is not None
        assert first["played_ms"] > 3_000


async def messages_at_once(server: ServerProcess) -> None:
    """What is sent as soon as the channel is open waits until the session was greeted."""
    socket = CallSocket()
    detection = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    socket.channel.on("open", lambda: socket.put(json.dumps({"type": "session.update", "session": detection})))
    reserved = await reserve(server.url, CARD)
    try:
        await socket.connect(server.url, await joining(reserved), within_s=PATIENCE_S)
        messages = socket.__aiter__()
        async with asyncio.timeout(PATIENCE_S):
            first, second = [json.loads(await anext(messages))["type"] for _ in range(2)]
        assert (first, second) == ("session.created", "session.updated")
    finally:
        await socket.close()


async def too_large(server: ServerProcess) -> None:
    """A message of more than is taken is refused or ends the call; the server goes on either way."""
    async with calling(await reserve(server.url, CARD)) as wire:
        await wire.send("input_audio_buffer.append", audio="A" * 200_000)
        assert await wire.error() == ("protocol.too_big", None)


async def too_many(server: ServerProcess) -> None:
    """Messages without a pause end the call."""
    async with calling(await reserve(server.url, CARD)) as wire:
        # Until it ends: on a busy machine fewer come through a second than are let through.
        while wire.close_code is None:
            if wire.call.channel.bufferedAmount < 10_000:
                await wire.send("input_audio_buffer.clear")
            await asyncio.sleep(0)
        told = [event["error"]["code"] for event in wire.of("error")]
        assert told in ([], ["protocol.too_many_messages"])


async def no_json(server: ServerProcess) -> None:
    """Messages that can't be understood are refused, and too many of them end the call."""
    async with calling(await reserve(server.url, CARD)) as wire:
        wire.call.channel.send(b"\0\1")
        assert (await wire.error())[0] == "protocol.binary"
        for _ in range(30):
            await wire.call.send("{")
        await wire.closed()
        assert wire.of("error")[-1]["error"]["code"] == "protocol.too_many_errors"


MISDEEDS: list[Callable[[ServerProcess], Awaitable[None]]] = [
    another_source,
    numbers_begun_anew,
    messages_at_once,
    too_large,
    too_many,
    no_json,
    *([no_sound_any_more] if NIGHTLY else []),  # it takes as long as the patient speaks
]


@pytest.mark.parametrize("misdeed", MISDEEDS, ids=lambda misdeed: misdeed.__name__)
async def test_a_call_that_is_misused_ends_or_goes_on_and_the_server_is_as_before(
    mock_server: ServerProcess, misdeed: Callable[[ServerProcess], Awaitable[None]]
) -> None:
    def calls_over() -> int:
        return sum(line["event"] == "call_over" for line in mock_server.log)

    before = calls_over()
    async with asyncio.timeout(3 * PATIENCE_S):
        await misdeed(mock_server)
    await until(lambda: calls_over() > before)


async def test_an_offer_that_names_strangers_sends_them_nothing(mock_server: ServerProcess) -> None:
    """Whoever makes an offer can write anybody's address into it; the call works by the checks that come to us."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.setblocking(False)

        async def naming_strangers(offer: str) -> str:
            named = f"a=candidate:1 1 udp 2130706431 127.0.0.1 {stranger.getsockname()[1]} typ host"
            lines = [line for line in offer.splitlines() if not line.startswith("a=candidate:")]
            at = next(number for number, line in enumerate(lines) if line.startswith("a=ice-ufrag"))
            return "\r\n".join([*lines[:at], named, *lines[at:]]) + "\r\n"

        way = replace(DIRECT, offer=naming_strangers)
        async with calling(await reserve(mock_server.url, CARD), way=way) as wire:
            await wire.append(silence(200, WIRE_HZ))
            await wire.until("interlocutor.session.started")
            with pytest.raises(BlockingIOError):
                stranger.recv(2_048)


async def test_offers_and_tokens_without_end_are_refused_with_a_time_and_the_call_goes_on(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, server):
        reserved = await reserve(f"http://{address}", CARD)

        def post(path: str, body: bytes = b"", kind: str = "application/json") -> tuple[int, str, dict[str, Any]]:
            url = f"{reserved.base_url}{path}"
            headers = {"Authorization": f"Bearer {reserved.token}", "Content-Type": kind}
            try:
                with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=PATIENCE_S) as answer:
                    return answer.status, "", {}
            except urllib.error.HTTPError as refused:
                with refused:
                    return refused.code, refused.headers["Retry-After"], json.loads(refused.read())["error"]

        async with calling(reserved) as wire:
            sdp = wire.call.pc.localDescription.sdp.encode()
            (found,) = server.calls._calls
            renewing = partial(post, f"/v1/realtime/calls/{found}", sdp, "application/sdp")
            answers = [await asyncio.to_thread(renewing) for _ in range(40)]
            assert [status for status, _, _ in answers[:30]] == [200] * 30
            assert (answers[-1][0], answers[-1][2]["code"]) == (429, "session.asked_too_often")
            assert 1 <= int(answers[-1][1]) <= 2
            # The call itself has lost nothing.
            wire.microphone()
            await understood(wire)
            await wire.end()


async def test_join_tokens_and_first_offers_have_their_limits(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, server), httpx2.AsyncClient(base_url=f"http://{address}") as client:
        reserved = await reserve(f"http://{address}", CARD)
        join, bearer = f"/api/sessions/{reserved.id}/join", {"Authorization": f"Bearer {reserved.token}"}
        answers = [await client.post(join, headers=bearer) for _ in range(40)]
        assert [answer.status_code for answer in answers[:30]] == [201] * 30
        assert {answer.status_code for answer in answers[-5:]} == {429}
        assert answers[-1].json()["error"]["code"] == "session.asked_too_often"
        token = {"Authorization": f"Bearer {answers[29].json()['token']}", "Content-Type": "application/sdp"}
        with suppress(RateError):
            while True:
                server.offer_limits.ask(reserved.id, None)
        offer = (await offered()).encode()
        refused = await client.post("/v1/realtime/calls", content=offer, headers=token)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "session.asked_too_often")
        assert 1 <= int(refused.headers["Retry-After"]) <= 2
        assert len(server.calls) == 0


async def offered() -> str:
    """Return a new call's offer."""
    socket = CallSocket()
    await socket.pc.setLocalDescription()
    text: str = socket.pc.localDescription.sdp
    await socket.close()
    return text
