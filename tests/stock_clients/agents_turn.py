"""openai-agents: a realtime agent as its documentation shows it, over a WebSocket."""

# mypy: ignore-errors
# These packages are in an environment of their own (requirements/stock-clients.lock).

from __future__ import annotations

import asyncio
import contextlib

from agents.realtime import RealtimeAgent, RealtimeRunner
from sound import PATIENCE_S, arguments, at_pace, report


async def main() -> None:
    """Hold one spoken turn."""
    address, key, model, path = arguments()
    agent = RealtimeAgent(name="Patient", instructions="You are a helpful assistant.")
    settings = {
        "model_name": model,
        "voice": "ash",
        "modalities": ["audio"],
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "input_audio_transcription": {"model": "gpt-4o-mini-transcribe"},
        "turn_detection": {"type": "semantic_vad", "interrupt_response": True},
    }
    runner = RealtimeRunner(agent, config={"model_settings": settings})
    url = f"ws://{address}/v1/realtime?model={model}"
    session = await runner.run(model_config={"api_key": key, "url": url, "initial_model_settings": settings})
    audio_bytes, transcript, errors = 0, "", []
    async with session:

        async def speak() -> None:
            async for frame in at_pace(path):
                await session.send_audio(frame)

        speaking = asyncio.create_task(speak())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                async for event in session:
                    if event.type == "error":
                        errors.append(str(event.error))
                    elif event.type == "audio":
                        audio_bytes += len(event.audio.data)
                    elif event.type == "raw_model_event":
                        data = event.data
                        if data.type == "input_audio_transcription_completed":
                            transcript = data.transcript
                    elif event.type == "audio_end":
                        break
        speaking.cancel()
    report("openai-agents", audio_bytes=audio_bytes, transcript=transcript, errors=errors)


asyncio.run(main())
