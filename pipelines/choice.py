"""An engine that was chosen: what makes it, where it runs, and why it was chosen."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.engines import Isolation
from pipelines.lanes.worker_loop import Engine, Factory
from pipelines.models.model_folders import ModelPlace
from pipelines.tts.voices import NeuralVoice, Sex


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine that was chosen, and why.

    `voices` are the neural voices that patients are given, `plain_for` the sexes whose patients speak with a plain one,
    `batch_size` is above 0 for one that decodes many
    sessions' audio at once, `readers` how many batches at once on a processor, `place` the model it needs, if any.
    """

    name: str
    factory: Factory
    isolation: Isolation
    reason: str
    demonstration: bool = True
    batch_size: int = 0
    readers: int = 1
    place: ModelPlace | None = None
    # At least so many jobs at once: of an engine that only waits for others.
    workers: int = 1
    plain_for: tuple[Sex, ...] = ()
    voices: tuple[NeuralVoice, ...] = ()
    # Of what words the replies: it can hold a conversation without a card.
    speaks_freely: bool = False

    @property
    def model(self) -> str:
        """The id of the model it needs; empty if it needs none."""
        return self.place.id if self.place is not None else ""


@dataclass(frozen=True, slots=True)
class Lazy:
    """A factory that imports its module only in the worker: picklable, and free until then."""

    module: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self) -> Engine:
        make: Callable[..., Engine] = getattr(importlib.import_module(self.module), self.name)
        return make(**self.arguments)


def scripted_choice(kind: str, why: str) -> Choice:
    """Return the scripted engine of a kind."""
    return Choice("scripted", Lazy("pipelines.scripted.instant", kind), "thread", why)


@dataclass(frozen=True, slots=True)
class OfModel:
    """A factory of an engine that needs a model: raises EngineError with what to do when it is missing or broken."""

    place: ModelPlace
    make: Lazy

    def __call__(self) -> Engine:
        self.place.require()
        return self.make()
