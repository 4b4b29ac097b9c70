"""A sentence spoken by a lane, as a whole."""

from __future__ import annotations

import asyncio

import numpy as np

from audio.frames import Pcm
from common.errors import AppError
from pipelines.engines import SpeakRequest, SpeechChunk
from pipelines.lanes.jobs import JobLane


async def speech_of(lane: JobLane, request: SpeakRequest, *, priority: int) -> Pcm:
    """Return what a lane makes of a request, int16 (n,) at 24 kHz; raises AppError.

    Whoever stops waiting stops the work.
    """
    chunks: list[Pcm] = []
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def part(chunk: SpeechChunk) -> None:
        chunks.append(chunk.samples)

    def end(error: AppError | None) -> None:
        if not done.done():
            done.set_exception(error) if error is not None else done.set_result(None)

    ticket = lane.submit(request, priority=priority, on_part=part, on_end=end)
    try:
        await done
    finally:
        ticket.cancel()
    return np.concatenate(chunks or [np.zeros(0, dtype=np.int16)])
