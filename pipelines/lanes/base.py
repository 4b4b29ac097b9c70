"""What both kinds of lane share: their workers, how a call is run on one, and how a dead worker is replaced."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import psutil
import structlog

from audio.clock import Clock
from common.errors import AppError, EngineError, WorkerHung
from pipelines.engines import EngineInfo, Isolation
from pipelines.lanes.messages import Call, Done, Failed, Yielded
from pipelines.lanes.worker_loop import Factory
from pipelines.lanes.workers import ProcessWorker, ThreadWorker, Worker, make_worker

logger = structlog.get_logger("pipelines.lanes")

# So many threads of an engine may stand still before no more are begun: each holds memory, and what holds up four in a
# row, such as a model that all of them share, would hold up the next.
MOST_GIVEN_UP = 4
LOOK_AGAIN_S = 0.5

Incident = Callable[[str, str], None]
"""Told (what, detail) when a worker died or was replaced."""


Requested = Callable[[bool, float], None]
"""Told (ok, milliseconds) when a job was worked off."""


class Lane:
    """Some workers of one engine; subclasses decide which call runs where and when."""

    def __init__(self, factory: Factory, *, isolation: Isolation, workers: int, clock: Clock, name: str) -> None:
        self.name = name
        self.info: EngineInfo | None = None
        self.on_incident: list[Incident] = []
        self.on_request: list[Requested] = []
        self._factory = factory
        self._isolation: Isolation = isolation
        self._clock = clock
        self._workers: list[Worker] = [self._make() for _ in range(workers)]
        self._runners: list[asyncio.Task[None]] = []
        self._call_ids = itertools.count(1)
        self._given_up: list[ThreadWorker] = []

    async def start(self) -> EngineInfo:
        """Load and warm every worker, side by side; raises EngineError when one can't be."""
        with self._clock.computing():
            infos = await asyncio.gather(*(worker.start() for worker in self._workers))
        self.info = infos[0]
        self._runners = [
            asyncio.create_task(self._run(index), name=f"lane-{self.name}-{index}")
            for index in range(len(self._workers))
        ]
        return infos[0]

    async def stop(self) -> None:
        """End the runners and the workers."""
        for runner in self._runners:
            runner.cancel()
        await asyncio.gather(*self._runners, return_exceptions=True)
        with self._clock.computing():
            await asyncio.gather(*(worker.stop() for worker in self._workers))

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The workers as they are now."""
        return tuple(self._workers)

    @property
    def threads_given_up(self) -> int:
        """How many threads were given up and still stand: nobody waits for them, and they hold what they hold."""
        self._given_up = [worker for worker in self._given_up if worker.is_alive]
        return len(self._given_up)

    @property
    def stands_still(self) -> bool:
        """Whether so many threads were given up that no more are begun."""
        return self.threads_given_up >= MOST_GIVEN_UP

    def memory_bytes(self) -> int:
        """Return the resident memory of the worker processes; engines in threads share the server's own."""
        total = 0
        for worker in self._workers:
            if isinstance(worker, ProcessWorker) and worker.pid is not None:
                with contextlib.suppress(psutil.Error):
                    total += psutil.Process(worker.pid).memory_info().rss
        return total

    def _make(self) -> Worker:
        return make_worker(self._factory, self._isolation, inline=self._clock.virtual)

    async def _run(self, index: int) -> None:
        raise NotImplementedError

    async def _call(self, index: int, call: Call, *, free: bool = False) -> AsyncIterator[Yielded]:
        """Run one call on a worker and yield its parts at the time they are due on the clock; at once if it is `free`.

        Raises WorkerDied when the worker ends, EngineError when the engine failed.
        """
        worker = self._workers[index]
        worker.send(call)
        while True:
            try:
                with self._clock.computing():
                    reply = await worker.reply()
            except WorkerHung:
                self._tell("hung", f"worker {index}")
                raise
            match reply:
                case Yielded() if free:
                    yield reply
                case Yielded(modelled=True, cost_ms=cost_ms):
                    await asyncio.sleep(cost_ms / 1000.0)
                    yield reply
                case Yielded(cost_ms=cost_ms):
                    await self._clock.charge(cost_ms)
                    yield reply
                case Done():
                    return
                case Failed(detail=detail):
                    raise EngineError(f"{self.name} failed: {detail}")
                case _:
                    raise EngineError(f"{self.name} answered out of turn")

    def _hand(self, listener: Callable[..., None], *values: Any) -> None:
        """Tell somebody something; a listener that breaks must not end the lane for everybody else."""
        try:
            listener(*values)
        except Exception as error:
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"a listener of the {self.name} lane broke", "exception": error}
            )

    async def _replace(self, index: int) -> None:
        """Start a new worker in the place of a dead one; tries again, ever more slowly, until one starts.

        Waits while too many threads stand still, until one of them ends.
        """
        self._tell("died", f"worker {index}")
        self._give_up_thread(self._workers[index])
        for attempt in itertools.count():
            await self._until_some_end()
            worker = self._make()
            try:
                with self._clock.computing():
                    await self._workers[index].stop()
                    await worker.start()
            except (AppError, OSError, TimeoutError) as error:
                logger.error("worker_start_failed", lane=self.name, error=str(error))
                await worker.stop()
                self._give_up_thread(worker)
                await asyncio.sleep(min(0.5 * 2**attempt, 10.0))
                continue
            self._workers[index] = worker
            self._tell("restarted", f"worker {index}")
            return

    def _give_up_thread(self, worker: Worker) -> None:
        if isinstance(worker, ThreadWorker) and worker.is_alive:
            self._given_up.append(worker)

    async def _until_some_end(self) -> None:
        if self.stands_still:
            logger.error("lane_stands_still", lane=self.name, threads=self.threads_given_up)
        while self.stands_still:  # noqa: ASYNC110 - a thread that ends tells nobody
            await asyncio.sleep(LOOK_AGAIN_S)

    def _tell(self, what: str, detail: str) -> None:
        logger.warning("lane_incident", lane=self.name, what=what, detail=detail)
        for listener in tuple(self.on_incident):
            self._hand(listener, what, detail)
