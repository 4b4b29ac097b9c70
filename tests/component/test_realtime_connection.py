"""A realtime connection's life: how it begins, whom it cuts off, how it ends, and that nothing is left."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import get_args

import pytest
from openai.types.realtime import RealtimeServerEvent

from audio.frames import FRAME_MS
from common.errors import CapacityError
from pipelines.events import ReplyFinished, SessionEnded
from server.principal import Principal
from server.wire.connection import MAX_BAD, MAX_BINARY, MESSAGES_BURST
from tests.component.realtime_talk import Talk, talking

pytestmark = pytest.mark.virtual

LONG = ["I have been unwell since Monday and I could not sleep because of the pain in my leg at night."]
STOCK = {
    get_args(cls.model_fields["type"].annotation)[0]: cls for cls in get_args(get_args(RealtimeServerEvent)[0])
}  # fmt: skip


async def turn(one: Talk) -> None:
    await one.say(900)
    await one.pause(1_500)


async def test_a_conversation_is_held() -> None:
    async with talking(replies=[["Good morning.", "I am ill."]]) as one:
        one.send("interlocutor.client.configure", playout_acks=False)
        await turn(one)
        await one.wait("response.done")
        one.send("interlocutor.session.end")
        await one.wait("interlocutor.session.ended")
    assert one.kinds() == [
        "session.created",
        "interlocutor.client.configured",
        "interlocutor.session.started",
        "input_audio_buffer.speech_started",
        *["interlocutor.transcript.partial", "conversation.item.input_audio_transcription.delta"] * 3,
        "interlocutor.transcript.partial",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.completed",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "interlocutor.turn.latency",
        "interlocutor.turn.timeline",
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
        "interlocutor.session.ended",
    ]
    assert [event["event_id"] for event in one.channel.sent] == [
        f"event_{number:06d}" for number in range(1, len(one.channel.sent) + 1)
    ]
    for event in one.channel.sent:
        if event["type"] in STOCK:
            STOCK[event["type"]].model_validate_json(json.dumps(event), strict=True)
    audio = b"".join(base64.b64decode(event["delta"]) for event in one.all("response.output_audio.delta"))
    assert len(audio) == 2 * 24_000 * 5 * 250 // 1000  # five words of 250 ms
    assert one.channel.closed == (1000, "ended")
    assert one.code == 1000


async def test_the_session_says_nothing_of_the_patients_side() -> None:
    async with talking() as one:
        await one.wait("session.created")
    session = one.channel.sent[0]["session"]
    assert (session["model"], session["audio"]["output"]["voice"]) == ("card:nursing-leg-wound", "patient")
    assert "instructions" not in session


async def test_the_clock_runs_from_the_first_sound() -> None:
    async with talking() as one:
        one.send("interlocutor.client.configure", playout_acks=True)
        one.send("session.update", session={"type": "realtime", "audio": {"input": {"format": {"rate": 16_000}}}})
        await one.wait("session.updated")
        await asyncio.sleep(30)
        assert one.driver is None
        await one.pause(FRAME_MS, rate_hz=16_000)
        await one.wait("interlocutor.session.started")
    assert one.rates_hz == [16_000]
    assert one.all("interlocutor.session.started")[0]["session_s"] == 300


async def test_a_client_that_takes_nothing_is_dropped_at_the_deadline() -> None:
    async with talking(replies=LONG, send_deadline_s=2.0) as one:
        await turn(one)
        await one.wait("response.created")
        one.channel.stall()
        stalled_at_s = asyncio.get_running_loop().time()
        assert one.driver is not None
        await one.driver.ended.wait()
        stalled_s = asyncio.get_running_loop().time() - stalled_at_s
    assert stalled_s == pytest.approx(2.0, abs=0.1)
    assert one.channel.aborted
    assert one.channel.closed is None
    assert one.code == 1006
    assert [event.reason for event in one.logged(SessionEnded)] == ["disconnected"]


async def test_a_client_that_goes_away_ends_its_session() -> None:
    async with talking(replies=LONG) as one:
        await turn(one)
        await one.wait("response.created")
    assert one.code == 1001
    assert [event.reason for event in one.logged(SessionEnded)] == ["disconnected"]
    assert not one.channel.aborted


async def test_a_connection_that_is_cancelled_ends_its_session() -> None:
    # The error is raised in the block, as by a test that is broken off.
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        async with talking() as one:
            await one.say(100)
            (running,) = (task for task in asyncio.all_tasks() if "RealtimeConnection.run" in repr(task.get_coro()))
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            assert [event.reason for event in one.logged(SessionEnded)] == ["disconnected"]
            raise KeyboardInterrupt


async def test_a_silent_socket_is_idle_before_and_after_the_start() -> None:
    for said_ms in (0, 100):
        async with talking(idle_s=30.0) as one:
            await one.say(said_ms)
            await one.wait("interlocutor.session.ended")
        assert one.all("interlocutor.session.ended")[0]["reason"] == "idle"
        assert one.code == 4408
        assert one.channel.closed == (4408, "idle")


@pytest.mark.parametrize("call", [False, True])
async def test_whoever_sends_everything_but_a_beginning_is_let_go(call: bool) -> None:
    async with talking(call=call) as one:
        began_s = asyncio.get_running_loop().time()
        await one.ask_to_resume()
        for second in range(400):
            one.send("interlocutor.pulse")
            one.send("input_audio_buffer.clear")
            await asyncio.sleep(1)
            if second == 150:  # whoever comes back has no more time
                await one.lose()
                one.come_back()
            if one.all("interlocutor.session.ended"):
                break
        lasted_s = asyncio.get_running_loop().time() - began_s
    assert lasted_s == pytest.approx(300, abs=2)
    assert one.driver is None
    assert one.all("interlocutor.problem")[0]["code"] == "session.not_started"
    assert one.all("interlocutor.session.ended")[0]["reason"] == "not_started"
    assert one.channel.closed == (4408, "not_started")
    assert len(one.over) == 1


async def test_whoever_stays_away_before_the_beginning_keeps_no_place_for_longer() -> None:
    async with talking() as one:
        await one.ask_to_resume()
        for _ in range(280):
            one.send("interlocutor.pulse")
            await asyncio.sleep(1)
        await one.lose()
        await asyncio.sleep(25)
        assert len(one.over) == 1
    assert one.driver is None


async def test_a_role_play_that_has_begun_is_not_ended_for_it() -> None:
    async with talking(session_s=900) as one:
        await one.pause(FRAME_MS)
        for _ in range(350):
            one.send("interlocutor.pulse")
            await asyncio.sleep(1)
        assert one.all("interlocutor.problem") == []
    assert [event.reason for event in one.logged(SessionEnded)] == ["disconnected"]


async def test_an_end_before_the_start_is_an_end() -> None:
    async with talking() as one:
        one.send("interlocutor.session.end")
        await one.wait("interlocutor.session.ended")
    assert (one.code, one.driver) == (1000, None)


async def test_the_time_limit_has_its_own_close_code() -> None:
    async with talking(session_s=10) as one:
        await one.pause(12_000)
        await one.wait("interlocutor.session.ended")
    assert one.all("interlocutor.session.ended")[0]["reason"] == "time_limit"
    assert one.code == 4440


async def test_the_server_ends_a_session_and_tells_its_client() -> None:
    async with talking() as one:
        await one.say(100)
        one.live.end("ended")
        await one.wait("interlocutor.session.ended")
    assert one.all("interlocutor.session.ended")[0]["reason"] == "ended"
    assert one.channel.closed == (1000, "ended")
    assert one.code == 1000


async def test_draining_asks_clients_to_come_again() -> None:
    async with talking() as one:
        await one.say(100)
        assert one.driver is not None
        one.driver.end("draining")
        await one.wait("interlocutor.session.ended")
    assert one.code == 1012


async def test_a_driver_that_cannot_be_made_is_told_and_closes() -> None:
    async with talking() as one:
        one.refuse_driver = CapacityError("all places are taken", retry_after_s=5)
        await one.say(FRAME_MS)
        await one.wait("interlocutor.problem")
    assert one.all("interlocutor.problem")[0]["code"] == "capacity.full"
    assert one.code == 1013


async def test_a_fault_of_ours_is_told_without_internals() -> None:
    async with talking() as one:
        one.refuse_driver = ZeroDivisionError("secret internals")
        await one.say(FRAME_MS)
        await one.wait("interlocutor.problem")
    problem = one.all("interlocutor.problem")[0]
    assert problem["code"] == "internal"
    assert "secret" not in json.dumps(one.channel.sent)
    assert one.code == 1011


async def test_a_few_bad_messages_are_forgiven_and_many_are_not() -> None:
    async with talking() as one:
        for _ in range(MAX_BAD):
            one.channel.put("{")
        await one.stable()
        assert one.channel.closed is None
        one.channel.put("{")
        await one.refusal(MAX_BAD + 2)
    codes = [event["error"]["code"] for event in one.all("error")]
    assert codes == ["protocol.bad_json"] * (MAX_BAD + 1) + ["protocol.too_many_errors"]
    assert one.code == 1008


async def test_binary_frames_are_refused_and_then_closed() -> None:
    async with talking() as one:
        for _ in range(MAX_BINARY):
            one.channel.put(b"\x00\x00")
        await one.refusal(MAX_BINARY)
    assert {event["error"]["code"] for event in one.all("error")} == {"protocol.binary"}
    assert one.code == 1003


async def test_a_message_above_the_servers_limit_is_refused() -> None:
    async with talking() as one:
        one.send("input_audio_buffer.append", audio="A" * 100_000)
        await one.stable()
    assert [event["error"]["code"] for event in one.all("error")] == ["protocol.too_big"]
    assert one.code == 1001


async def test_a_flood_of_messages_is_closed() -> None:
    async with talking() as one:
        for _ in range(int(MESSAGES_BURST) + 1):
            one.send("input_audio_buffer.clear")
        await one.refusal()
    assert len(one.all("input_audio_buffer.cleared")) == MESSAGES_BURST
    assert one.all("error")[0]["error"]["code"] == "protocol.too_many_messages"
    assert one.code == 4429


async def test_sound_faster_than_real_time_is_told_once_a_second_and_then_closed() -> None:
    audio = base64.b64encode(bytes(48_000 * 1)).decode()  # one second

    async with talking() as one:
        for _ in range(6):
            for _ in range(5):
                one.send("input_audio_buffer.append", audio=audio[: len(audio) * 4 // 5], event_id="mine")
            await asyncio.sleep(1.0)
    errors = [event["error"] for event in one.all("error")]
    assert 2 <= len(errors) <= 5
    assert {error["code"] for error in errors} == {"audio.too_fast"}
    assert errors[0]["event_id"] == "mine"
    assert one.code == 1008
    assert [event.reason for event in one.logged(SessionEnded)] == ["disconnected"]


async def test_an_examiner_is_refused_everything() -> None:
    async with talking(role=Principal("examiner", "sess_1")) as one:
        await one.say(FRAME_MS)
        await one.refusal()
    assert one.all("error")[0]["error"]["code"] == "access.not_allowed"
    assert one.driver is None


async def test_acknowledged_playout_is_known_and_not_estimated() -> None:
    async with talking(replies=["Good morning."]) as one:
        one.send("interlocutor.client.configure", playout_acks=True)
        await turn(one)
        await one.wait("response.output_audio.delta", 10)
        await asyncio.sleep(0.1)
        for played_ms in range(100, 600, 100):
            one.send("interlocutor.playout", item_id="item_p1", played_ms=played_ms)
            await asyncio.sleep(0.1)
        await one.wait("response.done")
    assert [event.estimated for event in one.logged(ReplyFinished)] == [False]
    assert one.all("error") == []


async def test_acknowledgements_have_to_be_agreed_on() -> None:
    async with talking() as one:
        one.send("interlocutor.playout", item_id="item_p1", played_ms=10, event_id="mine")
        assert (await one.refusal())["code"] == "protocol.not_configured"
        assert (await one.refusal())["event_id"] == "mine"


async def test_sound_that_waits_when_the_patient_yields_is_not_sent_any_more() -> None:
    async with talking(replies=LONG) as one:
        await turn(one)
        await one.wait("response.output_audio.delta", 10)
        one.channel.stall()
        sent = len(one.all("response.output_audio.delta"))
        await one.say(1_500)
        one.channel.stall(False)
        await one.wait("interlocutor.playout.clear")
        await one.wait("response.done")
    assert sent <= len(one.all("response.output_audio.delta")) <= sent + 1  # one may have been on its way
    assert one.all("response.output_audio_transcript.done")[0]["transcript"]


async def test_a_far_clients_sound_is_sent_further_ahead() -> None:
    late_ms = 450

    async with talking(replies=["Good morning to you.", "Well, it hurts at night."]) as one:
        one.send("interlocutor.client.configure", playout_acks=True)
        for reply in (1, 2):
            await turn(one)
            await one.wait("response.created", reply)
            kinds = [(event["type"], event.get("item_id")) for event in one.channel.sent]
            began_s = one.channel.sent_at_s[kinds.index(("response.output_audio.delta", f"item_p{reply}"))]
            for played_ms in (300, 400, 500):
                at_s = began_s + (late_ms + played_ms) / 1000.0
                await asyncio.sleep(at_s - asyncio.get_running_loop().time())
                one.send("interlocutor.playout", item_id=f"item_p{reply}", played_ms=played_ms)
            await one.wait("response.done", reply)
    assert one.connection.voice.lead_ms() == pytest.approx(2 * late_ms, abs=20)
