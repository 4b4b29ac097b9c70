"""How soon a turn is answered whose engine's thread stands still, and how soon a full disk is told.

    python -m tests.bench.standstill --json report.json

For each engine: a spoken turn in which one call of the engine never returns. The deadline is shortened from a minute to
`DEADLINE_S`. Prints the milliseconds from the deadline to the patient's first audio, and those from the moment in which
the system refuses every byte of a file to the first 503 of `/ready`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from bench.replay.remote import reserve
from pipelines.lanes import workers
from pipelines.scripted.interpreter import ScriptedInterpreter
from pipelines.scripted.recogniser import ScriptedStream
from pipelines.scripted.scripted_responder import ScriptedResponder
from pipelines.scripted.synthesiser import ToneSynthesiser
from server.host import Server
from tests.app.inside import serving
from tests.app.process import running
from tests.app.wire import CARD, Wire, connect_to, sentence

DEADLINE_S = 1.0
PATIENCE_S = 60.0
CALLS: dict[str, tuple[type, str]] = {
    "recogniser": (ScriptedStream, "finish"),
    "interpreter": (ScriptedInterpreter, "interpret"),
    "responder": (ScriptedResponder, "respond"),
    "synthesiser": (ToneSynthesiser, "speak"),
}


class StandingCall:
    """The next call of an engine, which stands still until it is let go; those after it go on."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.began_s: float | None = None

    @contextmanager
    def of(self, engine: str) -> Iterator[None]:
        """Have the engine's next call stand still meanwhile."""
        kind, name = CALLS[engine]
        real: Callable[..., Any] = getattr(kind, name)

        def call(*values: Any) -> Any:
            if self.began_s is None:
                self.began_s = time.monotonic()
                self.let_go.wait()
            return real(*values)

        with patch.object(kind, name, call):
            try:
                yield
            finally:
                self.let_go.set()


async def answered_after_deadline_ms(engine: str, folder: Path) -> float:
    """Speak a turn at whose engine a thread stands still; return how long after the deadline it is answered."""
    with patch.object(workers, "LONGEST_S", DEADLINE_S), patch.object(workers, "LOOK_EVERY_S", 0.05):
        async with serving(folder) as (address, server):
            wire = Wire(await connect_to(await reserve(f"http://{address}", CARD)))
            try:
                await wire.until("session.created")
                return await _turn(wire, server, engine)
            finally:
                await wire.drop()


async def _turn(wire: Wire, server: Server, engine: str) -> float:
    standing, value = StandingCall(), server.metrics.registry.get_sample_value
    with standing.of(engine):
        wire.microphone()
        wire.speak(sentence())
        told = await wire.until("interlocutor.problem")
        assert told["code"] == "engine.worker_hung", told
        await wire.until(wire.first_audio)
        answered_s = time.monotonic()
        assert value("voice_engine_incidents_total", {"engine": engine, "what": "hung"}) == 1
        assert value("voice_engine_threads_given_up", {"engine": engine}) == 1
    assert standing.began_s is not None
    return 1000.0 * (answered_s - standing.began_s - DEADLINE_S)


async def full_disk_told_ms(folder: Path) -> float:
    """Have the system refuse every byte while somebody talks; return when `/ready` is 503 first."""

    def ready(url: str) -> int:
        try:
            with urllib.request.urlopen(f"{url}/ready", timeout=PATIENCE_S) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code

    with running(folder, "engines.backend=mock") as server:
        wire = Wire(await connect_to(await reserve(server.url, CARD)))
        try:
            await wire.until("session.created")
            wire.microphone()
            # The log is written as things happen: somebody talks all the while.
            wire.speak(np.tile(sentence(), 8))
            await wire.until("input_audio_buffer.speech_started")
            server.limit_files_to(1)
            began_s = time.monotonic()
            while await asyncio.to_thread(ready, server.url) != 503:
                await asyncio.sleep(0.01)
                assert time.monotonic() - began_s < PATIENCE_S
            return 1000.0 * (time.monotonic() - began_s)
        finally:
            server.limit_files_to(-1)
            await wire.drop()


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="interlocutor-standstill-") as name:
        folder = Path(name)
        hung = {engine: round(asyncio.run(answered_after_deadline_ms(engine, folder / engine)), 1) for engine in CALLS}
        disk_ms = round(asyncio.run(full_disk_told_ms(folder / "disk")), 1)
    report = {"deadline_s": DEADLINE_S, "answered_after_deadline_ms": hung, "full_disk_told_ms": disk_ms}
    print(json.dumps(report, indent=1))  # noqa: T201 - what this program is for
    if given.json:
        given.json.write_text(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
