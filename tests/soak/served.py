"""A whole server that says what it holds: `python -m tests.soak.served FOLDER [--local] [--kept-s 60]`.

Prints its address, then a line of JSON for each line that it reads, once nobody talks and the disk is done; ends where
its input ends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

from pipelines.engine_settings import EngineSettings
from pipelines.models.settings import ModelSettings
from server.host import Server
from server.logs import quiet_logs
from server.sessions import registry
from tests.app.inside import serving
from tests.soak.flat import held_now

WEIGHTS = Path(os.environ.get("INTERLOCUTOR_WEIGHTS", Path.home() / ".cache" / "interlocutor" / "models"))

LOOK_EVERY_S = 0.1


async def rest(server: Server) -> None:
    """Return once nobody talks, what is over is on the disk, and what was kept long enough is forgotten."""
    while server.registry.under_way():  # noqa: ASYNC110 - the registry tells nobody of it
        await asyncio.sleep(LOOK_EVERY_S)
    await asyncio.to_thread(server.disk.flush)
    await asyncio.to_thread(server.chores.flush)
    server.registry.sweep()


async def serve(folder: Path, *, local: bool) -> None:
    """Serve, and answer."""
    engines = EngineSettings(backend="local" if local else "mock", responder="scripted-patient" if local else "auto")
    session = {"resume_s": 5, "start_within_s": 20, "join_within_s": 20}
    models = ModelSettings(path=WEIGHTS) if local else None
    async with serving(folder, engines=engines, models=models, session=session) as (address, server):
        sys.stdout.write(address + "\n")
        sys.stdout.flush()
        began_s, loop = time.monotonic(), asyncio.get_running_loop()
        while await loop.run_in_executor(None, sys.stdin.readline):
            await rest(server)
            held = held_now(round(time.monotonic() - began_s, 1), len(server.registry._sessions))
            sys.stdout.write(json.dumps(asdict(held)) + "\n")
            sys.stdout.flush()


def main() -> None:
    """Serve until nobody asks any more."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--local", action="store_true")
    parser.add_argument("--kept-s", type=float, default=registry.DEBRIEF_S)
    given = parser.parse_args()
    # A short soak would see nothing but the hour in which what is over can still be looked at.
    registry.DEBRIEF_S = given.kept_s
    quiet_logs("INFO")
    asyncio.run(serve(given.folder, local=given.local))


if __name__ == "__main__":
    main()
