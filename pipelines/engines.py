"""What an engine is: five small protocols whose messages are plain data.

A recogniser is a *stream* (it belongs to a session), an interpreter, a responder, a synthesiser and a turn
detector do *jobs*
(stateless, by request id). Engines are synchronous and know no event loop: a lane runs them in a thread or in a worker
process, measures them, and drops what was cancelled. Every message can be pickled. `cost_ms` is what a step cost in
computation: None lets the lane measure it, a number (of scripted ones) makes the lane wait that long, so that the same
decisions come out under real and virtual time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol, runtime_checkable

from audio.frames import Pcm
from pipelines.intent.acts import Act
from pipelines.patient.card import Card

EXPLANATION_WORDS = 12
"""Who has said so many words that ask nothing has explained something."""

Isolation = Literal["thread", "process"]
"""Where a lane must run an engine: `process` for those that hold the interpreter lock or are one global instance."""


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine says of itself: shown to people, in metrics and in the session's log."""

    kind: Literal["recogniser", "interpreter", "responder", "synthesiser", "turn_detector"]
    name: str
    demonstration: bool  # True for the embedded set: the page says so
    isolation: Isolation
    detail: str = ""
    # Of a responder: each clause is read by the guard before it is spoken, so the card must come with a request.
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its times in milliseconds from the start of its segment or clause; confidence 0..1 or None."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float | None = None


# ---------------------------------------------------------------- recogniser


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """What a recogniser is told when a session opens its stream."""

    stream_id: str
    vocabulary: tuple[str, ...] = ()  # names and drugs of the card
    # The state is opaque and comes from an earlier stream of the same speaker (e.g. cepstral means).
    speaker_state: str | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """Text that a recogniser wrote where nobody said it, and how that was noticed."""

    reason: Literal["silent", "no_voice", "no_speech", "repeats", "too_fast", "phantom", "echo"]
    text: str

    @property
    def voiceless(self) -> bool:
        """Whether nobody spoke at all."""
        return self.reason in ("silent", "no_voice", "no_speech", "phantom", "echo")


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What was understood of the segment so far; the first `stable_words` words won't change any more.

    `interim` is the number of the request that it answers, put there by the lane; None for what came by itself.
    `rejected` is what was decoded but is taken for invented.
    """

    text: str
    words: tuple[Word, ...] = ()
    final: bool = False
    stable_words: int = 0
    cost_ms: float | None = None
    interim: int | None = None
    rejected: Rejection | None = None


class RecogniserStream(Protocol):
    """One speaker's stream: segments are fed, finished or abandoned, one after another."""

    def feed(self, samples: Pcm) -> Hypothesis | None:
        """Take int16 mono at 16 kHz, any length; return a provisional hypothesis when there is something new."""

    def interim(self) -> Hypothesis:
        """Return what `finish` would most likely return now, without ending the segment: the speaker pauses."""

    def finish(self) -> Hypothesis:
        """End the segment and return its final hypothesis (empty text when nothing was understood)."""

    def reset(self) -> None:
        """Abandon the segment."""

    def close(self) -> str | None:
        """End the stream; return the speaker's state to hand to a later stream, if the engine has one."""


@runtime_checkable
class Recogniser(Protocol):
    """Turns speech into text while it is being spoken."""

    info: EngineInfo

    def warm(self) -> None:
        """Load what is needed and run once, so that the first session is as fast as the second."""

    def open(self, spec: StreamSpec) -> RecogniserStream:
        """Open a stream for one speaker."""


DecodePurpose = Literal["caption", "interim", "final"]
"""For what a piece of speech is read: only a caption may be rough."""


@dataclass(frozen=True, slots=True, eq=False)
class DecodeRequest:
    """Audio that is to be read as a whole: int16 mono at 16 kHz, at most 30 s.

    `prefix` is what of it was understood for good already: the reading begins with these words.
    """

    samples: Pcm
    purpose: DecodePurpose = "final"
    vocabulary: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()
    # Whether word times and confidences are asked for; without, times are spread evenly.
    times: bool = True


