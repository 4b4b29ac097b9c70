"""What clients may send: one bounded model per message, and the parser that gives every refusal an address.

The models are wider than what is carried out: fields of OpenAI's protocol that this server does not support are
declared, so that `support.check` can refuse them by name. Fields that the protocol does not know are refused here.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails

from audio.frames import ACCEPTED_HZ
from server.protocol.encodings import PCM, Encoding, pcm_of
from server.protocol.refusal import Code, Refused
from server.protocol.strict_json import MAX_MESSAGE_BYTES, parse_object

# One message has 1.4 s at 24 kHz at most, 8 s of a telephone's: many times what a live client gathers.
MAX_AUDIO_BYTES = 65_536
MAX_INSTRUCTIONS_CHARS = 8_000  # a small model's whole prompt has as many
MAX_TEXT_CHARS = 2_000  # of a typed turn: some two minutes of speech
# A client that lost its connection keeps so much: its first audio may be as old.
MAX_LATE_MS = 60_000
MAX_PLAYED_MS = 3_600_000  # no reply lasts an hour
# Browsers keep less than half a second, and a person gives up before.
MAX_DELAY_MS = 2_000

Id = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]
EventId = Annotated[str, Field(max_length=512)]
Name = Annotated[str, Field(max_length=256)]
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]], Field(max_length=16)
]
LateMs = Annotated[float, Field(ge=0, le=MAX_LATE_MS)]
DelayMs = Annotated[float, Field(ge=0, le=MAX_DELAY_MS)]
PlayedMs = Annotated[float, Field(ge=0, le=MAX_PLAYED_MS)]


def _audio(value: object, info: ValidationInfo) -> bytes:
    if not isinstance(value, str):
        raise ValueError("must be a string of base64")
    if len(value) > 4 * ((MAX_AUDIO_BYTES + 2) // 3):  # before anything is made of it
        raise _too_much()
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _no_base64() from None
    if base64.b64encode(data).decode() != value:  # the decoder lets surplus padding and stray bits pass
        raise _no_base64()
    if len(data) > MAX_AUDIO_BYTES:
        raise _too_much()
    encoding: Encoding = (info.context or {}).get("encoding", PCM)
    if encoding == PCM and len(data) % 2:
        raise Refused(
            f"{len(data)} bytes are not whole 16-bit samples; send an even number of bytes",
            code=Code.ODD_LENGTH,
            param="audio",
        )
    return pcm_of(data, encoding)


def _too_much() -> Refused:
    return Refused(
        f"audio of one message has at most {MAX_AUDIO_BYTES} bytes; send about 100 ms at a time",
        code=Code.TOO_BIG,
        param="audio",
    )


def _no_base64() -> Refused:
    return Refused(
        "audio is not base64 (standard alphabet, padded, no line breaks)", code=Code.BAD_BASE64, param="audio"
    )


Sound = Annotated[bytes, BeforeValidator(_audio)]


class _ClientPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class _Message(_ClientPart):
    event_id: EventId | None = None


# ---------------------------------------------------------------- session.update


class AudioFormatUpdate(_ClientPart):
    """A format of audio; the rates beyond OpenAI's are an extension of ours, for input alone."""

    type: Encoding = PCM
    rate: int | None = Field(default=None, ge=ACCEPTED_HZ[0], le=ACCEPTED_HZ[-1])


class TurnDetectionUpdate(_ClientPart):
    """Who decides that a turn is over, and what follows from it."""

    type: Literal["server_vad", "semantic_vad"] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None
    silence_duration_ms: int | None = Field(default=None, ge=200, le=5_000)
    threshold: Any = None
    prefix_padding_ms: Any = None
    idle_timeout_ms: Any = None
    eagerness: Any = None


class TranscriptionUpdate(_ClientPart):
    """What the client would like of the recogniser; it is fixed here."""

    model: Name | None = None
    language: Annotated[str, Field(max_length=16)] | None = None
    prompt: Any = None
    keywords: Any = None
    languages: Any = None
    delay: Any = None


class InputAudioUpdate(_ClientPart):
    """The candidate's audio."""

    format: AudioFormatUpdate | None = None
    transcription: TranscriptionUpdate | None = None
    turn_detection: TurnDetectionUpdate | None = None
    noise_reduction: Any = None


class OutputAudioUpdate(_ClientPart):
    """The patient's audio."""

    format: AudioFormatUpdate | None = None
    voice: Any = None
    speed: Any = None


class SessionAudioUpdate(_ClientPart):
    """Audio in and out."""

    input: InputAudioUpdate | None = None
    output: OutputAudioUpdate | None = None


