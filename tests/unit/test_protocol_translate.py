"""From the log to the wire: sequences of events, as the stock client's own types read them."""

from __future__ import annotations

import base64
import json
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime import RealtimeServerEvent

from audio.playout import PlayoutChunk
from pipelines import events as log
from pipelines.log.session_log import SessionLog
from server.protocol import server_events as e
from server.protocol.examples import server_examples
from server.protocol.translate import Translator, patient_item
from server.protocol.wire_session import SessionInfo, WireSession

STOCK = {
    get_args(cls.model_fields["type"].annotation)[0]: cls for cls in get_args(get_args(RealtimeServerEvent)[0])
}  # fmt: skip
OURS = "interlocutor."


class Wire:
    """A log whose every event is translated."""

    def __init__(self) -> None:
        self.translator = Translator(WireSession(SessionInfo("sess_1", "asthma", 0)))
        self._log = SessionLog(now_ms=lambda: 0.0, media_ms=lambda: 5_000.0, salt=lambda: "", wall=lambda: 0.0)

    def tell(self, *events: log.Event) -> list[dict[str, Any]]:
        told = [out for event in events for out in self.translator.translate(self._log.append(event))]
        return read(told)

    def audio(self, reply: int, duration_ms: int) -> list[dict[str, Any]]:
        samples = np.arange(24 * duration_ms, dtype=np.int16)
        chunk = PlayoutChunk(reply, 0, self.translator.sent_ms[reply], samples)
        self.translator.audio_sent(chunk)
        return read(self.translator.audio(chunk))


def read(events: list[e.ServerEvent]) -> list[dict[str, Any]]:
    """Return events as a client reads them; each of OpenAI's must pass the stock client's own model."""
    out = []
    for event in events:
        text = event.model_copy(update={"event_id": "event_000001"}).model_dump_json()
        value = json.loads(text)
        if not value["type"].startswith(OURS):
            STOCK[value["type"]].model_validate_json(text, strict=True)
        out.append(value)
    return out


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


SPOKEN = (
    log.SpeechStarted(1, 400.4),
    log.TranscriptPartial(1, "Hello I am", 1),
    log.TranscriptPartial(1, "Hello I am the nurse", 3),
    log.SpeechStopped(1, 2100.0),
    log.TurnCommitted(1, "Hello, I am the nurse.", 400.0, 2100.0),
)
REPLY = (log.ReplyStarted(1, 1), log.ClauseSpoken(1, "Good morning.", 0.0), log.ClauseSpoken(1, "I am ill.", 800.0))


@pytest.mark.parametrize("kind", server_examples())
def test_every_example_is_read_by_the_stock_client(kind: str) -> None:
    example = server_examples()[kind]
    assert read([example])[0]["type"] == kind
    assert e.EVENTS[kind].model_validate_json(example.model_dump_json()) == example


def test_a_spoken_turn_and_its_reply() -> None:
    wire = Wire()
    events = wire.tell(*SPOKEN)
    assert kinds(events) == [
        "input_audio_buffer.speech_started",
        "conversation.item.input_audio_transcription.delta",
        "interlocutor.transcript.partial",
        "conversation.item.input_audio_transcription.delta",
        "interlocutor.transcript.partial",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.completed",
    ]
    assert {event["item_id"] for event in events if "item_id" in event} == {"item_c1"}
    assert [event["delta"] for event in events if "delta" in event] == ["Hello", " I am"]
    assert events[0]["audio_start_ms"] == 400
    assert events[-1]["transcript"] == "Hello, I am the nurse."
    assert events[-1]["usage"] == {"type": "duration", "seconds": 1.7}

    reply = wire.tell(*REPLY[:2]) + wire.audio(1, 40) + wire.tell(REPLY[2]) + wire.audio(1, 40)
    reply += wire.tell(log.ReplyFinished(1, 1, "completed", "Good morning. I am ill.", 80.0, estimated=True))
    assert kinds(reply) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    deltas = [event["delta"] for event in reply if event["type"] == "response.output_audio_transcript.delta"]
    assert "".join(deltas) == "Good morning. I am ill." == reply[9]["transcript"]
    audio = base64.b64decode(reply[5]["delta"])
    assert np.array_equal(np.frombuffer(audio, dtype="<i2"), np.arange(960, dtype=np.int16))
    assert (reply[2]["previous_item_id"], reply[-2]["previous_item_id"]) == ("item_c1", "item_c1")
    assert reply[-1]["response"]["status"] == "completed"
    assert reply[-1]["response"]["output"][0]["content"][0]["transcript"] == "Good morning. I am ill."
    assert wire.translator.sent_ms == {1: 80.0}
    assert wire.tell(log.TurnCommitted(2, "Oh.", 0.0, 1.0))[0]["previous_item_id"] == "item_p1"


