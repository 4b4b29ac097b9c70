"""Role-plays whose replies a remote mind words, on a whole server: with consent, without it, and cut off."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.engine_settings import EngineSettings
from pipelines.log.jsonl import read_jsonl
from pipelines.patient.guard.guard_rules import SUPPLIED
from server.host import SPENDING_FILE, Server
from tests.app.inside import serving
from tests.app.test_records import Person
from tests.app.wire import Wire, connect_to
from tests.fakes.provider import ANSWER, running_provider
from tests.fakes.remote import remote_settings
from tests.sealed import seal_of

pytestmark = pytest.mark.asyncio

TEXT = (
    "I agree. I also agree that what I say is sent as text to an OpenAI-compatible server (the operator's own network)."
)
REMOTE = {"provider": "an OpenAI-compatible server", "country": "the operator's own network"}
CONSENT = {"version": "1", "text": TEXT}


def unguarded(folder: Path) -> Path:
    """Return rules by which the guard lets all through: what the provider answers is on no card."""
    path = folder / "guard.yaml"
    path.write_text(SUPPLIED.read_text(encoding="utf-8").replace("enabled: true", "enabled: false"), encoding="utf-8")
    return path


async def talk(person: Person, server: Server, folder: Path, consent: object) -> tuple[str, list[dict[str, Any]]]:
    """Say one thing; return the patient's words and what the log has of the remote mind."""
    reserved = await person.opened(consent=consent)
    wire = Wire(await connect_to(reserved))
    wire.microphone()
    await wire.until("interlocutor.session.started")
    await wire.say("Good morning, my name is Sarah Jones. What brought you in?")
    done = await wire.until("response.output_audio_transcript.done")
    assert await wire.end() == 1000
    await wire.drop()
    await asyncio.to_thread(server.disk.flush)
    entries = list(read_jsonl(folder / "sessions" / reserved.id, seal_of(folder / "sessions" / reserved.id)))
    asked = [entry.payload for entry in entries if entry.envelope.type == "remote_mind_asked"]
    return str(done["transcript"]), [payload for payload in asked if payload is not None]


async def test_a_candidate_who_agrees_is_answered_by_the_remote_mind_and_others_by_the_card(tmp_path: Path) -> None:
    with running_provider() as provider:
        waits = {"first_token_s": 20.0, "idle_s": 20.0, "whole_s": 40.0}
        remote, rules = remote_settings(provider, waits=waits), unguarded(tmp_path)
        engines = EngineSettings(backend="mock", responder="remote", remote=remote, guard_rules=rules)
        async with serving(tmp_path, engines=engines) as (address, server):
            person = Person(address)
            _, info = await person.json("GET", "/api/info")
            assert info["remote_mind"] == REMOTE
            assert info["engines"]["responder"]["name"] == "remote"
            assert provider.asked == []

            said, asked = await talk(person, server, tmp_path, CONSENT | {"remote": REMOTE})
            assert asked
            assert asked[-1]["outcome"] == "remote"
            assert ANSWER.startswith(said.split(".")[0])
            sent = len(provider.asked)
            assert sent >= 1
            assert "Sarah" not in "".join(one.text for one in provider.asked)
            # The record has to the letter what left and what came back.
            assert json.loads(asked[-1]["prompt"]) in [one.body["messages"] for one in provider.asked]
            assert asked[-1]["completion"].startswith(said.split(".")[0])

            for consent in (None, CONSENT, CONSENT | {"remote": REMOTE | {"country": "I agree"}}):
                said, asked = await talk(person, server, tmp_path, consent)
                assert {(one["outcome"], one["reason"]) for one in asked} == {("card", "remote.consent")}
                assert "three days ago" not in said
            assert len(provider.asked) == sent

            wrong = CONSENT | {"remote": REMOTE | {"provider": "Somebody Else"}}
            status, told = await person.json("POST", "/api/sessions", {"card": "x", "consent": wrong})
            assert (status, told["error"]["code"]) == (400, "session.fields")
            status, body = await person.ask("GET", "/metrics")
            metrics = body.decode()
            assert 'ai_remote_card_words_total{reason="remote.consent"} 3' in metrics
            assert 'ai_remote_tokens_total{kind="in"}' in metrics
        assert (tmp_path / SPENDING_FILE).is_file()


async def test_a_session_lives_though_the_provider_does_not(tmp_path: Path) -> None:
    with running_provider(always="500") as provider:
        engines = EngineSettings(backend="mock", responder="remote", remote=remote_settings(provider))
        async with serving(tmp_path, engines=engines) as (address, server):
            said, asked = await talk(Person(address), server, tmp_path, CONSENT | {"remote": REMOTE})
    assert said
    assert {(one["outcome"], one["reason"]) for one in asked} == {("card", "remote.failed")}
