"""Model phrases, spoken in a neutral voice: a candidate hears one, says it aloud, and compares."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable

import soundfile

from audio.frames import WIRE_HZ, Pcm
from common.errors import CapacityError, ProtocolError
from pipelines.assessment.coach import PHRASES
from pipelines.engines import SpeakRequest, Voice
from pipelines.lanes.jobs import JobLane
from pipelines.lanes.whole_speech import speech_of

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
        request = SpeakRequest(f"phrase/{text}", text, Voice())
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await speech_of(self._lane(), request, priority=PRIORITY)
        except TimeoutError:
            raise CapacityError("the voice is busy; try again in a moment", retry_after_s=5) from None


def _wav(samples: Pcm) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, WIRE_HZ, format="WAV", subtype="PCM_16")
    return file.getvalue()
