"""The messages of the examiners' desk: what an observer of a role-play is sent, and what it may ask for.

They go over a WebSocket of their own, `/v1/desk`, and none of them ever to a candidate.
"""

from __future__ import annotations

import struct
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from audio.frames import WIRE_HZ
from server.protocol.refusal import Code, Refused
from server.protocol.strict_json import parse_object

SUBPROTOCOL = "interlocutor.desk.v1"
TICKET_PREFIX = "interlocutor-desk-ticket."
# So much of what was heard is kept for those who come late.
MAX_BACK_S = 30
# A request is a few dozen bytes, but for one with an offer.
MAX_BYTES = 1_024
MAX_OFFER_BYTES = 65_536
SOUND_HEADER = struct.Struct("<BBHI")
BOTH_VOICES = 3
"""The kind of a binary message with both voices, after kinds 1 and 2 of a conversation's own."""

SoundReason = Literal["asked", "slow", "over", "not_allowed", "lost"]


class _DeskPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DeskSession(_DeskPart):
    """Whose role-play it is and how it stands; `status` is reserved (the candidate prepares), running or ended."""

    id: str
    mode: str
    status: str
    candidate: str | None
    card: dict[str, Any]
    session_s: int
    left_ms: float | None
    paused: bool


class DeskEvent(_DeskPart):
    """An event of the session's log, as examiners may see it; times in milliseconds."""

    seq: int
    media_ms: float
    session_ms: float
    wall: str
    event: str
    payload: dict[str, Any]


class DeskSnapshot(_DeskPart):
    """How the role-play stands. All events with a `seq` below `next_seq` come next, then the others as they happen.

    Sent at once, and again when a role-play begins that was only prepared.
    """

    type: Literal["interlocutor.desk.snapshot"] = "interlocutor.desk.snapshot"
    session: DeskSession
    next_seq: int


class DeskEvents(_DeskPart):
    """Events of the log in their order, none twice and none left out; missing numbers are other audiences' events."""

    type: Literal["interlocutor.desk.events"] = "interlocutor.desk.events"
    events: tuple[DeskEvent, ...]


class DeskMeasure(_DeskPart):
    """A figure so far, as `/api/sessions/ID/measures` has it afterwards: `value` null where `unmeasured` says why."""

    id: str
    value: float | None
    unit: str
    unmeasured: str
    definition: str
    limits: str


class DeskMeasures(_DeskPart):
    """Figures of a practice so far, after each turn of the candidate; those of an exam are not sent."""

    type: Literal["interlocutor.desk.measures"] = "interlocutor.desk.measures"
    measures: tuple[DeskMeasure, ...]


class DeskSound(_DeskPart):
    """Whether sound comes from now on, and why: it was asked for, this connection is too slow, or it is over.

    `from_ms` is the media time of its first sample. `by` is this socket or a call; then `rate` and `channels` are those
    that the voices are encoded from, and a call that is `lost` is over.
    """

    type: Literal["interlocutor.desk.sound"] = "interlocutor.desk.sound"
    on: bool
    reason: SoundReason
    from_ms: float | None = None
    rate: int = WIRE_HZ
    channels: int = 2
    by: Literal["socket", "call"] = "socket"


class DeskOver(_DeskPart):
    """The role-play is over; the server closes the connection after this message."""

    type: Literal["interlocutor.desk.over"] = "interlocutor.desk.over"


class DeskError(_DeskPart):
    """A request was refused, or the connection is about to be closed: a code and what to do."""

    type: Literal["interlocutor.desk.error"] = "interlocutor.desk.error"
    code: str
    message: str


class DeskListen(_DeskPart):
    """Send both voices from now on, beginning `back_s` seconds ago; or send them no longer."""

    type: Literal["interlocutor.desk.listen"] = "interlocutor.desk.listen"
    on: bool
    back_s: Annotated[int, Field(ge=0, le=MAX_BACK_S)] = 0


class DeskAnswer(_DeskPart):
    """The SDP answer to an offer; the voices come on that call."""

    type: Literal["interlocutor.desk.answer"] = "interlocutor.desk.answer"
    sdp: str


class DeskCall(_DeskPart):
    """Send both voices on a call from now on: an SDP offer of one track of sound, to receive, and nothing else."""

    type: Literal["interlocutor.desk.call"] = "interlocutor.desk.call"
    sdp: Annotated[str, Field(min_length=1, max_length=MAX_OFFER_BYTES)]


DeskMessage = DeskSnapshot | DeskEvents | DeskMeasures | DeskSound | DeskAnswer | DeskOver | DeskError
DESK_MESSAGES: dict[str, type[_DeskPart]] = {
    cls.model_fields["type"].default: cls for cls in (*get_args(DeskMessage), DeskListen, DeskCall)
}
"""All messages of the desk by their type; the last two come from an observer."""

_CALL = "interlocutor.desk.call"
_REQUESTS: dict[str, TypeAdapter[DeskListen] | TypeAdapter[DeskCall]] = {
    "interlocutor.desk.listen": TypeAdapter(DeskListen),
    _CALL: TypeAdapter(DeskCall),
}


def parse_request(message: str | bytes) -> DeskListen | DeskCall:
    """Return what an observer asks for; raises Refused."""
    if isinstance(message, bytes):
        raise Refused("an observer sends no sound; send text frames of JSON", code=Code.BINARY)
    most = MAX_OFFER_BYTES if _CALL in message[:MAX_BYTES] else MAX_BYTES
    asked = parse_object(message, max_bytes=most)
    request = _REQUESTS.get(str(asked.get("type")))
    if request is None:
        raise Refused(
            "send interlocutor.desk.listen or interlocutor.desk.call; there is nothing else to ask for",
            code=Code.UNKNOWN_EVENT,
        )
    try:
        return request.validate_python(asked, strict=True)
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise Refused(f"{field}: send a value that the protocol allows", code=Code.INVALID_FIELD) from None


def pack_sound(at_ms: float, pcm: bytes) -> bytes:
    """Return a binary message with both voices from media time `at_ms` on: int16 pairs, candidate then patient."""
    return SOUND_HEADER.pack(BOTH_VOICES, 0, 0, round(at_ms)) + pcm


def parse_sound(data: bytes) -> tuple[int, bytes]:
    """Return the media time (ms) and the int16 pairs of a binary message; raises ValueError."""
    if len(data) < SOUND_HEADER.size or data[0] != BOTH_VOICES or (len(data) - SOUND_HEADER.size) % 4:
        raise ValueError("not a message of both voices")
    return SOUND_HEADER.unpack_from(data)[3], data[SOUND_HEADER.size :]
