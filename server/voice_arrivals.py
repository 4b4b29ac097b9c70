"""Notices patients' voices that are brought while the server runs, and lets the sessions that begin then have them.

A patient keeps one voice for the whole role-play, so a voice is loaded only while no session runs: loading takes a
second or two of the processor. Who is served without a break is told what to do in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from common.errors import AppError
from pipelines.choice import Choice
from pipelines.engine_choices import choose_voice
from pipelines.lanes.speech_lane import SpeechLane
from server.loading import reason_of
from server.settings.tree import Settings

logger = structlog.get_logger("server.voice_arrivals")

LOOK_EVERY_S = 5.0


def may_arrive(settings: Settings, choice: Choice) -> bool:
    """Return whether a better voice could come: patients of a sex speak with a plain one, and nobody asked for it."""
    engines = settings.engines
    return bool(choice.plain_for) and engines.synthesiser == "auto" and engines.backend in ("auto", "local")


async def watch_voices(
    settings: Settings,
    choice: Choice,
    *,
    make_lane: Callable[[Choice], SpeechLane],
    is_busy: Callable[[], bool],
    take: Callable[[Choice, SpeechLane], Awaitable[None]],
    every_s: float | None = None,
) -> None:
    """Look for new voices until every patient has one; give each better choice, loaded, to `take`.

    Args:
        settings: The server's settings.
        choice: The voices that the server started with.
        make_lane: Makes the lane of a choice, not started.
        is_busy: Whether a session runs.
        take: Has sessions that begin from now on speak with this lane.
        every_s: How often to look; None: every LOOK_EVERY_S.
    """
    tried = waits_for = choice.reason
    seen: frozenset[Path] | None = None
    while may_arrive(settings, choice):
        await asyncio.sleep(LOOK_EVERY_S if every_s is None else every_s)
        here = await asyncio.to_thread(_names, settings)
        if here == seen:
            continue
        try:
            found = await asyncio.to_thread(choose_voice, settings.engines, settings.models)
        except (AppError, OSError) as error:
            logger.warning("voices_not_looked_for", reason=reason_of(error))
            return
        if found.reason == tried or not len(found.plain_for) < len(choice.plain_for):
            seen = here
            continue
        if is_busy():
            if found.reason != waits_for:
                waits_for = found.reason
                logger.info("voices_wait", voices=found.name, until="no session runs; a restart takes them at once")
            continue
        tried = found.reason
        lane = make_lane(found)
        try:
            await lane.start()
        except (AppError, TimeoutError, OSError) as error:
            logger.warning("voices_not_taken", voices=found.name, reason=reason_of(error))
            await lane.stop()
            continue
        choice = found
        await take(found, lane)


def _names(settings: Settings) -> frozenset[Path]:
    """Return what lies where voices come to; a model's folder gets its name only once it is complete."""
    models = settings.models
    own = models.piper_voices.rglob("*") if models.piper_voices is not None else ()
    return frozenset([*models.path.glob("[!.]*"), *own])
