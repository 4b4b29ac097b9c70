"""Which engines there are, which one a name or `auto` stands for and why, and the lanes they run on.

Nothing falls back silently: every choice carries its reason, which is logged, shown on the page and kept in the log.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from audio.clock import Clock
from audio.errors import EngineError
from pipelines.engines import Isolation
from pipelines.lanes.jobs import JobLane
from pipelines.lanes.servant import Engine, Factory
from pipelines.lanes.streams import StreamLane
from pipelines.session.driver import Engines

Backend = Literal["mock", "embedded", "local", "cloud", "auto"]


class EngineSettings(BaseModel):
    """Which engines to use, and how many workers each has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: Backend = Field(
        default="auto",
        description="Set of engines: mock (scripted, tests only), embedded, local, cloud, or auto (best).",
    )
    recogniser: Literal["auto", "pocketsphinx", "scripted"] = Field(
        default="auto", description="Recogniser by name; auto follows the backend."
    )
    responder: Literal["auto", "scripted-patient", "scripted"] = Field(
        default="auto", description="The patient's mind by name; auto follows the backend."
    )
    synthesiser: Literal["auto", "espeak", "flite", "scripted"] = Field(
        default="auto", description="Voice by name; auto follows the backend: flite when Debian's package is there."
    )
    recogniser_workers: int = Field(
        default=0, ge=0, le=64, description="Recogniser processes; 0: one per core, at most 4."
    )
    responder_workers: int = Field(default=1, ge=1, le=64, description="Threads or processes of the patient's mind.")
    synthesiser_workers: int = Field(default=1, ge=1, le=64, description="Threads or processes of the voice.")


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine that was chosen, and why."""

    name: str
    factory: Factory
    isolation: Isolation
    reason: str


@dataclass(frozen=True, slots=True)
class Choices:
    """The three engines of a server, and the backend they make up."""

    backend: Backend
    recogniser: Choice
    responder: Choice
    synthesiser: Choice


@dataclass(frozen=True, slots=True)
class _Lazy:
    """A factory that imports its module only in the worker: picklable, and free until then."""

    module: str
    name: str

    def __call__(self) -> Engine:
        make: Callable[[], Engine] = getattr(importlib.import_module(self.module), self.name)
        return make()


def choose_engines(settings: EngineSettings) -> Choices:
    """Return the engines that the settings stand for; raises EngineError for those that are not there."""
    backend = settings.backend
    if backend in ("local", "cloud"):
        raise EngineError(
            f"the '{backend}' engines are not installed in this version; set engines.backend to 'embedded' or 'auto'",
            code="engine.unavailable",
        )
    if backend == "auto":
        backend = "embedded"
        why = "auto: the embedded set is the best installed"
    else:
        why = f"engines.backend is '{backend}'"
    scripted = backend == "mock"
    return Choices(
        backend,
        _recogniser(settings.recogniser, scripted, why),
        _responder(settings.responder, scripted, why),
        _synthesiser(settings.synthesiser, scripted, why),
    )


def _recogniser(name: str, scripted: bool, why: str) -> Choice:
    if name == "scripted" or (name == "auto" and scripted):
        return _scripted("recogniser", why)
    factory = _Lazy("pipelines.stt.pocketsphinx", "PocketSphinxRecogniser")
    return Choice("pocketsphinx", factory, "process", why if name == "auto" else "asked for by name")


def _responder(name: str, scripted: bool, why: str) -> Choice:
    if name == "scripted" or (name == "auto" and scripted):
        return _scripted("responder", why)
    factory = _Lazy("pipelines.llm.scripted", "ScriptedPatient")
    return Choice("scripted-patient", factory, "thread", why if name == "auto" else "asked for by name")


def _synthesiser(name: str, scripted: bool, why: str) -> Choice:
    if name == "scripted" or (name == "auto" and scripted):
        return _scripted("synthesiser", why)
    from pipelines.tts import flite

    if name == "flite" and not flite.available():
        raise EngineError(
            "flite is not installed; run 'apt-get install flite' or set engines.synthesiser to 'espeak'",
            code="engine.unavailable",
        )
    if name == "flite" or (name == "auto" and flite.available()):
        reason = "asked for by name" if name == "flite" else "auto: flite is installed and sounds better than espeak"
        return Choice("flite", _Lazy("pipelines.tts.flite", "FliteSynthesiser"), "thread", reason)
    reason = "asked for by name" if name == "espeak" else "auto: flite is not installed; espeak comes with the package"
    return Choice("espeak", _Lazy("pipelines.tts.espeak", "EspeakSynthesiser"), "process", reason)


def _scripted(kind: str, why: str) -> Choice:
    if importlib.util.find_spec("tests") is None:
        raise EngineError(
            "the scripted engines live with the tests: run from a checkout, or set engines.backend to 'embedded'",
            code="engine.unavailable",
        )
    return Choice("scripted", _Lazy("tests.fakes.instant", kind), "thread", why)


def build_lanes(choices: Choices, settings: EngineSettings, clock: Clock) -> Engines:
    """Make the lanes for the chosen engines; they are not started yet."""
    workers = settings.recogniser_workers or min(os.cpu_count() or 1, 4)
    return Engines(
        StreamLane(
            choices.recogniser.factory,
            isolation=choices.recogniser.isolation,
            workers=workers,
            clock=clock,
            name="recogniser",
        ),
        JobLane(
            choices.responder.factory,
            isolation=choices.responder.isolation,
            workers=settings.responder_workers,
            clock=clock,
            name="responder",
        ),
        JobLane(
            choices.synthesiser.factory,
            isolation=choices.synthesiser.isolation,
            workers=settings.synthesiser_workers,
            clock=clock,
            name="synthesiser",
        ),
    )


async def start_lanes(engines: Engines) -> None:
    """Load and warm all engines side by side; raises EngineError with the reason when one can't be."""
    await asyncio.gather(engines.recogniser.start(), engines.responder.start(), engines.synthesiser.start())


async def stop_lanes(engines: Engines) -> None:
    """End all workers."""
    await asyncio.gather(engines.recogniser.stop(), engines.responder.stop(), engines.synthesiser.stop())
