"""What goes to a worker and what comes back: plain data that can be pickled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from audio.frames import Pcm
from pipelines.engines import (
    DecodeRequest,
    EndOfTurnRequest,
    EngineInfo,
    GuardedRequest,
    IndexRequest,
    InterpretRequest,
    PrepareRequest,
    RespondRequest,
    SpeakRequest,
    StreamSpec,
)

JobRequest = (
    IndexRequest | InterpretRequest | PrepareRequest | RespondRequest | GuardedRequest | SpeakRequest | EndOfTurnRequest
)


@dataclass(frozen=True, slots=True)
class Job:
    """One stateless piece of work; every part the engine yields comes back as a Part."""

    id: int
    request: JobRequest


@dataclass(frozen=True, slots=True)
class Open:
    """Open a recogniser stream; the lane numbers streams, since names may come again before their last one closes."""

    id: int
    stream: int
    spec: StreamSpec


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """Audio for a stream: int16 mono, 16 kHz."""

    id: int
    stream: int
    samples: Pcm


@dataclass(frozen=True, slots=True)
class ReadInterim:
    """Read a stream's unfinished segment: a hypothesis for all of it comes back as a Part."""

    id: int
    stream: int


@dataclass(frozen=True, slots=True)
class Finish:
    """End a stream's segment: the final hypothesis comes back as a Part."""

    id: int
    stream: int


@dataclass(frozen=True, slots=True)
class Reset:
    """Abandon a stream's segment."""

    id: int
    stream: int


@dataclass(frozen=True, slots=True)
class Close:
    """End a stream: the speaker's state comes back as a Part."""

    id: int
    stream: int


@dataclass(frozen=True, slots=True)
class Decode:
    """Read several pieces of speech: one DecodedBatch comes back as a Part."""

    id: int
    requests: tuple[DecodeRequest, ...]


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop the message `id` if it is being worked on; it still answers Done."""

    id: int


Call = Job | Open | Feed | ReadInterim | Finish | Reset | Close | Decode
ToWorker = Call | Cancel | None
"""None ends the worker."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The engine is loaded and warm."""

    info: EngineInfo


@dataclass(frozen=True, slots=True)
class Yielded:
    """Something the engine yielded, and what it cost; `modelled` costs are waited for, measured ones were spent."""

    id: int
    value: Any
    cost_ms: float
    modelled: bool


@dataclass(frozen=True, slots=True)
class Done:
    """The message is worked off; `cost_ms` was spent since its last part."""

    id: int
    cost_ms: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The engine raised; the worker lives on. `id` is -1 when it could not even be loaded."""

    id: int
    detail: str
    # Only our own errors have a code; their detail is meant for people.
    code: str = ""


FromWorker = Ready | Yielded | Done | Failed
