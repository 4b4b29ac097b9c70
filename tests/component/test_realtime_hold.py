"""Hold and resume on the wire: who is told, what the client answers, and what the server then knows."""

from __future__ import annotations

import asyncio

import pytest

from pipelines.conversation import signals as s
from tests.component.realtime_talk import Talk, talking

pytestmark = pytest.mark.virtual

LONG = [["This is a long answer of the patient, and it goes on for quite some time before it is over."]]


async def spoken(one: Talk) -> None:
    """Bring the patient to speak for half a second."""
    await one.say(1_000)
    await one.pause(1_500)
    await one.wait("response.output_audio.delta", 3)
    await one.pause(500)


async def test_a_client_that_acknowledges_is_told_to_hold_and_to_go_on() -> None:
    async with talking(replies=LONG) as one:
        one.send("interlocutor.client.configure", playout_acks=True)
        await spoken(one)
        assert one.driver is not None
        playout = one.driver.playout
        playout.hold(1)
        await one.wait("interlocutor.playout.hold")
        sent = len(one.all("response.output_audio.delta"))
        one.send("interlocutor.playout", item_id="item_p1", played_ms=432)
        await one.pause(500)
        assert playout.played_ms(1) == pytest.approx(432)
        assert len(one.all("response.output_audio.delta")) == sent
        playout.resume(1, 300.0)
        await one.wait("interlocutor.playout.resume")
        await one.wait("response.output_audio.delta", sent + 1)
    (held,) = one.all("interlocutor.playout.hold")
    (resumed,) = one.all("interlocutor.playout.resume")
    assert held["item_id"] == resumed["item_id"] == "item_p1"
    assert resumed["from_ms"] == 300
    assert one.all("error") == []


async def test_a_stock_client_sees_nothing_of_a_hold() -> None:
    async with talking(replies=LONG) as one:
        await spoken(one)
        assert one.driver is not None
        one.driver.playout.hold(1)
        await one.pause(500)
        one.driver.playout.resume(1, 100.0)
        await one.wait("response.done")
    assert one.all("interlocutor.playout.hold") == one.all("interlocutor.playout.resume") == []
    assert one.all("response.done")[0]["response"]["status"] == "completed"


async def test_a_hold_does_not_count_as_a_slow_network() -> None:
    async with talking(replies=LONG) as one:
        one.send("interlocutor.client.configure", playout_acks=True)
        await spoken(one)
        assert one.driver is not None
        heard_ms = one.driver.playout.played_ms(1)
        one.send("interlocutor.playout", item_id="item_p1", played_ms=heard_ms)
        await asyncio.sleep(0.1)
        one.driver.playout.hold(1)
        await one.pause(5_000)
        one.driver.playout.resume(1, heard_ms)
        for later_ms in range(100, 1_000, 100):
            await asyncio.sleep(0.1)
            one.send("interlocutor.playout", item_id="item_p1", played_ms=heard_ms + later_ms)
        await asyncio.sleep(0.1)
        assert one.live.link.voice.lead_ms() == pytest.approx(300, abs=50)


@pytest.mark.parametrize("first", [True, False])
async def test_the_session_is_told_of_echo_cancellation_before_and_after_it_began(first: bool) -> None:
    told: list[bool] = []

    async with talking() as one:
        one.send("interlocutor.client.configure", playout_acks=True, echo_cancellation=first)
        await one.wait("interlocutor.client.configured")
        await one.pause(100)
        assert one.driver is not None
        told.append(one.driver.core.echo_cancelled)
        one.send("interlocutor.client.configure", playout_acks=True, echo_cancellation=not first)
        await one.wait("interlocutor.client.configured", 2)
        told.append(one.driver.core.echo_cancelled)
        one.driver.signal(s.EchoCancelled(first))
        one.send("interlocutor.client.configure", playout_acks=True)  # says nothing of it: nothing changes
        await one.wait("interlocutor.client.configured", 3)
        told.append(one.driver.core.echo_cancelled)
    assert told == [first, not first, first]
    answers = [event["echo_cancellation"] for event in one.all("interlocutor.client.configured")]
    assert answers == [first, not first, None]


async def test_a_client_that_does_not_say_is_taken_to_cancel_its_echo() -> None:
    async with talking() as one:
        await one.pause(100)
        assert one.driver is not None
        assert one.driver.core.echo_cancelled


async def test_a_hold_is_not_queued_behind_sound_that_a_slow_network_has_not_taken() -> None:
    async with talking(replies=LONG) as one:
        one.send("interlocutor.client.configure", playout_acks=True)
        await spoken(one)
        assert one.driver is not None
        one.channel.stall()
        await one.pause(1_000)
        one.driver.playout.hold(1)
        one.channel.stall(False)
        await one.wait("interlocutor.playout.hold")
    kinds = [event["type"] for event in one.channel.sent]
    before, after = (part.count("response.output_audio.delta") for part in _parted(kinds, "interlocutor.playout.hold"))
    assert after >= 10
    stalled = kinds.index("interlocutor.playout.hold") - 1
    assert one.channel.sent_at_s[stalled] - one.channel.sent_at_s[stalled - 1] > 0.9, "more than one chunk was ahead"
    assert before > 0


def _parted(kinds: list[str], at: str) -> tuple[list[str], list[str]]:
    place = kinds.index(at)
    return kinds[:place], kinds[place + 1 :]
