"""The way out: order, what is dropped, what never is, and the deadline."""

from __future__ import annotations

import asyncio

import pytest

from server.protocol import server_events as e
from server.wire.outbox import CLOSE_S, Outbox
from tests.component.realtime_talk import MemoryChannel

pytestmark = pytest.mark.virtual


def audio(item: str, delta: str) -> e.OutputAudioDelta:
    return e.OutputAudioDelta(item_id=item, response_id="resp", delta=delta)


def partial(item: str, text: str) -> e.TranscriptPartialMessage:
    return e.TranscriptPartialMessage(item_id=item, turn=1, text=text, stable_words=0)


async def sent(outbox: Outbox) -> list[tuple[str, str]]:
    """Return (event id, delta or text) of all that an outbox sends."""
    channel = MemoryChannel()
    outbox.finish(1000, "done")
    await outbox.run(channel)
    assert channel.closed == (1000, "done")
    return [(event["event_id"], str(event.get("delta") or event.get("text"))) for event in channel.sent]


async def test_sound_of_a_cleared_item_is_dropped_and_the_rest_stays_in_order() -> None:
    outbox = Outbox(deadline_s=1.0)
    outbox.put(audio("item_p1", "a"), e.Cleared(), audio("item_p2", "b"), audio("item_p1", "c"))
    outbox.drop_audio("item_p1")
    outbox.put(audio("item_p2", "d"))
    assert await sent(outbox) == [("event_000001", "None"), ("event_000002", "b"), ("event_000003", "d")]


async def test_a_hold_overtakes_the_sound_of_its_item_that_was_not_sent() -> None:
    class Then(MemoryChannel):
        """Has the item held and resumed when it takes the first of its audio."""

        async def send_text(self, text: str) -> None:
            await super().send_text(text)
            if '"delta":"a"' in text:
                outbox.overtake("item_p1", e.PlayoutHold(item_id="item_p1"))
                outbox.overtake("item_p1", e.PlayoutResume(item_id="item_p1", from_ms=3.0))

    channel = Then()
    outbox = Outbox(deadline_s=5.0)
    outbox.put(e.Cleared(), *(audio("item_p1", text) for text in "abc"), partial("item_c1", "words"))
    outbox.finish(1000, "done")
    await outbox.run(channel)
    assert [str(event.get("delta") or event["type"]) for event in channel.sent] == [
        "input_audio_buffer.cleared",
        "a",
        "interlocutor.playout.hold",
        "interlocutor.playout.resume",
        "b",
        "c",
        "interlocutor.transcript.partial",
    ]


async def test_a_hold_does_not_overtake_what_tells_of_its_item() -> None:
    outbox = Outbox(deadline_s=1.0)
    outbox.put(audio("item_p1", "a"), e.Cleared(), audio("item_p2", "b"), audio("item_p2", "c"))
    outbox.overtake("item_p2", e.PlayoutHold(item_id="item_p2"))
    outbox.overtake("item_p2", e.PlayoutResume(item_id="item_p2", from_ms=0.0))
    outbox.overtake("item_p3", e.PlayoutHold(item_id="item_p3"))
    assert [what for _, what in await sent(outbox)] == ["a", "None", "b", "None", "None", "c", "None"]


async def test_only_the_newest_caption_of_a_turn_waits() -> None:
    outbox = Outbox(deadline_s=1.0)
    outbox.put(partial("item_c1", "one"), e.Cleared(), partial("item_c2", "two"), partial("item_c1", "three"))
    assert [what for _, what in await sent(outbox)] == ["None", "two", "three"]


async def test_the_first_close_counts() -> None:
    outbox = Outbox(deadline_s=1.0)
    outbox.finish(1000, "done")
    outbox.finish(1011, "late")
    assert await sent(outbox) == []


async def given_up_s(outbox: Outbox) -> float:
    """Run an outbox on a channel that takes nothing; return when it gave up, in seconds."""
    channel = MemoryChannel()
    channel.stall()
    with pytest.raises(TimeoutError):
        await outbox.run(channel)
    return asyncio.get_running_loop().time()


async def test_a_message_that_is_not_taken_in_time_ends_it() -> None:
    outbox = Outbox(deadline_s=3.0)
    outbox.put(e.Cleared())
    assert await given_up_s(outbox) == pytest.approx(3.0)


class SlowChannel(MemoryChannel):
    """Takes a message a second."""

    async def send_text(self, text: str) -> None:
        await asyncio.sleep(1.0)
        await super().send_text(text)


async def test_the_deadline_counts_from_the_queue_and_not_from_the_send() -> None:
    channel = SlowChannel()
    outbox = Outbox(deadline_s=2.5)
    outbox.put(*(audio("item_p1", "a") for _ in range(5)))
    outbox.finish(1000, "done")
    with pytest.raises(TimeoutError):
        await outbox.run(channel)
    gave_up_s, count = asyncio.get_running_loop().time(), len(channel.sent)
    assert gave_up_s == pytest.approx(2.5)
    assert count == 2


async def test_a_close_that_is_not_taken_ends_it_too() -> None:
    outbox = Outbox(deadline_s=3.0)
    outbox.finish(1000, "done")
    assert await given_up_s(outbox) == pytest.approx(CLOSE_S)