def test_an_interrupted_reply_holds_what_was_heard() -> None:
    wire = Wire()
    wire.tell(*SPOKEN, *REPLY)
    events = read(wire.translator.cleared(1, 640.0))
    events += wire.tell(log.ReplyFinished(1, 1, "interrupted", "Good", 640.4, estimated=False))
    events += wire.tell(log.SpeechStarted(2, 9_000.0))
    assert kinds(events) == [
        "interlocutor.playout.clear",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.truncated",
        "conversation.item.done",
        "response.done",
        "input_audio_buffer.speech_started",
    ]
    assert events[0]["heard_ms"] == 640.0
    assert events[2]["transcript"] == "Good"
    assert events[5]["audio_end_ms"] == 640
    item = events[6]["item"]
    assert (item["status"], item["content"][0]["transcript"]) == ("incomplete", "Good")
    response = events[7]["response"]
    assert (response["status"], response["status_details"]["reason"]) == ("cancelled", "turn_detected")


@pytest.mark.parametrize(
    ("status", "told", "reason"), [("cancelled", "cancelled", "client_cancelled"), ("failed", "failed", None)]
)
def test_a_reply_that_is_cancelled_or_fails(status: str, told: str, reason: str | None) -> None:
    wire = Wire()
    wire.tell(*SPOKEN, *REPLY)
    done = wire.tell(log.ReplyFinished(1, 1, status, "", 0.0, estimated=True))[-1]
    assert (done["type"], done["response"]["status"]) == ("response.done", told)
    assert done["response"]["status_details"]["reason"] == reason


def test_a_reply_without_sound_is_begun_and_ended() -> None:
    wire = Wire()
    events = wire.tell(*SPOKEN, log.ReplyFinished(1, 1, "failed", "", 0.0, estimated=True))[-2:]
    assert kinds(events) == ["response.created", "response.done"]
    assert events[1]["response"]["output"] == []
    unheard = read(wire.translator.cancelled_unheard(2))
    assert kinds(unheard) == ["response.created", "response.done"]
    assert unheard[1]["response"]["status"] == "cancelled"


def test_a_later_truncation_changes_the_kept_item() -> None:
    wire = Wire()
    wire.tell(*SPOKEN, *REPLY, log.ReplyFinished(1, 1, "completed", "Good morning. I am ill.", 80.0, estimated=True))
    events = wire.tell(log.ReplyTruncated(1, "Good", 30.0))
    assert events == [
        {"event_id": "event_000001", "type": "conversation.item.truncated", "item_id": "item_p1", "content_index": 0,
         "audio_end_ms": 30}
    ]  # fmt: skip
    content = wire.translator.items["item_p1"].content[0]
    assert isinstance(content, e.OutputAudioContent)
    assert content.transcript == "Good"


def test_noise_is_closed_for_the_client() -> None:
    wire = Wire()
    events = wire.tell(log.SpeechStarted(1, 100.0), log.TurnIgnored(1, "noise"))
    assert kinds(events)[1:] == ["input_audio_buffer.speech_stopped", "interlocutor.turn.ignored"]
    assert events[1]["audio_end_ms"] == 5_000


