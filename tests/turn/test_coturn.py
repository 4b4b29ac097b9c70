"""Calls through coturn with the credentials that this server mints: no packet goes by another way."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiortc import RTCIceServer, RTCIceTransportPolicy

from audio.frames import WIRE_HZ, silence
from bench.replay.remote import Reserved, reserve
from bench.replay.webrtc_call import RelayedWay, configured, unchanged
from tests.app.asking import answered
from tests.app.inside import serving, until
from tests.app.wire import CARD, sentence
from tests.rtc.caller import CallSocket, calling

pytestmark = pytest.mark.asyncio

SECRET = "a-secret-that-coturn-has-as-well-0123"
CANDIDATE = re.compile(r"^a=candidate:\S+ 1 udp \d+ (\S+) \d+ typ (\w+)", flags=re.M | re.I)


@asynccontextmanager
async def coturn(folder: Path) -> AsyncIterator[str]:
    """Run coturn on this machine; yield its address."""
    host = own_address()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((host, 0))
        port = free.getsockname()[1]
    options = f"-n -L {host} -E {host} -p {port} --use-auth-secret --static-auth-secret={SECRET} -r example.org"
    more = f"--no-tls --no-dtls --no-cli --min-port 43000 --max-port 43100 --pidfile {folder}/pid --simple-log"
    words = ["turnserver", *options.split(), *more.split(), "-l", str(folder / "turn.log")]
    process = await asyncio.create_subprocess_exec(*words, stdout=DEVNULL, stderr=DEVNULL)
    try:
        await until(lambda: listens(host, port))
        yield f"{host}:{port}"
    finally:
        process.terminate()
        await process.wait()


def own_address() -> str:
    """Return this machine's address, whether or not anything answers; TURN servers relay to no loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.connect(("192.0.2.1", 9))
        return str(asked.getsockname()[0])


def listens(host: str, port: int) -> bool:
    """Whether a TURN server takes connections."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


async def told_servers(reserved: Reserved) -> list[dict[str, Any]]:
    """Return the ICE servers that the session's page is told."""
    _, raw = await asyncio.to_thread(answered, "GET", f"{reserved.base_url}/api/rtc", reserved.token)
    servers: list[dict[str, Any]] = json.loads(raw)["ice_servers"]
    return servers


async def test_a_turn_over_a_call_whose_client_reaches_nothing_but_coturn(tmp_path: Path) -> None:
    async with coturn(tmp_path) as turn:
        rtc = {"ice_servers": (f"turn:{turn}?transport=udp",)}
        async with serving(tmp_path, rtc=rtc, turn_secret=SECRET) as (address, _):
            reserved = await reserve(f"http://{address}", CARD)
            (told,) = await told_servers(reserved)
            offers: list[str] = []

            async def keep(offer: str) -> str:
                offers.append(offer)
                return offer

            server = RTCIceServer(told["urls"], told["username"], told["credential"])
            ice = configured([server], RTCIceTransportPolicy.RELAY)
            async with calling(reserved, way=RelayedWay(keep, unchanged), ice=ice) as wire:
                assert {kind for _, kind in CANDIDATE.findall(offers[0])} == {"relay"}
                wire.microphone()
                wire.speak(np.concatenate((silence(300, WIRE_HZ), sentence())))
                assert (await wire.until("conversation.item.input_audio_transcription.completed"))["transcript"]
                await wire.until("output_audio_buffer.started")
                await wire.call.loud.wait()
                await wire.end()

            wrong = RTCIceServer(told["urls"], told["username"], "of-somebody-else")
            caller = CallSocket(configured([wrong], RTCIceTransportPolicy.RELAY))
            await caller.pc.setLocalDescription()
            assert CANDIDATE.findall(caller.pc.localDescription.sdp) == []
            await caller.close()


async def test_a_server_that_is_reached_through_coturn_alone(tmp_path: Path) -> None:
    async with coturn(tmp_path) as turn:
        rtc = {"ice_servers": (f"turn:{turn}?transport=udp",), "use_ice_servers": True}
        async with serving(tmp_path, rtc=rtc, turn_secret=SECRET) as (address, _):
            answers: list[str] = []

            async def relayed(answer: str) -> str:
                answers.append(answer)
                kept = [line for line in answer.splitlines() if not re.match(r"a=candidate:.* typ host", line)]
                return "\r\n".join(kept) + "\r\n"

            reserved = await reserve(f"http://{address}", CARD)
            async with calling(reserved, way=RelayedWay(unchanged, relayed)) as wire:
                assert "relay" in {kind for _, kind in CANDIDATE.findall(answers[0])}
                await wire.append(silence(100, WIRE_HZ))
                await wire.until("interlocutor.session.started")
                await wire.end()
