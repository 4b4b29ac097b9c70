"""Tries each engine now and then with a small piece of real work: a fault is known before a candidate meets it.

While role-plays run their own turns are the trial, and one of the engines is tried beside them now and then, each in
its turn: a server that is never idle must not go untried. What fails is tried again soon, until it works.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import numpy as np
import structlog

from audio.frames import ANALYSIS_HZ, WIRE_HZ, Pcm
from audio.resample import StreamResampler
from common.errors import AppError, EngineError
from pipelines.engines import (
    CardTakesOver,
    EndOfTurnRequest,
    GuardedRequest,
    InterpretRequest,
    ModelUse,
    Release,
    RespondKind,
    RespondRequest,
    SpeakRequest,
    Voice,
)
from pipelines.intent.acts import Act
from pipelines.lanes.decodes import RecogniserLane
from pipelines.lanes.jobs import JobLane
from pipelines.lanes.messages import JobRequest
from pipelines.lanes.one_hearing import hear_once
from pipelines.lanes.one_job import parts_of
from pipelines.lanes.whole_speech import speech_of
from pipelines.patient.card import Card
from pipelines.patient.persona import persona_of
from pipelines.session.driver import Engines
from server.loading import reason_of
from server.metrics import TRIED, Metrics

logger = structlog.get_logger("server.engine_trials")

QUESTION, ANSWER = "How are you today?", "Not too bad, thank you."
# Whoever talks goes first.
PRIORITY = 100
# Where somebody always talks, one engine is tried after so many intervals: it costs them a moment at most.
BUSY_INTERVALS = 3
# A busy machine is no broken engine.
WITHIN_S = 60.0
AGAIN_S = 15.0
# What is wrong with a language model itself; that it was slow or had nothing good to say is not.
BROKEN = ("failed", "busy")


@dataclass(frozen=True, slots=True)
class TrialPatient:
    """For whom the engines are tried: a card, and each of the voices that patients have."""

    card: Card
    voices: tuple[Voice, ...]


class EngineTrials:
    """`reason` says why sessions should not begin here, or is None; to be used on the event loop."""

    def __init__(
        self,
        engines: Callable[[], Engines],
        patient: Callable[[], TrialPatient],
        *,
        metrics: Metrics,
        every_s: float,
        is_idle: Callable[[], bool],
    ) -> None:
        self._engines = engines
        self._patient = patient
        self._metrics = metrics
        self._every_s = every_s
        self._is_idle = is_idle
        self._faults: dict[str, str] = {}
        # An engine may remember which requests were cancelled.
        self._numbers = itertools.count(1)
        # What the recogniser is tried with: the last that the synthesiser said, 16 kHz.
        self._said: Pcm = np.zeros(ANALYSIS_HZ, dtype=np.int16)

    @property
    def reason(self) -> str | None:
        """Which engines failed when they were tried last, and how."""
        return "; ".join(f"the {kind} fails: {fault}" for kind, fault in self._faults.items()) or None

    async def try_for_ever(self) -> None:
        """Try all engines each time the interval is over and nobody talks; those that failed sooner, whoever talks.

        Where somebody always talks, one engine is tried every so many intervals.
        """
        busy, turns = 0, itertools.cycle(TRIED)
        while self._every_s > 0:
            await asyncio.sleep(min(AGAIN_S, self._every_s) if self._faults else self._every_s)
            if self._faults:
                await self.try_engines(tuple(self._faults))
            elif self._is_idle():
                busy = 0
                await self.try_engines()
            else:
                busy += 1
                if busy % BUSY_INTERVALS == 0:
                    await self.try_engines((next(turns),))

    async def try_engines(self, kinds: Sequence[str] = TRIED) -> None:
        """Try these engines, one after the other."""
        engines = self._engines()
        trials: dict[str, Callable[[], Awaitable[None]]] = {
            "synthesiser": lambda: self._speak(engines.synthesiser),
            "recogniser": lambda: self._hear(engines.recogniser),
            "interpreter": lambda: self._understand(engines.interpreter),
            "responder": lambda: self._answer(engines.responder),
        }
        # One that could not be loaded at the start was left out then, and is not used.
        if (detector := engines.turn_detector) is not None and detector.info is not None:
            trials["turn_detector"] = lambda: self._judge(detector)
        for kind in kinds:
            if kind in trials:
                self._note(kind, await _fault_of(trials[kind]))

    def _note(self, kind: str, fault: str | None) -> None:
        self._metrics.trial_failing.labels(kind).set(fault is not None)
        if fault is None:
            if self._faults.pop(kind, None) is not None:
                logger.info("engine_works_again", engine=kind)
            return
        if kind not in self._faults:
            logger.error("engine_trial_failed", engine=kind, error=fault)
        self._faults[kind] = fault

    # -------------------------------------------------------------- one trial each

    async def _speak(self, lane: JobLane) -> None:
        for voice in self._patient().voices:
            said = await speech_of(lane, SpeakRequest("trial", ANSWER, voice), priority=PRIORITY)
            if not said.any():
                raise EngineError("it made no sound")
            self._said = StreamResampler(WIRE_HZ, ANALYSIS_HZ).process(said)

    async def _hear(self, lane: RecogniserLane) -> None:
        """Have the recogniser read what was said; where that fails, the lane gives no words, and tells why."""
        told: list[str] = []

        def listen(what: str, detail: str) -> None:
            if what != "restarted":
                told.append(f"{what}: {detail}")

        lane.on_incident.append(listen)
        try:
            await hear_once(lane, "trial", self._said)
        finally:
            lane.on_incident.remove(listen)
        if told:
            raise EngineError(told[-1])

    async def _understand(self, lane: JobLane) -> None:
        await _some_parts(lane, InterpretRequest(self._patient().card, QUESTION))

    async def _answer(self, lane: JobLane) -> None:
        card = self._patient().card
        # Nobody agreed that anything leaves this machine, so a remote mind is not asked.
        release = Release(Act.UNKNOWN, ANSWER, free=True)
        name = f"trial/{next(self._numbers)}"
        request = RespondRequest(name, 1, 1, RespondKind.REPLY, persona_of(card), release, QUESTION)
        guarded = lane.info is not None and lane.info.guarded
        for part in await _some_parts(lane, GuardedRequest(request, card) if guarded else request):
            if isinstance(part, ModelUse | CardTakesOver) and part.reason in BROKEN:
                raise EngineError(f"the card's words had to stand in ({part.reason})")

    async def _judge(self, lane: JobLane) -> None:
        await _some_parts(lane, EndOfTurnRequest(self._said))


async def _some_parts(lane: JobLane, request: JobRequest) -> list[object]:
    parts = await parts_of(lane, request, priority=PRIORITY)
    if not parts:
        raise EngineError("it answered nothing")
    return parts


async def _fault_of(trial: Callable[[], Awaitable[None]]) -> str | None:
    try:
        async with asyncio.timeout(WITHIN_S):
            await trial()
    except TimeoutError:
        return f"no answer within {WITHIN_S:.0f} s"
    except (AppError, OSError) as error:
        return reason_of(error)
    return None
