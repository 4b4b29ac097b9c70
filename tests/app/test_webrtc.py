"""Calls by WebRTC over real UDP on this machine, with aiortc as the client."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiortc import RTCSessionDescription

from audio.frames import WIRE_HZ, silence
from bench.replay.remote import Reserved, joining, reserve
from bench.replay.webrtc_call import RelayedWay
from common.errors import AppError
from server.rtc import call as call_module
from server.wire.ticket import HEADER, Ticket
from tests.app.asking import answered
from tests.app.inside import serving, until
from tests.app.process import KEY, ServerProcess
from tests.app.wire import CARD, Wire, check_log, connect_to, sentence
from tests.rtc.caller import CallSocket, calling
from tests.rtc.relay import Relay, through_relay, without_addresses

pytestmark = pytest.mark.asyncio

PATIENCE_S = 60.0
FORM = "multipart/form-data; boundary=b"


async def test_a_turn_over_a_call(mock_server: ServerProcess) -> None:
    reserved = await reserve(mock_server.url, CARD)
    async with calling(reserved) as wire:
        wire.microphone()
        wire.speak(np.concatenate((silence(300, WIRE_HZ), sentence())))
        heard = await wire.until("conversation.item.input_audio_transcription.completed")
        assert heard["transcript"]
        began = await wire.until("output_audio_buffer.started")
        async with asyncio.timeout(PATIENCE_S):
            await wire.call.loud.wait()
        frames = len(wire.call.heard)
        await until(lambda: len(wire.call.heard) > frames + 25)  # half a second of the patient
        (latency,) = wire.of("interlocutor.turn.latency")
        assert 0 < latency["voice_to_voice_ms"] < 3_000
        await wire.send("response.cancel")
        await wire.until("output_audio_buffer.cleared")
        done = await wire.until("response.done")
        assert done["response"]["id"] == began["response_id"]
        assert wire.of("response.output_audio.delta") == []  # audio goes by the track alone
        frames = len(wire.call.heard)
        await until(lambda: len(wire.call.heard) > frames + 25)
        assert np.abs(np.concatenate(wire.call.heard[frames + 15 :])).max() < 100  # the patient is silent
        await wire.end()
        types = await check_log(mock_server, wire.session_id)
        assert {"turn_committed", "reply_started", "reply_finished"} <= set(types)
        entries = mock_server.entries(wire.session_id)
        (reply,) = [entry.payload for entry in entries if entry.envelope.type == "reply_finished"]
        assert reply is not None
        assert 300 < reply["played_ms"] < 3_000


async def test_hanging_up_ends_the_session(mock_server: ServerProcess) -> None:
    reserved = await reserve(mock_server.url, CARD)
    async with calling(reserved) as wire:
        await wire.append(silence(200, WIRE_HZ))
        await wire.until("interlocutor.session.started")
        url = f"{mock_server.url}{wire.call.location}"
        assert await _asked("DELETE", url, reserved.token) == (204, None)
        assert (await wire.until("interlocutor.session.ended"))["reason"] == "ended"
        await wire.closed()
        await until(lambda: asked_now("DELETE", url, reserved.token) == (404, "rtc.gone"))


async def test_the_settings_that_come_with_an_offer_are_the_sessions(mock_server: ServerProcess) -> None:
    """OpenAI's clients may send a form with the offer and the session's settings."""

    reserved = await reserve(mock_server.url, CARD)
    socket = CallSocket()
    try:
        await socket.pc.setLocalDescription()
        detection = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        form = _form({"sdp": socket.pc.localDescription.sdp, "session": json.dumps(detection)})
        url = f"{mock_server.url}/v1/realtime/calls"
        status, body = await asyncio.to_thread(answered, "POST", url, await _token(reserved), form, FORM)
        assert status == 201
        await socket.pc.setRemoteDescription(RTCSessionDescription(body.decode(), "answer"))
        messages = socket.__aiter__()
        async with asyncio.timeout(PATIENCE_S):
            kinds = [json.loads(await anext(messages)) for _ in range(2)]
        assert [kind["type"] for kind in kinds] == ["session.created", "session.updated"]
        assert kinds[1]["session"]["audio"]["input"]["turn_detection"] is None
    finally:
        await socket.close()


async def test_a_page_with_a_short_lived_secret_offers_as_json_once(mock_server: ServerProcess) -> None:
    """A program's server asks for a secret, and its page calls with it; the secret opens one connection."""
    socket = CallSocket()
    try:
        asked = {"session": {"type": "realtime", "model": f"card:{CARD}", "audio": {"output": {"voice": "marin"}}}}
        secrets = f"{mock_server.url}/v1/realtime/client_secrets"
        status, raw = await asyncio.to_thread(answered, "POST", secrets, KEY, json.dumps(asked).encode())
        told = json.loads(raw)
        assert (status, told["value"][:3], told["session"]["model"]) == (200, "ek_", f"card:{CARD}")
        await socket.pc.setLocalDescription()
        body = json.dumps({"sdp": socket.pc.localDescription.sdp, "session": asked["session"]}).encode()
        url = f"{mock_server.url}/v1/realtime/calls"
        status, answer = await asyncio.to_thread(answered, "POST", url, told["value"], body, "application/json")
        assert status == 201
        await socket.pc.setRemoteDescription(RTCSessionDescription(answer.decode(), "answer"))
        messages = socket.__aiter__()
        async with asyncio.timeout(PATIENCE_S):
            assert json.loads(await anext(messages))["type"] == "session.created"
            assert json.loads(await anext(messages))["type"] == "session.updated"
        assert (await asyncio.to_thread(answered, "POST", url, told["value"], body, "application/json"))[0] == 401
        for key, wrong in [("wrong", asked), (KEY, {}), (KEY, {"session": {"model": "gpt-realtime"}})]:
            status, _ = await asyncio.to_thread(answered, "POST", secrets, key, json.dumps(wrong).encode())
            assert status == (401 if key == "wrong" else 400)
    finally:
        await socket.close()


