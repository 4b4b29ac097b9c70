"""Other people's clients hold a spoken turn with this server, and have no error to report.

Not part of the default run: they need an environment of their own, which `scripts/nightly-stock-clients` makes.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio.frames import WIRE_HZ, pcm_to_bytes, silence
from audio.g711 import G711_HZ, Law, encode_g711
from audio.resample import resample_whole
from tests.app.process import KEY, running
from tests.app.wire import CARD, sentence
from tests.bench.stock_clients import note_turn
from tests.stock_clients.tls import behind_tls

PYTHON = os.environ.get("INTERLOCUTOR_STOCK_CLIENTS", "")
NPM = os.environ.get("INTERLOCUTOR_STOCK_CLIENTS_NPM", "")  # a folder with the programs and what they import
PROGRAMS = Path(__file__).parent
PATIENCE_S = 180.0

WHY = "scripts/nightly-stock-clients brings the clients"

pytestmark = pytest.mark.asyncio


def _question(folder: Path, *, telephone: bool) -> Path:
    """Write a spoken question: a WAV at the protocol's rate, or a telephone's µ-law at 8 kHz."""
    samples = np.concatenate((silence(500, WIRE_HZ), sentence()))
    if telephone:
        path = folder / "question.ulaw"
        path.write_bytes(encode_g711(resample_whole(samples, from_hz=WIRE_HZ, to_hz=G711_HZ), Law.MU))
        return path
    path = folder / "question.wav"
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(WIRE_HZ)
        out.writeframes(pcm_to_bytes(samples))
    return path


async def _told(*program: str, at: str, question: Path, **environment: str) -> dict[str, Any]:
    """Run a client's program to its end; return what it says came of its turn."""
    process = await asyncio.create_subprocess_exec(
        *program,
        at,
        KEY,
        f"card:{CARD}",
        str(question),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | environment,
    )
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()[-2_000:]
    told: dict[str, Any] = json.loads(out.decode().splitlines()[-1])
    sys.stdout.write(f"{told['package']} {told['version']}: {told['audio_bytes']} bytes, {told['errors']}\n")
    return told


@pytest.mark.skipif(not PYTHON, reason=WHY)
@pytest.mark.parametrize(
    ("client", "telephone"),
    [("openai", False), ("openai", True), ("agents", False), ("livekit", False), ("pipecat", False)],
    ids=["openai", "openai-pcmu", "agents", "livekit", "pipecat"],
)
async def test_a_stock_client_holds_a_spoken_turn_and_sees_no_error(
    client: str, telephone: bool, tmp_path: Path
) -> None:
    question = _question(tmp_path, telephone=telephone)
    with running(tmp_path / "data", "engines.backend=mock") as server:
        program = str(PROGRAMS / f"{client}_turn.py")
        told = await _told(PYTHON, program, at=server.address, question=question)
    second_bytes = G711_HZ if telephone else 2 * WIRE_HZ
    assert second_bytes / 2 < told["audio_bytes"] < 30 * second_bytes
    assert told["transcript"]
    _note(told, "G.711" if telephone else "WebSocket")
    assert told["errors"] == []


def _note(told: dict[str, Any], way: str) -> None:
    note_turn(f"{told['package']} {told['version']}, {way}", turns=1, errors=len(told["errors"]))


@pytest.mark.skipif(not NPM, reason=WHY)
@pytest.mark.parametrize("client", ["openai", "agents"])
async def test_a_stock_client_of_npm_holds_a_spoken_turn_and_sees_no_error(client: str, tmp_path: Path) -> None:
    question = _question(tmp_path, telephone=False)
    with running(tmp_path / "data", "engines.backend=mock") as server:
        async with behind_tls(server.address, tmp_path) as (secured, certificate):
            at = secured if client == "openai" else server.address
            program = str(Path(NPM) / f"{client}_turn.mjs")
            trusting = {"NODE_EXTRA_CA_CERTS": str(certificate)}
            told = await _told("node", program, at=at, question=question, **trusting)
    assert WIRE_HZ < told["audio_bytes"] < 60 * WIRE_HZ
    assert told["transcript"]
    _note(told, "WebSocket in Node")
    assert told["errors"] == []
