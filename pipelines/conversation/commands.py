"""What the conversation wants done: frozen commands, carried out by the session driver in order."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.engines import Clause, HistoryItem, RespondKind, Word
from pipelines.events import Event


@dataclass(frozen=True, slots=True)
class OpenSegment:
    """Feed the candidate's sound to the recogniser from here (its pre-roll first)."""

    segment: int


@dataclass(frozen=True, slots=True)
class FinishSegment:
    """Ask for the segment's final text."""

    segment: int


@dataclass(frozen=True, slots=True)
class DropSegment:
    """Forget the segment."""

    segment: int


@dataclass(frozen=True, slots=True)
class Respond:
    """Ask the patient's mind for a reply."""

    reply: int
    turn: int
    revision: int
    kind: RespondKind
    text: str
    words: tuple[Word, ...]
    history: tuple[HistoryItem, ...]
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Speak:
    """Have a clause synthesised; its sound is held until Release."""

    reply: int
    clause: int
    content: Clause


@dataclass(frozen=True, slots=True)
class CloseReply:
    """No more clauses will come for this reply."""

    reply: int


@dataclass(frozen=True, slots=True)
class Release:
    """Let the reply's sound go out."""

    reply: int


@dataclass(frozen=True, slots=True)
class StopReply:
    """Cancel everything of the reply: proposal, synthesis, sound not yet heard."""

    reply: int


@dataclass(frozen=True, slots=True)
class Record:
    """Append an event to the session's log."""

    event: Event


@dataclass(frozen=True, slots=True)
class End:
    """The conversation is over."""

    reason: str


Command = OpenSegment | FinishSegment | DropSegment | Respond | Speak | CloseReply | Release | StopReply | Record | End
