"""The lanes that the chosen engines run on."""

from __future__ import annotations

import asyncio

from audio.clock import Clock
from common.errors import EngineError
from pipelines.choice import Choice
from pipelines.engine_choices import Choices
from pipelines.engine_settings import EngineSettings
from pipelines.lanes.decodes import DecodeLane, RecogniserLane
from pipelines.lanes.jobs import JobLane
from pipelines.lanes.speech_lane import SpeechLane
from pipelines.lanes.streams import StreamLane
from pipelines.models.devices import choose_device, choose_threads, usable_cores
from pipelines.session.driver import Engines

_MIB = 1 << 20


def build_lanes(choices: Choices, settings: EngineSettings, clock: Clock) -> Engines:
    """Make the lanes for the chosen engines; they are not started yet."""
    return Engines(
        _recogniser_lane(choices.recogniser, settings, clock),
        _job_lane("interpreter", choices.interpreter, settings.interpreter_workers, clock),
        _job_lane(
            "responder",
            choices.responder,
            max(settings.responder_workers or 1, choices.responder.workers),
            clock,
        ),
        synthesiser_lane(choices.synthesiser, settings, clock),
        _job_lane("turn_detector", choices.turn_detector, settings.turn_detector_workers, clock)
        if choices.turn_detector is not None
        else None,
    )


def synthesiser_lane(choice: Choice, settings: EngineSettings, clock: Clock) -> SpeechLane:
    """Make the lane of a voice; it is not started yet."""
    return SpeechLane(
        choice.factory,
        isolation=choice.isolation,
        workers=_voice_workers(settings, choice),
        clock=clock,
        name="synthesiser",
        # A plain voice says anything at once.
        most_kept_bytes=settings.spoken_ahead_mib * _MIB if choice.voices else 0,
    )


def _voice_workers(settings: EngineSettings, choice: Choice) -> int:
    """Return how many clauses are made at once: neural voices share their models, so that a second one costs little."""
    return settings.synthesiser_workers or (1 if choice.demonstration else min(2, choose_threads(0)))


def _job_lane(name: str, choice: Choice, workers: int, clock: Clock) -> JobLane:
    return JobLane(choice.factory, isolation=choice.isolation, workers=workers, clock=clock, name=name)


def _recogniser_lane(choice: Choice, settings: EngineSettings, clock: Clock) -> RecogniserLane:
    if choice.batch_size:
        # One model reads for all sessions.
        return DecodeLane(
            choice.factory,
            isolation=choice.isolation,
            workers=_readers(settings, choice),
            clock=clock,
            name="recogniser",
            batch_size=choice.batch_size,
            caption_every_ms=settings.whisper.partial_every_ms,
            growth=settings.whisper.growth,
        )
    workers = settings.recogniser_workers or min(usable_cores(), 4)
    return StreamLane(choice.factory, isolation=choice.isolation, workers=workers, clock=clock, name="recogniser")


def _readers(settings: EngineSettings, choice: Choice) -> int:
    """Return how many clips a model reads at once: a graphics card reads one batch, the processor one on each core."""
    if choice.place is None:  # it is another machine's affair
        return choice.readers
    try:
        device = choose_device(settings.whisper.device, settings.whisper.compute)
    except EngineError:  # loading the model says what is wrong
        return 1
    return choice.readers if device.name == "cpu" else 1


async def start_lanes(engines: Engines) -> None:
    """Load and warm all engines side by side; raises EngineError with the reason when one can't be."""
    await asyncio.gather(*(lane.start() for lane in engines.lanes))


async def stop_lanes(engines: Engines) -> None:
    """End all workers."""
    await asyncio.gather(*(lane.stop() for lane in engines.lanes))
