"""Conversations without a card: a program's instructions say who speaks, and a language model says it.

OpenAI's own client is the program. By day the model is a provider on loopback; by night real weights speak and hear.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI

from audio.frames import ANALYSIS_HZ, WIRE_HZ, to_pcm
from audio.resample import resample_whole
from pipelines.engine_settings import EngineSettings
from pipelines.log.jsonl import read_jsonl
from pipelines.patient.free import NO_ANSWER_LINE, USUAL_INSTRUCTIONS
from server.protocol.client_events import MAX_INSTRUCTIONS_CHARS
from tests.app.inside import KEY, serving
from tests.app.process import ServerProcess
from tests.app.test_openai_client import AUDIBLE, Talk
from tests.app.test_openai_client import talking as talking_on
from tests.data.making import run_flite
from tests.fakes.provider import Provider, running_provider
from tests.fakes.remote import remote_settings
from tests.nightly import NIGHTLY
from tests.sealed import seal_of

pytestmark = pytest.mark.asyncio

PIRATE = "You are Captain Jack, a pirate with a parrot. You love the sea."
# Two numbers, a drug and a name that nobody has named: of a card's patient the guard would let none of it through.
ANSWER = "I am Captain Jack. I have 40 parrots and I take aspirin twice a day."
WAITS = {"first_token_s": 20.0, "idle_s": 20.0, "whole_s": 40.0}


@asynccontextmanager
async def talking(folder: Path, provider: Provider, model: str) -> AsyncIterator[tuple[Talk, str]]:
    """Open a conversation that has not begun; yield it and its first `instructions`."""
    engines = EngineSettings(backend="mock", responder="remote", remote=remote_settings(provider, waits=WAITS))
    async with (
        serving(folder, engines=engines) as (address, server),
        AsyncOpenAI(api_key=KEY, base_url=f"http://{address}/v1") as openai,
        openai.realtime.connect(model=model) as connection,
    ):
        talk = Talk(connection)
        reader = asyncio.create_task(talk.read())
        try:
            created = await talk.until("session.created")
            yield talk, created.session.instructions
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
        await asyncio.to_thread(server.disk.flush)


async def answered(talk: Talk, text: str, response: dict[str, Any] | None = None) -> str:
    """Say something in writing and ask for a reply; return what was heard of it."""
    if text:
        content: Any = [{"type": "input_text", "text": text}]
        await talk.connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        await talk.until("conversation.item.done")
    asked: Any = response or {}
    await talk.connection.response.create(response=asked)
    done = (await talk.until("response.done")).response
    return str(done.output[0].content[0].transcript)


def systems(provider: Provider) -> list[str]:
    return [str(one.body["messages"][0]["content"]) for one in provider.asked]


async def instructed(talk: Talk, instructions: Any) -> None:
    await talk.connection.session.update(session={"type": "realtime", "instructions": instructions})


MANUAL: Any = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}


async def test_a_program_says_who_speaks_and_the_model_says_it(tmp_path: Path) -> None:
    with running_provider(answer=ANSWER) as provider:
        async with talking(tmp_path, provider, "card:free") as (talk, first):
            assert first == USUAL_INSTRUCTIONS
            await talk.connection.session.update(session=MANUAL)
            await talk.until("session.updated")
            await instructed(talk, PIRATE)
            assert (await talk.until("session.updated")).session.instructions == PIRATE
            assert await answered(talk, "What is your name?") == ANSWER
            assert systems(provider)[-1].startswith(PIRATE)
            assert provider.asked[-1].body["messages"][-1] == {"role": "user", "content": "What is your name?"}
            assert all(talk.loudest(item) > AUDIBLE for item in talk.audio)

            # What is not said stays; others hold from then on, and those of one reply for that alone.
            await talk.connection.session.update(session=MANUAL)
            assert (await talk.until("session.updated")).session.instructions == PIRATE
            provider.answer = "Good evening."
            assert await answered(talk, "Who are you now?", {"instructions": "Say good evening."}) == "Good evening."
            assert systems(provider)[-1].startswith("Say good evening.")
            assert await answered(talk, "And now?") == "Good evening."
            assert systems(provider)[-1].startswith(PIRATE)
            await instructed(talk, "You are a baker.")
            await talk.until("session.updated")
            await answered(talk, "What do you sell?")
            assert systems(provider)[-1].startswith("You are a baker.")
            assert talk.errors() == []
        (folder,) = (tmp_path / "sessions").iterdir()
        entries = list(read_jsonl(folder, seal_of(folder)))
    logged = {
        kind: [entry.payload for entry in entries if entry.payload and entry.envelope.type == kind]
        for kind in ("session_setup", "instructions_given", "remote_mind_asked", "clause_guarded")
    }
    assert logged["session_setup"][0]["card_id"] == "free"
    assert [one["text"] for one in logged["instructions_given"]] == [
        PIRATE,
        "Say good evening.",
        "You are a baker.",
    ]
    assert {one["outcome"] for one in logged["remote_mind_asked"]} == {"remote"}
    assert {one["action"] for one in logged["clause_guarded"]} == {"allow"}


async def test_the_model_may_be_asked_to_speak_first_and_no_card_need_be_named(tmp_path: Path) -> None:
    with running_provider(answer="Hello, welcome to my ship.") as provider:
        async with talking(tmp_path, provider, "") as (talk, _):
            await talk.connection.session.update(session=MANUAL)
            said = await answered(talk, "", {"instructions": "Greet the user."})
            assert said == "Hello, welcome to my ship."
            assert systems(provider)[-1].startswith("Greet the user.")
            assert talk.errors() == []


async def test_instructions_that_are_none_change_nothing(tmp_path: Path) -> None:
    with running_provider(answer=ANSWER) as provider:
        async with talking(tmp_path, provider, "card:free") as (talk, _):
            await instructed(talk, PIRATE)
            await talk.until("session.updated")
            for wrong in ("x" * (MAX_INSTRUCTIONS_CHARS + 1), 7, ["a"]):
                await instructed(talk, wrong)
                error = (await talk.until("error")).error
                assert (error.code, error.param) == ("protocol.invalid_field", "session.instructions")
                assert str(MAX_INSTRUCTIONS_CHARS) in error.message
            await talk.connection.session.update(session=MANUAL)
            assert (await talk.until("session.updated")).session.instructions == PIRATE
            await instructed(talk, None)
            assert (await talk.until("session.updated")).session.instructions == USUAL_INSTRUCTIONS


async def test_where_the_model_fails_or_is_foul_something_is_said_all_the_same(tmp_path: Path) -> None:
    with running_provider(always="500") as provider:
        async with talking(tmp_path, provider, "card:free") as (talk, _):
            await talk.connection.session.update(session=MANUAL)
            assert await answered(talk, "What is your name?") == NO_ANSWER_LINE
            provider.always, provider.answer = "answer", "Shut up, you idiot."
            assert await answered(talk, "And yours?") == NO_ANSWER_LINE
            assert talk.errors() == []


# ---------------------------------------------------------------- where it can't be


async def told(address: str, **sent: Any) -> tuple[int, str, str]:
    async with httpx2.AsyncClient(base_url=f"http://{address}", headers={"Authorization": f"Bearer {KEY}"}) as client:
        answer = await client.request(**sent)
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]


async def test_without_a_language_model_it_is_refused_with_what_to_set(mock_server: ServerProcess) -> None:
    for model, code, status in (("card:free", "session.free", 409), ("", "session.model", 400)):
        async with AsyncOpenAI(api_key=KEY, base_url=f"{mock_server.url}/v1") as openai:
            with pytest.raises(Exception, match=f"HTTP {status}") as refused:
                async with openai.realtime.connect(model=model):
                    pass
        body = getattr(refused.value, "response").body.decode()  # noqa: B009 - its type says nothing of it
        assert code in body
        assert "language" in body


async def test_no_candidate_gets_at_it(tmp_path: Path) -> None:
    """Neither as a card to choose, nor by a page's secret, nor by a candidate's own instructions."""
    with running_provider(answer=ANSWER) as provider:
        engines = EngineSettings(backend="mock", responder="remote", remote=remote_settings(provider, waits=WAITS))
        async with serving(tmp_path, engines=engines) as (address, _):
            asked: Any = {"session": {"model": "card:free", "instructions": PIRATE}}
            url = "/v1/realtime/client_secrets"
            assert (await told(address, method="POST", url=url, json=asked))[:2] == (409, "session.free")
            opened = await told(address, method="POST", url="/api/sessions", json={"card": "free"})
            assert opened[1] == "card.unknown"
            assert "free" not in opened[2].partition("choose one of")[2]
            secret: Any = {"session": {"model": "card:pharmacy-new-inhaler"}}
            async with httpx2.AsyncClient(base_url=f"http://{address}") as client:
                made = await client.post(url, json=secret, headers={"Authorization": f"Bearer {KEY}"})
            token = made.json()["value"]
            async with (
                AsyncOpenAI(api_key=token, base_url=f"http://{address}/v1") as openai,
                openai.realtime.connect(model="card:free") as connection,
            ):
                assert getattr((await connection.recv()), "session").model == "card:pharmacy-new-inhaler"  # noqa: B009
                await connection.session.update(session={"type": "realtime", "instructions": PIRATE})
                assert getattr((await connection.recv()), "error").code == "access.not_allowed"  # noqa: B009
        assert provider.asked == []


# ---------------------------------------------------------------- with real weights


@pytest.mark.skipif(not NIGHTLY, reason="in the nightly run only: loads three real models")
async def test_a_pirate_is_heard_and_speaks(local_server: ServerProcess) -> None:
    """Whisper hears, SmolLM2 is who the program says, a neural voice speaks; two spoken turns of OpenAI's client."""
    async with talking_on(local_server, "free", base_url=f"{local_server.url}/v1") as talk:
        await instructed(talk, PIRATE)
        assert (await talk.until("session.updated")).session.instructions == PIRATE
        heard: list[str] = []
        for text in ("Hello, what is your name?", "What do you like to do all day?"):
            speech, _ = run_flite("-t", text, voice="slt", stretch=1.1)
            talk.speak(resample_whole(to_pcm(speech), from_hz=ANALYSIS_HZ, to_hz=WIRE_HZ))
            done = (await talk.until("response.done", _completed)).response
            heard.append(str(done.output[0].content[0].transcript))
            assert talk.loudest(str(done.output[0].id)) > AUDIBLE
        assert talk.errors() == []
        # More than its context takes: said once, and answered all the same.
        await instructed(talk, "9 8 7 6 " * (MAX_INSTRUCTIONS_CHARS // 8))
        for _ in range(2):
            assert await answered(talk, "Are you there?") == NO_ANSWER_LINE
        assert [error.code for error in talk.errors()] == ["session.instructions_too_long"]
        (session_id,) = {event.session.id for event in talk.seen if event.type == "session.created"}
    entries = local_server.entries(session_id)
    used = [entry.payload for entry in entries if entry.payload and entry.envelope.type == "language_model_asked"]
    assert "model" in [one["outcome"] for one in used], heard
    assert all(PIRATE in one["prompt"] for one in used if one["reason"] != "context")
    assert any(word in " ".join(heard).lower() for word in ("jack", "captain", "sea", "pirate", "parrot")), heard


_completed: Callable[[Any], bool] = lambda event: event.response.status == "completed"  # noqa: E731
