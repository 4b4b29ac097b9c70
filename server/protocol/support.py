"""The published table of what is supported, field by field; the same table refuses what is not.

A row names a field, the values that are accepted, and what other values are refused with. Some fields that programs
send as a matter of course are taken without an effect, and say so in their row: of everybody where they are about form
alone, of developers where they are about the patient's mind. Nothing else is ignored in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import BaseModel

from audio.frames import ACCEPTED_HZ, WIRE_HZ
from audio.g711 import G711_HZ
from server.principal import Principal
from server.protocol.client_events import (
    MAX_AUDIO_BYTES,
    MAX_INSTRUCTIONS_CHARS,
    MAX_TEXT_CHARS,
    ClientMessage,
    SessionUpdate,
    remove_path,
)
from server.protocol.encodings import LAWS, PCM
from server.protocol.refusal import Code, Refused
from server.protocol.wire_session import SessionInfo
from server.rights import MESSAGES

OWN_MODEL = "card:<id>"  # stands for the session's own model in a row's values


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of one message. `accepts` None: any value of the right form. `[]` in a path: each of a list."""

    message: str
    path: str
    note: str
    accepts: tuple[object, ...] | None = None
    # Other values are refused with this: NOT_ALLOWED is told to candidates, UNSUPPORTED to developers.
    refusal: Code | None = None
    developer: bool = False  # a developer may set it to any value of the right form
    # Who may send other values, which then have no effect.
    harmless_for: Literal["everybody", "developers"] | None = None
    # Without a card a developer's text of at most MAX_INSTRUCTIONS_CHARS leads the conversation.
    leads_freely: bool = False


def _fixed(message: str, path: str, note: str, *accepts: object) -> FieldRow:
    """A field that belongs to the card or the exam, not to the client."""
    return FieldRow(message, path, note, accepts=(None, *accepts), refusal=Code.NOT_ALLOWED)


def _mind(message: str, path: str, note: str, *accepts: object) -> FieldRow:
    """A field of the patient's mind: a developer's program may send it, and it changes nothing."""
    return FieldRow(message, path, note, accepts=(None, *accepts), refusal=Code.NOT_ALLOWED, harmless_for="developers")


def _lead(message: str, path: str) -> FieldRow:
    """What a developer's program says of who speaks, where there is no card."""
    return replace(_mind(message, path, _CARD, ""), leads_freely=True)


def _idle(message: str, path: str, note: str) -> FieldRow:
    """A field without an effect, which programs send as a matter of course."""
    return FieldRow(message, path, note, accepts=(None,), refusal=Code.NOT_ALLOWED, harmless_for="everybody")


def _only(message: str, path: str, note: str, *accepts: object) -> FieldRow:
    """A field of which some values are supported."""
    return FieldRow(message, path, note, accepts=accepts, refusal=Code.UNSUPPORTED)


_UPDATE, _CREATE, _ITEM = "session.update", "response.create", "conversation.item.create"
_CARD = "the card says what the patient is and does"
_SPEAKS = (["audio"], ["audio", "text"], ["text", "audio"])
_DETECTION = "session.audio.input.turn_detection"
_WRITTEN = "16-bit little-endian mono PCM, or G.711 by the µ-law or the A-law, in JSON messages."
_BEFORE_AUDIO = f"Only before the first audio (`{Code.TOO_LATE}` afterwards)"

