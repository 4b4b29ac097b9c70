"""A sentence spoken by a lane, as a whole."""

from __future__ import annotations

import numpy as np

from audio.frames import Pcm
from pipelines.engines import SpeakRequest, SpeechChunk
from pipelines.lanes.jobs import JobLane
from pipelines.lanes.one_job import parts_of


async def speech_of(lane: JobLane, request: SpeakRequest, *, priority: int) -> Pcm:
    """Return what a lane makes of a request, int16 (n,) at 24 kHz; raises AppError.

    Whoever stops waiting stops the work.
    """
    chunks: list[SpeechChunk] = await parts_of(lane, request, priority=priority)
    return np.concatenate([chunk.samples for chunk in chunks] or [np.zeros(0, dtype=np.int16)])
