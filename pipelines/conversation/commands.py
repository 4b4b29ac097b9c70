"""What the conversation wants done: frozen commands, carried out by the session driver in order."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.engines import Clause, HistoryItem, Release, RespondKind, Word
from pipelines.events import Event


@dataclass(frozen=True, slots=True)
class OpenSegment:
    """Feed the candidate's audio to the recogniser from here: its pre-roll first, or the last moments of speech."""

    segment: int
    in_speech: bool = False


@dataclass(frozen=True, slots=True)
class AskInterim:
    """Ask what was understood of the segment so far, all of it; the answer carries `number`."""

    segment: int
    number: int


@dataclass(frozen=True, slots=True)
class AskEndOfTurn:
    """Ask whether the turn, heard from that media time until now, sounds finished; the answer carries `number`."""

    number: int
    from_ms: float


@dataclass(frozen=True, slots=True)
class FinishSegment:
    """Ask for the segment's final text."""

    segment: int


@dataclass(frozen=True, slots=True)
class DropSegment:
    """Forget the segment."""

    segment: int


@dataclass(frozen=True, slots=True)
class Interpret:
    """Ask what the words that wait for an answer are to be taken for; the answer carries `number`."""

    number: int
    text: str
    words: tuple[Word, ...]
    history: tuple[HistoryItem, ...]


@dataclass(frozen=True, slots=True)
class Respond:
    """Ask for a reply that says what is released; a draft is made before the turn is known to be over."""

    reply: int
    turn: int
    revision: int
    kind: RespondKind
    text: str
    history: tuple[HistoryItem, ...]
    release: Release
    draft: bool = False


@dataclass(frozen=True, slots=True)
class Adopt:
    """The draft is the reply: the turn was over, and its text is what the draft answers."""

    reply: int


@dataclass(frozen=True, slots=True)
class Discard:
    """Cancel a draft: nobody will hear it."""

    reply: int
    turn: int
    revision: int
    reason: str  # resumed | different | superseded | ended | failed


@dataclass(frozen=True, slots=True)
class Speak:
    """Have a clause synthesised; its audio is held until ReleaseReply."""

    reply: int
    clause: int
    content: Clause


@dataclass(frozen=True, slots=True)
class CloseReply:
    """No more clauses will come for this reply."""

    reply: int


@dataclass(frozen=True, slots=True)
class ReleaseReply:
    """Let the reply's audio go out."""

    reply: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Pause the reply's audio, reversibly: the candidate may be taking the floor."""

    reply: int


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on with the reply's audio from that place in it."""

    reply: int
    from_ms: float


@dataclass(frozen=True, slots=True)
class StopReply:
    """Cancel everything of the reply: proposal, synthesis, audio not yet heard."""

    reply: int


@dataclass(frozen=True, slots=True)
class Record:
    """Append an event to the session's log."""

    event: Event


@dataclass(frozen=True, slots=True)
class End:
    """The conversation is over."""

    reason: str


Command = (
    OpenSegment | AskInterim | AskEndOfTurn | FinishSegment | DropSegment | Interpret | Respond | Adopt | Discard |
    Speak | CloseReply | ReleaseReply | Hold | Resume | StopReply | Record | End
)  # fmt: skip
