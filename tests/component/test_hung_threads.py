"""Engines in threads that stand still: the thread is given up, its work is done by another, and there is a bound."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

from audio.clock import LoopClock
from audio.frames import ANALYSIS_HZ, Pcm
from common.errors import WorkerHung
from pipelines.engines import (
    Decoded,
    DecodedBatch,
    DecodeRequest,
    EngineInfo,
    Hypothesis,
    SpeakRequest,
    SpeechChunk,
    StreamSpec,
    Word,
)
from pipelines.lanes import workers
from pipelines.lanes.base import MOST_GIVEN_UP, Lane
from pipelines.lanes.decodes import DecodeLane
from pipelines.lanes.jobs import JobLane
from pipelines.lanes.streams import StreamLane
from pipelines.scripted.recogniser import ScriptedRecogniser, ScriptedStream
from pipelines.scripted.synthesiser import ToneSynthesiser
from tests.component.test_lanes import Job

pytestmark = pytest.mark.asyncio

DEADLINE_S = 1.5
PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def short_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "LONGEST_S", DEADLINE_S)
    monkeypatch.setattr(workers, "LOOK_EVERY_S", 0.05)


class Hold:
    """Holds up the first `times` calls of an engine until it lets go."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.let_go = threading.Event()
        self.threads: list[threading.Thread] = []

    def pass_by(self) -> None:
        if self.left:
            self.left -= 1
            self.threads.append(threading.current_thread())
            self.let_go.wait()


@pytest.fixture
def hold() -> Iterator[Callable[[int], Hold]]:
    made: list[Hold] = []

    def make(times: int) -> Hold:
        made.append(Hold(times))
        return made[-1]

    yield make
    for one in made:
        one.let_go.set()
        for thread in one.threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def told_by(lane: Lane) -> list[str]:
    told: list[str] = []
    lane.on_incident.append(lambda what, _detail: told.append(what))
    return told


async def until(ready: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not ready():  # noqa: ASYNC110 - a thread that ends tells nobody
            await asyncio.sleep(0.01)


def voice_lane(hold: Hold) -> JobLane:
    class Voices(ToneSynthesiser):
        def speak(self, request: SpeakRequest) -> Iterator[SpeechChunk]:
            hold.pass_by()
            yield from super().speak(request)

    return JobLane(Voices, isolation="thread", workers=1, clock=LoopClock(), name="synthesiser")


async def test_a_job_whose_thread_stands_still_is_done_by_another_and_once(hold: Callable[[int], Hold]) -> None:
    held = hold(1)
    lane = voice_lane(held)
    await lane.start()
    told = told_by(lane)
    job, after = Job(), Job()
    job.submit(lane, "one two three")
    assert await asyncio.wait_for(job.ended, PATIENCE_S) is None
    assert told == ["hung", "died", "restarted"]
    assert lane.threads_given_up == 1
    assert not lane.stands_still
    # What the thread still says when it goes on is heard by nobody, and it ends.
    heard = len(job.parts)
    held.let_go.set()
    await until(lambda: lane.threads_given_up == 0)
    after.submit(lane, "four")
    assert await after.ended is None
    assert len(job.parts) == heard
    assert sum(len(chunk.words) for chunk in job.parts) == 3
    await lane.stop()


async def test_beyond_a_bound_no_more_threads_are_begun_until_one_ends(hold: Callable[[int], Hold]) -> None:
    held = hold(MOST_GIVEN_UP)
    lane = voice_lane(held)
    await lane.start()
    jobs = [Job() for _ in range(MOST_GIVEN_UP // 2)]
    for job in jobs:
        job.submit(lane, "one")
    # A job that has held up two threads would hold up the third.
    assert isinstance(await asyncio.wait_for(jobs[0].ended, PATIENCE_S), WorkerHung)
    await until(lambda: lane.stands_still)
    assert lane.threads_given_up == MOST_GIVEN_UP
    waits = Job()
    waits.submit(lane, "two")
    assert not waits.ended.done()
    held.let_go.set()
    assert await asyncio.wait_for(waits.ended, PATIENCE_S) is None
    assert lane.threads_given_up == 0
    await lane.stop()


async def test_a_recogniser_that_stands_still_is_fed_the_segment_again(hold: Callable[[int], Hold]) -> None:
    held = hold(1)

    class Ears(ScriptedRecogniser):
        def open(self, spec: StreamSpec) -> ScriptedStream:
            stream = super().open(spec)
            finish = stream.finish

            def held_up() -> Hypothesis:
                held.pass_by()
                return finish()

            stream.finish = held_up  # type: ignore[method-assign]
            return stream

    lane = StreamLane(Ears, isolation="thread", workers=1, clock=LoopClock(), name="recogniser")
    await lane.start()
    told, heard = told_by(lane), list[Hypothesis]()
    stream, neighbour = (lane.open(StreamSpec(name), heard.append) for name in ("one", "two"))
    for each in (stream, neighbour):
        each.feed(voiced(900))
        each.finish()
    await until(lambda: sum(each.final for each in heard) == 2)
    assert {each.text for each in heard if each.final} == {"word1 word2 word3"}
    assert told == ["hung", "died", "restarted"]
    await lane.stop()


async def test_a_reader_that_stands_still_is_given_the_segment_again(hold: Callable[[int], Hold]) -> None:
    held = hold(1)

    class Reader:
        info = EngineInfo("recogniser", "scripted", True, "thread")

        def warm(self) -> None:
            pass

        def decode(self, requests: Sequence[DecodeRequest]) -> DecodedBatch:
            held.pass_by()
            return DecodedBatch(tuple(Decoded((Word("hello", 0, 300),)) for _ in requests), cost_ms=1.0)

    lane = DecodeLane(Reader, isolation="thread", workers=1, clock=LoopClock(), name="recogniser")
    await lane.start()
    told, heard = told_by(lane), list[Hypothesis]()
    stream = lane.open(StreamSpec("one"), heard.append)
    stream.feed(voiced(900))
    stream.finish()
    await until(lambda: any(each.final for each in heard))
    assert heard[-1].text == "hello"
    assert told == ["hung", "failed", "died", "restarted"]
    await lane.stop()


async def test_a_loop_that_was_held_up_gives_nobody_up(hold: Callable[[int], Hold]) -> None:
    """The whole process stood still, as one that was stopped does: the thread had no time either."""
    held = hold(1)
    lane = voice_lane(held)
    await lane.start()
    told, job = told_by(lane), Job()
    job.submit(lane, "one")
    await until(lambda: bool(held.threads))
    # Not asyncio's: the loop is what is to stand still.
    threading.Event().wait(2 * DEADLINE_S)
    held.let_go.set()
    assert await asyncio.wait_for(job.ended, PATIENCE_S) is None
    assert told == []
    await lane.stop()


def voiced(ms: float) -> Pcm:
    return np.full(int(ms * ANALYSIS_HZ / 1000), 5_000, dtype=np.int16)
