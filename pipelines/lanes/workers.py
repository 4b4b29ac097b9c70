"""The loop's side of a worker: in a thread, in a process of its own, or inline under virtual time."""

from __future__ import annotations

import asyncio
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Protocol

import psutil

from common.errors import EngineError, WorkerDied, WorkerHung
from pipelines.engines import Cancellable, EngineInfo, GuardedRequest, Isolation, RespondRequest
from pipelines.lanes.messages import Cancel, Failed, FromWorker, Job, Ready, ToWorker
from pipelines.lanes.stopwatch import ComputingStopwatch
from pipelines.lanes.worker_loop import Engine, Factory, WorkerLoop, failed_to_load, serve
from pipelines.stopping import Stops

START_TIMEOUT_S = 120.0  # a large model from a cold disk
# A process that owes an answer and computes nothing for so long stands still: even on a busy machine one that works is
# given a moment of it.
STILL_S = 3.0
# However much it computes, no part of an answer takes so long, in a process or in a thread.
LONGEST_S = 60.0
LOOK_EVERY_S = 0.5


class Worker(Protocol):
    """One place where an engine runs; takes one call at a time and answers with parts, then Done or Failed."""

    async def start(self) -> EngineInfo:
        """Load and warm the engine; raises EngineError with the reason when it can't be loaded."""

    def send(self, message: ToWorker) -> None:
        """Hand over a call, or the cancellation of the one under way."""

    async def reply(self) -> FromWorker:
        """Wait for the next answer; raises WorkerDied when the worker is gone."""

    async def stop(self) -> None:
        """End the worker."""


def make_worker(factory: Factory, isolation: Isolation, *, inline: bool = False) -> Worker:
    """Return a worker of the kind the engine needs.

    `inline` runs thread engines on the loop itself: right under virtual time, where the clock stands still during
    computation anyway and the order of things must be the same in every run.
    """
    if isolation == "process":
        return ProcessWorker(factory)
    return InlineWorker(factory) if inline else ThreadWorker(factory)


async def _first_reply(worker: Worker) -> EngineInfo:
    async with asyncio.timeout(START_TIMEOUT_S):
        reply = await worker.reply()
    if isinstance(reply, Ready):
        return reply.info
    raise _not_loaded(reply if isinstance(reply, Failed) else Failed(-1, "no answer"))


def _not_loaded(failed: Failed) -> EngineError:
    return EngineError(f"the engine could not be loaded: {failed.detail}", code=failed.code or None)


class InlineWorker:
    """Runs the engine on the event loop's own thread, one step each time a reply is asked for."""

    def __init__(self, factory: Factory) -> None:
        self._factory = factory
        self._loop: WorkerLoop | None = None
        self._steps: Iterator[FromWorker] = iter(())

    async def start(self) -> EngineInfo:
        """Load and warm the engine."""
        try:
            engine = self._factory()
            engine.warm()
        except Exception as error:
            raise _not_loaded(failed_to_load(error)) from error
        # Virtual time has no contention, so what others did on the cores meanwhile is no cost of the engine.
        self._loop = WorkerLoop(engine, ComputingStopwatch())
        return engine.info

    def send(self, message: ToWorker) -> None:
        """Begin a call; a cancellation changes nothing, since the parts of a cancelled job are not delivered."""
        if message is not None and not isinstance(message, Cancel) and self._loop is not None:
            self._steps = self._loop.work(message)

    async def reply(self) -> FromWorker:
        """Run the engine to its next answer."""
        for step in self._steps:
            return step
        raise WorkerDied("nothing was asked of this worker")

    async def stop(self) -> None:
        """Forget the engine."""
        self._loop = None