ROWS: tuple[FieldRow, ...] = (
    FieldRow(_UPDATE, "session.type", "`realtime`"),
    _mind(_UPDATE, "session.model", "the card is chosen when the session is opened", OWN_MODEL),
    _lead(_UPDATE, "session.instructions"),
    _fixed(_UPDATE, "session.tools", "the patient has no tools", []),
    _fixed(_UPDATE, "session.tool_choice", "the patient has no tools", "none", "auto"),
    _idle(_UPDATE, "session.parallel_tool_calls", "the patient has no tools"),
    _fixed(_UPDATE, "session.output_modalities", "the patient speaks", *_SPEAKS),
    _mind(_UPDATE, "session.temperature", _CARD),
    _mind(_UPDATE, "session.max_output_tokens", _CARD, "inf"),
    _mind(_UPDATE, "session.prompt", _CARD),
    _mind(_UPDATE, "session.reasoning", _CARD),
    _idle(_UPDATE, "session.tracing", "the server keeps its own log"),
    _idle(_UPDATE, "session.truncation", "the whole role-play is kept"),
    _idle(
        _UPDATE,
        "session.include",
        "the server always sends log probabilities if the recogniser has them, and nothing else",
    ),
    _only(_UPDATE, "session.audio.input.format.type", f"{_WRITTEN} {_BEFORE_AUDIO}", PCM, *LAWS),
    FieldRow(
        _UPDATE,
        "session.audio.input.format.rate",
        f"{WIRE_HZ} by default; for PCM the other rates are an extension, and G.711 has {G711_HZ}. {_BEFORE_AUDIO}",
        accepts=(None, *ACCEPTED_HZ),
        refusal=Code.UNSUPPORTED,
    ),
    FieldRow(
        _UPDATE,
        "session.audio.input.transcription.model",
        "any name, or `transcription: null`; accepted, no effect: the server's recogniser is used",
    ),
    _only(_UPDATE, "session.audio.input.transcription.language", "the examination is in English", None, "en"),
    _idle(_UPDATE, "session.audio.input.transcription.prompt", "the card's vocabulary is used"),
    _idle(_UPDATE, "session.audio.input.transcription.keywords", "the card's vocabulary is used"),
    _idle(_UPDATE, "session.audio.input.transcription.languages", "the examination is in English"),
    _idle(_UPDATE, "session.audio.input.transcription.delay", "partial transcripts come as soon as possible"),
    _idle(_UPDATE, "session.audio.input.noise_reduction", "the recogniser gets the audio as it is"),
    _only(
        _UPDATE,
        _DETECTION + ".type",
        "both mean the same here: words and audio both count. With `turn_detection: null` only the client ends turns",
        "server_vad",
        "semantic_vad",
    ),
    FieldRow(_UPDATE, _DETECTION + ".create_response", "false: the patient replies only when the client asks for it"),
    FieldRow(_UPDATE, _DETECTION + ".interrupt_response", "false: the patient finishes even if the candidate speaks"),
    FieldRow(
        _UPDATE,
        _DETECTION + ".silence_duration_ms",
        "200 to 5000",
        accepts=(None,),
        refusal=Code.NOT_ALLOWED,
        developer=True,
    ),
    _idle(_UPDATE, _DETECTION + ".threshold", "the server's detector is tuned as a whole"),
    _idle(_UPDATE, _DETECTION + ".prefix_padding_ms", "the beginning of speech is always kept"),
    _idle(_UPDATE, _DETECTION + ".idle_timeout_ms", "the server decides when the patient breaks a silence"),
    _idle(_UPDATE, _DETECTION + ".eagerness", "the server learns how long each person pauses"),
    _only(_UPDATE, "session.audio.output.format.type", f"{_WRITTEN} {_BEFORE_AUDIO}", PCM, *LAWS),
    _only(
        _UPDATE,
        "session.audio.output.format.rate",
        f"PCM has {WIRE_HZ}, G.711 has {G711_HZ}",
        None,
        WIRE_HZ,
        G711_HZ,
    ),
    _idle(_UPDATE, "session.audio.output.voice", "the patient's voice is on the card"),
    _idle(_UPDATE, "session.audio.output.speed", "the patient's pace is on the card"),
    FieldRow(
        "input_audio_buffer.append",
        "audio",
        f"base64 of at most {MAX_AUDIO_BYTES} bytes, at the pace of the speech; the first message starts the role-play",
    ),
    FieldRow(
        "input_audio_buffer.append",
        "late_ms",
        "an extension: how many milliseconds ago this audio was captured, if it could not be sent then; 0 to 60000",
    ),
    _fixed(_ITEM, "item.type", "only what the candidate says", "message"),
    _fixed(_ITEM, "item.role", "only what the candidate says", "user"),
    FieldRow(_ITEM, "item.id", "any name that is not in use and does not begin with `item_`"),
    FieldRow(_ITEM, "item.object", "accepted, no effect"),
    FieldRow(_ITEM, "item.status", "accepted, no effect: the item is completed"),
    _only(_ITEM, "item.content[].type", "", "input_text"),
    FieldRow(_ITEM, "item.content[].text", f"1 to {MAX_TEXT_CHARS} characters, all parts together"),
    _only(_ITEM, "item.content[].audio", "send audio with `input_audio_buffer.append`", None),
    _only(_ITEM, "item.content[].transcript", "send audio with `input_audio_buffer.append`", None),
    _only(_ITEM, "item.content[].image_url", "no images", None),
    _only(_ITEM, "item.content[].detail", "no images", None),
    _fixed(_ITEM, "item.name", "the patient has no tools"),
    _fixed(_ITEM, "item.call_id", "the patient has no tools"),
    _fixed(_ITEM, "item.arguments", "the patient has no tools"),
    _fixed(_ITEM, "item.output", "the patient has no tools"),
    FieldRow(_ITEM, "previous_item_id", "none, or the conversation's last item: the conversation stays in order"),
    FieldRow("conversation.item.truncate", "item_id", "the patient's last item"),
    FieldRow("conversation.item.truncate", "content_index", "0"),
    FieldRow("conversation.item.truncate", "audio_end_ms", "not more than the server has sent"),
    FieldRow("conversation.item.retrieve", "item_id", "any item of the conversation"),
    FieldRow(
        "conversation.item.delete",
        "item_id",
        "the conversation is evidence and stays complete",
        accepts=(),
        refusal=Code.UNSUPPORTED,
    ),
    _lead(_CREATE, "response.instructions"),
    _fixed(_CREATE, "response.tools", "the patient has no tools", []),
    _fixed(_CREATE, "response.tool_choice", "the patient has no tools", "none", "auto"),
    _idle(_CREATE, "response.parallel_tool_calls", "the patient has no tools"),
    _fixed(_CREATE, "response.input", "the patient answers what was said"),
    _fixed(_CREATE, "response.conversation", "there is one conversation", "auto"),
    _fixed(
        _CREATE, "response.output_modalities", "the patient speaks", ["audio"], ["audio", "text"], ["text", "audio"]
    ),
    _idle(_CREATE, "response.audio", "the patient's voice is on the card"),
    _mind(_CREATE, "response.temperature", _CARD),
    _mind(_CREATE, "response.max_output_tokens", _CARD, "inf"),
    _mind(_CREATE, "response.prompt", _CARD),
    _mind(_CREATE, "response.reasoning", _CARD),
    FieldRow(_CREATE, "response.metadata", "at most 16 pairs; comes back in the response's events"),
    FieldRow("response.cancel", "response_id", "none, or the current reply"),
    FieldRow(
        "interlocutor.client.configure",
        "playout_acks",
        "true: this client sends `interlocutor.playout`, and obeys `interlocutor.playout.hold` and `...resume`",
    ),
    FieldRow(
        "interlocutor.client.configure",
        "echo_cancellation",
        "whether the client removes the patient's voice from the microphone's audio; true if not given",
    ),
    FieldRow(
        "interlocutor.client.configure",
        "resume",
        "true: this client reconnects after a lost connection, and always sends audio or `interlocutor.pulse`",
    ),
    FieldRow("interlocutor.playout", "item_id", "the patient's last item; others are accepted, no effect"),
    FieldRow("interlocutor.playout", "played_ms", "0 to 3600000; limited to what the server has sent"),
    FieldRow("interlocutor.playout.delay", "delay_ms", "0 to 2000; accepted over the WebSocket, no effect"),
    FieldRow("interlocutor.session.pause", "paused", "in practice only, for at most ten minutes in all; false: go on"),
)

