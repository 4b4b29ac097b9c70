"""Audio that a recogniser hears once, for whoever holds no session."""

from __future__ import annotations

import asyncio

from audio.frames import Pcm
from pipelines.engines import Hypothesis, StreamSpec
from pipelines.lanes.decodes import RecogniserLane


async def hear_once(lane: RecogniserLane, stream_id: str, audio: Pcm) -> Hypothesis:
    """Return the final hypothesis of audio, int16 (n,) at 16 kHz; its text is empty where the engine failed."""
    final: asyncio.Future[Hypothesis] = asyncio.get_running_loop().create_future()

    def listen(hypothesis: Hypothesis) -> None:
        if hypothesis.final and not final.done():
            final.set_result(hypothesis)

    handle = lane.open(StreamSpec(stream_id), listen)
    try:
        handle.feed(audio)
        handle.finish()
        return await final
    finally:
        handle.close()