async def test_a_developers_key_calls_a_card(mock_server: ServerProcess) -> None:
    socket = CallSocket()
    try:
        await socket.pc.setLocalDescription()
        url, offer = f"{mock_server.url}/v1/realtime/calls?model=card:{CARD}", socket.pc.localDescription.sdp.encode()
        status, body = await asyncio.to_thread(answered, "POST", url, KEY, offer, "application/sdp")
        assert (status, body[:3]) == (201, b"v=0")
    finally:
        await socket.close()


# ------------------------------------------------------------------ what is no offer


def _video(sdp: str) -> str:
    head, audio, data = re.split(r"(?=^m=)", sdp, flags=re.M)
    video = audio.replace("m=audio", "m=video").replace("a=mid:0", "a=mid:2").replace("opus/48000/2", "VP8/90000")
    return head.replace("BUNDLE 0 1", "BUNDLE 2 1") + re.sub(r"a=rtpmap:(?!96)\d+ .*\r\n", "", video) + data


BAD_OFFERS: dict[str, tuple[Callable[[str], str], int, str]] = {
    "empty": (lambda _: "", 400, "rtc.bad_offer"),
    "blank": (lambda _: " \r\n", 400, "rtc.bad_offer"),
    "no SDP": (lambda _: "hello", 400, "rtc.bad_offer"),
    "JSON": (lambda sdp: json.dumps({"sdp": sdp}), 400, "rtc.bad_offer"),
    "cut": (lambda sdp: sdp[: len(sdp) // 2], 400, "rtc.bad_offer"),
    "garbage": (lambda sdp: sdp.replace("a=mid:0", "a=mid:0\r\na=rtcp:x\r\na=candidate:1 2"), 400, "rtc.bad_offer"),
    "huge": (lambda sdp: sdp + "a=x:" + "y" * 70_000, 413, "rtc.too_big"),
    "many lines": (lambda sdp: sdp + "a=x\r\n" * 5_000, 400, "rtc.bad_offer"),
    "candidates": (
        lambda sdp: sdp + "".join(f"a=candidate:1 1 udp 1 10.0.0.1 {5_000 + n} typ host\r\n" for n in range(1_000)),
        400,
        "rtc.too_many_candidates",
    ),
    "video only": (_video, 400, "rtc.no_audio"),
    "no Opus": (lambda sdp: re.sub(r"a=rtpmap:\d+ opus.*\r\n", "", sdp), 400, "rtc.no_opus"),
    "no data": (lambda sdp: sdp[: sdp.index("m=application")], 400, "rtc.no_data_channel"),
    "deaf": (lambda sdp: sdp.replace("a=sendrecv", "a=sendonly"), 400, "rtc.bad_offer"),
    "no bundle": (lambda sdp: re.sub(r"a=group:BUNDLE.*\r\n", "", sdp), 400, "rtc.bad_offer"),
    "no fingerprint": (lambda sdp: re.sub(r"a=fingerprint.*\r\n", "", sdp), 400, "rtc.bad_offer"),
    "no password": (lambda sdp: re.sub(r"a=ice-pwd.*\r\n", "", sdp), 400, "rtc.bad_offer"),
}


async def test_what_can_not_be_answered_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, server):
        base = f"http://{address}"
        reserved = await reserve(base, CARD)
        url = f"{base}/v1/realtime/calls"
        good = await _an_offer()
        before = _left()
        for name, (spoil, status, code) in BAD_OFFERS.items():
            found = await _asked("POST", url, await _token(reserved), spoil(good).encode())
            assert found == (status, code), name
        for body, kind, status, code in (
            (b"\xff\xfe", "application/sdp", 400, "rtc.bad_offer"),
            (b"{}", "application/json", 400, "rtc.bad_offer"),
            (b"{}", "text/plain", 415, "rtc.media_type"),
            (_form({"session": "{}"}), FORM, 400, "rtc.bad_offer"),
        ):
            assert await _asked("POST", url, await _token(reserved), body, kind) == (status, code)
        assert await _asked("POST", url, "nobody", good.encode()) == (401, "access.denied")
        assert await _asked("POST", url, KEY, good.encode()) == (400, "session.model")
        assert await _asked("PATCH", f"{url}/rtc_none", reserved.token, good.encode()) == (404, "rtc.gone")
        await until(lambda: _fits(*before))
        assert len(server.calls) == 0
        async with calling(reserved) as wire:  # and the session is as good as new
            await wire.append(silence(100, WIRE_HZ))
            await wire.until("interlocutor.session.started")


async def test_a_server_that_takes_no_calls_says_so(tmp_path: Path) -> None:
    async with serving(tmp_path, rtc={"enabled": False}) as (address, _):
        reserved = await reserve(f"http://{address}", CARD)
        offer = (await _an_offer()).encode()
        found = await _asked("POST", f"http://{address}/v1/realtime/calls", await _token(reserved), offer)
        assert found == (404, "rtc.disabled")
        assert json.loads((await _info(reserved))[1])["enabled"] is False


# ------------------------------------------------------------------ ports, addresses, credentials


async def test_ports_addresses_and_turn_credentials_are_as_set(tmp_path: Path) -> None:
    rtc = {
        "ice_servers": ("stun:127.0.0.1:3479", "turn:127.0.0.1:3478?transport=udp"),
        "udp_port_min": 42_000,
        "udp_port_max": 42_010,
        "host_networks": ("127.0.0.0/8",),
    }

    async with serving(tmp_path, rtc=rtc, turn_secret="a-secret-that-coturn-has-as-well-0123") as (address, _):
        reserved = await reserve(f"http://{address}", CARD)
        status, body = await _info(reserved)
        assert status == 200
        stun, turn = json.loads(body)["ice_servers"]
        assert stun == {"urls": ["stun:127.0.0.1:3479"]}
        expiry, _, user = turn["username"].partition(":")
        assert user == reserved.id
        assert 7_000 < int(expiry) - time.time() < 7_300
        digest = hmac.new(b"a-secret-that-coturn-has-as-well-0123", turn["username"].encode(), hashlib.sha1)
        assert turn["credential"] == base64.b64encode(digest.digest()).decode()

        answers: list[str] = []

        async def keep(answer: str) -> str:
            answers.append(answer)
            return answer

        async with calling(reserved, way=RelayedWay(answer=keep)) as wire:
            await wire.append(silence(100, WIRE_HZ))
            await wire.until("interlocutor.session.started")
        found = re.findall(r"^a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ (\w+)", answers[0], flags=re.M)
        assert {host for host, _, _ in found} == {"127.0.0.1"}
        assert all(42_000 <= int(port) <= 42_010 for _, port, _ in found)
        assert {kind for _, _, kind in found} == {"host"}  # no STUN server was asked


async def test_a_call_that_finds_no_port_is_refused(tmp_path: Path) -> None:
    rtc = {"udp_port_min": 42_020, "udp_port_max": 42_020, "host_networks": ("127.0.0.0/8",)}

    async with serving(tmp_path, rtc=rtc) as (address, server):
        base = f"http://{address}"
        first, second = await reserve(base, CARD), await reserve(base, CARD)
        async with calling(first):
            with pytest.raises(AppError) as refused:
                async with calling(second):
                    pass
            assert refused.value.code == "capacity.full"
            assert len(server.calls) == 1
        await until(lambda: len(server.calls) == 0)
        async with calling(second):
            pass


async def test_a_call_that_was_overtaken_by_a_websocket_does_not_take_the_session(tmp_path: Path) -> None:
    """The page waits three seconds for a call; the server may have been too busy to answer, and answers later."""
    late = CallSocket()

    async def while_it_is_on_its_way(answer: str) -> str:
        wires.append(await _back_to(reserved, ticket))
        return answer

    wires: list[Wire] = []
    async with serving(tmp_path) as (address, server):
        reserved = await reserve(f"http://{address}", CARD)
        async with calling(reserved) as first:
            await first.say("How are you today?")
            ticket = Ticket((await first.may_come_back())["token"], 0)
        await late.offer(reserved.base_url, {HEADER: str(ticket)}, way=RelayedWay(answer=while_it_is_on_its_way))
        await until(lambda: len(server.calls) == 0)
        assert not late.opened.is_set()
        (wire,) = wires
        assert await wire.end() == 1000
        assert wire.of("interlocutor.problem") == []
        await wire.drop()
        await late.close()


async def _back_to(reserved: Reserved, ticket: Ticket) -> Wire:
    """Take a session up again by messages."""
    wire = Wire(await connect_to(reserved, ticket))
    await wire.until("interlocutor.session.resumed")
    return wire


# ------------------------------------------------------------------ what a call leaves behind


@pytest.mark.parametrize("way", ["politely", "without a word", "gone, and not back in time", "never connected"])
async def test_a_call_leaves_nothing(tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_module, "GONE_S", 0.6)
    relays: list[Relay] = []

    async def relayed(answer: str) -> str:
        changed, relay = await through_relay(answer)
        relays.append(relay)
        return changed

    async def one(base: str) -> None:
        reserved = await reserve(base, CARD)
        if way == "never connected":
            socket = CallSocket()
            await socket.pc.setLocalDescription()
            offer = socket.pc.localDescription.sdp.encode()
            await _asked("POST", f"{base}/v1/realtime/calls", await _token(reserved), offer)
            await socket.close()
            return
        async with calling(reserved, way=RelayedWay(without_addresses, relayed)) as wire:
            wire.microphone()
            if way == "gone, and not back in time":
                assert (await wire.may_come_back())["within_s"] == 1
            await wire.say("How are you today?")
            await wire.until("output_audio_buffer.started")
            if way == "politely":
                await wire.end()
            elif way == "gone, and not back in time":
                relays[-1].cut = True
        relays.pop().close()

    async with serving(tmp_path, rtc={"connect_s": 1}, session={"resume_s": 1}) as (address, server):

        async def quiet() -> tuple[int, set[str], int]:
            await until(lambda: len(server.calls) == 0 and server.registry.running() == [])
            await until(lambda: not {name for name in _tasks() if name.startswith("rtc") or "realtime" in name})
            return _left()

        await one(f"http://{address}")  # what is loaded once is loaded now
        threads, tasks, files = await quiet()
        for _ in range(2):
            await one(f"http://{address}")
        await until(lambda: _fits(threads, tasks, files))


def _fits(threads: int, tasks: set[str], files: int) -> bool:
    now = _left()
    return now[0] <= threads + 1 and not _ours(now[1]) - _ours(tasks) and now[2] <= files + 1


def _ours(tasks: set[str]) -> set[str]:
    return {name for name in tasks if not name.startswith("Task-")}


def _left() -> tuple[int, set[str], int]:
    """Return the threads, tasks and descriptors there are."""
    return threading.active_count(), _tasks(), len(os.listdir("/proc/self/fd"))


def _tasks() -> set[str]:
    return {task.get_name() for task in asyncio.all_tasks()}


# ------------------------------------------------------------------ asking


async def _an_offer() -> str:
    socket = CallSocket()
    await socket.pc.setLocalDescription()
    sdp = socket.pc.localDescription.sdp
    await socket.close()
    return sdp


def _form(fields: dict[str, str]) -> bytes:
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    ]
    return ("".join(parts) + "--b--\r\n").encode()


def asked_now(
    method: str, url: str, token: str, body: bytes | None = None, kind: str = "application/sdp"
) -> tuple[int, str | None]:
    """Return the status and error code of an answer."""
    status, told = answered(method, url, token, body, kind)
    return status, json.loads(told)["error"]["code"] if status >= 400 else None


async def _asked(*arguments: Any) -> tuple[int, str | None]:
    return await asyncio.to_thread(asked_now, *arguments)


async def _token(reserved: Reserved) -> str:
    """Return a join token."""
    return (await joining(reserved))["Authorization"].removeprefix("Bearer ")


async def _info(reserved: Reserved) -> tuple[int, bytes]:
    return await asyncio.to_thread(answered, "GET", f"{reserved.base_url}/api/rtc", reserved.token)
