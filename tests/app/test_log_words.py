"""What was said stands in the session's log, sealed, and in no line that the server writes."""

from __future__ import annotations

import json

import pytest

from tests.app.process import ServerProcess
from tests.app.wire import joined, sentence

TYPED = "My name is Zuleika Quennell and my number is 07700 900461."
PERSONAL = ("zuleika", "quennell", "900461")


@pytest.mark.asyncio
async def test_no_line_of_the_server_has_a_word_that_was_said(embedded_server: ServerProcess) -> None:
    async with joined(embedded_server) as wire:
        wire.microphone()
        wire.speak(sentence())
        heard = await wire.until("conversation.item.input_audio_transcription.completed")
        await wire.until("response.done")
        await wire.say(TYPED)
        await wire.until("response.done")
        await wire.end()
        session_id = wire.session_id
    entries = embedded_server.entries(session_id)
    said = {entry.payload["text"].lower() for entry in entries if entry.payload and entry.payload.get("text")}
    sentences = {text for text in said if len(text.split()) >= 3}
    assert any("zuleika" in text for text in sentences), "the role-play itself must know it"
    assert heard["transcript"].strip(" .?").lower() in " ".join(said)
    assert len(sentences) >= 3
    lines = "\n".join([*embedded_server.other_output, *(json.dumps(line) for line in embedded_server.log)]).lower()
    assert session_id.lower() in lines
    assert [word for word in (*PERSONAL, *sentences) if word in lines] == []
