"""Engines that are tried with real work while nobody talks: what fails is named, and forgotten once it works again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog

from audio.clock import LoopClock
from common.errors import EngineError
from pipelines.engine_choices import choose_engines
from pipelines.engine_lanes import build_lanes, start_lanes, stop_lanes
from pipelines.engine_settings import EngineSettings
from pipelines.engines import (
    Decoded,
    DecodedBatch,
    DecodeRequest,
    EndOfTurn,
    EndOfTurnRequest,
    EngineInfo,
    Interpretation,
    InterpretRequest,
    SpeakRequest,
    Voice,
    Word,
)
from pipelines.models.settings import ModelSettings
from pipelines.patient.card_library import CardLibrary
from pipelines.scripted.interpreter import ScriptedInterpreter
from pipelines.scripted.scripted_responder import ScriptedResponder
from pipelines.scripted.synthesiser import ToneSynthesiser
from pipelines.session.driver import Engines
from server.engine_trials import AGAIN_S, BUSY_INTERVALS, WITHIN_S, EngineTrials, TrialPatient
from server.metrics import TRIED, Metrics
from server.settings.tree import CONFIG_FOLDER
from tests.component.engines import engines_on_lanes

CARD = next(iter(CardLibrary.load(CONFIG_FOLDER / "cards").values()))
EVERY_S = 300.0


@dataclass
class Health:
    """Which engines are broken now, and how often each was asked."""

    broken: set[str] = field(default_factory=set)
    asked: dict[str, int] = field(default_factory=dict)

    def work(self, kind: str) -> None:
        self.asked[kind] = self.asked.get(kind, 0) + 1
        if kind in self.broken:
            raise EngineError(f"the {kind} is out of order")


def makers(health: Health) -> dict[str, Callable[[], object]]:
    """Return what makes engines that fail while they are broken."""

    class Decoder:
        info = EngineInfo("recogniser", "scripted", True, "thread")

        def warm(self) -> None:
            pass

        def decode(self, requests: Sequence[DecodeRequest]) -> DecodedBatch:
            health.work("recogniser")
            assert all(request.samples.any() for request in requests)
            return DecodedBatch(tuple(Decoded((Word("hello", 0, 300),)) for _ in requests), cost_ms=10.0)

    class Interpreter(ScriptedInterpreter):
        def interpret(self, request: InterpretRequest) -> Interpretation:
            health.work("interpreter")
            return super().interpret(request)

    class Responder(ScriptedResponder):
        def respond(self, request):  # type: ignore[no-untyped-def]
            health.work("responder")
            yield from super().respond(request)

    class Synthesiser(ToneSynthesiser):
        def speak(self, request: SpeakRequest):  # type: ignore[no-untyped-def]
            health.work("synthesiser")
            yield from super().speak(request)

    class Detector:
        info = EngineInfo("turn_detector", "scripted", True, "thread")

        def warm(self) -> None:
            pass

        def detect(self, request: EndOfTurnRequest) -> EndOfTurn:
            health.work("turn_detector")
            return EndOfTurn(0.5)

    return {
        "decoder": Decoder,
        "interpreter": Interpreter,
        "responder": Responder,
        "synthesiser": Synthesiser,
        "turn_detector": Detector,
    }


def trials_of(
    engines: Engines, metrics: Metrics, *, every_s: float = EVERY_S, idle: Callable[[], bool] = lambda: True
) -> EngineTrials:
    patient = TrialPatient(CARD, (Voice(sex="female"), Voice(sex="male")))
    return EngineTrials(lambda: engines, lambda: patient, metrics=metrics, every_s=every_s, is_idle=idle)


def reason(trials: EngineTrials) -> str:
    """Return what is told now; nothing is an empty text."""
    return trials.reason or ""


def failing(metrics: Metrics) -> set[str]:
    value = metrics.registry.get_sample_value
    return {kind for kind in TRIED if value("voice_engine_trial_failing", {"engine": kind}) == 1.0}


@pytest.mark.virtual
@pytest.mark.parametrize("kind", TRIED)
async def test_an_engine_that_fails_is_named_and_works_again_once_it_does(kind: str) -> None:
    health, metrics = Health(), Metrics("0")
    async with engines_on_lanes(**makers(health)) as engines:  # type: ignore[arg-type]
        trials = trials_of(engines, metrics)
        await trials.try_engines()
        assert reason(trials) == ""
        assert failing(metrics) == set()
        # Both voices speak.
        assert health.asked == dict.fromkeys(TRIED, 1) | {"synthesiser": 2}
        health.broken = {kind}
        with structlog.testing.capture_logs() as lines:
            await trials.try_engines()
            await trials.try_engines()
            assert reason(trials).startswith(f"the {kind} fails: ")
            assert f"the {kind} is out of order" in reason(trials)
            assert failing(metrics) == {kind}
            health.broken = set()
            await trials.try_engines((kind,))
        assert reason(trials) == ""
        assert failing(metrics) == set()
        told = [line["event"] for line in lines if line["event"].startswith("engine_")]
        assert told == ["engine_trial_failed", "engine_works_again"]


@pytest.mark.virtual
async def test_nothing_is_tried_while_somebody_talks_and_what_fails_is_tried_soon() -> None:
    health, metrics = Health(), Metrics("0")
    idle = [False]
    loop = asyncio.get_running_loop()
    async with engines_on_lanes(**makers(health)) as engines:  # type: ignore[arg-type]
        trials = trials_of(engines, metrics, idle=lambda: idle[0])
        going_on = asyncio.create_task(trials.try_for_ever())
        await asyncio.sleep(BUSY_INTERVALS * EVERY_S - 1)
        assert health.asked == {}
        idle[0] = True
        await asyncio.sleep(EVERY_S)
        assert health.asked["recogniser"] == 1
        health.broken = {"responder"}
        await asyncio.sleep(EVERY_S)
        assert reason(trials)
        asked, began_s = dict(health.asked), loop.time()
        # It is known to fail, so whoever talks now loses nothing by the next trial.
        idle[0] = False
        health.broken = set()
        await asyncio.sleep(AGAIN_S + 1)
        assert reason(trials) == ""
        assert loop.time() - began_s < 2 * AGAIN_S
        assert {kind: count - asked[kind] for kind, count in health.asked.items() if count != asked[kind]} == {
            "responder": 1
        }
        going_on.cancel()


@pytest.mark.virtual
async def test_where_somebody_always_talks_one_engine_after_the_other_is_tried_now_and_then() -> None:
    health, metrics = Health(), Metrics("0")
    async with engines_on_lanes(**makers(health)) as engines:  # type: ignore[arg-type]
        trials = trials_of(engines, metrics, idle=lambda: False)
        going_on = asyncio.create_task(trials.try_for_ever())
        await asyncio.sleep(BUSY_INTERVALS * EVERY_S + 1)
        assert health.asked == {"synthesiser": 2}
        health.broken = {TRIED[-1]}
        await asyncio.sleep((len(TRIED) - 1) * BUSY_INTERVALS * EVERY_S)
        assert set(health.asked) == set(TRIED)
        assert reason(trials).startswith(f"the {TRIED[-1]} fails")
        going_on.cancel()


@pytest.mark.virtual
async def test_an_engine_that_answers_nothing_is_given_up_after_a_minute() -> None:
    class Mute(ScriptedInterpreter):
        def interpret(self, request: InterpretRequest) -> Interpretation:
            return Interpretation(super().interpret(request).act, cost_ms=10 * WITHIN_S * 1000)

    metrics = Metrics("0")
    async with engines_on_lanes(interpreter=Mute) as engines:
        trials = trials_of(engines, metrics)
        await trials.try_engines(("interpreter",))
        assert trials.reason == "the interpreter fails: no answer within 60 s"


@pytest.mark.virtual
async def test_with_nought_nothing_is_tried() -> None:
    metrics = Metrics("0")
    async with engines_on_lanes() as engines:
        await asyncio.wait_for(trials_of(engines, metrics, every_s=0).try_for_ever(), 1)


@pytest.mark.asyncio
async def test_real_engines_pass(tmp_path: Path) -> None:
    """Those that need no download: PocketSphinx in a process hears what espeak or flite says."""
    settings = EngineSettings(backend="embedded", recogniser_workers=1)
    choices = choose_engines(settings, ModelSettings(path=tmp_path))
    engines = build_lanes(choices, settings, LoopClock())
    await start_lanes(engines)
    try:
        trials = trials_of(engines, Metrics("0"))
        await trials.try_engines()
        assert trials.reason is None
        assert trials._said.any()
    finally:
        await stop_lanes(engines)