def test_a_backchannel_was_never_opened_and_is_not_closed() -> None:
    assert kinds(Wire().tell(log.TurnIgnored(1, "backchannel"))) == ["interlocutor.turn.ignored"]


def test_a_typed_turn_is_an_item_under_the_clients_own_id() -> None:
    wire = Wire()
    wire.translator.name_typed("mine")
    events = wire.tell(log.TurnCommitted(1, "Hello", 0.0, 0.0, typed=True))
    assert kinds(events) == ["conversation.item.added", "conversation.item.done"]
    assert events[0]["item"]["content"] == [{"type": "input_text", "text": "Hello"}]
    again = wire.tell(log.TurnCommitted(2, "Well", 0.0, 0.0, typed=True))
    assert (again[0]["previous_item_id"], again[0]["item"]["id"]) == ("mine", "item_c2")


def test_an_unfinished_turn_is_closed_at_the_end() -> None:
    wire = Wire()
    events = wire.tell(log.SpeechStarted(1, 100.0), log.SessionEnded("time_limit"))
    assert kinds(events)[1:] == ["input_audio_buffer.speech_stopped", "interlocutor.session.ended"]
    kept = Wire().tell(
        log.SpeechStarted(1, 100.0), log.TurnCommitted(1, "I will", 100.0, 700.0), log.SessionEnded("ended")
    )
    assert kinds(kept)[1:3] == ["input_audio_buffer.speech_stopped", "input_audio_buffer.committed"]
    assert kinds(kept)[-1] == "interlocutor.session.ended"


def test_the_parts_of_a_turns_latency_add_up() -> None:
    told = Wire().tell(log.TurnLatency(1, 1, 812.0, 400.0, 120.0, 60.0, 80.0, 152.0, 2100.0, estimated=True))[0]
    assert sum(told["parts"].values()) == told["voice_to_voice_ms"] == 812.0


SECRET = "penicillin"
NOT_FOR_CANDIDATES = (
    log.SessionSetup(SECRET, 1, SECRET, {SECRET: SECRET}, SECRET),
    log.ConsentGiven(SECRET, SECRET),
    log.InstructionsGiven(SECRET),
    log.ProblemReported(SECRET, SECRET),
    log.EngineIncident(SECRET, "failed", SECRET),
    log.SessionRestored(1.0),
    log.IncidentRaised(SECRET, SECRET, SECRET),
    log.SegmentHeard(1, 1, SECRET, (), 1.0),
    log.AnswersTimed(((1, 0.0, SECRET, 1, 1, 1.0),), ((SECRET, 1, 1.0, SECRET, (1.0,)),)),
    log.TextRejected(1, 1, SECRET, SECRET),
    log.UtteranceInterpreted(1, SECRET, 0.9, {SECRET: 1.0}, 1.0, SECRET, {SECRET: 1.0}),
    log.DistressNoticed(1, SECRET, SECRET),
    log.RemoteMindAsked(
        1, 1, SECRET, SECRET, SECRET, SECRET, SECRET, (SECRET,), 1, 1, False, 1.0, 1.0, 1.0, 1, 0.5, SECRET, SECRET
    ),
    log.ClauseGuarded(1, 1, "block", SECRET, SECRET, (SECRET,), {"unreleased": 1.0}, SECRET, 1.0),
    log.CardTookOver(1, 1, SECRET, SECRET),
    log.ReplyProposed(1, 1, SECRET, (SECRET,), SECRET, 1.0),
    log.LanguageModelAsked(1, 1, SECRET, SECRET, "model", SECRET, 1, 1, 1, 1.0, 1.0, SECRET, SECRET),
    log.CueHeard(SECRET, 1, 1),
    log.CueUnheard(SECRET, 1, 1),
    log.MediaGap(1.0, 1.0, 1.0),
    log.SynthesisBehind(1, 1, 1.0),
    log.ConnectionLost(SECRET),
    log.ConnectionResumed(SECRET, 1.0, 1, 1.0),
    log.DraftMade(1, 1, 120.0),
    log.PauseJudged(1, 0.0, 160.0, 600.0, {SECRET: 1.0}, {SECRET: 1.0}, 1.0, 1.0, SECRET),
    log.EndOfTurnAsked(1, 0.0, 160.0),
    log.EndOfTurnAnswered(1, 0.0, 210.0, 0.9),
    log.SpeechResumed(1, 0.0, 400.0),
    log.DraftDiscarded(1, 1, SECRET, 1.0),
)
TOLD_BY_PLAYOUT = {log.ReplyHeld, log.ReplyResumed}  # to clients that can pause; others must not know


