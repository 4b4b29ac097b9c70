"""Serves a recogniser to other machines by Ray Serve: `python -m pipelines.stt.ray_replica --model tiny.en`.

Its packages are an extra, in an environment of its own (scripts/setup-ray). A server uses it with
`engines.recogniser=served`. Whoever reaches the port may ask: keep it on a network of your own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import AppError
from pipelines.models.model_folders import locate
from pipelines.models.settings import ModelSettings
from pipelines.stt.decode_wire import MOST_BYTES, answer, pack_info
from pipelines.stt.whisper import make_decoder
from pipelines.stt.whisper_settings import WhisperSettings

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

# Who asks beyond that waits at the door, where Ray Serve gives them to another replica.
MOST_WAITING = 8


class RecogniserReplica:
    """One model that reads, one batch at a time; the threads that it computes with are `threads`."""

    def __init__(self, folder: Path, threads: int) -> None:
        self._decoder = make_decoder(
            folder=folder, settings=WhisperSettings(), models=ModelSettings(path=folder.parent, cpu_threads=threads)
        )
        self._decoder.warm()
        self._one = asyncio.Lock()

    async def __call__(self, request: Request) -> Response:
        """Answer what it is (GET), or read what was sent (POST)."""
        from starlette.responses import Response

        if request.method == "GET":
            return Response(pack_info(self._decoder.info), media_type="application/json")
        if int(request.headers.get("content-length", "0")) > MOST_BYTES:
            return Response("the request is too large", status_code=413)
        body = await request.body()
        try:
            async with self._one:
                began_s = time.perf_counter()
                told = await asyncio.to_thread(answer, self._decoder, body)
                took_ms = (time.perf_counter() - began_s) * 1000.0
        except AppError as error:
            return Response(error.message, status_code=400)
        # Whoever asked knows from it what the way cost.
        return Response(told, media_type="application/json", headers={"Server-Timing": f"read;dur={took_ms:.3f}"})


def serve_replicas(folder: Path, *, host: str, port: int, replicas: int, threads: int) -> Any:
    """Start Ray on this machine with so many replicas; return what stops them."""
    # It would tell its makers of each start.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray
    from ray import serve

    ray.init(include_dashboard=False, num_cpus=max(2, replicas * threads + 1), logging_level="warning")
    serve.start(http_options={"host": host, "port": port}, logging_config={"enable_access_log": False})
    deployment = serve.deployment(
        RecogniserReplica,
        name="recogniser",
        num_replicas=replicas,
        max_ongoing_requests=MOST_WAITING,
        ray_actor_options={"num_cpus": threads},
    )
    serve.run(deployment.bind(folder, threads), name="recogniser", route_prefix="/")

    def stop() -> None:
        serve.shutdown()
        ray.shutdown()

    return stop


def main(words: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tiny.en", help="a Whisper that is installed, or its folder")
    parser.add_argument("--models", type=Path, default=ModelSettings().path, help="the folder of models")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; one of your own network")
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument("--replicas", type=int, default=1, help="models that read side by side")
    parser.add_argument("--threads", type=int, default=1, help="cores of each")
    given = parser.parse_args(words)
    try:
        place = locate(given.model, ModelSettings(path=given.models), "recogniser")
        place.require()
    except AppError as error:
        sys.exit(error.message)
    stop = serve_replicas(
        place.folder.resolve(), host=given.host, port=given.port, replicas=given.replicas, threads=given.threads
    )
    over = threading.Event()
    # Ray has set its own, which end this process where it stands.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    sys.stdout.write(f"the recogniser {given.model} is served at http://{given.host}:{given.port}/\n")
    sys.stdout.flush()
    over.wait()
    stop()


if __name__ == "__main__":
    main()
