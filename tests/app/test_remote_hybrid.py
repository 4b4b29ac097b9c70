"""Ears and voice of this machine, a mind elsewhere: real tiny.en and a real voice, and words that were spoken."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pipelines.engine_settings import EngineSettings
from pipelines.log.jsonl import read_jsonl
from pipelines.models.settings import ModelSettings
from tests.app.inside import serving
from tests.app.test_records import Person
from tests.app.test_remote_session import CONSENT, REMOTE
from tests.app.wire import Wire, connect_to, sentence
from tests.fakes.provider import running_provider
from tests.fakes.remote import remote_settings
from tests.sealed import seal_of


@pytest.mark.asyncio
async def test_what_is_said_aloud_is_answered_from_elsewhere_with_a_voice_from_here(
    tmp_path: Path, real_whisper: Path, real_joe: Path
) -> None:
    answer = "It's good to meet you too. I'm a bit nervous about this."
    with running_provider(answer=answer) as provider:
        waits = {"first_token_s": 20.0, "idle_s": 20.0, "whole_s": 40.0}
        engines = EngineSettings.model_validate(
            {
                "profile": "hybrid",
                "backend": "local",
                "whisper": {"model": "tiny.en"},
                "remote": remote_settings(provider, waits=waits),
            }
        )
        models = ModelSettings(path=real_whisper.parent)
        async with serving(tmp_path, engines=engines, models=models) as (address, server):
            assert server.choices.names["recogniser"] == "whisper"
            assert server.choices.names["responder"] == "remote"
            assert "joe" in server.choices.synthesiser.reason
            reserved = await Person(address).opened(consent=CONSENT | {"remote": REMOTE})
            wire = Wire(await connect_to(reserved))
            wire.microphone()
            await wire.until("interlocutor.session.started")
            wire.speak(sentence())
            heard = await wire.until("conversation.item.input_audio_transcription.completed")
            await wire.until("response.output_audio.delta")
            said = await wire.until("response.output_audio_transcript.done")
            assert await wire.end() == 1000
            await wire.drop()
            await asyncio.to_thread(server.disk.flush)
            log = list(read_jsonl(tmp_path / "sessions" / reserved.id, seal_of(tmp_path / "sessions" / reserved.id)))
    assert "good to meet you" in heard["transcript"].lower()
    assert answer.startswith(said["transcript"].split(".")[0])
    assert "good to meet you" in provider.asked[-1].text.lower()
    outcomes = [
        entry.payload["outcome"] for entry in log if entry.envelope.type == "remote_mind_asked" and entry.payload
    ]
    assert "remote" in outcomes
    latency = [entry.payload for entry in log if entry.envelope.type == "turn_latency"]
    assert latency