@pytest.mark.parametrize("event", NOT_FOR_CANDIDATES, ids=lambda event: event.type_name())
def test_what_a_candidate_may_not_see_is_never_translated(event: log.Event) -> None:
    assert Wire().tell(event) == []


def test_every_event_is_either_translated_or_not_for_candidates() -> None:
    hidden = {type(event) for event in NOT_FOR_CANDIDATES}
    seen = {cls for cls in log.EVENT_TYPES.values() if cls.audience is log.Audience.CANDIDATE}
    assert seen == set(log.EVENT_TYPES.values()) - hidden
    # Every one of these events has its case: a made-up one gives at least one event for the client.
    for cls in seen - TOLD_BY_PLAYOUT:
        wire = Wire()
        wire.tell(log.SpeechStarted(1, 0.0), *REPLY[:1])
        assert wire.tell(made_up(cls)), cls


def made_up(cls: type[log.Event]) -> log.Event:
    values: dict[str, Any] = {"int": 1, "float": 1.0, "float | None": None, "str": "x", "bool": False}
    fields = {name: values[str(kind)] for name, kind in cls.__annotations__.items() if str(kind) in values}
    if cls is log.SpeechStarted:
        fields["turn"] = 2  # turn 1 was told of before
    return cls(**fields)


words = st.lists(st.sampled_from(["a", "b", "c"]), max_size=6)


@given(st.lists(st.tuples(words, st.integers(0, 8)), max_size=8))
def test_transcription_deltas_are_never_taken_back(partials: list[tuple[list[str], int]]) -> None:
    wire = Wire()
    sent = ""
    for heard, stable in partials:
        for event in wire.tell(log.TranscriptPartial(1, " ".join(heard), stable)):
            if event["type"].endswith(".delta"):
                assert event["delta"]
                sent += event["delta"]
                assert sent.split() == heard[:stable]  # what was sent is what is settled now
                assert sent == " ".join(sent.split())


@given(st.lists(st.text(alphabet="abc .", min_size=1, max_size=12), max_size=5))
def test_the_patients_deltas_make_up_the_transcript(clauses: list[str]) -> None:
    wire = Wire()
    wire.tell(log.ReplyStarted(1, 1))
    told = wire.tell(*(log.ClauseSpoken(1, clause, 0.0) for clause in clauses))
    assert "".join(event["delta"] for event in told) == " ".join(clauses)


def test_a_client_only_knows_items_it_was_told_of() -> None:
    wire = Wire()
    assert wire.translator.reply_of(patient_item(1)) is None
    wire.tell(*SPOKEN, *REPLY)
    assert wire.translator.reply_of("item_p1") == 1
    assert wire.translator.reply_of("item_c1") is None
    assert list(wire.translator.items) == ["item_c1", "item_p1"]


@pytest.mark.parametrize("event", [log.ReplyHeld(1, 500.0), log.ReplyResumed(1, 400.0)], ids=lambda e: e.type_name())
def test_a_hold_is_not_told_to_clients_that_can_not_pause(event: log.Event) -> None:
    wire = Wire()
    wire.tell(*SPOKEN, *REPLY)
    assert wire.tell(event) == []
