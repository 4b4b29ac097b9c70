"""What is cancelled is stopped in the middle of its computing, and only that."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio.clock import LoopClock
from common.errors import AppError
from pipelines.engines import EngineInfo, SpeakRequest, SpeechChunk, Voice
from pipelines.lanes.jobs import JobLane
from pipelines.onnx_session import run_session
from pipelines.stopping import Stopped, Stops, stoppable
from pipelines.tts import casting
from pipelines.tts.casting import CastSynthesiser
from pipelines.tts.neural.script import scripts_of
from pipelines.tts.neural.shared import Shared
from pipelines.tts.neural.speaker import shared_model


def test_a_call_is_stopped_before_it_begins_and_in_its_middle_and_no_other_is() -> None:
    stops = Stops()
    stops.ask(2)
    ended: list[int] = []
    with stops.working(1), stoppable(lambda: ended.append(1)):
        pass
    with stops.working(2), pytest.raises(Stopped), stoppable(lambda: ended.append(2)):
        raise AssertionError("it never begins")

    def told_to_end(call_id: int) -> None:
        stops.ask(call_id)
        raise RuntimeError("what was ended says so in its own way")

    with stops.working(3), pytest.raises(Stopped), stoppable(lambda: ended.append(3)):
        told_to_end(3)
    with stops.working(4), stoppable(lambda: ended.append(4)):
        stops.ask(3)
    assert ended == [3]


def test_what_others_will_use_too_is_made_whole() -> None:
    stops, kept, made = Stops(), Shared[Stops](), Stops()
    ended: list[int] = []

    def load() -> Stops:
        stops.ask(1)
        with stoppable(lambda: ended.append(1)):
            return made

    with stops.working(1):
        assert kept.get("voice", load) is made
        # The call itself is stopped at its next step.
        with pytest.raises(Stopped), stoppable(lambda: ended.append(2)):
            raise AssertionError("it never begins")
    assert ended == []


def test_an_error_of_ones_own_stays_one() -> None:
    stops = Stops()
    with stops.working(1), pytest.raises(RuntimeError), stoppable(lambda: None):
        raise RuntimeError("broken")


def test_a_thread_that_works_for_nobody_is_never_stopped() -> None:
    with stoppable(lambda: None):
        pass


class Endless:
    """An onnxruntime session that computes until it is told to end."""

    def __init__(self) -> None:
        self.begun = threading.Event()

    def run(self, _outputs: object, given: dict[str, Any], options: Any) -> list[Any]:
        self.begun.set()
        while given["endless"] and not options.terminate:
            threading.Event().wait(0.001)
        if options.terminate:
            raise RuntimeError("Exiting due to terminate flag being set to true.")
        return [np.ones(240, dtype=np.int16)]


class Voiced:
    """A voice whose every clause is one call; "endless" takes for ever."""

    def __init__(self, session: Endless) -> None:
        self.info = EngineInfo("synthesiser", "voiced", demonstration=False, isolation="thread")
        self.session = session

    def warm(self) -> None:
        pass

    def speak(self, request: SpeakRequest) -> Iterator[SpeechChunk]:
        (samples,) = run_session(self.session, None, {"endless": request.text == "endless"}, name="v")
        yield SpeechChunk(samples)


@pytest.mark.asyncio
async def test_a_lane_is_free_as_soon_as_its_call_is_cancelled() -> None:
    session = Endless()
    lane = JobLane(lambda: Voiced(session), isolation="thread", workers=1, clock=LoopClock(), name="voice")
    requests: list[bool] = []
    lane.on_request.append(lambda ok, _ms: requests.append(ok))
    await lane.start()
    heard: list[str] = []
    ended: asyncio.Future[AppError | None] = asyncio.get_running_loop().create_future()
    try:
        first = lane.submit(
            SpeakRequest("", "endless", Voice()),
            priority=0,
            on_part=lambda _part: heard.append("first"),
            on_end=lambda _error: heard.append("end of the first"),
        )
        lane.submit(
            SpeakRequest("", "next", Voice()),
            priority=1,
            on_part=lambda _part: heard.append("next"),
            on_end=ended.set_result,
        )
        await asyncio.to_thread(session.begun.wait)
        first.cancel()
        assert await ended is None
    finally:
        await lane.stop()
    assert heard == ["next"]
    assert requests == [True, True], "a cancelled call has not failed"


def test_no_other_voice_speaks_what_was_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(casting, "plain_synthesiser", lambda _name: Voiced(Endless()))
    stops = Stops()
    stops.ask(1)
    with stops.working(1), pytest.raises(Stopped):
        list(CastSynthesiser([]).speak(SpeakRequest("", "endless", Voice())))


def test_a_real_voice_stops_in_the_middle_of_a_call(real_joe: Path) -> None:
    model = shared_model(real_joe, 1)
    text = "I've had these headaches for about three weeks now, and they are getting worse. " * 4
    (script,) = scripts_of(text.split()[:40], model.voice)
    passage = model.passage(script.ids, None, length=1.8)
    stops = Stops()
    got: list[str] = []

    def compute() -> None:
        try:
            with stops.working(1):
                for _ in range(1_000):  # minutes, unless it is stopped
                    list(model.windows(passage, 0, passage.length, whole=True))
        except Stopped:
            got.append("stopped")

    thread = threading.Thread(target=compute)
    thread.start()
    threading.Event().wait(0.05)
    stops.ask(1)
    thread.join(60)
    assert got == ["stopped"]
    (wave,) = model.windows(passage, 0, passage.length, whole=True)
    assert np.max(np.abs(wave)) > 0.01, "and the voice still speaks"
