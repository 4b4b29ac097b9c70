"""A connection's session as the wire knows it: what it is told at the start and what the client may change."""

from __future__ import annotations

from dataclasses import dataclass, field

from audio.frames import WIRE_HZ
from pipelines.patient.free import USUAL_INSTRUCTIONS
from server.protocol import server_events as e
from server.protocol.client_events import AudioFormatUpdate, SessionFields, TurnDetectionUpdate
from server.protocol.encodings import PCM, Encoding, rates_of

_DETECTION = frozenset(e.TurnDetection.model_fields)


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What a connection may tell its client of the session; `expires_at_s` is in seconds since 1970.

    `wordless`: it is sent no words and no figures, as in an exam.
    """

    id: str
    card_id: str
    expires_at_s: int
    wordless: bool = False
    # There is no card: a program says who speaks.
    free: bool = False

    @property
    def model(self) -> str:
        """The session's model, as OpenAI clients name it."""
        return f"card:{self.card_id}"


@dataclass(slots=True)
class WireSession:
    """The settings in force."""

    info: SessionInfo
    input_hz: int = WIRE_HZ
    input_encoding: Encoding = PCM
    output_encoding: Encoding = PCM
    turn_detection: e.TurnDetection | None = field(default_factory=e.TurnDetection)
    # Of a free conversation, once they were given.
    instructions: str | None = None

    def update(self, fields: SessionFields) -> None:
        """Take settings that were found to be supported and allowed; what is not given stays."""
        if self.info.free and "instructions" in fields.model_fields_set:
            self.instructions = fields.instructions or None
        output = fields.audio.output if fields.audio is not None else None
        if output is not None and output.format is not None:
            self.output_encoding, _ = self.output_with(output.format)
        wanted = fields.audio.input if fields.audio is not None else None
        if wanted is None:
            return
        if wanted.format is not None:
            self.input_encoding, self.input_hz = self.input_with(wanted.format)
        if "turn_detection" in wanted.model_fields_set:
            detection = wanted.turn_detection
            self.turn_detection = None if detection is None else self._merged(detection)

    def input_with(self, wanted: AudioFormatUpdate) -> tuple[Encoding, int]:
        """Return encoding and rate of the candidate's audio as they would be with what is wanted of them."""
        encoding = wanted.type if "type" in wanted.model_fields_set else self.input_encoding
        usual_hz = self.input_hz if encoding == self.input_encoding else rates_of(encoding)[0]
        return encoding, usual_hz if wanted.rate is None else wanted.rate

    def output_with(self, wanted: AudioFormatUpdate) -> tuple[Encoding, int]:
        """Return encoding and rate of the patient's audio as they would be with what is wanted of them."""
        encoding = wanted.type if "type" in wanted.model_fields_set else self.output_encoding
        return encoding, rates_of(encoding)[0] if wanted.rate is None else wanted.rate

    def _merged(self, wanted: TurnDetectionUpdate) -> e.TurnDetection:
        """Return the turn detection in force with what is wanted of it: what is not said stays as it was."""
        said = {name: getattr(wanted, name) for name in _DETECTION & wanted.model_fields_set}
        told = {name: value for name, value in said.items() if value is not None or name == "silence_duration_ms"}
        return (self.turn_detection or e.TurnDetection()).model_copy(update=told)

    def shown(self) -> e.SessionObject:
        """Return the session object of `session.created` and `session.updated`."""
        heard = e.InputAudio(format=_shown(self.input_encoding, self.input_hz), turn_detection=self.turn_detection)
        shown = e.SessionObject(
            id=self.info.id,
            model=self.info.model,
            audio=e.SessionAudio(input=heard, output=self.shown_output()),
            expires_at=self.info.expires_at_s,
        )
        if not self.info.free:
            return shown
        return e.FreeSessionObject(**dict(shown), instructions=self.instructions or USUAL_INSTRUCTIONS)

    def shown_output(self) -> e.OutputAudio:
        """Return how the patient's audio is told of, of the session and of a reply."""
        return e.OutputAudio(format=_shown(self.output_encoding, WIRE_HZ))


def _shown(encoding: Encoding, rate_hz: int) -> e.AudioFormat | e.TelephoneFormat:
    return e.AudioFormat(rate=rate_hz) if encoding == "audio/pcm" else e.TelephoneFormat(type=encoding)
