"""Lanes: order, priority, cancellation, and what happens when a worker dies."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import numpy as np
import pytest

from audio.clock import LoopClock
from audio.frames import ANALYSIS_HZ, Pcm
from common.errors import AppError, EngineError, WorkerDied
from pipelines.engines import (
    Clause,
    EngineInfo,
    Hypothesis,
    Isolation,
    Persona,
    PrepareRequest,
    Release,
    ReplyEnd,
    ReplyPart,
    RespondKind,
    RespondRequest,
    SpeakRequest,
    StreamSpec,
    Voice,
)
from pipelines.intent.acts import Act
from pipelines.lanes.jobs import JobLane
from pipelines.lanes.streams import StreamLane
from pipelines.lanes.workers import ProcessWorker
from pipelines.scripted.recogniser import ScriptedRecogniser
from pipelines.scripted.synthesiser import ToneSynthesiser
from pipelines.virtual_time import virtual_clock

CRASH = 12_345


class Broken(Exception):
    """What a listener raises here; nothing else does."""


def _break(*_told: object) -> None:
    raise Broken


def caught() -> list[dict[str, Any]]:
    """Return a list into which the running loop's exception handler will put what it is told."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context))
    return told


def voiced(ms: float) -> Pcm:
    return np.full(int(ms * ANALYSIS_HZ / 1000), 5_000, dtype=np.int16)


class Job:
    """Waits for one job's parts and end."""

    def __init__(self) -> None:
        self.parts: list[Any] = []
        self.began = asyncio.Event()
        self.ended: asyncio.Future[AppError | None] = asyncio.get_running_loop().create_future()

    def take_part(self, part: Any) -> None:
        self.parts.append(part)
        self.began.set()

    def submit(self, lane: JobLane, text: str, priority: int = 0) -> Any:
        return lane.submit(
            SpeakRequest(text, text, Voice()),
            priority=priority,
            on_part=self.take_part,
            on_end=self.ended.set_result,
        )


@asynccontextmanager
async def job_lane(*, isolation: Isolation = "thread", **options: Any) -> AsyncIterator[JobLane]:
    factory = partial(ToneSynthesiser, isolation=isolation, **options)
    lane = JobLane(factory, isolation=isolation, workers=1, clock=LoopClock(), name="voice")
    await lane.start()
    try:
        yield lane
    finally:
        await lane.stop()


@pytest.mark.asyncio
@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_a_job_yields_its_parts_then_ends(isolation: Isolation) -> None:
    async with job_lane(isolation=isolation) as lane:
        job = Job()
        job.submit(lane, "one two three four five")
        assert await job.ended is None
        assert sum(len(chunk.words) for chunk in job.parts) == 5


@pytest.mark.asyncio
@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_an_engine_that_fails_fails_the_job_alone(isolation: Isolation) -> None:
    async with job_lane(isolation=isolation, fail_on="FAIL") as lane:
        bad, good = Job(), Job()
        bad.submit(lane, "please FAIL now")
        good.submit(lane, "fine")
        assert isinstance(await bad.ended, EngineError)
        assert await good.ended is None


@pytest.mark.virtual
async def test_what_somebody_waits_for_goes_first() -> None:
    lane = JobLane(ToneSynthesiser, isolation="thread", workers=1, clock=virtual_clock(), name="voice")
    await lane.start()
    order: list[str] = []
    ended = asyncio.Event()

    def end(name: str) -> Callable[[AppError | None], None]:
        def note(_error: AppError | None) -> None:
            order.append(name)
            if len(order) == 3:
                ended.set()

        return note

    for name, priority in (("later", 10), ("also later", 10), ("first", 0)):
        lane.submit(SpeakRequest(name, "a b", Voice()), priority=priority, on_part=lambda _part: None, on_end=end(name))
    await ended.wait()
    await lane.stop()
    assert order == ["first", "later", "also later"]


