"""What a simulated candidate needs of its connection, and what it is told over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from audio.frames import Pcm
from pipelines.events import TurnTimeline


@dataclass(frozen=True, slots=True)
class TurnTranscribed:
    """A turn of the candidate's was committed."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class ReplyBegan:
    """The patient began to speak."""

    reply: int


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The patient's reply ended."""

    reply: int
    text: str
    status: str


@dataclass(frozen=True, slots=True, eq=False)
class PatientChunk:
    """The patient's audio, int16 mono at 24 kHz; it is heard from arrival on, or after what came before it."""

    reply: int
    samples: Pcm


@dataclass(frozen=True, slots=True)
class PlayoutCleared:
    """The rest of a reply's audio is not to be played."""

    reply: int


@dataclass(frozen=True, slots=True)
class PlayoutHeld:
    """A reply's audio is to be paused; to be answered with an acknowledgement of what was played."""

    reply: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """A reply's audio is to go on from that place, or from where it was paused if that is earlier."""

    reply: int
    from_ms: float


@dataclass(frozen=True, slots=True)
class Restarted:
    """What there is of a reply's audio is to be dropped; what comes from now on begins at that place."""

    reply: int
    from_ms: float


@dataclass(frozen=True, slots=True)
class Ignored:
    """What was said over the patient was no turn."""

    turn: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class CueTold:
    """The candidate heard a cue (only where the connection may know)."""

    cue: str


@dataclass(frozen=True, slots=True)
class Timing:
    """The server's own split of a turn's latency, milliseconds; `last_voiced_ms` counts what we sent.

    `reply` is None where the server doesn't say: the one that began last.
    """

    reply: int | None
    endpoint_ms: float
    recognise_ms: float
    respond_ms: float
    speak_ms: float
    last_voiced_ms: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happened when in a turn, as the server tells it."""

    event: TurnTimeline


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error or a problem, in words for people."""

    message: str


@dataclass(frozen=True, slots=True)
class Over:
    """The session is over."""

    reason: str


Told = (
    TurnTranscribed | ReplyBegan | ReplyEnded | PatientChunk | PlayoutCleared | PlayoutHeld | Resumed | Restarted |
    Ignored | CueTold | Timing | Timeline | Trouble | Over
)  # fmt: skip


Listener = Callable[[Told], None]


class Link(Protocol):
    """A connection to a session: audio goes in by `send`, what comes back is told to the listener as it arrives."""

    def listen(self, listener: Listener) -> None:
        """Tell this listener from now on, at once and on the event loop."""

    def send(self, samples: Pcm) -> None:
        """Send int16 mono at 24 kHz; never blocks."""

    def acknowledge(self, reply: int, played_ms: float) -> None:
        """Say how much of a reply was played."""

    async def close(self) -> None:
        """End the session and wait until the server is done with it."""
