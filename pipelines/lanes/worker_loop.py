"""The worker's side of a lane: takes messages in order, runs the engine, measures it, answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from audio.text import well_formed
from common.errors import AppError
from pipelines.engines import (
    Clause,
    Decoded,
    DecodedBatch,
    EndOfTurnRequest,
    GuardDecision,
    GuardedRequest,
    GuardedResponder,
    Hypothesis,
    IndexRequest,
    Interpretation,
    Interpreter,
    InterpretRequest,
    PrepareRequest,
    Recogniser,
    RecogniserStream,
    Responder,
    RespondRequest,
    SegmentDecoder,
    SpeakRequest,
    SpeechChunk,
    Synthesiser,
    TurnDetector,
    Word,
)
from pipelines.lanes.messages import (
    Call,
    Cancel,
    Close,
    Decode,
    Done,
    Failed,
    Feed,
    Finish,
    FromWorker,
    Job,
    Open,
    ReadInterim,
    Reset,
    Yielded,
)
from pipelines.lanes.messages import Ready as Ready
from pipelines.lanes.messages import ToWorker as ToWorker
from pipelines.lanes.stopwatch import Stopwatch
from pipelines.stopping import Stopped, Stops

Engine = Recogniser | SegmentDecoder | Interpreter | Responder | GuardedResponder | Synthesiser | TurnDetector
Factory = Callable[[], Engine]


class WorkerLoop:
    """Holds one engine and its open streams, and works off one message at a time."""

    def __init__(self, engine: Engine, stopwatch: Stopwatch | None = None) -> None:
        self._engine = engine
        self._stopwatch = stopwatch or Stopwatch()
        self._streams: dict[int, RecogniserStream] = {}

    def work(self, call: Call) -> Iterator[FromWorker]:
        """Yield a Part for everything the engine yields, then Done; or Failed when it raises."""
        self._stopwatch.start()
        try:
            for value in self._values(call):
                modelled = getattr(value, "cost_ms", None)
                cost_ms = self._stopwatch.lap_ms() if modelled is None else modelled
                yield Yielded(call.id, _well_formed(value), cost_ms, modelled is not None)
                self._stopwatch.start()
        except Stopped:
            yield Done(call.id, self._stopwatch.lap_ms())
        except Exception as error:
            yield Failed(call.id, well_formed(f"{type(error).__name__}: {error}"))
        else:
            yield Done(call.id, self._stopwatch.lap_ms())

    def _values(self, call: Call) -> Iterator[Any]:
        match call:
            case Job(request=InterpretRequest() as request):
                if isinstance(self._engine, Interpreter):
                    yield self._engine.interpret(request)
            case Job(request=IndexRequest() as request):
                if isinstance(self._engine, Interpreter | GuardedResponder):
                    self._engine.index(request)
            case Job(request=RespondRequest() as request):
                if isinstance(self._engine, Responder):
                    yield from self._engine.respond(request)
            case Job(request=GuardedRequest() as guarded):
                if isinstance(self._engine, GuardedResponder):
                    yield from self._engine.respond_guarded(guarded)
            case Job(request=PrepareRequest() as request):
                if isinstance(self._engine, Responder | GuardedResponder):
                    self._engine.prepare(request)
            case Job(request=SpeakRequest() as request):
                if isinstance(self._engine, Synthesiser):
                    yield from self._engine.speak(request)
            case Job(request=EndOfTurnRequest() as request):
                if isinstance(self._engine, TurnDetector):
                    yield self._engine.detect(request)
            case Decode(requests=requests):
                if isinstance(self._engine, SegmentDecoder):
                    yield self._engine.decode(requests)
            case Open(stream=stream, spec=spec):
                if isinstance(self._engine, Recogniser):
                    self._streams[stream] = self._engine.open(spec)
            case Feed(stream=stream, samples=samples):
                hypothesis = self._streams[stream].feed(samples)
                if hypothesis is not None:
                    yield hypothesis
            case ReadInterim(stream=stream):
                yield self._streams[stream].interim()
            case Finish(stream=stream):
                yield self._streams[stream].finish()
            case Reset(stream=stream):
                self._streams[stream].reset()
            case Close(stream=stream):
                yield self._streams.pop(stream).close()


def failed_to_load(error: Exception) -> Failed:
    """Return what is told of an engine that can't be loaded: our own errors say what to do, others what they are."""
    if isinstance(error, AppError):
        return Failed(-1, well_formed(error.message), error.code)
    return Failed(-1, well_formed(f"{type(error).__name__}: {error}"))


def _well_formed(said: Any) -> Any:
    """Return what an engine said with its texts fit for logs and wires: an answer may be cut inside a character."""
    match said:
        case str():
            return well_formed(said)
        case Hypothesis(text=text, words=words):
            return replace(said, text=well_formed(text), words=_words(words))
        case Decoded(words=words, rejected=rejected):
            kept = rejected and replace(rejected, text=well_formed(rejected.text))
            return replace(said, words=_words(words), rejected=kept)
        case DecodedBatch(results=results):
            return replace(said, results=tuple(_well_formed(result) for result in results))
        case SpeechChunk(words=words):
            return replace(said, words=_words(words))
        case Clause(text=text, cue=cue):
            return replace(said, text=well_formed(text), cue=cue and well_formed(cue))
        case GuardDecision(text=text, spoken=spoken, reasons=reasons):
            told = tuple(map(well_formed, reasons))
            return replace(said, text=well_formed(text), spoken=well_formed(spoken), reasons=told)
        case Interpretation(reason=reason):
            return replace(said, reason=well_formed(reason))
        case _:
            return said


def _words(words: tuple[Word, ...]) -> tuple[Word, ...]:
    return tuple(word if word.text.isascii() else replace(word, text=well_formed(word.text)) for word in words)


def serve(
    factory: Factory,
    receive: Callable[[bool], ToWorker],
    send: Callable[[FromWorker], None],
    stops: Stops | None = None,
) -> None:
    """Make the engine, warm it, then serve until told to end.

    With `stops` what a call computes can be stopped in the middle. `receive(True)` blocks for the next message,
    `receive(False)` raises BlockingIOError when there is none.
    """
    try:
        engine = factory()
        engine.warm()
    except Exception as error:
        send(failed_to_load(error))
        return
    send(Ready(engine.info))
    worker_loop = WorkerLoop(engine)
    waiting: deque[ToWorker] = deque()
    while True:
        message = waiting.popleft() if waiting else receive(True)
        if message is None:
            return
        if isinstance(message, Cancel):
            continue  # what it meant is done already
        with stops.working(message.id) if stops is not None else nullcontext():
            _work(worker_loop, message, waiting=waiting, receive=receive, send=send)


def _work(
    worker_loop: WorkerLoop,
    call: Call,
    *,
    waiting: deque[ToWorker],
    receive: Callable[[bool], ToWorker],
    send: Callable[[FromWorker], None],
) -> None:
    steps = worker_loop.work(call)
    for step in steps:
        send(step)
        if isinstance(step, Yielded) and _is_cancelled(call.id, waiting, receive):
            # The steps are a generator: closing it closes the engine's iterator.
            steps.close()  # type: ignore[attr-defined]
            send(Done(call.id, 0.0))
            return


def _is_cancelled(call_id: int, waiting: deque[ToWorker], receive: Callable[[bool], ToWorker]) -> bool:
    while True:
        try:
            message = receive(False)
        except BlockingIOError:
            return False
        if isinstance(message, Cancel) and message.id == call_id:
            return True
        waiting.append(message)