class SessionFields(_ClientPart):
    """The settings of a session, as OpenAI's protocol names them."""

    type: Literal["realtime"] = "realtime"
    audio: SessionAudioUpdate | None = None
    output_modalities: list[Name] | None = Field(default=None, max_length=4)
    model: Name | None = None
    instructions: Any = None
    tools: Any = None
    tool_choice: Any = None
    parallel_tool_calls: Any = None
    temperature: Any = None
    max_output_tokens: Any = None
    prompt: Any = None
    reasoning: Any = None
    tracing: Any = None
    truncation: Any = None
    include: Any = None


class SessionUpdate(_Message):
    """Change the session's settings. What is not given stays as it was; each one that is refused has its `error`."""

    type: Literal["session.update"]
    session: SessionFields
    # What could not be understood, and was left out.
    _misunderstood: list[Refused] = PrivateAttr(default_factory=list)

    @property
    def misunderstood(self) -> list[Refused]:
        """Why fields were left out of these settings when they were read."""
        return self._misunderstood


# ---------------------------------------------------------------- audio in


class AppendAudio(_Message):
    """The candidate's audio: base64 of bytes in the session's input format."""

    type: Literal["input_audio_buffer.append"]
    # Once it is read, 16-bit little-endian PCM whatever the format.
    audio: Sound
    late_ms: LateMs | None = None


class CommitAudio(_Message):
    """The candidate's turn is over."""

    type: Literal["input_audio_buffer.commit"]


class ClearAudio(_Message):
    """Forget the candidate's unfinished turn."""

    type: Literal["input_audio_buffer.clear"]


# ---------------------------------------------------------------- conversation items


class ItemContent(_ClientPart):
    """A part of an item's content."""

    type: Literal["input_text", "input_audio", "input_image", "output_text", "output_audio", "text", "audio"]
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARS)] | None = None
    audio: Any = None
    transcript: Any = None
    image_url: Any = None
    detail: Any = None


class NewItem(_ClientPart):
    """An item that the client wants in the conversation."""

    type: Literal[
        "message", "function_call", "function_call_output", "mcp_approval_response", "mcp_list_tools", "mcp_call",
        "mcp_approval_request",
    ]  # fmt: skip
    role: Literal["user", "assistant", "system"] | None = None
    id: Id | None = None
    object: Literal["realtime.item"] | None = None
    status: Literal["completed", "incomplete", "in_progress"] | None = None
    content: list[ItemContent] | None = Field(default=None, min_length=1, max_length=8)
    name: Any = None
    call_id: Any = None
    arguments: Any = None
    output: Any = None


class CreateItem(_Message):
    """Say something as the candidate, in text."""

    type: Literal["conversation.item.create"]
    item: NewItem
    previous_item_id: Id | None = None


class TruncateItem(_Message):
    """Tell the server how much of the patient's audio was played."""

    type: Literal["conversation.item.truncate"]
    item_id: Id
    content_index: int = Field(ge=0, le=0)
    audio_end_ms: int = Field(ge=0, le=MAX_PLAYED_MS)


class RetrieveItem(_Message):
    """Ask the server to send an item again."""

    type: Literal["conversation.item.retrieve"]
    item_id: Id


class DeleteItem(_Message):
    """Remove an item. The server always refuses."""

    type: Literal["conversation.item.delete"]
    item_id: Id


# ---------------------------------------------------------------- responses


class ResponseFields(_ClientPart):
    """What the client would like of one reply."""

    output_modalities: list[Name] | None = Field(default=None, max_length=4)
    conversation: Any = None
    instructions: Any = None
    tools: Any = None
    tool_choice: Any = None
    parallel_tool_calls: Any = None
    input: Any = None
    audio: Any = None
    temperature: Any = None
    max_output_tokens: Any = None
    metadata: Metadata | None = None
    prompt: Any = None
    reasoning: Any = None


class CreateResponse(_Message):
    """Ask the patient to speak now."""

    type: Literal["response.create"]
    response: ResponseFields | None = None


class CancelResponse(_Message):
    """Stop the patient."""

    type: Literal["response.cancel"]
    response_id: Id | None = None


class ClearOutput(_Message):
    """Stop the patient's audio."""

    type: Literal["output_audio_buffer.clear"]


# ---------------------------------------------------------------- ours


class ConfigureClient(_Message):
    """Tell the server what this client can do. Send it again when that changes."""

    type: Literal["interlocutor.client.configure"]
    playout_acks: bool
    echo_cancellation: bool | None = None
    resume: bool | None = None


class ClientHeartbeat(_Message):
    """A heartbeat. A client that asked for `resume` sends it once a second while it has no audio to send."""

    type: Literal["interlocutor.pulse"]