LISTENERS_NOTE = "only the candidate or a developer may take part"


def check(message: ClientMessage, principal: Principal, info: SessionInfo) -> None:
    """Raise Refused for the first field of `message` that is not supported, or that `principal` may not set."""
    for refused in _faults(message, principal, info):
        raise refused


def without_refused(
    message: SessionUpdate, principal: Principal, info: SessionInfo
) -> tuple[SessionUpdate, list[Refused]]:
    """Return the settings without those that are refused, and why each of them is; raises Refused for all of them."""
    may_take_part(message, principal)
    found = list(_faults(message, principal, info))
    if not found:
        return message, []
    return without(message, [refused.param or "" for refused in found]), found


def without(message: SessionUpdate, paths: Iterable[str]) -> SessionUpdate:
    """Return settings without those at these paths."""
    body: dict[str, Any] = message.model_dump(exclude_unset=True)
    for path in paths:
        remove_path(body, path.split("."))
    return SessionUpdate.model_validate({"session": {}} | body)


def may_take_part(message: ClientMessage, principal: Principal) -> None:
    """Raise Refused where somebody may send no messages at all."""
    if not MESSAGES.get(principal.role, False):
        raise Refused(LISTENERS_NOTE, code=Code.NOT_ALLOWED, param="type", client_event_id=message.event_id)


