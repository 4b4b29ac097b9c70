"""openai: its realtime connection, newest version, with server turn-taking; a `.ulaw` is spoken as a telephone does."""

# mypy: ignore-errors
# These packages are in an environment of their own (requirements/stock-clients.lock).

from __future__ import annotations

import asyncio
import base64

from openai import AsyncOpenAI
from sound import PATIENCE_S, arguments, at_pace, report


async def main() -> None:
    """Hold one spoken turn."""
    address, key, model, path = arguments()
    client = AsyncOpenAI(api_key=key, base_url=f"http://{address}/v1", websocket_base_url=f"ws://{address}/v1")
    telephone = {"format": {"type": "audio/pcmu"}} if path.endswith(".ulaw") else {}
    audio_bytes, transcript, errors = 0, "", []
    async with client.realtime.connect(model=model) as connection, asyncio.timeout(PATIENCE_S):
        await connection.session.update(
            session={
                "type": "realtime",
                "instructions": "You are a helpful assistant.",
                "audio": {
                    "input": {"turn_detection": {"type": "semantic_vad", "eagerness": "auto"}} | telephone,
                    "output": {"voice": "marin", "speed": 1.0} | telephone,
                },
            }
        )

        async def speak() -> None:
            async for frame in at_pace(path):
                await connection.input_audio_buffer.append(audio=base64.b64encode(frame).decode())

        speaking = asyncio.create_task(speak())
        async for event in connection:
            if event.type == "error":
                errors.append(event.error.message)
            elif event.type == "response.output_audio.delta":
                audio_bytes += len(base64.b64decode(event.delta))
            elif event.type == "conversation.item.input_audio_transcription.completed":
                transcript = event.transcript
            elif event.type == "response.done" and audio_bytes:
                break
        speaking.cancel()
    report("openai", audio_bytes=audio_bytes, transcript=transcript, errors=errors)


asyncio.run(main())
