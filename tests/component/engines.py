"""A test's engines, each on a lane of its own with one worker, under virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from pipelines.engine_lanes import start_lanes, stop_lanes
from pipelines.engines import Isolation
from pipelines.lanes.decodes import DecodeLane
from pipelines.lanes.jobs import JobLane
from pipelines.lanes.speech_lane import SpeechLane
from pipelines.lanes.streams import StreamLane
from pipelines.lanes.worker_loop import Factory
from pipelines.scripted.interpreter import ScriptedInterpreter
from pipelines.scripted.recogniser import ScriptedRecogniser
from pipelines.scripted.scripted_responder import ScriptedResponder
from pipelines.scripted.synthesiser import ToneSynthesiser
from pipelines.session.driver import Engines
from pipelines.stt.growing import Growth
from pipelines.virtual_time import virtual_clock


@asynccontextmanager
async def engines_on_lanes(
    *,
    recogniser: Factory = ScriptedRecogniser,
    decoder: Factory | None = None,
    growth: Growth | None = None,
    interpreter: Factory = ScriptedInterpreter,
    responder: Factory = ScriptedResponder,
    synthesiser: Factory = ToneSynthesiser,
    turn_detector: Factory | None = None,
    isolation: Isolation = "thread",
) -> AsyncIterator[Engines]:
    """Run engines while the block runs; a decoder, such as Whisper, takes the recogniser's place.

    `isolation` is the recogniser's; the others run in threads.
    """
    clock = virtual_clock()
    job_lane = partial(JobLane, isolation="thread", workers=1, clock=clock)
    engines = Engines(
        StreamLane(recogniser, isolation=isolation, workers=1, clock=clock, name="recogniser")
        if decoder is None
        else DecodeLane(decoder, isolation=isolation, workers=1, clock=clock, name="recogniser", growth=growth),
        job_lane(interpreter, name="interpreter"),
        job_lane(responder, name="responder"),
        SpeechLane(synthesiser, isolation="thread", workers=1, clock=clock, name="synthesiser"),
        job_lane(turn_detector, name="turn_detector") if turn_detector is not None else None,
    )
    await start_lanes(engines)
    yield engines
    await stop_lanes(engines)
