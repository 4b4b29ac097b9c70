"""Why a client's message is refused: stable codes and the exception that carries one."""

from __future__ import annotations

from enum import StrEnum

from common.errors import ProtocolError


class Code(StrEnum):
    """The codes of `error` events; three keep the names that stock clients know from OpenAI's service."""

    BAD_JSON = "protocol.bad_json"
    UNKNOWN_EVENT = "protocol.unknown_event"
    INVALID_FIELD = "protocol.invalid_field"
    UNSUPPORTED = "protocol.unsupported"
    TOO_BIG = "protocol.too_big"
    BINARY = "protocol.binary"
    BAD_BINARY = "protocol.bad_binary"
    TOO_LATE = "protocol.too_late"
    NOT_CONFIGURED = "protocol.not_configured"
    TOO_MANY_ERRORS = "protocol.too_many_errors"
    TOO_MANY_MESSAGES = "protocol.too_many_messages"
    BAD_BASE64 = "audio.bad_base64"
    ODD_LENGTH = "audio.odd_length"
    NOT_ALLOWED = "access.not_allowed"
    ITEM_NOT_FOUND = "item.not_found"
    ITEM_EXISTS = "item.exists"
    TURN_IN_PROGRESS = "conversation.turn_in_progress"
    COMMIT_EMPTY = "input_audio_buffer_commit_empty"
    RESPONSE_ACTIVE = "conversation_already_has_active_response"
    CANCEL_NOT_ACTIVE = "response_cancel_not_active"


class Refused(ProtocolError):
    """A refused message; `param` is the dotted path of the field, `client_event_id` the client's own id."""

    def __init__(
        self, message: str, *, code: Code, param: str | None = None, client_event_id: str | None = None
    ) -> None:
        super().__init__(message, code=code.value)
        self.param = param
        self.client_event_id = client_event_id
