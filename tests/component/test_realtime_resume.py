"""A session outlives its connection: what is kept, what is said again, what is not, and when it is over."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import numpy as np
import pytest

from audio.frames import pcm_to_bytes
from common.errors import AccessError, ProtocolError
from pipelines.conversation.states import State
from pipelines.events import (
    ClauseSpoken,
    ConnectionLost,
    ConnectionResumed,
    ReplyFinished,
    ReplyHeld,
    ReplyResumed,
    SessionEnded,
    TurnCommitted,
)
from server.wire.connection import QUIET_S
from server.wire.ticket import RESUMES_BURST, Ticket, parse_ticket
from tests.component.realtime_talk import FRAME_MS, RESUME_S, Talk, talking

pytestmark = pytest.mark.virtual

LONG = [["I have been unwell since Monday.", "The pain in my leg keeps me awake.", "I can't go to work."]]
DELTA = "response.output_audio.delta"


async def spoken_to(one: Talk, ms: int = 500) -> None:
    """Ask something, and listen to the answer for a while."""
    await one.say(900)
    await one.pause(1_500)
    await one.sounding(3)
    await one.pause(ms)


def audio_of(events: list[dict[str, Any]]) -> bytes:
    return b"".join(base64.b64decode(event["delta"]) for event in events if event["type"] == DELTA)


def tone(ms: int) -> str:
    time_s = np.arange(24 * ms) / 24_000
    return base64.b64encode(pcm_to_bytes((6_000 * np.sin(2 * np.pi * 200 * time_s)).astype(np.int16))).decode()


@pytest.mark.by_messages  # its sample counts; `test_realtime_call` has the call
async def test_the_patient_breaks_off_and_goes_on_with_the_same_word() -> None:
    async with talking(replies=LONG) as one:
        await one.ask_to_resume()
        await spoken_to(one)
        one.send("interlocutor.playout", item_id="item_p1", played_ms=400)
        await one.pause(100)
        first = one.channel
        await one.lose()
        await asyncio.sleep(3.0)
        assert one.driver is not None
        assert one.driver.core.state is State.SPEAKING
        one.come_back(reply=1, played_ms=610)
        resumed = await one.wait("interlocutor.session.resumed")
        assert resumed["complete"]
        assert resumed["received_ms"] == pytest.approx(3_000, abs=FRAME_MS)
        assert one.all(DELTA) == []  # until its audio comes
        await one.pause(FRAME_MS)
        restart = await one.wait("interlocutor.playout.restart")
        played_ms = restart["from_ms"]
        assert played_ms == 500  # the scripted voice says four words a second
        for _ in range(60):
            await one.pause(100)
            played_ms += 100
            one.send("interlocutor.playout", item_id="item_p1", played_ms=played_ms)
        done = await one.wait("response.done")
        assert done["response"]["status"] == "completed"
        whole = audio_of(first.sent)[: 48 * 500] + audio_of(one.channel.sent)
        assert len(whole) == 48 * 250 * 19
    (held,) = one.logged(ReplyHeld)
    (resumed,) = one.logged(ReplyResumed)
    assert held.played_ms < 610
    assert resumed.from_ms == 500
    assert [event.text for event in one.logged(ClauseSpoken)] == LONG[0]
    (finished,) = one.logged(ReplyFinished)
    assert (finished.status, finished.heard) == ("completed", " ".join(LONG[0]))


async def test_what_was_missed_is_sent_once_and_in_order() -> None:
    async with talking(replies=LONG) as one:
        await one.ask_to_resume()
        await spoken_to(one)
        before = [event for event in one.channel.sent if event["event_id"]]
        seen = int(before[len(before) // 2]["event_id"].removeprefix("event_"))
        await one.lose()
        one.come_back(seen=seen)
        await one.pause(1_000)
        numbers = [int(event["event_id"].removeprefix("event_")) for event in one.channel.sent if event["event_id"]]
        again, new = numbers[1:], numbers[0]
        assert again == sorted(again)
        assert again[0] > seen
        assert new > int(before[-1]["event_id"].removeprefix("event_"))
        missed = {
            event["event_id"]
            for event in before
            if int(event["event_id"].removeprefix("event_")) > seen
            and event["type"] not in (DELTA, "interlocutor.transcript.partial")
        }
        assert missed
        assert missed <= {event["event_id"] for event in one.channel.sent}


async def test_a_turn_that_a_cut_goes_through_is_one_turn() -> None:
    async with talking() as one:
        await one.ask_to_resume()
        await one.say(800)
        await one.lose()
        await asyncio.sleep(4.0)
        assert one.driver is not None
        assert one.driver.core.state is State.HEARING
        one.come_back()
        await one.wait("interlocutor.session.resumed")
        for at_ms in range(0, 4_000, 100):  # kept while there was no connection
            one.send("input_audio_buffer.append", audio=tone(100), late_ms=4_000 - at_ms)
        await one.taken()
        await one.say(600)
        await one.pause(1_500)
        await one.wait("response.created")
    (committed,) = one.logged(TurnCommitted)
    assert committed.from_ms == pytest.approx(0, abs=200)
    assert committed.to_ms == pytest.approx(5_400, abs=400)
    assert one.all("interlocutor.turn.latency") == []  # nobody knows what it would have been
    assert one.all("error") == []


async def test_nothing_is_said_to_nobody() -> None:
    async with talking() as one:
        await one.ask_to_resume()
        await one.say(900)
        await one.pause(500)
        await one.lose()
        await asyncio.sleep(30.0)  # longer than the patient would wait before asking
        assert one.driver is not None
        assert one.driver.core.state in (State.ENDPOINTING, State.ANSWERING)
        one.come_back()
        await one.pause(1_500)
        await one.sounding(1)
        assert len(one.all("response.created")) == 1
    assert len(one.logged(TurnCommitted)) == 1


async def test_a_session_that_nobody_comes_back_to_ends() -> None:
    async with talking() as one:
        await one.ask_to_resume()
        await one.say(100)
        await one.lose(1001)
        assert one.driver is not None
        began_s = asyncio.get_running_loop().time()
        await one.driver.ended.wait()
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(RESUME_S)
        assert len(one.over) == 1
        with pytest.raises(ProtocolError) as refused:
            one.come_back()
        assert refused.value.code == "session.over"
    assert [event.reason for event in one.logged(SessionEnded)] == ["disconnected"]


async def test_a_goodbye_ends_it_at_once() -> None:
    async with talking() as one:
        await one.ask_to_resume()
        await one.say(100)
        await one.lose(1000)
        assert one.driver is not None
        assert one.driver.ended.is_set()


async def test_time_runs_on_without_the_client() -> None:
    async with talking(session_s=10) as one:
        await one.ask_to_resume()
        await one.say(100)
        await one.lose()
        assert one.driver is not None
        await one.driver.ended.wait()
        await asyncio.sleep(0)
        assert len(one.over) == 1
    assert [event.reason for event in one.logged(SessionEnded)] == ["time_limit"]


async def test_the_newer_connection_wins_and_the_older_is_told() -> None:
    async with talking(replies=LONG) as one:
        await one.ask_to_resume()
        await spoken_to(one)
        older, running = one.channel, one.running
        one.come_back()
        assert await running == 4409
        assert older.sent[-1]["code"] == "session.taken"
        assert older.closed == (4409, "session.taken")
        assert one.channel.sent[0]["type"] == "interlocutor.session.resumed"  # the older one's writer took nothing
        await one.pause(FRAME_MS)
        await one.sounding(1)
        assert one.driver is not None
        assert not one.driver.ended.is_set()
        count = len(older.sent)
        await one.pause(1_000)
        assert len(older.sent) == count


async def test_a_client_that_falls_silent_is_taken_for_lost() -> None:
    async with talking(replies=LONG) as one:
        await one.ask_to_resume()
        await spoken_to(one)
        began_s = asyncio.get_running_loop().time()
        assert await one.running == 1006
        quiet_s = asyncio.get_running_loop().time() - began_s
        # The audio of a call does not come as messages, so the server looks for it now and then.
        if one.is_call:
            assert QUIET_S / 2 <= quiet_s <= QUIET_S * 3 / 2
        else:
            assert quiet_s == pytest.approx(QUIET_S, abs=0.1)
        assert one.channel.aborted
        one.come_back()
        for _ in range(10):  # without a microphone, but there
            await asyncio.sleep(1.0)
            one.send("interlocutor.pulse")
        if not one.is_call:  # there the whole answer had gone out by then
            await one.sounding(1)
        assert not one.channel.aborted


async def test_a_client_that_may_come_back_is_told_that_its_connection_stands() -> None:
    async with talking() as one:
        await one.ask_to_resume()
        await one.pause(3_500)
    pulses = one.all("interlocutor.pulse")
    assert len(pulses) == 4
    assert {pulse["event_id"] for pulse in pulses} == {""}
    assert pulses[-1]["received_ms"] == pytest.approx(3_000, abs=2 * FRAME_MS)


async def test_the_log_tells_of_a_lost_connection_and_of_its_return() -> None:
    away: list[bool] = []
    async with talking() as one:
        await one.ask_to_resume()
        await one.say(800)
        seen = one.seen()
        one.send("interlocutor.client.configure", playout_acks=True)
        await one.wait("interlocutor.client.configured", 2)
        await one.lose()
        await asyncio.sleep(2.0)
        away.append(one.live.away)
        one.come_back(seen=seen)
        await one.wait("interlocutor.session.resumed")
        away.append(one.live.away)  # nothing was heard of it yet
        for at_ms in range(0, 500, 100):
            one.send("input_audio_buffer.append", audio=tone(100), late_ms=500 - at_ms)
        await one.taken()
        await one.pause(500)
        away.append(one.live.away)
        one.live.unheard()
        await asyncio.sleep(1.0)
        await one.pause(500)
        one.send("interlocutor.session.end")
        await one.running
    assert away == [True, True, False]
    assert [event.transport for event in one.logged(ConnectionLost)] == ["websocket"] * 2  # the channel's own word
    first, second = one.logged(ConnectionResumed)
    assert (first.transport, first.replayed, first.late_ms) == ("websocket", 1, 500.0)
    assert first.away_ms == pytest.approx(2_000, abs=2 * FRAME_MS)
    assert (second.replayed, second.late_ms) == (0, 0.0)
    assert second.away_ms == pytest.approx(1_000, abs=2 * FRAME_MS)


@pytest.mark.parametrize("resume", [True, False])
async def test_who_does_not_come_back_is_not_missed(resume: bool) -> None:
    async with talking() as one:
        if resume:
            await one.ask_to_resume()
        await one.say(100)
        await one.lose(1000 if resume else 1006)
    assert one.logged(ConnectionLost) == []
    assert [event.reason for event in one.logged(SessionEnded)] == ["disconnected"]


async def test_nothing_follows_the_end() -> None:
    async with talking() as one:
        await one.ask_to_resume()
        await one.say(1_500)
        one.channel.stall()
        one.send("interlocutor.session.end")
        # The last events wait for a slow client, and pulses fall due during this sleep.
        await asyncio.sleep(3.0)
        one.channel.stall(False)
        await one.running
    assert one.all("interlocutor.pulse")
    assert one.channel.sent[-1]["type"] == "interlocutor.session.ended"


async def test_tickets_that_lead_nowhere_are_refused() -> None:
    async with talking() as one:
        with pytest.raises(ProtocolError) as unasked:
            one.live.check(Ticket("x" * 32, 0))
        assert (unasked.value.code, unasked.value.close_code) == ("session.in_use", 4409)
        await one.ask_to_resume()
        for ticket in (Ticket("x" * 32, 1), Ticket(one.token, one.seen() + 50)):
            with pytest.raises(AccessError) as refused:
                one.live.check(ticket)
            assert (refused.value.code, refused.value.close_code) == ("session.resume", 4401)


async def test_a_flood_of_connections_is_stopped() -> None:
    async with talking() as one:
        await one.ask_to_resume()
        ticket = Ticket(one.token, one.seen())
        for _ in range(int(RESUMES_BURST)):
            one.live.check(ticket)
        with pytest.raises(ProtocolError) as refused:
            one.live.check(ticket)
        assert (refused.value.code, refused.value.close_code) == ("session.resume_rate", 4429)
        await asyncio.sleep(5.0)
        one.live.check(ticket)


@pytest.mark.parametrize(
    "text",
    ["", "interlocutor-resume.", "interlocutor-resume.short.1", f"interlocutor-resume.{'x' * 32}.-1",
     f"interlocutor-resume.{'x' * 32}.1.2", f"interlocutor-resume.{'x' * 32}.٣", f"{'x' * 32}.1"],
)  # fmt: skip
def test_tickets_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(AccessError):
        parse_ticket(text)


def test_a_ticket_reads_what_it_writes() -> None:
    for ticket in (Ticket("x" * 32, 7), Ticket("a-b_c" * 6, 0, 3, 1_240.0)):
        assert parse_ticket(str(ticket)) == ticket


async def test_a_client_that_does_not_acknowledge_comes_back_too() -> None:
    async with talking(replies=LONG) as one:
        await one.ask_to_resume(acks=False)
        await spoken_to(one)
        await one.lose()
        one.come_back()
        await one.pause(FRAME_MS)
        if not one.is_call:
            restart = await one.wait("interlocutor.playout.restart")
            assert 0 < restart["from_ms"] < 2_000  # by the send clock, without acknowledgements
        await one.pause(6_000)
        assert (await one.wait("response.done"))["response"]["status"] == "completed"
