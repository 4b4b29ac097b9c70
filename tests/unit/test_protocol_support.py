"""The table of what is supported: it refuses what a client may not set, and has a row for every field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from server.principal import Principal
from server.protocol.client_events import MAX_INSTRUCTIONS_CHARS, MESSAGES, SessionUpdate, parse_client_message
from server.protocol.examples import CLIENT_EXAMPLES
from server.protocol.refusal import Code, Refused
from server.protocol.server_events import AudioFormat
from server.protocol.support import ROWS, check, without_refused
from server.protocol.wire_session import SessionInfo, WireSession

CANDIDATE = Principal("candidate", "sess_1")
DEVELOPER = Principal("developer", None)
INFO = SessionInfo("sess_1", "asthma", 0)
DETECTION = "session.audio.input.turn_detection"


def message(kind: str, path: str, value: Any) -> str:
    """Return a message with one field set, and what must be beside it."""
    body: dict[str, Any] = {"type": kind, "event_id": "mine"}
    place: Any = body
    *steps, last = path.split(".")
    for step in steps:
        if step == "content":
            place["content"] = [{"type": "input_text", "text": "Hello"}]
            place = place["content"]
        elif step == "0":
            place = place[0]
        else:
            place = place.setdefault(step, {})
        if step == "turn_detection":
            place["type"] = "server_vad"
        if step == "item":
            place |= {"type": "message", "role": "user"}
    place[last] = value
    return json.dumps(body)


def refused(text: str, principal: Principal) -> Refused | None:
    try:
        check(parse_client_message(text), principal, INFO)
    except Refused as refusal:
        return refusal
    return None


FOR_NO_CANDIDATE = [
    ("session.update", "session.tools", [{"type": "function", "name": "f"}]),
    ("session.update", "session.tool_choice", "required"),
    ("session.update", "session.tool_choice", {"type": "function", "name": "f"}),
    ("session.update", "session.output_modalities", ["text"]),
    ("conversation.item.create", "item.role", "system"),
    ("conversation.item.create", "item.role", "assistant"),
    ("conversation.item.create", "item.type", "function_call_output"),
    ("conversation.item.create", "item.type", "function_call"),
    ("response.create", "response.tools", [{"type": "function", "name": "f"}]),
    ("response.create", "response.input", []),
    ("response.create", "response.conversation", "none"),
    ("response.create", "response.output_modalities", ["text"]),
]
HARMLESS_FOR_DEVELOPERS = [
    ("session.update", "session.instructions", "You are a pirate."),
    ("session.update", "session.model", "gpt-realtime"),
    ("session.update", "session.model", "card:another"),
    ("session.update", "session.temperature", 0.6),
    ("session.update", "session.max_output_tokens", 100),
    ("session.update", "session.prompt", {"id": "p"}),
    ("response.create", "response.instructions", "Tell everything."),
    ("response.create", "response.max_output_tokens", 5),
]
HARMLESS = [
    ("session.update", "session.tracing", "auto"),
    ("session.update", "session.truncation", "disabled"),
    ("session.update", "session.include", ["message.input_image.image_url"]),
    ("session.update", "session.audio.input.noise_reduction", {"type": "near_field"}),
    ("session.update", "session.audio.output.voice", "alloy"),
    ("session.update", "session.audio.output.speed", 1.2),
    ("session.update", "session.audio.input.transcription.prompt", "salbutamol"),
    ("session.update", DETECTION + ".threshold", 0.9),
    ("session.update", DETECTION + ".prefix_padding_ms", 0),
    ("session.update", DETECTION + ".idle_timeout_ms", 6000),
    ("session.update", DETECTION + ".eagerness", "high"),
    ("response.create", "response.audio", {"output": {"voice": "alloy"}}),
]
FOR_NOBODY = [
    ("session.update", "session.audio.input.format.rate", 44100),
    ("session.update", "session.audio.output.format.rate", 16000),
    ("session.update", "session.audio.input.transcription.language", "de"),
    ("conversation.item.create", "item.content.0.type", "input_image"),
    ("conversation.item.create", "item.content.0.audio", "AAAA"),
    ("conversation.item.delete", "item_id", "item_c1"),
]
FOR_EVERYBODY = [
    *HARMLESS,
    ("response.create", "response.metadata", {"client_event_id": "mine"}),
    ("session.update", "session.instructions", ""),
    ("session.update", "session.tools", []),
    ("session.update", "session.tool_choice", "auto"),
    ("session.update", "session.model", "card:asthma"),
    ("session.update", "session.output_modalities", ["audio"]),
    ("session.update", "session.include", ["item.input_audio_transcription.logprobs"]),
    ("session.update", "session.audio.input.format.type", "audio/pcmu"),
    ("session.update", "session.audio.input.format.rate", 48000),
    ("session.update", "session.audio.output.format.type", "audio/pcma"),
    ("session.update", "session.audio.output.format.rate", 8000),
    ("session.update", "session.audio.input.transcription.model", "whisper-1"),
    ("session.update", "session.audio.input.transcription", None),
    ("session.update", "session.audio.input.noise_reduction", None),
    ("session.update", "session.audio.output.voice", "patient"),
    ("session.update", DETECTION, None),
    ("session.update", DETECTION + ".create_response", False),
    ("session.update", DETECTION + ".interrupt_response", False),
    ("conversation.item.create", "item.content.0.text", "Good morning"),
    ("response.create", "response.output_modalities", ["audio"]),
    ("response.create", "response", None),
]


@pytest.mark.parametrize(("kind", "path", "value"), FOR_NO_CANDIDATE)
def test_what_the_card_decides_is_refused(kind: str, path: str, value: Any) -> None:
    text = message(kind, path, value)
    told = refused(text, CANDIDATE)
    assert told is not None
    assert (told.code, told.param, told.client_event_id) == (Code.NOT_ALLOWED, path, "mine")
    to_developer = refused(text, DEVELOPER)
    assert to_developer is not None
    assert (to_developer.code, to_developer.param) == (Code.UNSUPPORTED, path)


@pytest.mark.parametrize("principal", [CANDIDATE, DEVELOPER], ids=["candidate", "developer"])
@pytest.mark.parametrize(("kind", "path", "value"), FOR_NOBODY)
def test_what_is_not_supported_is_refused(kind: str, path: str, value: Any, principal: Principal) -> None:
    told = refused(message(kind, path, value), principal)
    assert told is not None
    assert (told.code, told.param) == (Code.UNSUPPORTED, path)


@pytest.mark.parametrize("principal", [CANDIDATE, DEVELOPER], ids=["candidate", "developer"])
@pytest.mark.parametrize(("kind", "path", "value"), FOR_EVERYBODY)
def test_what_is_supported_is_taken(kind: str, path: str, value: Any, principal: Principal) -> None:
    assert refused(message(kind, path, value), principal) is None


@pytest.mark.parametrize(("kind", "path", "value"), HARMLESS_FOR_DEVELOPERS)
def test_what_a_developers_program_says_of_the_patient_has_no_effect(kind: str, path: str, value: Any) -> None:
    text = message(kind, path, value)
    assert refused(text, DEVELOPER) is None
    told = refused(text, CANDIDATE)
    assert told is not None
    assert (told.code, told.param, told.client_event_id) == (Code.NOT_ALLOWED, path, "mine")


def test_of_settings_only_those_are_left_out_that_are_refused() -> None:
    body = {
        "type": "session.update",
        "event_id": "mine",
        "session": {
            "type": "realtime",
            "instructions": "You are a pirate.",
            "newer": 1,
            "audio": {
                "input": {
                    "turn_detection": {"type": "semantic_vad", "create_response": False, "silence_duration_ms": 1},
                    "transcription": {"language": "de"},
                },
                "output": {"format": {"type": "audio/pcm", "rate": 16_000}},
            },
        },
    }
    update = parse_client_message(json.dumps(body))
    assert isinstance(update, SessionUpdate)
    kept, refusals = without_refused(update, CANDIDATE, INFO)
    assert [one.param for one in (*update.misunderstood, *refusals)] == [
        f"{DETECTION}.silence_duration_ms",
        "session.newer",
        "session.instructions",
        "session.audio.input.transcription.language",
        "session.audio.output.format.rate",
    ]
    assert {one.client_event_id for one in (*update.misunderstood, *refusals)} == {"mine"}
    assert kept.model_dump(exclude_unset=True)["session"] == {
        "type": "realtime",
        "audio": {
            "input": {"turn_detection": {"type": "semantic_vad", "create_response": False}},
            "output": {"format": {"type": "audio/pcm"}},
        },
    }


def test_what_is_not_said_of_turn_detection_stays_as_it_was() -> None:
    wire = WireSession(INFO)

    def update(detection: dict[str, Any] | None) -> dict[str, Any] | None:
        message_ = parse_client_message(
            json.dumps({"type": "session.update", "session": {"audio": {"input": {"turn_detection": detection}}}})
        )
        assert isinstance(message_, SessionUpdate)
        wire.update(message_.session)
        shown = wire.shown().audio.input.turn_detection
        return None if shown is None else shown.model_dump()

    asked = {"type": "semantic_vad", "create_response": False, "silence_duration_ms": 700}
    assert update(asked) == asked | {"interrupt_response": True}
    assert update({"type": "server_vad"}) == asked | {"type": "server_vad", "interrupt_response": True}
    assert update({"interrupt_response": False}) == asked | {"type": "server_vad", "interrupt_response": False}
    assert update({"silence_duration_ms": None}) == {
        "type": "server_vad",
        "create_response": False,
        "interrupt_response": False,
        "silence_duration_ms": None,
    }
    assert update(None) is None
    assert update({}) == {
        "type": "server_vad",
        "create_response": True,
        "interrupt_response": True,
        "silence_duration_ms": None,
    }


def test_only_a_developer_sets_the_wait_for_the_end_of_a_turn() -> None:
    text = message("session.update", DETECTION + ".silence_duration_ms", 500)
    assert refused(text, DEVELOPER) is None
    told = refused(text, CANDIDATE)
    assert told is not None
    assert told.code == Code.NOT_ALLOWED


@pytest.mark.parametrize("example", CLIENT_EXAMPLES, ids=lambda example: example["type"])
def test_an_examiner_takes_no_part(example: dict[str, Any]) -> None:
    told = refused(json.dumps(example), Principal("examiner", "sess_1"))
    assert told is not None
    assert told.code == Code.NOT_ALLOWED


def leaves(model: type[BaseModel], path: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        here = f"{path}.{name}" if path else name
        inner = [arg for arg in (field.annotation, *get_args(field.annotation)) if isinstance(arg, type)]
        inner_models = [arg for arg in inner if issubclass(arg, BaseModel)]
        listed = [arg for outer in get_args(field.annotation) for arg in get_args(outer) if isinstance(arg, type)]
        if inner_models:
            yield from leaves(inner_models[0], here)
        elif listed and issubclass(listed[0], BaseModel):
            yield from leaves(listed[0], here + "[]")
        else:
            yield here


@pytest.mark.parametrize("kind", MESSAGES)
def test_every_field_has_its_row_and_every_row_its_field(kind: str) -> None:
    fields = set(leaves(MESSAGES[kind])) - {"type", "event_id"}
    assert {row.path for row in ROWS if row.message == kind} == fields


def test_rows_name_messages_that_exist() -> None:
    assert {row.message for row in ROWS} <= set(MESSAGES)


def test_settings_are_replaced_where_they_are_given_and_kept_elsewhere() -> None:
    wire = WireSession(INFO)

    def update(path: str, value: Any) -> None:
        parsed = parse_client_message(message("session.update", path, value))
        assert parsed.type == "session.update"
        wire.update(parsed.session)

    update(DETECTION, None)
    update("session.audio.input.format.rate", 16000)
    update("session.audio.output.voice", "patient")
    shown = wire.shown()
    assert shown.audio.input.turn_detection is None
    assert shown.audio.input.format == AudioFormat(rate=16_000)
    update(DETECTION + ".create_response", False)
    detection = wire.shown().audio.input.turn_detection
    assert detection is not None
    assert (detection.create_response, detection.interrupt_response) == (False, True)
    update(DETECTION + ".type", "semantic_vad")
    assert (wire.shown().audio.input.turn_detection or detection).type == "semantic_vad"


def test_without_a_card_a_developers_instructions_count_and_a_candidates_never() -> None:
    info = SessionInfo(id="sess_1", card_id="free", expires_at_s=0, free=True)
    for kind, path in (("session.update", "session.instructions"), ("response.create", "response.instructions")):
        for fine in ("You are a pirate.", "", None):
            check(parse_client_message(message(kind, path, fine)), DEVELOPER, info)
        for wrong in ("x" * (MAX_INSTRUCTIONS_CHARS + 1), 7, ["You are a pirate."]):
            with pytest.raises(Refused, match=str(MAX_INSTRUCTIONS_CHARS)) as told:
                check(parse_client_message(message(kind, path, wrong)), DEVELOPER, info)
            assert (told.value.code, told.value.param) == (Code.INVALID_FIELD, path)
        with pytest.raises(Refused) as told:
            check(parse_client_message(message(kind, path, "You are a pirate.")), CANDIDATE, info)
        assert (told.value.code, told.value.param) == (Code.NOT_ALLOWED, path)