@dataclass(frozen=True, slots=True)
class Decoded:
    """The words that were read, with times from the audio's start; none where they were taken for invented."""

    words: tuple[Word, ...] = ()
    rejected: Rejection | None = None


@dataclass(frozen=True, slots=True)
class DecodedBatch:
    """What was read of each clip, in the order of the requests."""

    results: tuple[Decoded, ...]
    cost_ms: float | None = None


@runtime_checkable
class SegmentDecoder(Protocol):
    """Reads whole pieces of speech, several at once: the streaming is its lane's affair."""

    info: EngineInfo

    def warm(self) -> None:
        """Load what is needed and run once."""

    def decode(self, requests: Sequence[DecodeRequest]) -> DecodedBatch:
        """Read all of them; raises EngineError."""


# ---------------------------------------------------------------- interpreter


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One thing that was said: the candidate's turn, or what the candidate really heard of the patient's."""

    role: Literal["candidate", "patient"]
    text: str
    cues: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InterpretRequest:
    """What the candidate said, as recognised, and the card that it may ask about."""

    card: Card
    text: str
    words: tuple[Word, ...] = ()
    history: tuple[HistoryItem, ...] = ()

    @property
    def explained(self) -> bool:
        """Whether the candidate has told the patient anything but questions."""
        said = " ".join(item.text for item in self.history if item.role == "candidate")
        return len(re.sub(r"[^.?!]*\?", " ", said).split()) >= EXPLANATION_WORDS

    @property
    def first_words(self) -> bool:
        """Whether the patient has not been heard yet."""
        return not any(item.role == "patient" and item.text.strip() for item in self.history)


@dataclass(frozen=True, slots=True)
class IndexRequest:
    """A session on this card is about to begin: build what interpreting needs of the card."""

    card: Card


@dataclass(frozen=True, slots=True)
class CueMatch:
    """How surely (0..1) a turn asks for a cue of the card, and the example of the card's that it is closest to."""

    cue: str
    probability: float
    example: str


@dataclass(frozen=True, slots=True)
class AlsoAsked:
    """A question beside the one that a turn is taken for: an item of the card, or a common topic that is none of it.

    `text` is the question alone, which may have been completed: "Do you drink?" of "Do you smoke or drink?".
    """

    text: str
    item: str = ""
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Interpretation:
    """What a turn was taken for; nothing of it is told to a candidate.

    `confidence` is how sure the act is (0..1), `cues` holds the best matches first, `asks` how surely the turn asks for
    something certain (0..1), a sign that it is over. `reason` is for the examiner.
    """

    act: Act
    confidence: float = 1.0
    cues: tuple[CueMatch, ...] = ()
    asks: float = 0.0
    reason: str = ""
    # A common topic that is none of the card's, and that was asked about; empty if there is none.
    topic: str = ""
    # What kind of thing a question is about (history, medication, ...), with shares (0..1), the likeliest first.
    subjects: tuple[tuple[str, float], ...] = ()
    # What was asked in the same breath, in order.
    also: tuple[AlsoAsked, ...] = ()
    # Of a summary: each thing that is claimed, and the cue or fact that it is about.
    claims: tuple[tuple[str, str], ...] = ()
    # In what way the person who speaks may be in danger or distress; empty if there is no sign of it.
    distress: str = ""
    cost_ms: float | None = None


@runtime_checkable
class Interpreter(Protocol):
    """Tells what a turn does and what it asks for; knows the card, and decides nothing."""

    info: EngineInfo

    def warm(self) -> None:
        """Load what is needed and run once."""

    def index(self, request: IndexRequest) -> None:
        """Get ready for a session on a card, so that its first turn is as fast as the later ones (idempotent)."""

    def interpret(self, request: InterpretRequest) -> Interpretation:
        """Return what the turn is taken for."""


# ---------------------------------------------------------------- responder


class RespondKind(StrEnum):
    """Why the patient is to speak."""

    REPLY = "reply"
    OPENING = "opening"
    SILENCE = "silence"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True)
