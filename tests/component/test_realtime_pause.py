"""A role-play that stands still: no time passes, nobody is heard, and it goes on where it was."""

from __future__ import annotations

import asyncio

import pytest

from pipelines.events import ReplyFinished, ReplyHeld, ReplyResumed, SessionEnded, SessionPaused, SpeechStarted
from pipelines.session.role_play_clock import PAUSES_S, RolePlayClock
from tests.component.realtime_talk import FRAME_MS, Talk, talking

pytestmark = pytest.mark.virtual

LONG = [["I have been unwell since Monday.", "The pain in my leg keeps me awake.", "I can't go to work."]]
# By a call: two frames of a packet and the jitter buffer.
IN_FLIGHT_MS = 100.0
PAUSE = "interlocutor.session.pause"
PAUSED = "interlocutor.session.paused"


async def pause(one: Talk, paused: bool, count: int) -> float:
    """Ask for a pause or its end; return how much time is left."""
    one.send(PAUSE, paused=paused)
    event = await one.wait(PAUSED, count)
    assert event["paused"] is paused
    return float(event["left_ms"])


@pytest.mark.by_messages  # the client's own pausing of the audio that it has
async def test_the_patient_falls_silent_hears_nothing_and_goes_on_with_the_same_word() -> None:
    async with talking(replies=LONG) as one:
        one.send("interlocutor.client.configure", playout_acks=True)
        await one.say(900)
        await one.pause(1_500)
        await one.sounding(3)
        await one.pause(500)
        left_ms = await pause(one, True, 1)
        await one.wait("interlocutor.playout.hold")
        one.send("interlocutor.playout", item_id="item_p1", played_ms=600)
        sent = len(one.all("response.output_audio.delta"))
        await one.say(3_000)  # to somebody else
        await one.pause(20_000)  # longer than the patient would wait for a word
        assert len(one.all("response.output_audio.delta")) == sent
        assert await pause(one, False, 2) == pytest.approx(left_ms, abs=1)
        resume = await one.wait("interlocutor.playout.resume")
        assert resume["from_ms"] == 500  # the scripted voice says four words a second
        for played_ms in range(600, 6_600, 100):
            await one.pause(100)
            one.send("interlocutor.playout", item_id="item_p1", played_ms=played_ms)
        await one.wait("response.done")
    assert len(one.logged(SpeechStarted)) == 1
    assert len(one.logged(ReplyHeld)) == len(one.logged(ReplyResumed)) == 1
    (finished,) = one.logged(ReplyFinished)
    assert (finished.status, finished.heard) == ("completed", " ".join(LONG[0]))
    assert one.all("error") == []


async def test_no_time_passes_and_a_silence_does_not_count() -> None:
    async with talking(session_s=10) as one:
        await one.pause(5_000)
        assert await pause(one, True, 1) == pytest.approx(5_000, abs=2 * FRAME_MS)
        await one.pause(30_000)
        await pause(one, False, 2)
        await one.pause(1_000)
        assert one.all("response.created") == []  # the patient would have asked whether anybody is there
        assert one.driver is not None
        async with asyncio.timeout(60):
            await one.driver.ended.wait()
    assert one.logged(SessionEnded)[0].reason == "time_limit"


async def test_a_pause_asked_for_twice_is_one_and_the_last_word_of_a_turn_is_kept() -> None:
    async with talking(replies=LONG) as one:
        await one.say(900)
        await pause(one, True, 1)
        one.send(PAUSE, paused=True)
        await one.pause(5_000)
        assert one.all("response.created") == []
        await pause(one, False, 2)
        one.send(PAUSE, paused=False)
        await one.pause(1_500)
        await one.sounding(1)
    assert [event.paused for event in one.logged(SessionPaused)] == [True, False]
    assert one.all("error") == []


async def test_a_connection_lost_in_a_pause_changes_nothing() -> None:
    async with talking(replies=LONG) as one:
        await one.ask_to_resume()
        await one.say(900)
        await one.pause(1_500)
        await one.sounding(3)
        await one.pause(500)
        left_ms = await pause(one, True, 1)
        await one.lose()
        await asyncio.sleep(10.0)
        one.come_back(reply=1, played_ms=600)
        resumed = await one.wait("interlocutor.session.resumed")
        assert 300_000 - resumed["elapsed_ms"] == pytest.approx(left_ms, abs=2 * FRAME_MS)
        await one.pause(3_000)
        assert one.all("response.output_audio.delta") == one.all("output_audio_buffer.started") == []
        await pause(one, False, 1)
        await one.sounding(1)
    before, _end = one.logged(ReplyHeld)  # at the very end the client is gone again
    (resumed,) = one.logged(ReplyResumed)
    # It goes on from a word's beginning. What was on its way by a call was heard all the same.
    assert before.played_ms + IN_FLIGHT_MS > resumed.from_ms


async def test_before_the_first_sound_there_is_nothing_to_pause() -> None:
    async with talking() as one:
        one.send(PAUSE, paused=True)
        assert (await one.refusal())["code"] == "protocol.too_late"
        one.send(PAUSE, paused="yes")
        assert (await one.refusal(2))["code"] == "protocol.invalid_field"


async def test_an_exams_clock_does_not_stop() -> None:
    async with talking() as one:
        await one.pause(100)
        assert one.driver is not None
        object.__setattr__(one.driver.spec, "mode", "exam")
        one.send(PAUSE, paused=True)
        assert (await one.refusal())["code"] == "access.not_allowed"


async def test_pauses_end_by_themselves_when_they_were_long_enough() -> None:
    async with talking() as one:
        await one.pause(1_000)
        assert one.driver is not None
        assert one.driver.clock.pauses_left_s == PAUSES_S
        one.driver.clock.pauses_left_s = 5.0
        await pause(one, True, 1)
        await one.pause(5_100)
        assert (await one.wait(PAUSED, 2))["paused"] is False
        one.send(PAUSE, paused=True)
        assert (await one.refusal())["code"] == "protocol.too_late"


async def test_the_clock_stands_still_and_runs_out_once() -> None:
    loop = asyncio.get_running_loop()
    over: list[float] = []
    tired: list[float] = []
    clock = RolePlayClock(over=lambda: over.append(loop.time()), tired=lambda: tired.append(loop.time()), pauses_s=5.0)
    assert clock.pause() is False  # it does not run yet
    began_s = loop.time()
    clock.start(10.0)
    await asyncio.sleep(4.0)
    assert clock.pause()
    assert clock.pause()
    await asyncio.sleep(3.0)
    assert (clock.left_s, clock.stood_still_s) == pytest.approx((6.0, 3.0))
    clock.go_on()
    clock.go_on()
    await asyncio.sleep(1.0)
    assert clock.pause()
    await asyncio.sleep(2.5)  # two seconds of pauses were left
    clock.go_on()
    assert clock.pause() is False
    await asyncio.sleep(20.0)
    assert clock.left_s == 0.0
    clock.cancel()
    assert [each - began_s for each in (*tired, *over)] == pytest.approx([10.0, 15.5])