class ThreadWorker:
    """Runs the engine in a thread of its own; one that takes too long for a part of an answer is given up.

    A thread can't be ended from outside. It is told to end, and what it still answers is heard by nobody.
    """

    # Off, a call that is cancelled is computed to its next part.
    interrupts = True

    def __init__(self, factory: Factory) -> None:
        self._factory = factory
        self._inbox: queue.SimpleQueue[ToWorker] = queue.SimpleQueue()
        self._replies: asyncio.Queue[FromWorker] = asyncio.Queue()
        self._stops = Stops()
        self._thread: threading.Thread | None = None
        self._waits: Cancellable | None = None  # the engine, if it waits for others
        self._job: Job | None = None  # the last one
        self._call_id = 0
        self._started = False

    @property
    def is_alive(self) -> bool:
        """Whether the thread is there: one that was given up may stand still for ever."""
        return self._thread is not None and self._thread.is_alive()

    async def start(self) -> EngineInfo:
        """Start the thread; load and warm the engine in it."""
        loop = asyncio.get_running_loop()

        def receive(block: bool) -> ToWorker:
            try:
                return self._inbox.get(block=block)
            except queue.Empty:
                raise BlockingIOError from None

        def send(message: FromWorker) -> None:
            try:
                loop.call_soon_threadsafe(self._replies.put_nowait, message)
            except RuntimeError:
                self._inbox.put(None)  # the loop is closed: nobody listens any more

        def make() -> Engine:
            engine = self._factory()
            waits: object = engine
            self._waits = waits if isinstance(waits, Cancellable) else None
            return engine

        self._thread = threading.Thread(target=serve, args=(make, receive, send, self._stops), name="lane", daemon=True)
        self._thread.start()
        info = await _first_reply(self)
        self._started = True
        return info

    def send(self, message: ToWorker) -> None:
        """Hand a message to the thread; a cancellation stops what it computes, and an engine's wait for others."""
        if message is not None and not isinstance(message, Cancel):
            self._call_id = message.id
        match message:
            case Job():
                self._job = message
            case Cancel(id=call_id) if self._waits is not None and self._job is not None and self._job.id == call_id:
                asked = self._job.request
                if isinstance(asked, GuardedRequest):
                    asked = asked.request
                if isinstance(asked, RespondRequest):
                    self._waits.cancel(asked.id)
        self._inbox.put(message)
        if self.interrupts and isinstance(message, Cancel):
            self._stops.ask(message.id)

    async def reply(self) -> FromWorker:
        """Wait for the thread's next answer; raises WorkerHung when it takes too long, and the thread is given up."""
        waited_s = 0.0
        while True:
            began_s = time.monotonic()
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    return await self._replies.get()
            except TimeoutError:
                # While the whole process stood still, or the loop was held up, the thread had no time either.
                waited_s += min(time.monotonic() - began_s, 2 * LOOK_EVERY_S)
            # While it loads, it may wait for a disk.
            if self._started and waited_s > LONGEST_S:
                # Engines that can be stopped, or wait for others, may end by this.
                self.send(Cancel(self._call_id))
                raise WorkerHung("the engine's thread stood still, and was given up")

    async def stop(self) -> None:
        """End the thread once it is done with what it is at."""
        self._inbox.put(None)


class _Watch:
    """Whether a process that owes an answer still computes."""

    def __init__(self, pid: int | None) -> None:
        self._pid = pid
        self._began_s = self._moved_s = time.monotonic()
        self._computed_s = self._computed()

    def hangs(self) -> bool:
        """Return whether it has computed nothing for too long, or too long at one thing."""
        now_s, computed_s = time.monotonic(), self._computed()
        if computed_s > self._computed_s:
            self._computed_s, self._moved_s = computed_s, now_s
        return now_s - self._moved_s > STILL_S or now_s - self._began_s > LONGEST_S

    def _computed(self) -> float:
        try:
            times = psutil.Process(self._pid).cpu_times()
        except psutil.Error:
            return 0.0  # it is gone, which is noticed otherwise
        return float(times.user + times.system)


class ProcessWorker:
    """Runs the engine in a process of its own; its death is noticed at once, and soon that it stands still."""

    def __init__(self, factory: Factory) -> None:
        self._factory = factory
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._replies: deque[FromWorker] = deque()
        self._arrived = asyncio.Event()
        self._dead = False
        self._started = False

    @property
    def pid(self) -> int | None:
        """The process id, for tests and for the doctor."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> EngineInfo:
        """Start the process; load and warm the engine in it."""
        ours, theirs = socket.socketpair()
        # The process runs our own module, and starting it takes 1-2 ms.
        self._process = subprocess.Popen(  # noqa: S603, ASYNC220
            [sys.executable, "-m", "pipelines.lanes.child", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},  # so that it finds what we found
        )
        theirs.close()
        self._connection = Connection(ours.detach())
        asyncio.get_running_loop().add_reader(self._connection.fileno(), self._readable)
        self._connection.send(self._factory)
        info = await _first_reply(self)
        self._started = True
        return info

    def send(self, message: ToWorker) -> None:
        """Hand a message to the process.

        A lane has one call under way per worker and a call is far smaller than the socket's buffer, so this does not
        block.
        """
        if self._connection is None or self._dead:
            return
        try:
            self._connection.send(message)
        except OSError:
            self._died()

    async def reply(self) -> FromWorker:
        """Wait for the process's next answer; raises WorkerDied, or WorkerHung when it stands still."""
        watch = _Watch(self.pid)
        while not self._replies:
            if self._dead:
                raise WorkerDied("the engine's worker process ended unexpectedly")
            self._arrived.clear()
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._arrived.wait()
            except TimeoutError:
                # While it loads, it may wait for a disk.
                if self._started and not self._replies and watch.hangs():
                    self._kill()
                    raise WorkerHung("the engine's worker process stood still, and was ended") from None
        return self._replies.popleft()

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
        self._died()

    async def stop(self) -> None:
        """End the process: politely, then by force."""
        self.send(None)
        self._died()
        process = self._process
        if process is not None:
            try:
                await asyncio.to_thread(process.wait, 2.0)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait)

    def _readable(self) -> None:
        connection = self._connection
        try:
            while connection is not None and connection.poll():
                self._replies.append(connection.recv())
        except (EOFError, OSError):
            self._died()
        self._arrived.set()

    def _died(self) -> None:
        self._dead = True
        if self._connection is not None:
            asyncio.get_running_loop().remove_reader(self._connection.fileno())
            self._connection.close()
            self._connection = None
        self._arrived.set()
        if self._process is not None:
            self._process.poll()