class Persona:
    """Who the patient is, without anything that is to be found out."""

    name: str
    age: int
    sex: Literal["female", "male"]
    mood: str
    setting: str
    # Only in a conversation without a card: what a program says of who speaks and how, in place of all the above.
    instructions: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """What the patient may say now, in the card's words: a proposal.

    `cue` names the cue that it tells, if any, `fact` the fact. `act` is what the candidate's turn was taken for,
    `reason` and `score` (0..1) are for the examiner. `free`: nothing of the card is in the text, so that other words do
    as well.
    """

    act: Act
    text: str
    cue: str | None = None
    reason: str = ""
    score: float = 1.0
    fact: str | None = None
    free: bool = False


@dataclass(frozen=True, slots=True)
class RespondRequest:
    """A snapshot of the conversation and what may be said; of the card's hidden facts a responder is told nothing."""

    id: str
    turn: int
    revision: int
    kind: RespondKind
    persona: Persona
    release: Release
    text: str  # the candidate's turn, as recognised
    history: tuple[HistoryItem, ...] = ()
    # The seed chooses among variants, so that a replay says the same.
    seed: int = 0
    # Whether the candidate agreed that what is said goes to a remote mind; without that nothing leaves.
    may_leave: bool = False

    @property
    def session(self) -> str:
        """The session that asks."""
        return self.id.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class PrepareRequest:
    """A session with this patient is about to begin: build what depends on the patient alone (a prompt's prefix)."""

    persona: Persona


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of the reply that can be spoken at once; `cue` names the cue whose words it carries."""

    text: str
    cue: str | None = None
    pause_after_ms: int = 0
    cost_ms: float | None = None


@dataclass(frozen=True, slots=True)
class ReplyEnd:
    """The end of a reply."""

    cost_ms: float | None = None


@dataclass(frozen=True, slots=True)
class GuardDecision:
    """What the guard decided of a clause, and why; for examiners and developers only, since it may quote the card.

    `action` is allow, warn or block, `spoken` what was let through, `scores` how surely (0..1) what was found, `rules`
    names the rules, `took_ms` is how long reading took.
    """

    text: str
    action: str
    spoken: str
    reasons: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    rules: str = ""
    took_ms: float = 0.0
    cost_ms: float | None = None


@dataclass(frozen=True, slots=True)
class CardTakesOver:
    """From here on the reply is the card's own words: the model's clause was blocked, or no more came of it.

    `reason` is blocked, failed, late, busy, empty or too_long; `detail` says more.
    """

    reason: str
    detail: str = ""
    cost_ms: float | None = None


ReplyPart = Clause | ReplyEnd | GuardDecision | CardTakesOver


@dataclass(frozen=True, slots=True)
class GuardedRequest:
    """A request and the card that the guard reads the reply against; whoever words the reply never gets the card."""

    request: RespondRequest
    card: Card


@dataclass(frozen=True, slots=True)
class RemoteUse:
    """What a remote mind was asked for one reply, and what came of it; it precedes the ReplyEnd.

    `outcome` is `remote` (it worded the reply), `finished` (the card's words finished it) or `card` (they are all of
    it), and `reason` the code of why. `failures` name each host that failed, with how. Tokens are the provider's count,
    or `estimated`; `cost` is in the currency of the prices that are set. `scrubbed` counts the personal data that were
    taken out, `budget_used` is the largest share of a budget that is used up. `prompt` holds the messages that left
    this machine last, as JSON, and `completion` all that came back, both to the letter.
    """

    provider: str
    model: str
    host: str
    outcome: Literal["remote", "finished", "card"]
    reason: str = ""
    failures: tuple[str, ...] = ()
    tokens_in: int = 0
    tokens_out: int = 0
    estimated: bool = False
    cost: float = 0.0
    first_token_ms: float | None = None
    took_ms: float = 0.0
    scrubbed: int = 0
    budget_used: float = 0.0
    prompt: str = ""
    completion: str = ""


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What a language model on this machine was asked for one reply, and what came of it; it precedes the ReplyEnd.

    `outcome` is `model` (it worded the reply), `finished` (it broke off, and what it had said stands) or `card` (the
    card's words are all of it), and `reason` the code of why. `digest` is the sha256 of the weights. `cached_tokens` of
    the prompt were computed before.
    """

    model: str
    digest: str
    outcome: Literal["model", "finished", "card"]
    reason: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    cached_tokens: int = 0
    first_token_ms: float | None = None
    took_ms: float = 0.0
    prompt: str = ""
    completion: str = ""


