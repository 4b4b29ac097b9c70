"""A session's connection, as the session knows it, and the time without one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pipelines.events import ConnectionResumed
from server.wire.voice_output import VoiceOutput


class Attachment(Protocol):
    """A connection, as its session knows it."""

    @property
    def transport(self) -> str:
        """What it goes over: websocket or webrtc."""

    @property
    def voice(self) -> VoiceOutput:
        """How the patient's audio leaves on it."""

    def dismiss(self) -> None:
        """Tell the client that another connection has the session now, and close."""


@dataclass(slots=True)
class Disconnection:
    """Nobody is there since then (seconds on the loop's clock), and what came of it so far."""

    since_s: float
    replayed: int = 0  # events sent again
    late: int = 0  # samples of audio that came late

    def over(self, transport: str, now_s: float, *, input_hz: int) -> ConnectionResumed:
        """Return what is to be recorded once somebody is there again."""
        away_ms = round(1000.0 * (now_s - self.since_s), 3)
        return ConnectionResumed(transport, away_ms, self.replayed, round(1000.0 * self.late / input_hz, 3))