class Waits:
    """A responder that waits for something that never comes, until it is told that nobody wants it."""

    info = EngineInfo("responder", "waits", demonstration=True, isolation="thread")

    def __init__(self, begun: threading.Event, cancelled: list[str]) -> None:
        self.begun = begun
        self.told = cancelled
        self._unwanted = threading.Event()

    def warm(self) -> None: ...

    def prepare(self, request: PrepareRequest) -> None: ...

    def cancel(self, request_id: str) -> None:
        self.told.append(request_id)
        self._unwanted.set()

    def respond(self, request: RespondRequest) -> Iterator[ReplyPart]:
        self.begun.set()
        if request.text == "wait":
            self._unwanted.wait()
        yield Clause(request.text)
        yield ReplyEnd()


@pytest.mark.asyncio
async def test_an_engine_that_waits_is_told_at_once_that_its_job_is_cancelled() -> None:
    begun, told = threading.Event(), list[str]()
    lane = JobLane(partial(Waits, begun, told), isolation="thread", workers=1, clock=LoopClock(), name="responder")
    await lane.start()
    persona = Persona("Ann Lee", 40, "female", "calm", "a clinic")

    def ask(name: str, text: str, job: Job) -> Any:
        request = RespondRequest(name, 1, 0, RespondKind.REPLY, persona, Release(Act.OPEN, "Hello."), text)
        return lane.submit(request, priority=0, on_part=job.take_part, on_end=job.ended.set_result)

    unwanted, after = Job(), Job()
    ticket = ask("s/1", "wait", unwanted)
    await asyncio.to_thread(begun.wait)
    ticket.cancel()
    ask("s/2", "go", after)
    assert await after.ended is None
    assert told == ["s/1"]
    assert unwanted.parts == []
    assert after.parts[0] == Clause("go")
    await lane.stop()


@pytest.mark.asyncio
async def test_a_cancelled_job_is_never_heard_of_again_and_the_lane_goes_on() -> None:
    async with job_lane(isolation="process") as lane:
        waiting, running, after = Job(), Job(), Job()
        ticket = running.submit(lane, "word " * 400)
        dropped = waiting.submit(lane, "never")
        await running.began.wait()
        ticket.cancel()
        dropped.cancel()
        seen = len(running.parts)
        after.submit(lane, "after")
        assert await after.ended is None
        assert len(running.parts) == seen
        assert waiting.parts == []
        assert not running.ended.done()
        assert not waiting.ended.done()


@pytest.mark.asyncio
async def test_a_job_survives_the_death_of_its_worker() -> None:
    async with job_lane(isolation="process") as lane:
        incidents: list[str] = []
        lane.on_incident.append(lambda what, _detail: incidents.append(what))
        (worker,) = lane.workers
        assert isinstance(worker, ProcessWorker)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        job = Job()
        job.submit(lane, "still here")
        assert await job.ended is None
        assert incidents == ["died", "restarted"]


@pytest.mark.asyncio
async def test_a_job_that_kills_its_workers_is_given_up() -> None:
    async with job_lane(isolation="process", crash_on="CRASH") as lane:
        job, after = Job(), Job()
        job.submit(lane, "CRASH")
        assert isinstance(await job.ended, WorkerDied)
        after.submit(lane, "fine")
        assert await after.ended is None


@pytest.mark.asyncio
async def test_whoever_breaks_on_a_part_or_an_end_breaks_nothing_for_the_next_job() -> None:
    async with job_lane() as lane:
        faults = caught()
        broken, after = Job(), Job()
        lane.submit(SpeakRequest("a", "one two", Voice()), priority=0, on_part=_break, on_end=broken.ended.set_result)
        assert await broken.ended is None  # it had its end though its parts were dropped
        of_parts = len(faults)
        assert of_parts >= 1
        lane.submit(SpeakRequest("b", "three", Voice()), priority=0, on_part=lambda _part: None, on_end=_break)
        after.submit(lane, "four five six")
        assert await after.ended is None
        assert sum(len(chunk.words) for chunk in after.parts) == 3
        assert len(faults) == of_parts + 1
        assert all(isinstance(fault["exception"], Broken) and "voice lane" in fault["message"] for fault in faults)


