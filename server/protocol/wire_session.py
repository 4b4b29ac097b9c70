"""A connection's session as the wire knows it: what it is told at the start and what the client may change."""

from __future__ import annotations

from dataclasses import dataclass, field

from audio.frames import WIRE_HZ
from server.protocol import server_events as e
from server.protocol.client_events import SessionFields


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What a connection may tell its client of the session; `expires_at_s` is in seconds since 1970."""

    id: str
    card_id: str
    expires_at_s: int

    @property
    def model(self) -> str:
        """The session's model, as OpenAI clients name it."""
        return f"card:{self.card_id}"


@dataclass(slots=True)
class WireSession:
    """The settings in force."""

    info: SessionInfo
    input_hz: int = WIRE_HZ
    turn_detection: e.TurnDetection | None = field(default_factory=e.TurnDetection)

    def update(self, fields: SessionFields) -> None:
        """Take settings that were found to be supported and allowed; what is not given stays."""
        wanted = fields.audio.input if fields.audio is not None else None
        if wanted is None:
            return
        if wanted.format is not None and wanted.format.rate is not None:
            self.input_hz = wanted.format.rate
        if "turn_detection" in wanted.model_fields_set:
            detection = wanted.turn_detection
            self.turn_detection = (
                None
                if detection is None
                else e.TurnDetection(
                    type=detection.type,
                    create_response=detection.create_response is not False,
                    interrupt_response=detection.interrupt_response is not False,
                    silence_duration_ms=detection.silence_duration_ms,
                )
            )

    def shown(self) -> e.SessionObject:
        """Return the session object of `session.created` and `session.updated`."""
        return e.SessionObject(
            id=self.info.id,
            model=self.info.model,
            audio=e.SessionAudio(
                input=e.InputAudio(format=e.AudioFormat(rate=self.input_hz), turn_detection=self.turn_detection)
            ),
            expires_at=self.info.expires_at_s,
        )
