"""pipecat: its realtime service in a pipeline, as its examples have it."""

# mypy: ignore-errors
# These packages are in an environment of their own (requirements/stock-clients.lock).

from __future__ import annotations

import asyncio
import contextlib

from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    LLMRunFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.realtime.events import (
    AudioConfiguration,
    AudioInput,
    InputAudioTranscription,
    SemanticTurnDetection,
    SessionProperties,
)
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from sound import PATIENCE_S, RATE_HZ, arguments, at_pace, report


class Ears(FrameProcessor):
    """Notes what passes."""

    def __init__(self) -> None:
        super().__init__()
        self.audio_bytes = 0
        self.heard: list[str] = []
        self.errors: list[str] = []
        self.spoken = asyncio.Event()
        self.understood = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Note a frame, and pass it on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            self.audio_bytes += len(frame.audio)
        elif isinstance(frame, TranscriptionFrame):
            self.heard.append(frame.text)
            self.understood.set()
        elif isinstance(frame, ErrorFrame):
            self.errors.append(str(frame.error))
        elif isinstance(frame, TTSStoppedFrame) and self.audio_bytes:
            self.spoken.set()
        await self.push_frame(frame, direction)


async def main() -> None:
    """Hold one spoken turn."""
    address, key, model, path = arguments()
    properties = SessionProperties(
        audio=AudioConfiguration(
            input=AudioInput(transcription=InputAudioTranscription(), turn_detection=SemanticTurnDetection())
        )
    )
    service = OpenAIRealtimeLLMService(
        api_key=key,
        base_url=f"ws://{address}/v1/realtime",
        settings=OpenAIRealtimeLLMService.Settings(
            model=model, system_instruction="You are a helpful assistant.", session_properties=properties
        ),
    )
    before, after = Ears(), Ears()
    pair = LLMContextAggregatorPair(LLMContext([{"role": "developer", "content": "Say hello."}]))
    pipeline = Pipeline([pair.user(), before, service, after, pair.assistant()])
    task = PipelineTask(pipeline, params=PipelineParams(audio_in_sample_rate=RATE_HZ, audio_out_sample_rate=RATE_HZ))
    running = asyncio.create_task(PipelineRunner(handle_sigint=False).run(task))

    async def speak() -> None:
        async for data in at_pace(path):
            await task.queue_frame(InputAudioRawFrame(audio=data, sample_rate=RATE_HZ, num_channels=1))

    await task.queue_frame(LLMRunFrame())
    speaking = asyncio.create_task(speak())
    with contextlib.suppress(TimeoutError):  # the report tells what did not come
        async with asyncio.timeout(PATIENCE_S):
            await after.spoken.wait()
            await before.understood.wait()
    speaking.cancel()
    await task.queue_frame(EndFrame())
    await running
    errors = [*before.errors, *after.errors]
    heard = " ".join([*before.heard, *after.heard])
    report("pipecat-ai", audio_bytes=after.audio_bytes, transcript=heard, errors=errors)


asyncio.run(main())