ReplyAccount = RemoteUse | ModelUse
"""What wording a reply took; it precedes the reply's end, and nothing of it is spoken."""


@runtime_checkable
class Cancellable(Protocol):
    """An engine that waits for others while it answers: it can be told that nobody wants the answer any more."""

    def cancel(self, request_id: str) -> None:
        """Stop answering that request at once; called from another thread, for one that is over too."""


@runtime_checkable
class Responder(Protocol):
    """Says what is released as this patient would; what may be told was decided before."""

    info: EngineInfo

    def warm(self) -> None:
        """Load what is needed and run once."""

    def prepare(self, request: PrepareRequest) -> None:
        """Get ready for a session, so that its first turn is as fast as the later ones (idempotent)."""

    def respond(self, request: RespondRequest) -> Iterator[ReplyPart | ReplyAccount]:
        """Yield clauses as they are ready, then exactly one ReplyEnd."""


@runtime_checkable
class GuardedResponder(Protocol):
    """A responder whose clauses are read before they are spoken."""

    info: EngineInfo

    def warm(self) -> None:
        """Load what is needed and run once."""

    def index(self, request: IndexRequest) -> None:
        """Get ready to read replies against a card (idempotent)."""

    def prepare(self, request: PrepareRequest) -> None:
        """Get ready for a session with this patient (idempotent)."""

    def respond_guarded(self, request: GuardedRequest) -> Iterator[ReplyPart | ReplyAccount]:
        """Yield clauses that may be spoken, the decisions on them, then exactly one ReplyEnd."""


# ---------------------------------------------------------------- synthesiser


@dataclass(frozen=True, slots=True)
class Voice:
    """Whose voice to speak with; engines map it to the nearest they have.

    `level_db` makes it louder or quieter than the house's loudness; plain voices have a level of their own.
    """

    sex: Literal["female", "male"] = "female"
    age: int = 40
    accent: str = "en-us"
    rate_wpm: int = 130
    level_db: float = 0.0


@dataclass(frozen=True, slots=True)
class SpeakRequest:
    """One clause to speak; `pronunciations` has words and phrases of the card with how they are read out."""

    id: str
    text: str
    voice: Voice
    pronunciations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class SpeechChunk:
    """A piece of a clause's audio: int16 mono at 24 kHz, and the words that start in it (clause time)."""

    samples: Pcm
    words: tuple[Word, ...] = ()
    cost_ms: float | None = None


@runtime_checkable
class Synthesiser(Protocol):
    """Turns a clause into audio with word times."""

    info: EngineInfo

    def warm(self) -> None:
        """Load what is needed and run once."""

    def speak(self, request: SpeakRequest) -> Iterator[SpeechChunk]:
        """Yield the clause's audio in order; closing the iterator early stops the work."""


# ---------------------------------------------------------------- turn detector


@dataclass(frozen=True, slots=True, eq=False)
class EndOfTurnRequest:
    """What was heard of a turn until now, int16 mono at 16 kHz; of a longer one the newest seconds count."""

    samples: Pcm


@dataclass(frozen=True, slots=True)
class EndOfTurn:
    """How surely a turn sounds finished (0..1)."""

    probability: float
    cost_ms: float | None = None


@runtime_checkable
class TurnDetector(Protocol):
    """Tells by its sound whether a turn is finished: by melody, pace and how it breaks off."""

    info: EngineInfo

    def warm(self) -> None:
        """Load what is needed and run once."""

    def detect(self, request: EndOfTurnRequest) -> EndOfTurn:
        """Return how surely the turn is finished."""
