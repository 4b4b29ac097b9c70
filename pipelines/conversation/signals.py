"""What the conversation is told: frozen signals, each with the media time at which it is given to `receive_signal`."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.engines import Interpretation, ReplyPart, Word


@dataclass(frozen=True, slots=True)
class Begin:
    """The role-play begins."""


@dataclass(frozen=True, slots=True)
class TurnDetectionSet:
    """The client says how turns are to be taken, from now on.

    `auto_endpoint`: pauses end the candidate's turn; `auto_respond`: what was said is answered without being asked for;
    `interruptible`: the patient falls silent for the candidate. `fixed_wait_ms` of silence end a turn; None: judged.
    """

    auto_endpoint: bool = True
    auto_respond: bool = True
    interruptible: bool = True
    fixed_wait_ms: float | None = None


@dataclass(frozen=True, slots=True)
class VoiceHinted:
    """The candidate may have begun to speak at that media time; VoiceStarted or VoiceDenied follows soon."""

    voiced_from_ms: float


@dataclass(frozen=True, slots=True)
class VoiceDenied:
    """It was no speech."""


@dataclass(frozen=True, slots=True)
class VoiceStarted:
    """The candidate's speech began, or went on after a pause; `voiced_from_ms` is its first voiced media time."""

    voiced_from_ms: float


@dataclass(frozen=True, slots=True)
class VoicePaused:
    """The candidate is silent since that media time; it may still be the stop of a consonant."""

    silent_since_ms: float


@dataclass(frozen=True, slots=True)
class Tick:
    """Media time went on; `played_ms` of the current reply have been heard, `missing_ms` of audio did not come.

    `loud` says that the audio is as loud as the turn's speech, though not yet known to be speech; `busy` that the
    engines have enough to do without drafts; `awaited` that the missing audio may still come, late; `echo` how much
    the audio resembles the patient's that is being played (0..1), None where it was not measured.
    """

    played_ms: float = 0.0
    missing_ms: float = 0.0
    loud: bool = False
    busy: bool = False
    awaited: bool = False
    echo: float | None = None


@dataclass(frozen=True, slots=True)
class Understood:
    """A hypothesis for a segment; word times are media milliseconds.

    `interim` is the number of the AskInterim command that it answers: it covers everything that was said until then.
    `voiceless` says that nobody spoke in it.
    """

    segment: int
    text: str
    words: tuple[Word, ...]
    stable_words: int
    final: bool
    latency_ms: float = 0.0
    interim: int | None = None
    voiceless: bool = False


@dataclass(frozen=True, slots=True)
class EndOfTurnHeard:
    """How surely the turn sounds finished (0..1): the answer to the AskEndOfTurn command of that number.

    None: nobody can tell in time.
    """

    number: int
    probability: float | None


@dataclass(frozen=True, slots=True)
class Interpreted:
    """What the words were taken for: the answer to the Interpret command of that number; None where there is none."""

    number: int
    interpretation: Interpretation | None


@dataclass(frozen=True, slots=True)
class Proposed:
    """A part of a proposed reply."""

    reply: int
    part: ReplyPart


@dataclass(frozen=True, slots=True)
class Prepared:
    """The first audio of a reply is ready and held."""

    reply: int


@dataclass(frozen=True, slots=True)
class ReplyFailed:
    """The reply can't be made or spoken."""

    reply: int
    message: str


@dataclass(frozen=True, slots=True)
class ClauseStarted:
    """Playout reached a clause; `from_ms` is its place in the reply's audio."""

    reply: int
    clause: int
    from_ms: float


@dataclass(frozen=True, slots=True)
class WordsTimed:
    """Words of a clause and their times in the reply's audio (milliseconds); `last`: the clause has no more audio."""

    reply: int
    clause: int
    words: tuple[Word, ...]
    last: bool = False


@dataclass(frozen=True, slots=True)
class PlayedOut:
    """All audio of a reply has been played."""

    reply: int
    played_ms: float
    estimated: bool


@dataclass(frozen=True, slots=True)
class Truncated:
    """The client says how much of a reply it played."""

    reply: int
    heard_ms: float


@dataclass(frozen=True, slots=True)
class EchoCancelled:
    """The client's device removes the patient's voice from its microphone's audio, or doesn't."""

    on: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """The candidate's connection is gone, and may come back: the patient's audio was put on hold at `played_ms`."""

    played_ms: float


@dataclass(frozen=True, slots=True)
class Back:
    """The candidate is there again; `played_ms` of the reply under way were heard."""

    played_ms: float


@dataclass(frozen=True, slots=True)
class Typed:
    """The candidate's turn came as text."""

    text: str


@dataclass(frozen=True, slots=True)
class CommitAsked:
    """The client says that the turn is over."""


@dataclass(frozen=True, slots=True)
class ClearAsked:
    """The client wants the unfinished turn forgotten."""


@dataclass(frozen=True, slots=True)
class ReplyAsked:
    """The client asks for a reply."""


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """The client wants the reply stopped."""

    played_ms: float


@dataclass(frozen=True, slots=True)
class TimeUp:
    """The role-play's time is over: close after the candidate's current turn."""


@dataclass(frozen=True, slots=True)
class EndAsked:
    """End now."""

    reason: str


Signal = (
    Begin | TurnDetectionSet | VoiceHinted | VoiceDenied | VoiceStarted | VoicePaused | Tick | Understood |
    EndOfTurnHeard | Interpreted | Proposed | Prepared | ReplyFailed | ClauseStarted | WordsTimed | PlayedOut |
    Truncated | EchoCancelled | Lost | Back | Typed | CommitAsked | ClearAsked | ReplyAsked | CancelAsked | TimeUp |
    EndAsked
)  # fmt: skip