@pytest.mark.asyncio
async def test_whoever_breaks_on_figures_or_incidents_breaks_nothing_for_the_jobs() -> None:
    async with job_lane(isolation="process", crash_on="CRASH") as lane:
        faults, told = caught(), list[bool]()
        lane.on_request += [_break, lambda ok, _ms: told.append(ok)]
        lane.on_incident.append(_break)
        crashing, after = Job(), Job()
        crashing.submit(lane, "CRASH")
        after.submit(lane, "fine")
        assert isinstance(await crashing.ended, WorkerDied)
        assert await after.ended is None
        assert sorted(told) == [False, True]
        assert len(faults) == 2 + 4  # two jobs; two workers that died and were replaced


@pytest.mark.asyncio
async def test_an_engine_that_cannot_be_loaded_says_why() -> None:
    isolations: tuple[Isolation, ...] = ("thread", "process")
    for isolation in isolations:
        factory = partial(_refuse, "no model file here")
        lane = JobLane(factory, isolation=isolation, workers=1, clock=LoopClock(), name="voice")
        try:
            with pytest.raises(EngineError, match="no model file here"):
                await lane.start()
        finally:
            await lane.stop()


def _refuse(why: str) -> ToneSynthesiser:
    raise EngineError(why)


# ------------------------------------------------------------------ streams


class Listener:
    """Waits for final hypotheses."""

    def __init__(self) -> None:
        self.partials: list[str] = []
        self.began = asyncio.Event()
        self.finals: asyncio.Queue[str] = asyncio.Queue()

    def __call__(self, hypothesis: Hypothesis) -> None:
        if hypothesis.final:
            self.finals.put_nowait(hypothesis.text)
        else:
            self.partials.append(hypothesis.text)
            self.began.set()


SCRIPT = {"anna": ["good morning", "where does it hurt"], "ben": ["hello there doctor", "thank you"]}


@asynccontextmanager
async def stream_lane(*, isolation: Isolation = "process", **options: Any) -> AsyncIterator[StreamLane]:
    factory = partial(ScriptedRecogniser, SCRIPT, isolation=isolation, **options)
    lane = StreamLane(factory, isolation=isolation, workers=1, clock=LoopClock(), name="ear")
    await lane.start()
    try:
        yield lane
    finally:
        await lane.stop()


@pytest.mark.asyncio
@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_streams_do_not_mix(isolation: Isolation) -> None:
    async with stream_lane(isolation=isolation) as lane:
        anna, ben = Listener(), Listener()
        streams = [lane.open(StreamSpec("anna"), anna), lane.open(StreamSpec("ben"), ben)]
        for _ in range(2):
            for _ in range(30):
                for stream in streams:
                    stream.feed(voiced(50))
            for stream in streams:
                stream.finish()
        assert [await anna.finals.get() for _ in range(2)] == SCRIPT["anna"]
        assert [await ben.finals.get() for _ in range(2)] == SCRIPT["ben"]
        assert anna.partials


@pytest.mark.asyncio
async def test_a_reset_segment_leaves_no_trace() -> None:
    async with stream_lane() as lane:
        anna = Listener()
        stream = lane.open(StreamSpec("anna"), anna)
        stream.feed(voiced(2000))
        stream.reset()
        stream.feed(voiced(2000))
        stream.finish()
        assert await anna.finals.get() == "good morning"
        assert anna.finals.empty()


@pytest.mark.asyncio
async def test_a_name_that_comes_again_before_its_stream_is_closed_is_another_stream() -> None:
    async with stream_lane() as lane:
        incidents: list[str] = []
        lane.on_incident.append(lambda what, _detail: incidents.append(what))
        streams = [lane.open(StreamSpec("anna"), Listener())]
        streams[-1].feed(voiced(2000))
        for _ in range(3):
            # Whoever waits for a final goes first: the one before is closed only when this one was heard.
            streams[-1].close()
            anna = Listener()
            streams.append(lane.open(StreamSpec("anna"), anna))
            streams[-1].feed(voiced(2000))
            streams[-1].finish()
            assert await anna.finals.get() == "good morning"
        streams[-1].close()
        while not incidents and any(each.speaker_state is None for each in streams):  # noqa: ASYNC110
            # A closed stream gives no event to wait for.
            await asyncio.sleep(0)
        assert incidents == []


