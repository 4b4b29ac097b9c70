"""What each client message does to a session, and what it is refused with."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest

from audio.g711 import Law, decode_g711
from pipelines.events import InstructionsGiven, ReplyFinished, TurnCommitted
from server.principal import Principal
from server.protocol.server_events import TelephoneFormat
from server.wire.wire_point import WirePoint
from tests.component.realtime_talk import Talk, talking

pytestmark = pytest.mark.virtual

DEVELOPER = Principal("developer", None)
LONG = ["I have been unwell since Monday and I could not sleep because of the pain in my leg at night."]


CLEARED = {False: "interlocutor.playout.clear", True: "output_audio_buffer.cleared"}  # on a call the track falls silent


async def turn(one: Talk, pause_ms: int = 1_500) -> None:
    await one.say(900)
    await one.pause(pause_ms)


def typed(text: str, **fields: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}], **fields}


def detection(**fields: Any) -> dict[str, Any]:
    return {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", **fields}}}}


NOT_ALLOWED = ("access.not_allowed", "session.instructions")
MANUAL: dict[str, Any] = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}


# ---------------------------------------------------------------- settings


async def test_of_settings_the_refused_ones_change_nothing_and_the_others_count() -> None:
    async with talking() as one:
        session = {**detection(create_response=False), "instructions": "You are a pirate.", "colour": "red"}
        one.send("session.update", session=session, event_id="mine")
        shown = (await one.wait("session.updated"))["session"]
        assert shown["audio"]["input"]["turn_detection"]["create_response"] is False
        assert "instructions" not in shown
        for count, told in enumerate([("protocol.invalid_field", "session.colour"), NOT_ALLOWED], start=1):
            error = (await one.wait("error", count))["error"]
            assert (error["code"], error["param"], error["event_id"]) == (*told, "mine")
        one.send("session.update", session={"instructions": "You are a pirate."})
        assert (await one.wait("error", 3))["error"]["code"] == "access.not_allowed"
        assert len(one.all("session.updated")) == 1


async def test_a_developers_program_is_taken_as_it_comes() -> None:
    async with talking(role=DEVELOPER) as one:
        await one.wait("session.created")
        everything = {
            "type": "realtime",
            "model": "gpt-realtime",
            "instructions": "You are a helpful assistant.",
            "output_modalities": ["audio"],
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "tracing": "auto",
            "truncation": "auto",
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24_000},
                    "noise_reduction": {"type": "near_field"},
                    "transcription": {"model": "gpt-4o-transcribe", "prompt": "expect medicines"},
                    "turn_detection": {"type": "semantic_vad", "eagerness": "low"},
                },
                "output": {"voice": "alloy", "speed": 1.1},
            },
        }
        one.send("session.update", session=everything)
        shown = (await one.wait("session.updated"))["session"]
        assert shown["model"] != "gpt-realtime"
        assert not one.all("error")


async def test_what_a_client_writes_on_its_request_comes_back_with_the_reply() -> None:
    async with talking(opening=None) as one:
        one.send("conversation.item.create", item=typed("How are you today?"))
        one.send("response.create", response={"metadata": {"client_event_id": "mine"}})
        created = await one.wait("response.created")
        assert created["response"]["metadata"] == {"client_event_id": "mine"}
        done = await one.wait("response.done")
        assert done["response"]["metadata"] == {"client_event_id": "mine"}
        one.send("conversation.item.create", item=typed("And how is your leg?"))
        one.send("response.create")
        assert (await one.wait("response.created", 2))["response"]["metadata"] is None


async def test_a_client_that_does_not_say_so_gets_none_of_our_events() -> None:
    async with talking(knows_ours=False) as one:
        await one.say(100)
        one.send("conversation.item.create", item=typed("How are you today?"))
        one.send("response.create")
        await one.wait("response.done")
        kinds = {event["type"] for event in one.channel.sent}
        assert not {kind for kind in kinds if kind.startswith("interlocutor.")}
        one.send("interlocutor.client.configure", playout_acks=False)
        await one.wait("interlocutor.client.configured")
        one.send("interlocutor.session.end")
        await one.wait("interlocutor.session.ended")


async def test_the_rate_is_fixed_by_the_first_sound() -> None:
    async with talking() as one:
        await one.say(100)
        session = {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 48_000}}}}
        one.send("session.update", session=session)
        error = await one.refusal()
        assert (error["code"], error["param"]) == ("protocol.too_late", "session.audio.input.format.rate")
        session["audio"]["input"]["format"]["rate"] = 24_000  # type: ignore[index]
        one.send("session.update", session=session)
        await one.wait("session.updated")
    assert one.rates_hz == [24_000]


@pytest.mark.by_messages  # a track's rate is not the client's to choose
async def test_sound_of_another_rate_is_understood() -> None:
    async with talking() as one:
        session = {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16_000}}}}
        one.send("session.update", session=session)
        await one.say(900, rate_hz=16_000)
        await one.pause(1_500, rate_hz=16_000)
        await one.wait("response.created")
    (committed,) = one.logged(TurnCommitted)
    assert committed.to_ms - committed.from_ms == pytest.approx(900, abs=60)


def formats(**ways: dict[str, Any]) -> dict[str, Any]:
    return {"type": "realtime", "audio": {way: {"format": format_} for way, format_ in ways.items()}}


@pytest.mark.by_messages
@pytest.mark.parametrize(("name", "law"), [("audio/pcmu", Law.MU), ("audio/pcma", Law.A)])
async def test_a_telephones_sound_is_understood_and_answered(name: str, law: Law) -> None:
    async with talking(replies=["How are you doing today?"]) as one:
        one.send("session.update", session=formats(input={"type": name}, output={"type": name}))
        shown = (await one.wait("session.updated"))["session"]["audio"]
        assert (shown["input"]["format"], shown["output"]["format"]) == ({"type": name}, {"type": name})
        await one.say(900, rate_hz=8_000, law=law)
        await one.pause(1_500, rate_hz=8_000, law=law)
        response = (await one.wait("response.done"))["response"]
    assert response["audio"]["output"]["format"] == {"type": name}
    (committed,) = one.logged(TurnCommitted)
    assert committed.to_ms - committed.from_ms == pytest.approx(900, abs=60)
    assert one.rates_hz == [8_000]
    data = b"".join(base64.b64decode(event["delta"]) for event in one.all("response.output_audio.delta"))
    assert len(data) == 8 * 5 * 250  # five words of 250 ms
    assert np.abs(decode_g711(data, law)).max() > 1_000
    assert not one.all("error")


@pytest.mark.by_messages
async def test_a_telephone_says_how_much_was_heard_in_its_own_milliseconds() -> None:
    async with talking(replies=LONG, knows_ours=False) as one:
        one.send("session.update", session=formats(input={"type": "audio/pcmu"}, output={"type": "audio/pcmu"}))
        await one.say(900, rate_hz=8_000, law=Law.MU)
        await one.pause(1_500, rate_hz=8_000, law=Law.MU)
        await one.sounding(20)
        sent = [len(base64.b64decode(event["delta"])) for event in one.all("response.output_audio.delta")]
        item = one.all("response.output_audio.delta")[0]["item_id"]
        truncation = {"item_id": item, "content_index": 0}
        beyond_ms = sum(sent) // 8 + 10
        one.send("conversation.item.truncate", **truncation, audio_end_ms=beyond_ms)
        assert (await one.refusal())["param"] == "audio_end_ms"
        one.send("conversation.item.truncate", **truncation, audio_end_ms=sum(sent) // 8)
        assert (await one.wait("conversation.item.truncated"))["audio_end_ms"] == sum(sent) // 8


@pytest.mark.by_messages
async def test_formats_that_are_none_or_come_too_late_are_refused_field_by_field() -> None:
    async with talking() as one:
        wrong = {"type": "audio/pcmu", "rate": 24_000}, {"type": "audio/pcm", "rate": 8_000}
        one.send("session.update", session=formats(input=wrong[0], output=wrong[1]), event_id="mine")
        for count, way in enumerate(("input", "output"), start=1):
            error = (await one.wait("error", count))["error"]
            told = (error["code"], error["param"], error["event_id"])
            assert told == ("protocol.unsupported", f"session.audio.{way}.format.rate", "mine")
        shown = one.all("session.updated")[0]["session"]["audio"]
        assert (shown["input"]["format"], shown["output"]["format"]["rate"]) == ({"type": "audio/pcmu"}, 24_000)
        one.send("session.update", session=formats(input={"type": "audio/opus"}))
        assert (await one.wait("error", 3))["error"]["param"] == "session.audio.input.format.type"
        one.send("session.update", session=formats(input={"type": "audio/pcmu", "rate": 8_000}))
        # One byte is one sample, so that there is no odd length.
        one.send("input_audio_buffer.append", audio=base64.b64encode(bytes(161)).decode())
        await one.taken()
        assert len(one.all("error")) == 3
        late = formats(input={"type": "audio/pcm", "rate": 24_000}, output={"type": "audio/pcma"})
        one.send("session.update", session=late)
        params = [(await one.wait("error", count))["error"] for count in (4, 5, 6)]
        assert [(error["code"], error["param"]) for error in params] == [
            ("protocol.too_late", "session.audio.input.format.type"),
            ("protocol.too_late", "session.audio.input.format.rate"),
            ("protocol.too_late", "session.audio.output.format.type"),
        ]
        one.send("session.update", session=formats(input={"type": "audio/pcmu"}, output={"type": "audio/pcm"}))
        await one.wait("session.updated", 3)
    assert one.rates_hz == [8_000]


@pytest.mark.by_messages
async def test_another_server_goes_on_in_a_telephones_formats() -> None:
    async with talking() as one, talking() as other:
        one.send("session.update", session=formats(input={"type": "audio/pcmu"}, output={"type": "audio/pcma"}))
        one.send("interlocutor.client.configure", playout_acks=False, resume=True)
        await one.wait("interlocutor.client.configured")
        point = one.live.checkpoint()
        assert point is not None
        other.live.go_on(WirePoint.model_validate_json(point.model_dump_json()), None, left_s=60.0)
        assert other.live.wire.shown().audio == one.live.wire.shown().audio
        assert other.live.wire.shown().audio.input.format == TelephoneFormat(type="audio/pcmu")


@pytest.mark.by_messages
async def test_another_server_goes_on_with_the_same_speaker() -> None:
    async with talking(role=DEVELOPER, free=True) as one, talking(role=DEVELOPER, free=True) as other:
        one.send("session.update", session={"instructions": "You are a pirate."})
        assert (await one.wait("session.updated"))["session"]["instructions"] == "You are a pirate."
        one.send("interlocutor.client.configure", playout_acks=False, resume=True)
        await one.wait("interlocutor.client.configured")
        await turn(one)
        await one.wait("response.done")
        point = one.live.checkpoint()
        assert point is not None
        other.live.go_on(WirePoint.model_validate_json(point.model_dump_json()), None, left_s=60.0)
        await turn(other)
        await other.wait("response.done")
        one.token = other.token = "said"  # goodbye, in the end: it may have asked to come back
    assert one.logged(InstructionsGiven) == other.logged(InstructionsGiven) == [InstructionsGiven("You are a pirate.")]


async def test_without_create_response_a_reply_comes_when_it_is_asked_for() -> None:
    async with talking() as one:
        one.send("session.update", session=detection(create_response=False))
        await turn(one, 3_000)
        assert one.all("response.created") == []
        assert len(one.all("input_audio_buffer.committed")) == 1
        one.send("response.create")
        await one.wait("response.done")


async def test_without_interruption_the_patient_finishes() -> None:
    async with talking(replies=LONG) as one:
        one.send("session.update", session=detection(interrupt_response=False))
        await turn(one)
        await one.wait("response.created")
        await one.say(6_000)
        await one.wait("response.done")
        await one.wait("input_audio_buffer.speech_started", 2)
    assert one.logged(ReplyFinished)[0].status == "completed"


async def test_with_interruption_the_patient_yields() -> None:
    async with talking(replies=LONG) as one:
        await turn(one)
        await one.wait("response.created")
        await one.say(2_000)
        await one.wait("input_audio_buffer.speech_started", 2)
    kinds = one.kinds()
    second = len(kinds) - 1 - kinds[::-1].index("input_audio_buffer.speech_started")
    cut = kinds[second:]
    assert cut[:9] == [
        "input_audio_buffer.speech_started",  # first: stock clients stop their playback at it
        CLEARED[one.is_call],
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.truncated",
        "conversation.item.done",
        "response.done",
    ]
    assert "response.output_audio.delta" not in cut
    heard = one.all("response.output_audio_transcript.done")[0]["transcript"]
    assert heard
    assert LONG[0].startswith(heard)
    assert heard != LONG[0]
    assert one.all("response.done")[0]["response"]["status_details"]["reason"] == "turn_detected"


async def test_a_developer_sets_the_wait_for_a_turns_end() -> None:
    over_after_ms: list[float] = []
    for wait_ms in (400, 900):
        async with talking(role=DEVELOPER) as one:
            one.send("session.update", session=detection(silence_duration_ms=wait_ms))
            await turn(one, 3_000)
            latency = await one.wait("interlocutor.turn.latency")
        over_after_ms.append(latency["parts"]["endpoint"])
    assert over_after_ms[0] == pytest.approx(over_after_ms[1] - 500, abs=1)


# ---------------------------------------------------------------- the candidate's turn


async def test_a_turn_is_committed_and_answered_by_hand() -> None:
    async with talking() as one:
        one.send("session.update", session=MANUAL)
        await turn(one, 3_000)
        assert one.all("input_audio_buffer.committed") == []
        one.send("input_audio_buffer.commit")
        one.send("response.create")
        await one.wait("response.done")
    assert one.all("error") == []
    assert len(one.all("input_audio_buffer.committed")) == 1


async def test_a_reply_asked_for_before_the_final_text_waits_for_it() -> None:
    async with talking() as one:
        one.send("session.update", session=MANUAL)
        await one.say(900)
        one.send("input_audio_buffer.commit")
        one.send("response.create")
        one.send("response.create", event_id="twice")
        error = await one.refusal()
        assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", "twice")
        assert one.all("input_audio_buffer.committed") == []
        await one.wait("response.done")
    assert len(one.all("response.created")) == 1
    assert one.kinds().index("input_audio_buffer.committed") < one.kinds().index("response.created")


async def test_a_reply_that_is_not_wanted_any_more_is_not_given() -> None:
    async with talking() as one:
        one.send("session.update", session=MANUAL)
        await one.say(900)
        one.send("input_audio_buffer.commit")
        one.send("response.create")
        one.send("response.cancel")
        await one.wait("input_audio_buffer.committed")
        await one.pause(2_000)
    assert one.all("error") == []
    assert one.all("response.created") == []


async def test_nothing_said_can_not_be_committed() -> None:
    async with talking() as one:
        one.send("input_audio_buffer.commit")
        assert (await one.refusal())["code"] == "input_audio_buffer_commit_empty"
        await one.pause(500)
        one.send("input_audio_buffer.commit")
        assert (await one.refusal(2))["code"] == "input_audio_buffer_commit_empty"


async def test_a_cleared_turn_is_forgotten_and_closed() -> None:
    async with talking() as one:
        await one.say(600)
        one.send("input_audio_buffer.clear")
        await one.wait("input_audio_buffer.cleared")
        await one.pause(2_000)
    kinds = one.kinds()
    assert kinds[-3:] == [
        "input_audio_buffer.speech_stopped",
        "interlocutor.turn.ignored",
        "input_audio_buffer.cleared",
    ]
    assert one.all("interlocutor.turn.ignored")[0]["reason"] == "cleared"


# ---------------------------------------------------------------- items


async def test_a_typed_turn_is_answered_when_it_is_asked_for() -> None:
    async with talking() as one:
        one.send("conversation.item.create", item=typed("How are you today?", id="mine"))
        await one.wait("conversation.item.done")
        one.send("response.create")
        await one.wait("response.done")
        one.send("conversation.item.retrieve", item_id="mine")
        one.send("conversation.item.retrieve", item_id="item_p1")
        await one.wait("conversation.item.retrieved", 2)
    assert one.driver is not None
    assert one.all("response.output_audio_transcript.done")[0]["transcript"] == "You said: How are you today?"
    mine, patients = (event["item"] for event in one.all("conversation.item.retrieved"))
    assert mine["content"] == [{"type": "input_text", "text": "How are you today?"}]
    assert patients["content"] == [{"type": "output_audio", "transcript": "You said: How are you today?"}]


@pytest.mark.parametrize(
    ("message", "code", "param"),
    [
        ({"item": typed("Hello", id="first")}, "item.exists", "item.id"),
        ({"item": typed("Hello", id="item_p9")}, "protocol.invalid_field", "item.id"),
        ({"item": typed("   ")}, "protocol.invalid_field", "item.content"),
        ({"item": {"type": "message", "role": "user"}}, "protocol.invalid_field", "item.content"),
        (
            {"item": {**typed("a"), "content": [{"type": "input_text", "text": "a" * 1_500}] * 2}},
            "protocol.invalid_field",
            "item.content",
        ),
        ({"item": typed("Hello"), "previous_item_id": "nowhere"}, "item.not_found", "previous_item_id"),
        ({"item": typed("Hello"), "previous_item_id": "first"}, "protocol.unsupported", "previous_item_id"),
        ({"item": typed("Hello"), "previous_item_id": "root"}, "item.not_found", "previous_item_id"),
    ],
)
async def test_an_item_that_can_not_be_added_is_refused(message: dict[str, Any], code: str, param: str) -> None:
    async with talking() as one:
        one.send("conversation.item.create", item=typed("Good morning", id="first"), previous_item_id="root")
        one.send("conversation.item.create", item=typed("How are you?", id="second"), previous_item_id="first")
        one.send("conversation.item.create", **message)
        error = await one.refusal()
        assert (error["code"], error["param"]) == (code, param)
    assert [event["item"]["id"] for event in one.all("conversation.item.added")] == ["first", "second"]


async def test_unknown_items_and_deletions_are_refused() -> None:
    async with talking() as one:
        one.send("conversation.item.retrieve", item_id="item_c1")
        one.send("conversation.item.truncate", item_id="item_p1", content_index=0, audio_end_ms=0)
        one.send("conversation.item.delete", item_id="item_c1")
        await one.refusal(3)
    codes = [event["error"]["code"] for event in one.all("error")]
    assert codes == ["item.not_found", "item.not_found", "protocol.unsupported"]


async def test_a_truncation_stops_the_reply_and_keeps_what_was_heard() -> None:
    async with talking(replies=LONG * 2) as one:
        await turn(one, 1_600)
        await one.sounding(30)
        one.send("conversation.item.truncate", item_id="item_p1", content_index=0, audio_end_ms=600_000)
        assert (await one.refusal())["param"] == "audio_end_ms"
        one.send("conversation.item.truncate", item_id="item_p1", content_index=0, audio_end_ms=760)
        assert (await one.wait("conversation.item.truncated"))["audio_end_ms"] == 760
        await one.wait("response.done")
        one.send("conversation.item.truncate", item_id="item_p1", content_index=0, audio_end_ms=510)
        assert (await one.wait("conversation.item.truncated", 2))["audio_end_ms"] == 510
        one.send("conversation.item.retrieve", item_id="item_p1")
        await one.wait("conversation.item.retrieved")
        await turn(one)
        await one.wait("response.created", 2)
        one.send("conversation.item.truncate", item_id="item_p1", content_index=0, audio_end_ms=100)
        assert (await one.refusal(2))["code"] == "protocol.too_late"
    assert one.all("response.done")[0]["response"]["output"][0]["content"][0]["transcript"] == "I have been"
    assert one.all("conversation.item.retrieved")[0]["item"]["content"][0]["transcript"] == "I have"


# ---------------------------------------------------------------- replies


async def test_a_reply_is_cancelled_once() -> None:
    async with talking(replies=LONG) as one:
        await turn(one)
        await one.sounding(20)
        one.send("response.create")
        assert (await one.refusal())["code"] == "conversation_already_has_active_response"
        one.send("response.cancel", response_id="resp_9")
        assert (await one.refusal(2))["code"] == "response_cancel_not_active"
        one.send("response.cancel", response_id="resp_1")
        done = (await one.wait("response.done"))["response"]
        assert (done["status"], done["status_details"]["reason"]) == ("cancelled", "client_cancelled")
        one.send("response.cancel")
        assert (await one.refusal(3))["code"] == "response_cancel_not_active"
    assert len(one.all(CLEARED[one.is_call])) == 1


async def test_a_reply_cancelled_before_its_first_sound_is_begun_and_ended() -> None:
    async with talking() as one:
        one.send("conversation.item.create", item=typed("Hello"))
        one.send("response.create")
        one.send("response.cancel")
        done = (await one.wait("response.done"))["response"]
        assert (done["status"], done["output"]) == ("cancelled", [])
        one.send("response.create")
        await one.wait("response.done", 2)
    assert [event["response"]["id"] for event in one.all("response.created")] == ["resp_1", "resp_2"]


async def test_a_reply_is_not_asked_for_in_the_midst_of_a_turn() -> None:
    async with talking() as one:
        await one.say(500)
        one.send("response.create")
        assert (await one.refusal())["code"] == "conversation.turn_in_progress"


async def test_cleared_output_stops_the_patient() -> None:
    async with talking(replies=LONG) as one:
        one.send("output_audio_buffer.clear")
        assert (await one.refusal())["code"] == "response_cancel_not_active"
        await turn(one)
        await one.sounding(20)
        one.send("output_audio_buffer.clear")
        assert (await one.wait("output_audio_buffer.cleared"))["response_id"] == "resp_1"
        one.send("output_audio_buffer.clear")
        await one.wait("output_audio_buffer.cleared", 2)
    assert [event["response"]["status"] for event in one.all("response.done")] == ["cancelled"]


async def test_a_patient_who_speaks_first_does_so_when_asked_to() -> None:
    async with talking(opening="Oh, there you are. Come in.") as one:
        one.send("response.create")
        await one.wait("response.done")
    assert one.all("error") == []
    assert len(one.all("response.created")) == 1


async def test_a_client_that_says_late_that_it_knows_our_events_is_told_that_the_role_play_has_begun() -> None:
    # On a call the sound may come before the first message.
    async with talking(knows_ours=False, call=True) as one:
        await one.pause(200)
        assert one.driver is not None
        assert one.all("interlocutor.session.started") == []
        for count in (1, 2):
            one.send("interlocutor.client.configure", playout_acks=False)
            await one.wait("interlocutor.client.configured", count)
        ours = [kind for kind in one.kinds() if kind.startswith("interlocutor.")]
        assert ours[:2] == ["interlocutor.client.configured", "interlocutor.session.started"]
    assert len(one.all("interlocutor.session.started")) == 1
