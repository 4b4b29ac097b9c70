"""What a running server holds: cards, engines, sessions, metrics, and whether it is ready."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from functools import partial
from importlib.metadata import version

import structlog

from audio.clock import Clock, LoopClock
from audio.errors import AppError, SettingsError
from audio.frames import ANALYSIS_HZ, silence
from audio.vad import make_vad
from pipelines.catalogue import Choices, build_lanes, choose_engines, start_lanes, stop_lanes
from pipelines.log.disk import DiskThread
from pipelines.patient.card_library import CardLibrary
from pipelines.session.driver import Engines
from server.metrics import Metrics
from server.sessions import SessionRegistry
from server.settings import Settings

logger = structlog.get_logger("server.host")

LAG_EVERY_S = 0.5
END_GRACE_S = 5.0  # for sessions to be told and their logs to be closed when the server stops


class Server:
    """What the routes share: settings, cards, engines, sessions, metrics, and whether it is ready."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.version = version("interlocutor")
        self.cards = CardLibrary.load(settings.cards_folder)
        self.choices: Choices = choose_engines(settings.engines)
        if faults := settings.check_backend(self.choices.backend):
            raise SettingsError("\n".join(faults))
        self.metrics = Metrics(self.version)
        self.not_ready: str | None = "engines are loading"
        self.disk: DiskThread  # logs and sound as they come: what a crash must not lose
        self.chores: DiskThread  # what may take a while: joining recordings, deleting folders
        self.engines: Engines
        self.registry: SessionRegistry
        self.clock: Clock = LoopClock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start the disk threads and the housekeeping; engines load in the background."""
        self.disk = DiskThread("disk")
        self.chores = DiskThread("chores")
        self.engines = build_lanes(self.choices, self.settings.engines, self.clock)
        for lane in (self.engines.recogniser, self.engines.responder, self.engines.synthesiser):
            lane.on_incident.append(partial(self._incident, lane.name))
            lane.on_request.append(partial(self._requested, lane.name))
        self.registry = SessionRegistry(
            self.settings,
            cards=self.cards,
            engines=self.engines,
            choices=self.choices,
            clock=self.clock,
            disk=self.disk,
            chores=self.chores,
            metrics=self.metrics,
        )
        self.registry.recover()
        for work in (self._load(), self.registry.sweep_for_ever(), self._watch_lag()):
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def drain(self) -> bool:
        """Take nobody new and end the running sessions, telling their clients why; return whether there were any.

        To be called while the connections stand: whoever is cut off first learns nothing.
        """
        self.registry.draining = True
        running = self.registry.running()
        for session in running:
            if session.driver is not None:
                session.driver.end("draining")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_GRACE_S):
                await asyncio.gather(*(session.ended.wait() for session in running))
        return bool(running)

    async def stop(self) -> None:
        """End the sessions, the engines and the disk threads, in that order."""
        await self.drain()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await stop_lanes(self.engines)
        await asyncio.to_thread(self.disk.close)  # gives the chores its last
        await asyncio.to_thread(self.chores.close)

    def _incident(self, engine: str, what: str, _detail: str) -> None:
        self.metrics.count_incident(engine, what)

    def _requested(self, engine: str, ok: bool, duration_ms: float) -> None:
        self.metrics.observe_request(engine, "ok" if ok else "failed", duration_s=duration_ms / 1000.0)

    async def _load(self) -> None:
        for choice in (self.choices.recogniser, self.choices.responder, self.choices.synthesiser):
            logger.info("engine_chosen", engine=choice.name, reason=choice.reason, isolation=choice.isolation)
        try:
            await asyncio.gather(start_lanes(self.engines), asyncio.to_thread(self._warm_vad))
        except (AppError, TimeoutError, OSError) as error:
            self.not_ready = error.message if isinstance(error, AppError) else "an engine did not start in time"
            logger.error("engines_not_loaded", error=self.not_ready)
            return
        # What is loaded by now stays: the garbage collector need not walk it again in the middle of somebody's turn.
        gc.collect()
        gc.freeze()
        self.not_ready = None
        logger.info("ready")

    def _warm_vad(self) -> None:
        """Load the voice detector's model now, so that the first session doesn't wait for it."""
        choice = make_vad(self.settings.vad)
        choice.vad.process(silence(100, ANALYSIS_HZ))
        logger.info("vad_chosen", vad=choice.vad.name, reason=choice.reason, fallback=choice.fallback)

    async def _watch_lag(self) -> None:
        while True:
            due_ms = self.clock.now_ms() + LAG_EVERY_S * 1000.0
            await asyncio.sleep(LAG_EVERY_S)
            self.metrics.event_loop_lag.observe(max(0.0, self.clock.now_ms() - due_ms) / 1000.0)
            for lane in (self.engines.recogniser, self.engines.responder, self.engines.synthesiser):
                if lane.info is not None and (used := lane.memory_bytes()):
                    self.metrics.model_memory.labels(lane.info.name).set(used)