@pytest.mark.asyncio
async def test_a_worker_that_dies_in_mid_utterance_loses_no_word_and_no_neighbour() -> None:
    async with stream_lane() as lane:
        anna, ben = Listener(), Listener()
        one, two = lane.open(StreamSpec("anna"), anna), lane.open(StreamSpec("ben"), ben)
        one.feed(voiced(1000))
        two.feed(voiced(1000))
        await asyncio.gather(anna.began.wait(), ben.began.wait())
        (worker,) = lane.workers
        assert isinstance(worker, ProcessWorker)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        for stream in (one, two):
            stream.feed(voiced(1000))
            stream.finish()
        assert await anna.finals.get() == "good morning"
        assert await ben.finals.get() == "hello there doctor"


@pytest.mark.asyncio
async def test_sound_that_kills_its_workers_gives_an_empty_final_and_the_stream_lives() -> None:
    async with stream_lane(crash_on=CRASH) as lane:
        incidents: list[str] = []
        lane.on_incident.append(lambda what, _detail: incidents.append(what))
        anna = Listener()
        stream = lane.open(StreamSpec("anna"), anna)
        stream.feed(voiced(500))
        stream.feed(np.full(160, CRASH, dtype=np.int16))
        stream.finish()
        assert await anna.finals.get() == ""
        assert incidents == ["died", "restarted", "died", "restarted", "failed"]
        stream.feed(voiced(1000))
        stream.finish()
        assert await anna.finals.get() == "good morning"


@pytest.mark.asyncio
async def test_an_engine_error_gives_an_empty_final() -> None:
    async with stream_lane(fail_on=CRASH) as lane:
        anna = Listener()
        stream = lane.open(StreamSpec("anna"), anna)
        stream.feed(np.full(1600, CRASH, dtype=np.int16))
        stream.finish()
        assert await anna.finals.get() == ""


@pytest.mark.asyncio
@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_whoever_breaks_on_a_hypothesis_breaks_nothing_for_the_other_streams(isolation: Isolation) -> None:
    async with stream_lane(isolation=isolation) as lane:
        faults, anna, ben = caught(), Listener(), Listener()

        def breaks_after_taking(hypothesis: Hypothesis) -> None:
            anna(hypothesis)
            raise Broken

        one, two = lane.open(StreamSpec("anna"), breaks_after_taking), lane.open(StreamSpec("ben"), ben)
        for expected in range(2):
            for stream in (one, two):
                stream.feed(voiced(1000))
                stream.interim(expected)
                stream.finish()
            assert await anna.finals.get() == SCRIPT["anna"][expected]
            assert await ben.finals.get() == SCRIPT["ben"][expected]
        assert len(faults) == 2 + len(anna.partials)
        assert all(isinstance(fault["exception"], Broken) and "ear lane" in fault["message"] for fault in faults)


@pytest.mark.asyncio
async def test_whoever_breaks_on_the_final_of_a_failed_segment_breaks_nothing_for_the_other_streams() -> None:
    async with stream_lane(fail_on=CRASH) as lane:
        faults, ben = caught(), Listener()
        one, two = lane.open(StreamSpec("anna"), _break), lane.open(StreamSpec("ben"), ben)
        one.feed(np.full(1600, CRASH, dtype=np.int16))
        one.finish()
        two.feed(voiced(1000))
        two.finish()
        assert await ben.finals.get() == "hello there doctor"
        assert [type(fault["exception"]) for fault in faults] == [Broken]


@pytest.mark.virtual
async def test_closing_a_stream_keeps_the_speakers_state() -> None:
    lane = StreamLane(
        partial(ScriptedRecogniser, ["a", "b"]), isolation="thread", workers=1, clock=virtual_clock(), name="ear"
    )
    await lane.start()
    listener = Listener()
    stream = lane.open(StreamSpec("x"), listener)
    stream.feed(voiced(500))
    stream.finish()
    await listener.finals.get()
    stream.close()
    await asyncio.sleep(1)
    assert stream.speaker_state == "1"
    await lane.stop()
