"""What the programs here share: a question at the pace of speech, and what they print. Needs nothing but Python."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import wave
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path

FRAME_MS = 20
RATE_HZ = 24_000
TELEPHONE_HZ = 8_000
PATIENCE_S = 60.0


def _read(path: str) -> tuple[bytes, int, bytes]:
    """Return what is said, the bytes of 20 ms of it, and a byte of silence; a `.ulaw` is a telephone's."""
    if path.endswith(".ulaw"):
        return Path(path).read_bytes(), TELEPHONE_HZ * FRAME_MS // 1000, b"\xff"
    with wave.open(path, "rb") as sound:
        return sound.readframes(sound.getnframes()), RATE_HZ * FRAME_MS // 1000 * 2, b"\0"


async def at_pace(path: str) -> AsyncIterator[bytes]:
    """Yield a question and silence after it for ever, 20 ms at a time, as a microphone would."""
    said, step, quiet = _read(path)
    began_s, number = time.monotonic(), 0
    while True:
        yield said[number * step : (number + 1) * step].ljust(step, quiet)
        number += 1
        await asyncio.sleep(max(0.0, began_s + number * FRAME_MS / 1000.0 - time.monotonic()))


def arguments() -> tuple[str, str, str, str]:
    """Return the server's host and port, the key, the model, and the question's file."""
    address, key, model, path = sys.argv[1:5]
    return address, key, model, path


def report(package: str, *, audio_bytes: int, transcript: str, errors: list[str]) -> None:
    """Print what came of it as one line of JSON."""
    print(  # noqa: T201 - what this program is for
        json.dumps(
            {
                "package": package,
                "version": version(package),
                "audio_bytes": audio_bytes,
                "transcript": transcript,
                "errors": errors,
            }
        ),
        flush=True,
    )
