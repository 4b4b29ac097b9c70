"""How a client and its session stood at a moment: what another server needs to know of the wire to go on."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from server.principal import Role
from server.protocol.encodings import PCM, Encoding


class WirePoint(BaseModel):
    """How far each end had heard of the other, and what the client had set.

    `number` is that of the last event that was sent when the log had `seq` events; `received_ms` is how much of the
    candidate's audio had come when no turn was open; `left_ms` is what was left of the role-play.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    role: Role
    # That of the key that opened the session, which may be revoked meanwhile.
    key_id: str | None = None
    # The digests of the tickets with which the client may come back.
    tickets: tuple[str, ...]
    input_hz: int
    input_encoding: Encoding = PCM
    output_encoding: Encoding = PCM
    turn_detection: dict[str, Any] | None
    # Of a free conversation: what its program said of who speaks.
    instructions: str | None = None
    acks: bool
    received_ms: float
    number: int
    seq: int
    left_ms: float | None
    paused: bool