def _faults(message: ClientMessage, principal: Principal, info: SessionInfo) -> Iterator[Refused]:
    may_take_part(message, principal)
    for row in ROWS:
        if row.message != message.type or row.refusal is None or row.accepts is None:
            continue
        if row.leads_freely and info.free and principal.role == "developer":
            yield from _unfit_lead(row, message)
            continue
        if row.harmless_for == "everybody" or (row.harmless_for is not None and principal.role == "developer"):
            continue
        for path, value in _given(message, row.path.split("."), ""):
            if any(_same(value, info.model if good is OWN_MODEL else good) for good in row.accepts):
                continue
            if row.developer and principal.role == "developer":
                continue
            yield Refused(
                f"{path} can't be set to this here: {row.note or 'see the table of what is supported'}",
                code=_code(row.refusal, principal),
                param=path,
                client_event_id=message.event_id,
            )


def _unfit_lead(row: FieldRow, message: ClientMessage) -> Iterator[Refused]:
    for path, value in _given(message, row.path.split("."), ""):
        if value is None or (isinstance(value, str) and len(value) <= MAX_INSTRUCTIONS_CHARS):
            continue
        yield Refused(
            f"{path} is a text of at most {MAX_INSTRUCTIONS_CHARS} characters; shorten it",
            code=Code.INVALID_FIELD,
            param=path,
            client_event_id=message.event_id,
        )


def _code(refusal: Code, principal: Principal) -> Code:
    """A developer is not told that it may not what nobody can."""
    if refusal is Code.NOT_ALLOWED and principal.role == "developer":
        return Code.UNSUPPORTED
    return refusal


def _same(value: object, good: object) -> bool:
    return value == good and isinstance(value, bool) == isinstance(good, bool)


def _given(value: object, steps: list[str], path: str) -> Iterator[tuple[str, object]]:
    """Yield what the client really sent at a row's path, with its dotted path."""
    if not steps:
        yield path, value
        return
    name, listed = steps[0].removesuffix("[]"), steps[0].endswith("[]")
    if not isinstance(value, BaseModel) or name not in value.model_fields_set:
        return
    inner = getattr(value, name)
    here = f"{path}.{name}" if path else name
    if not listed:
        yield from _given(inner, steps[1:], here)
    elif isinstance(inner, list):
        for index, element in enumerate(inner):
            yield from _given(element, steps[1:], f"{here}.{index}")
