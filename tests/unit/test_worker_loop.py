"""The worker's side of a lane: what an engine says is fit for logs and wires, whatever it says."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from audio.frames import Pcm
from common.errors import EngineError
from pipelines.engines import (
    Clause,
    EngineInfo,
    Hypothesis,
    Persona,
    PrepareRequest,
    Release,
    ReplyEnd,
    ReplyPart,
    RespondKind,
    RespondRequest,
    SpeakRequest,
    SpeechChunk,
    StreamSpec,
    Voice,
    Word,
)
from pipelines.intent.acts import Act
from pipelines.lanes.messages import Call, Close, Failed, Feed, Finish, FromWorker, Job, Open, ReadInterim, Yielded
from pipelines.lanes.worker_loop import Engine, WorkerLoop, serve

HALF, REPLACED = "\ud83d", "\ufffd"
HEARD = Hypothesis(f"it {HALF}", (Word("it", 0, 100, 0.5), Word(HALF, 100, 200, 0.4)), stable_words=1, cost_ms=3.0)
PERSONA = Persona("Ann Lee", 40, "female", "calm", "a clinic")


class HalfHearing:
    """A recogniser, and its own stream, that understands half a character."""

    info = EngineInfo("recogniser", "half", demonstration=True, isolation="thread")

    def warm(self) -> None: ...

    def open(self, spec: StreamSpec) -> HalfHearing:
        return self

    def feed(self, samples: Pcm) -> Hypothesis | None:
        return HEARD

    def interim(self) -> Hypothesis:
        return HEARD

    def finish(self) -> Hypothesis:
        return HEARD

    def reset(self) -> None: ...

    def close(self) -> str | None:
        return HALF


class HalfMinded:
    """A mind whose answer is cut inside a character."""

    info = EngineInfo("responder", "half", demonstration=True, isolation="thread")

    def warm(self) -> None: ...

    def prepare(self, request: PrepareRequest) -> None:
        raise EngineError(f"no index of {HALF}")

    def respond(self, request: RespondRequest) -> Iterator[ReplyPart]:
        yield Clause(f"Fine {HALF}", cue=HALF, pause_after_ms=80, cost_ms=0.0)
        yield Clause("\ude00 thanks", cost_ms=0.0)
        yield ReplyEnd(cost_ms=0.0)


class HalfVoiced:
    """A voice that tells half a character as a word."""

    info = EngineInfo("synthesiser", "half", demonstration=True, isolation="thread")

    def warm(self) -> None:
        raise EngineError(f"no voice for {HALF}")

    def speak(self, request: SpeakRequest) -> Iterator[SpeechChunk]:
        yield SpeechChunk(np.ones(10, dtype=np.int16), (Word(HALF, 0, 5), Word("well", 5, 9, 0.9)), cost_ms=1.0)


def said(engine: Engine, *calls: Call) -> list[object]:
    worker_loop = WorkerLoop(engine)
    return [step.value for call in calls for step in worker_loop.work(call) if isinstance(step, Yielded)]


def test_what_was_understood() -> None:
    opened = Open(1, 7, StreamSpec("a"))
    audio = np.zeros(10, dtype=np.int16)
    heard = said(HalfHearing(), opened, Feed(2, 7, audio), ReadInterim(3, 7), Finish(4, 7), Close(5, 7))
    fit = Hypothesis(
        f"it {REPLACED}", (Word("it", 0, 100, 0.5), Word(REPLACED, 100, 200, 0.4)), stable_words=1, cost_ms=3.0
    )
    assert heard == [fit, fit, fit, REPLACED]


def test_what_is_answered() -> None:
    release = Release(Act.STATEMENT, "well")
    request = RespondRequest("r", 1, 1, RespondKind.REPLY, PERSONA, release, "how are you")
    assert said(HalfMinded(), Job(1, request)) == [
        Clause(f"Fine {REPLACED}", cue=REPLACED, pause_after_ms=80, cost_ms=0.0),
        Clause(f"{REPLACED} thanks", cost_ms=0.0),
        ReplyEnd(cost_ms=0.0),
    ]


def test_what_is_spoken() -> None:
    (chunk,) = said(HalfVoiced(), Job(1, SpeakRequest("s", "well", Voice())))
    assert isinstance(chunk, SpeechChunk)
    assert chunk.words == (Word(REPLACED, 0, 5), Word("well", 5, 9, 0.9))
    assert (chunk.samples.tolist(), chunk.cost_ms) == ([1] * 10, 1.0)


def test_why_it_failed() -> None:
    (failed,) = WorkerLoop(HalfMinded()).work(Job(1, PrepareRequest(PERSONA)))
    assert failed == Failed(1, f"EngineError: no index of {REPLACED}")
    told: list[FromWorker] = []
    serve(HalfVoiced, lambda _wait: None, told.append)
    assert told == [Failed(-1, f"no voice for {REPLACED}", "engine.failed")]
