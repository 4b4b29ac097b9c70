"""Loads what a server hears, answers and speaks with, so that the first session does not wait for it."""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from audio.clock import Clock
from audio.frames import ANALYSIS_HZ, silence
from audio.vad import VadName, make_vad
from common.errors import AppError, EngineError
from pipelines.choice import Choice
from pipelines.engine_choices import Choices
from pipelines.engine_settings import EngineSettings
from pipelines.lanes.base import Lane
from pipelines.lanes.jobs import JobLane
from pipelines.models.cache import ModelCache
from pipelines.session.driver import Engines
from server.settings.tree import Settings

logger = structlog.get_logger("server.loading")


async def load_engines(
    engines: Engines, choices: Choices, *, settings: Settings, models: ModelCache, clock: Clock
) -> str | None:
    """Load the engines and the voice detector and run each once; return why that can't be, None when all is well."""
    chosen: tuple[tuple[Lane, Choice], ...] = (
        (engines.recogniser, choices.recogniser),
        (engines.interpreter, choices.interpreter),
        (engines.responder, choices.responder),
        (engines.synthesiser, choices.synthesiser),
    )
    detector = (engines.turn_detector, choices.turn_detector)
    for choice in (*(choice for _, choice in chosen), choices.turn_detector):
        if choice is not None:
            logger.info("engine_chosen", engine=choice.name, reason=choice.reason, isolation=choice.isolation)
    if choices.turn_detector is None:
        logger.info("no_turn_detector", reason=choices.no_turn_detector)
    if choices.recogniser.place is not None:
        await asyncio.to_thread(_say_device, settings.engines)
    loading = (_load_one(lane, choice, models=models, clock=clock) for lane, choice in chosen)
    others = (_load_vad(settings.vad), _load_detector(*detector, settings=settings, models=models, clock=clock))
    told = [reason for reason in await asyncio.gather(*loading, *others) if reason is not None]
    return "; ".join(told) or None


async def _load_detector(
    lane: JobLane | None, choice: Choice | None, *, settings: Settings, models: ModelCache, clock: Clock
) -> str | None:
    """Load what hears the end of turns; one that nobody asked for by name may fail: then the text alone is weighed."""
    if lane is None or choice is None:
        return None
    failed = await _load_one(lane, choice, models=models, clock=clock)
    if failed is not None and settings.engines.turn_detector == "auto":
        logger.warning("turn_detector_left_out", reason=failed)
        return None
    return failed


async def _load_one(lane: Lane, choice: Choice, *, models: ModelCache, clock: Clock) -> str | None:
    """Load an engine and run it once; return why it can't be."""
    began_ms = clock.now_ms()
    try:
        await lane.start()
    except (AppError, TimeoutError, OSError) as error:
        return f"{choice.name}: {reason_of(error)}"
    logger.info(
        "engine_loaded",
        engine=choice.name,
        seconds=round((clock.now_ms() - began_ms) / 1000.0, 2),
        memory_bytes=lane.memory_bytes() or _held_by_models(choice, models),
    )
    return None


def _held_by_models(choice: Choice, models: ModelCache) -> int | None:
    """Return what an engine's model takes in this process; None for engines that have none."""
    held = [status for status in models.status() if status.key.partition("@")[0] == choice.model]
    return sum(status.memory_bytes for status in held) if held else None


async def _load_vad(name: VadName) -> str | None:
    try:
        await asyncio.to_thread(_warm_vad, name)
    except (AppError, OSError) as error:
        return reason_of(error)
    return None


def _warm_vad(name: VadName) -> None:
    choice = make_vad(name)
    choice.vad.process(silence(100, ANALYSIS_HZ))
    logger.info("vad_chosen", vad=choice.vad.name, reason=choice.reason, fallback=choice.fallback)


def _say_device(settings: EngineSettings) -> None:
    """Say where Whisper computes and why, such as that mps is not what it computes on."""
    from pipelines.models.devices import choose_device

    with contextlib.suppress(EngineError):  # then loading it fails with the same, and says so
        device = choose_device(settings.whisper.device, settings.whisper.compute)
        logger.info("device_chosen", device=device.label, compute=device.compute_type, reason=device.reason)


def reason_of(error: Exception) -> str:
    """Return why something could not be loaded, for whoever runs the server."""
    if isinstance(error, AppError):
        return error.message
    return "did not start in time" if isinstance(error, TimeoutError) else f"can't be started ({error})"
