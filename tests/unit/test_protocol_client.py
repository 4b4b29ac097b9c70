"""Parsing of client messages: what is taken, and that everything else is refused with an address."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import ProtocolError
from server.protocol.client_events import (
    MAX_AUDIO_BYTES,
    MESSAGES,
    AppendAudio,
    CreateItem,
    PlayoutAcknowledged,
    parse_client_message,
)
from server.protocol.examples import CLIENT_EXAMPLES, client_examples
from server.protocol.refusal import Code, Refused
from server.protocol.strict_json import MAX_MESSAGE_BYTES


def refusal(text: str | bytes) -> Refused:
    with pytest.raises(ProtocolError) as caught:
        parse_client_message(text)
    assert isinstance(caught.value, Refused)
    return caught.value


def append(audio: Any) -> str:
    return json.dumps({"type": "input_audio_buffer.append", "audio": audio})


@pytest.mark.parametrize("example", CLIENT_EXAMPLES, ids=lambda example: example["type"])
def test_every_example_is_taken_as_text_and_as_bytes(example: dict[str, Any]) -> None:
    text = json.dumps({**example, "event_id": "mine"})
    message = parse_client_message(text)
    assert type(message) is MESSAGES[example["type"]]
    assert message.event_id == "mine"
    assert parse_client_message(text.encode()) == message


def test_sound_comes_as_bytes() -> None:
    message = parse_client_message(append("AAABAAIAAwA="))
    assert isinstance(message, AppendAudio)
    assert message.audio == b"\x00\x00\x01\x00\x02\x00\x03\x00"


def test_the_largest_sound_is_taken_and_one_byte_more_is_not() -> None:
    message = parse_client_message(append(base64.b64encode(bytes(MAX_AUDIO_BYTES)).decode()))
    assert isinstance(message, AppendAudio)
    assert len(message.audio) == MAX_AUDIO_BYTES
    assert refusal(append(base64.b64encode(bytes(MAX_AUDIO_BYTES + 2)).decode())).code == Code.TOO_BIG


@pytest.mark.parametrize(
    ("audio", "code"),
    [
        ("AAA", Code.BAD_BASE64),
        ("AA\nA=", Code.BAD_BASE64),
        ("AA-_", Code.BAD_BASE64),
        ("AAAA====", Code.BAD_BASE64),
        ("äöü=", Code.BAD_BASE64),
        ("AA==", Code.ODD_LENGTH),
        (7, Code.INVALID_FIELD),
        (None, Code.INVALID_FIELD),
    ],
)
def test_bad_sound_is_refused(audio: Any, code: Code) -> None:
    refused = refusal(append(audio))
    assert (refused.code, refused.param) == (code, "audio")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '"text"',
        "null",
        '{"type": "response.create", "type": "response.cancel"}',
        '{"type": "interlocutor.playout", "item_id": "a", "played_ms": NaN}',
        '{"type": "interlocutor.playout", "item_id": "a", "played_ms": -Infinity}',
        '{"type": "x", "n": ' + "9" * 5000 + "}",
        '{"type": ' + "[" * 50_000,
        '{"type": "x", "deep": ' + "[" * 60 + "]" * 60 + "}",
        '{"type": "conversation.item.retrieve", "item_id": "\\ud800"}',
        b'{"type": "\xff"}',
        "\ud800",
    ],
)
def test_what_is_no_clean_object_is_bad_json(text: str | bytes) -> None:
    assert refusal(text).code == Code.BAD_JSON


def test_a_message_may_be_as_long_as_the_limit_and_no_longer() -> None:
    head = '{"type": "response.create", "event_id": "'
    assert refusal(head + "x" * MAX_MESSAGE_BYTES).code == Code.TOO_BIG
    assert refusal(head + "ü" * (MAX_MESSAGE_BYTES // 2)).code == Code.TOO_BIG  # counted in bytes
    with pytest.raises(Refused) as caught:
        parse_client_message('{"type": "response.create"}', max_bytes=20)
    assert caught.value.code == Code.TOO_BIG


@pytest.mark.parametrize("kind", ["response.crate", "", None, 3, ["a"], "session.created", "x" * 5000])
def test_an_unknown_message_is_told_what_is_supported(kind: Any) -> None:
    refused = refusal(json.dumps({"type": kind, "event_id": "mine"}))
    assert (refused.code, refused.param, refused.client_event_id) == (Code.UNKNOWN_EVENT, "type", "mine")
    assert "input_audio_buffer.append" in refused.message
    assert len(refused.message) < 1_000


@pytest.mark.parametrize(
    ("kind", "changes", "param"),
    [
        ("interlocutor.playout", {"played_ms": -1}, "played_ms"),
        ("interlocutor.playout", {"played_ms": 1e9}, "played_ms"),
        ("interlocutor.playout", {"played_ms": "12"}, "played_ms"),
        ("interlocutor.playout", {"played_ms": True}, "played_ms"),
        ("interlocutor.playout", {"item_id": "a" * 200}, "item_id"),
        ("interlocutor.playout", {"item_id": "a b"}, "item_id"),
        ("interlocutor.playout", {"extra": 1}, "extra"),
        ("interlocutor.playout.delay", {"delay_ms": 2_001}, "delay_ms"),
        ("interlocutor.client.configure", {"playout_acks": 1}, "playout_acks"),
        ("conversation.item.truncate", {"content_index": 1}, "content_index"),
        ("conversation.item.truncate", {"audio_end_ms": 1.5}, "audio_end_ms"),
        ("conversation.item.create", {"item": {"type": "message", "role": "user", "content": []}}, "item.content"),
        ("conversation.item.create", {"item": {"type": "song"}}, "item.type"),
        ("session.update", {"session": {"type": "transcription"}}, "session.type"),
        ("session.update", {"session": {"audio": {"input": {"format": {"rate": 1}}}}},
         "session.audio.input.format.rate"),
        ("session.update", {"session": {"colour": "red"}}, "session.colour"),
        ("response.create", {"event_id": "x" * 513}, "event_id"),
    ],
)  # fmt: skip
def test_a_bad_field_is_named_by_its_path(kind: str, changes: dict[str, Any], param: str) -> None:
    refused = refusal(json.dumps({**client_examples()[kind], **changes}))
    assert (refused.code, refused.param) == (Code.INVALID_FIELD, param)
    assert refused.message.startswith(param)


def test_a_number_beyond_floating_point_is_no_played_time() -> None:
    refused = refusal('{"type": "interlocutor.playout", "item_id": "a", "played_ms": 1e999}')
    assert refused.param == "played_ms"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_noise_is_never_more_than_refused(text: str | bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_client_message(text)


@given(st.sampled_from(CLIENT_EXAMPLES), st.data())
def test_any_change_of_a_message_is_taken_or_refused(example: dict[str, Any], data: st.DataObject) -> None:
    message = json.loads(json.dumps(example))
    place = message
    while True:
        key = data.draw(st.sampled_from([*place, "another"]))
        inner = place.get(key)
        if isinstance(inner, dict) and data.draw(st.booleans()):
            place = inner
            continue
        place[key] = data.draw(json_values)
        break
    refused: str | None
    try:
        taken = parse_client_message(json.dumps(message))
    except ProtocolError as error:
        refused = error.code
    else:
        refused = None
        assert type(taken) is MESSAGES[message["type"]]
    assert refused is None or refused.startswith(("protocol.", "audio."))


def test_what_is_taken_keeps_its_values() -> None:
    played = parse_client_message(json.dumps({"type": "interlocutor.playout", "item_id": "item_p1", "played_ms": 12}))
    assert isinstance(played, PlayoutAcknowledged)
    assert (played.item_id, played.played_ms) == ("item_p1", 12.0)
    typed = parse_client_message(json.dumps(client_examples()["conversation.item.create"]))
    assert isinstance(typed, CreateItem)
    assert typed.item.content is not None
    assert typed.item.content[0].text == "How are you today?"
