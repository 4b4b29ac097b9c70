"""livekit-plugins-openai: its realtime model, asked to speak by `generate_reply()` and then spoken to."""

# mypy: ignore-errors
# These packages are in an environment of their own (requirements/stock-clients.lock).

from __future__ import annotations

import asyncio

import aiohttp
from livekit import rtc
from livekit.plugins.openai import realtime
from sound import FRAME_MS, PATIENCE_S, RATE_HZ, arguments, at_pace, report


async def main() -> None:
    """Hold one spoken turn, and have one reply generated."""
    address, key, model, path = arguments()
    errors: list[str] = []
    heard: list[str] = []
    replies: asyncio.Queue[object] = asyncio.Queue()
    async with aiohttp.ClientSession() as http:
        patient = realtime.RealtimeModel(
            model=model, base_url=f"http://{address}/v1", api_key=key, voice="marin", http_session=http
        )
        session = patient.session()
        session.on("error", lambda event: errors.append(str(event.error)))
        session.on(
            "input_audio_transcription_completed", lambda event: event.is_final and heard.append(event.transcript)
        )
        session.on("generation_created", replies.put_nowait)
        await session.update_instructions("You are a helpful assistant.")
        audio_bytes = 0

        async def listen(generation: object) -> int:
            size = 0
            async for message in generation.message_stream:
                async for frame in message.audio_stream:
                    size += len(frame.data.tobytes())
            return size

        async with asyncio.timeout(PATIENCE_S):
            audio_bytes += await listen(await session.generate_reply(instructions="Greet the user."))
            while not replies.empty():
                replies.get_nowait()

            async def speak() -> None:
                async for data in at_pace(path):
                    samples = RATE_HZ * FRAME_MS // 1000
                    session.push_audio(rtc.AudioFrame(data, RATE_HZ, 1, samples))

            speaking = asyncio.create_task(speak())
            audio_bytes += await listen(await replies.get())
            speaking.cancel()
        await session.aclose()
    report("livekit-plugins-openai", audio_bytes=audio_bytes, transcript=" ".join(heard), errors=errors)


asyncio.run(main())
