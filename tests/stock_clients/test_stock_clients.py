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

import numpy as np
import pytest

from audio.frames import WIRE_HZ, pcm_to_bytes, silence
from tests.app.process import KEY, running
from tests.app.wire import CARD, sentence

PYTHON = os.environ.get("INTERLOCUTOR_STOCK_CLIENTS", "")
PROGRAMS = Path(__file__).parent
PATIENCE_S = 180.0

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(not PYTHON, reason="scripts/nightly-stock-clients brings the clients"),
]


@pytest.mark.parametrize("client", ["openai", "agents", "livekit", "pipecat"])
async def test_a_stock_client_holds_a_spoken_turn_and_sees_no_error(client: str, tmp_path: Path) -> None:
    question = tmp_path / "question.wav"
    with wave.open(str(question), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(WIRE_HZ)
        out.writeframes(pcm_to_bytes(np.concatenate((silence(500, WIRE_HZ), sentence()))))
    with running(tmp_path / "data", "engines.backend=mock") as server:
        program = await asyncio.create_subprocess_exec(
            PYTHON,
            str(PROGRAMS / f"{client}_turn.py"),
            server.address,
            KEY,
            f"card:{CARD}",
            str(question),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(PATIENCE_S):
            out_, err = await program.communicate()
    assert program.returncode == 0, err.decode()[-2_000:]
    told = json.loads(out_.decode().splitlines()[-1])
    sys.stdout.write(f"{told['package']} {told['version']}: {told['audio_bytes']} bytes, {told['errors']}\n")
    assert told["errors"] == []
    assert told["audio_bytes"] > WIRE_HZ  # half a second
    assert told["transcript"]
