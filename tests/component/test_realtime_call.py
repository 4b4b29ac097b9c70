"""The transport is the only difference: the same conversation by messages and by a call leaves the same log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pipelines import events as log
from tests.component.realtime_talk import Talk, talking

pytestmark = pytest.mark.virtual

LONG = [["This is a long answer of the patient, and it goes on for quite some time before it is over."]]
LENIENT = (log.TurnLatency, log.TurnTimeline, log.DraftDiscarded, log.MediaGap)  # they tell times and nothing else


async def one_turn(one: Talk) -> None:
    await one.say(1_000)
    await one.pause(1_500)
    await one.wait("response.done")


async def two_turns(one: Talk) -> None:
    await one_turn(one)
    await one.say(600)
    await one.pause(1_500)
    await one.wait("response.done", 2)


async def typed(one: Talk) -> None:
    content = [{"type": "input_text", "text": "How are you today?"}]
    one.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    one.send("response.create")
    await one.wait("response.done")


async def interrupted(one: Talk) -> None:
    await speaking(one)
    await one.say(2_500)
    await one.pause(2_000)
    await one.wait("response.done", 2)


async def coughed_at(one: Talk) -> None:
    await speaking(one)
    await one.say(60)
    await one.pause(1_500)
    await one.wait("response.done")


async def cancelled(one: Talk) -> None:
    await speaking(one)
    # Into the middle of a word: what is on its way by a call is heard all the same.
    await one.pause(140)
    one.send("response.cancel")
    await one.wait("response.done")


async def ended(one: Talk) -> None:
    await speaking(one)
    one.send("interlocutor.session.end")
    await one.wait("interlocutor.session.ended")


async def speaking(one: Talk) -> None:
    """Bring the patient to speak for a second."""
    await one.say(1_000)
    await one.pause(1_500)
    await one.wait("response.created")
    await one.pause(1_000)


SCRIPTS: dict[str, tuple[Callable[[Talk], Awaitable[None]], list[Any] | None]] = {
    "a turn": (one_turn, None),
    "two turns": (two_turns, None),
    "a typed turn": (typed, None),
    "an interruption": (interrupted, [*LONG, ["Yes."]]),
    "a cough": (coughed_at, LONG),
    "a cancelled reply": (cancelled, LONG),
    "an end in the midst": (ended, LONG),
}


def told(one: Talk) -> list[tuple[str, str]]:
    """Return what the session's log says, in order, without times."""
    found = []
    for event in one.logged(log.Event):
        if not isinstance(event, LENIENT):
            text = getattr(event, "text", "") or getattr(event, "heard", "")
            status = getattr(event, "status", "") or getattr(event, "reason", "")
            # A track pauses at once; a stock client plays all the audio that it was sent.
            if status == "interrupted":
                text = text[:4]
            found.append((type(event).__name__, f"{status} {text}"))
    return found


@pytest.mark.parametrize("name", SCRIPTS)
async def test_a_call_leaves_the_same_log_as_messages_do(name: str) -> None:
    script, replies = SCRIPTS[name]
    async with talking(replies=replies) as by_messages:
        await script(by_messages)
    async with talking(replies=replies, call=True) as by_call:
        await script(by_call)
    assert told(by_call) == told(by_messages)
    assert "SessionStarted" in dict(told(by_call))


async def test_a_call_gets_no_sound_as_messages_and_is_told_when_it_sounds() -> None:
    async with talking(call=True) as one:
        await one_turn(one)
        await one.wait("output_audio_buffer.stopped")
    assert one.all("response.output_audio.delta") == []
    assert len(one.all("output_audio_buffer.started")) == 1
    assert [reply.estimated for reply in one.logged(log.ReplyFinished)] == [False]


async def test_what_was_heard_of_a_call_is_reckoned_with_the_clients_own_delay() -> None:
    over_ms: list[float] = []
    for delay_ms in (50.0, 450.0):
        async with talking(call=True) as one:
            one.send("interlocutor.playout.delay", delay_ms=delay_ms)
            began_s = asyncio.get_running_loop().time()
            await one_turn(one)
            over_ms.append((asyncio.get_running_loop().time() - began_s) * 1000.0)
    assert over_ms[1] - over_ms[0] == pytest.approx(400.0, abs=100.0)  # it is told every 100 ms


async def test_a_lost_call_comes_back_and_the_patient_goes_on_in_its_words() -> None:
    async with talking(replies=LONG, call=True) as one:
        await one.ask_to_resume()
        await speaking(one)
        await one.lose()
        await asyncio.sleep(2.0)
        one.come_back()
        await one.wait("interlocutor.session.resumed")
        await one.pause(10_000)
        await one.wait("response.done")
    (reply,) = one.logged(log.ReplyFinished)
    assert reply.status == "completed"
    assert reply.heard == LONG[0][0]


async def test_a_call_that_sends_sound_and_no_message_is_not_idle() -> None:
    async with talking(call=True, idle_s=5.0) as one:
        await one.pause(12_000)
        assert one.live.code is None
        await asyncio.sleep(12.0)
        await one.wait("interlocutor.session.ended")
    assert one.all("interlocutor.session.ended")[0]["reason"] == "idle"