class PlayoutAcknowledged(_Message):
    """How much of the patient's item was played. Send it every 100 ms while it plays, and at once after a hold."""

    type: Literal["interlocutor.playout"]
    item_id: Id
    played_ms: PlayedMs


class PlayoutDelay(_Message):
    """How long the audio of a call waits in this client before it is heard. Send it when that changes.

    The server computes from it how much was heard. It has no effect over the WebSocket: there clients report playout.
    """

    type: Literal["interlocutor.playout.delay"]
    delay_ms: DelayMs


class PauseSession(_Message):
    """Pause the role-play, or continue it. Only in practice, and for at most ten minutes in all."""

    type: Literal["interlocutor.session.pause"]
    paused: bool


class EndSession(_Message):
    """End the role-play."""

    type: Literal["interlocutor.session.end"]


ClientMessage = (
    SessionUpdate | AppendAudio | CommitAudio | ClearAudio | CreateItem | TruncateItem | RetrieveItem | DeleteItem
    | CreateResponse | CancelResponse | ClearOutput | ConfigureClient | ClientHeartbeat | PlayoutAcknowledged
    | PlayoutDelay | PauseSession | EndSession
)  # fmt: skip
"""Every client message, discriminated by `type`."""

MESSAGES: dict[str, type[ClientMessage]] = {
    get_args(cls.model_fields["type"].annotation)[0]: cls for cls in get_args(ClientMessage)
}
"""The models by message type."""


def parse_client_message(
    text: str | bytes, *, max_bytes: int = MAX_MESSAGE_BYTES, encoding: Encoding = PCM
) -> ClientMessage:
    """Return the message in `text`, of at most `max_bytes`; audio in it is of this encoding.

    Raises Refused (a ProtocolError) with `protocol.bad_json`, `protocol.unknown_event`, `protocol.invalid_field` (its
    `param` is the dotted path), `protocol.too_big`, `audio.bad_base64` or `audio.odd_length`.
    """
    data = parse_object(text, max_bytes=max_bytes)
    client_event_id = data.get("event_id")
    if not isinstance(client_event_id, str) or len(client_event_id) > 512:
        client_event_id = None
    try:
        return _validated(data, encoding)
    except Refused as refused:
        refused.client_event_id = client_event_id
        raise


def _validated(data: dict[str, Any], encoding: Encoding) -> ClientMessage:
    kind = data.get("type")
    cls = MESSAGES.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise Refused(
            f"no message is called {_shown(kind)}; supported are: {', '.join(MESSAGES)}",
            code=Code.UNKNOWN_EVENT,
            param="type",
        )
    try:
        return cls.model_validate(data, context={"encoding": encoding})
    except ValidationError as error:
        if cls is SessionUpdate and isinstance(data.get("session"), dict):
            return _understood(data, error)
        raise _not_understood(error.errors(include_url=False, include_context=False, include_input=False)[0]) from None


def _understood(data: dict[str, Any], error: ValidationError) -> SessionUpdate:
    """Return settings without those that can't be understood; raises Refused where nothing would be left of them.

    One field too many, of a newer protocol than ours, is to cost nobody their turn detection.
    """
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    refused = [_not_understood(fault) for fault in faults]
    for fault in faults:
        steps = [str(step) for step in fault["loc"]]
        if len(steps) < 2 or steps[0] != "session" or not remove_path(data, steps):
            raise refused[0]
    if not data.get("session"):
        raise refused[0]
    try:
        message = SessionUpdate.model_validate(data)
    except ValidationError:
        raise refused[0] from None
    for one in refused:
        one.client_event_id = message.event_id
    message.misunderstood.extend(refused)
    return message


def remove_path(body: dict[str, Any], steps: Sequence[str]) -> bool:
    """Remove what lies at a path, and what is empty without it; return whether there was anything."""
    first, *others = steps
    if first not in body:
        return False
    inner = body[first]
    if others and not (isinstance(inner, dict) and remove_path(inner, others)):
        return False
    if not others or not inner:
        del body[first]
    return True


def _not_understood(fault: ErrorDetails) -> Refused:
    path = ".".join(str(step) for step in fault["loc"])
    wrong = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        wrong = "the protocol has no such field"
        path = _shown(path).strip('"')
    return Refused(f"{path}: {wrong}", code=Code.INVALID_FIELD, param=path)


def _shown(value: object) -> str:
    """Return a short, printable form of something a client sent."""
    if not isinstance(value, str):
        return "(no text)"
    return '"' + ascii(value[:128])[1:-1] + '"'
