"""Model phrases, spoken in a neutral voice: a candidate hears one, says it aloud, and compares."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable

import numpy as np
import soundfile

from audio.frames import WIRE_HZ, Pcm
from common.errors import AppError, CapacityError, ProtocolError
from pipelines.assessment.coach import PHRASES
from pipelines.engines import SpeakRequest, SpeechChunk, Voice
from pipelines.lanes.jobs import JobLane

# After whatever a patient has to say.
PRIORITY = 1_000
PATIENCE_S = 20.0


class Phrases:
    """Has each phrase spoken once, by whatever voice speaks at that time; `lane` returns its lane."""

    def __init__(self, lane: Callable[[], JobLane]) -> None:
        self._lane = lane
        self._spoken: dict[str, bytes] = {}

    async def sound(self, topic: str, number: int) -> bytes:
        """Return a phrase as WAV; raises ProtocolError for one that is not there, AppError where no voice can speak."""
        phrases = PHRASES.get(topic, ())
        if not 0 <= number < len(phrases):
            raise ProtocolError("there is no such phrase", code="session.no_phrase", http_status=404)
        text = phrases[number]
        if text not in self._spoken:
            self._spoken[text] = _wav(await self._speak(text))
        return self._spoken[text]

    async def _speak(self, text: str) -> Pcm:
        chunks: list[Pcm] = []
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def part(chunk: SpeechChunk) -> None:
            chunks.append(chunk.samples)

        def end(error: AppError | None) -> None:
            if not done.done():
                done.set_exception(error) if error is not None else done.set_result(None)

        ticket = self._lane().submit(
            SpeakRequest(f"phrase/{text}", text, Voice()), priority=PRIORITY, on_part=part, on_end=end
        )
        try:
            async with asyncio.timeout(PATIENCE_S):
                await done
        except TimeoutError:
            raise CapacityError("the voice is busy; try again in a moment", retry_after_s=5) from None
        finally:
            ticket.cancel()
        return np.concatenate(chunks or [np.zeros(0, dtype=np.int16)])


def _wav(samples: Pcm) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, WIRE_HZ, format="WAV", subtype="PCM_16")
    return file.getvalue()
