"""Everything that happens in a session, as typed frozen events with an audience.

Browser, examiner, recorder, metrics, assessment and tests read these and nothing else. An event's audience is a
property of its type, so that no code path can send a cue name to a candidate by passing a wrong argument.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, ClassVar

from pipelines.engines import Word


class Audience(IntEnum):
    """Who may see an event; each sees all that the ones before it see."""

    CANDIDATE = 0
    EXAMINER = 1
    DEVELOPER = 2
    INTERNAL = 3


@dataclass(frozen=True, slots=True)
class Event:
    """The root: a payload with a type name and an audience."""

    audience: ClassVar[Audience] = Audience.INTERNAL

    @classmethod
    def type_name(cls) -> str:
        """Return the stable name used in the log, e.g. `speech_started`."""
        name = cls.__name__
        return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))

    def payload(self) -> dict[str, Any]:
        """Return the fields as plain data."""
        return dataclasses.asdict(self)


# ------------------------------------------------------------------ session


@dataclass(frozen=True, slots=True)
class SessionStarted(Event):
    """The role-play has begun: its clock runs."""

    audience: ClassVar[Audience] = Audience.CANDIDATE
    session_id: str
    mode: str
    session_s: int


@dataclass(frozen=True, slots=True)
class SessionSetup(Event):
    """What is needed to reproduce the session: card, engines, settings."""

    audience: ClassVar[Audience] = Audience.DEVELOPER
    card_id: str
    card_version: int
    card_digest: str
    engines: dict[str, str]
    settings_digest: str
    # What the patient's choices of words and order come from; 0 in every exam.
    seed: int = 0
    # The sha256 of what is looked up for this card (`interlocutor index`); empty without a text encoder.
    index_digest: str = ""
    # The settings that shape a conversation, by their paths: a replay names those that have changed.
    settings: dict[str, Any] = field(default_factory=dict)
    # The sha256 of each model that is installed here and may be used, by its id, as `scripts/promote` has them.
    models: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InstructionsGiven(Event):
    """A program said who speaks in a free conversation, and how; `once`: for the next reply alone."""

    audience: ClassVar[Audience] = Audience.DEVELOPER
    text: str
    once: bool = False


@dataclass(frozen=True, slots=True)
class ConsentGiven(Event):
    """What the candidate agreed to before the role-play: the version and the words that were shown."""

    audience: ClassVar[Audience] = Audience.EXAMINER
    version: str
    text: str
    # Whom they agreed that their words are sent to, and the country; empty if nobody's language model is asked.
    provider: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class ProblemReported(Event):
    """The candidate says that something went wrong: what kind of thing, and what they wrote about it."""

    audience: ClassVar[Audience] = Audience.EXAMINER
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class SessionPaused(Event):
    """The role-play stands still at the candidate's wish, or goes on; `left_ms` is what is left of its time."""

    audience: ClassVar[Audience] = Audience.CANDIDATE
    paused: bool
    left_ms: float


@dataclass(frozen=True, slots=True)
class ObserversChanged(Event):
    """How many people follow the practice now, and how many of them listen; the candidate of a practice is told."""

    audience: ClassVar[Audience] = Audience.CANDIDATE
    following: int
    listening: int


@dataclass(frozen=True, slots=True)
class ServerStopping(Event):
    """The server is about to stop; the role-play may go on for so many seconds."""

    audience: ClassVar[Audience] = Audience.CANDIDATE
    within_s: float


@dataclass(frozen=True, slots=True)
class IncidentRaised(Event):
    """Something went wrong in an exam: what kind of thing, who says so, and why."""

    audience: ClassVar[Audience] = Audience.EXAMINER
    what: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class SessionRestored(Event):
    """The server was started anew in the middle of the role-play, which goes on with so much of its time left."""

    audience: ClassVar[Audience] = Audience.EXAMINER
    left_ms: float


@dataclass(frozen=True, slots=True)
class SessionEnded(Event):
    """The role-play is over; `reason` is one of ended, time_limit, disconnected, idle, failed, draining, interrupted.

    Interrupted: the server died in the middle of it, and the next one could not go on.
    """

    audience: ClassVar[Audience] = Audience.CANDIDATE
    reason: str


@dataclass(frozen=True, slots=True)
class Problem(Event):
    """Something went wrong that the person should know of: a stable code and what to do."""

    audience: ClassVar[Audience] = Audience.CANDIDATE
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class SoundAdvice(Event):
    """The candidate's sound could be better, and what is wrong with it: faint, clipped or noisy; each is told once.

    `speech_dbfs` is the level of some seconds of speech, `above_room_db` how far it is above the room (None: the room
    is not known yet), `clipped_share` the share of its samples at full scale, 0 to 1.
    """

    audience: ClassVar[Audience] = Audience.CANDIDATE
    kind: str
    speech_dbfs: float
    above_room_db: float | None
    clipped_share: float


@dataclass(frozen=True, slots=True)
class EngineIncident(Event):
    """An engine failed, or its worker was replaced."""

    audience: ClassVar[Audience] = Audience.DEVELOPER
    engine: str
    what: str  # failed | restarted
    detail: str


@dataclass(frozen=True, slots=True)
class MediaGap(Event):
    """Audio that was missing, late or refused since the last such event, in milliseconds."""

    audience: ClassVar[Audience] = Audience.DEVELOPER
    missing_ms: float
    late_ms: float
    refused_ms: float


@dataclass(frozen=True, slots=True)
class ConnectionLost(Event):
    """The client's connection is gone or silent, and may come back."""

    audience: ClassVar[Audience] = Audience.DEVELOPER
    transport: str  # websocket | webrtc


@dataclass(frozen=True, slots=True)
class ConnectionResumed(Event):
    """The client is there again: how long it was away, what it was sent again, what it sent late (ms of audio)."""

    audience: ClassVar[Audience] = Audience.DEVELOPER
    transport: str
    away_ms: float
    replayed: int
    late_ms: float


# ------------------------------------------------------------------ candidate's turn


@dataclass(frozen=True, slots=True)
class SpeechStarted(Event):
    """The candidate began to speak (or took the floor from the patient); times are media milliseconds."""

    audience: ClassVar[Audience] = Audience.CANDIDATE
    turn: int
    at_ms: float


@dataclass(frozen=True, slots=True)
class SpeechStopped(Event):
    """The candidate's turn was judged to be over; `at_ms` is the last voiced media time."""

    audience: ClassVar[Audience] = Audience.CANDIDATE
    turn: int
    at_ms: float


@dataclass(frozen=True, slots=True)
class TranscriptPartial(Event):
    """What was understood of the turn so far; the first `stable_words` words are settled."""

    audience: ClassVar[Audience] = Audience.CANDIDATE
    turn: int
    text: str
    stable_words: int


@dataclass(frozen=True, slots=True)
class SegmentHeard(Event):
    """The final text of one segment of a turn; word times are media milliseconds."""

    audience: ClassVar[Audience] = Audience.DEVELOPER
    turn: int
    segment: int
    text: str
    words: tuple[Word, ...]
    latency_ms: float  # from the request for the final text to its arrival


@dataclass(frozen=True, slots=True)
class AnswersTimed(Event):
    """When the engines answered, since the last such event, in media milliseconds: a replay lets them answer then.

    `readings`: of each reading of a segment its segment, when that began, for what it was read, how many samples, how
    many words were told before, when it was known. `jobs`: the engine, the number of the question, when it was asked,
    what came of it (answered, dropped, skipped), and when each part came.
    """

    audience: ClassVar[Audience] = Audience.DEVELOPER
    readings: tuple[tuple[Any, ...], ...]
    jobs: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class TextRejected(Event):
    """The recogniser wrote something for a segment that nobody said; `reason` is how that was noticed."""

    audience: ClassVar[Audience] = Audience.DEVELOPER
    turn: int
    segment: int
    # The reason is one of silent, no_voice, no_speech, repeats, too_fast, phantom and echo.
    reason: str
    text: str  # empty where nothing needed to be written


@dataclass(frozen=True, slots=True)
class TurnCommitted(Event):
    """The candidate's turn as it stands in the history.

    `confidences` say how sure the recogniser is of each word of the text, 0..1, None where it can't tell; empty if it
    told of none.
    """

    audience: ClassVar[Audience] = Audience.CANDIDATE
    turn: int
    text: str
    from_ms: float
    to_ms: float
    typed: bool = False
    confidences: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class TurnIgnored(Event):
    """Sound that was taken for speech but was none, or a backchannel or a greeting while the patient spoke."""

    audience: ClassVar[Audience] = Audience.CANDIDATE
    turn: int
    reason: str  # noise | backchannel | greeting | echo | cleared
    text: str = ""  # what was understood of it


# ------------------------------------------------------------------ patient's reply


@dataclass(frozen=True, slots=True)
class UtteranceInterpreted(Event):
    """What the candidate's words up to a pause were taken for.

    `act` is one of a closed set, `confidence` how sure it is (0..1), `cues` the likeliest cues with their
    probabilities, `asks` how surely something certain was asked for (0..1), `subjects` what kind of thing a question is
    about (symptoms, medication, ...), with shares.
    """

    audience: ClassVar[Audience] = Audience.EXAMINER
    turn: int
    act: str
    confidence: float
    cues: dict[str, float]
    asks: float
    reason: str
    subjects: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DistressNoticed(Event):
    """The person who speaks may be in danger or real distress: the kind, and the words that told it."""

    audience: ClassVar[Audience] = Audience.EXAMINER
    turn: int
    kind: str  # self_harm | abuse | collapse | breakdown
    text: str


@dataclass(frozen=True, slots=True)
class ReplyProposed(Event):
    """What the patient's mind proposed and why."""

    audience: ClassVar[Audience] = Audience.EXAMINER
    turn: int
    reply: int
    intent: str
    cues: tuple[str, ...]
    reason: str
    score: float


@dataclass(frozen=True, slots=True)
class RemoteMindAsked(Event):
    """A remote mind was to word a reply: what came of it, and what it took.

    `outcome` is `remote` (it worded the reply), `finished` (the card's words finished it) or `card` (they are all of
    it); `reason` is the code of why, and `failures` name each host that failed, with how. Tokens are the provider's
    count, or `estimated`. `scrubbed` counts the personal data that were taken out before anything left, `budget_used`
    is the largest share of a budget that is used up. `prompt` holds the messages that left this machine last, as JSON,
    and `completion` all that came back, both to the letter.
    """

    audience: ClassVar[Audience] = Audience.DEVELOPER
    turn: int
    reply: int
    provider: str
    model: str
    host: str
    outcome: str
    reason: str
    failures: tuple[str, ...]
    tokens_in: int
    tokens_out: int
    estimated: bool
    cost: float
    first_token_ms: float | None
    took_ms: float
    scrubbed: int
    budget_used: float
    prompt: str
    completion: str


@dataclass(frozen=True, slots=True)
class LanguageModelAsked(Event):
    """A language model on this machine was to word a reply: what came of it, and what it took.

    `outcome` is `model` (it worded the reply), `finished` (it broke off, and what it had said stands) or `card` (the
    card's words are all of it); `reason` is the code of why. `digest` is the sha256 of the weights, `cached_tokens` of
    the prompt were computed before. `prompt` and `completion` are what it was given and wrote, to the letter.
    """

    audience: ClassVar[Audience] = Audience.DEVELOPER
    turn: int
    reply: int
    model: str
    digest: str
    outcome: str
    reason: str
    tokens_in: int
    tokens_out: int
    cached_tokens: int
    first_token_ms: float | None
    took_ms: float
    prompt: str
    completion: str


@dataclass(frozen=True, slots=True)
class ClauseGuarded(Event):
    """What the guard decided of a clause that a language model gave: allow, warn or block.

    `spoken` is what was let through of `text`, `scores` how surely (0..1) what was found, `rules` names the rules.
    """

    audience: ClassVar[Audience] = Audience.EXAMINER
    turn: int
    reply: int
    action: str
    text: str
    spoken: str
    reasons: tuple[str, ...]
    scores: dict[str, float]
    rules: str
    took_ms: float


@dataclass(frozen=True, slots=True)
class CardTookOver(Event):
    """The card's own words took the place of the language model's; `reason` is one of a closed set."""

    audience: ClassVar[Audience] = Audience.EXAMINER
    turn: int
    reply: int
    reason: str  # blocked | failed | late | busy | empty | too_long
    detail: str


@dataclass(frozen=True, slots=True)
class ReplyStarted(Event):
    """The patient's first audio was released."""

    audience: ClassVar[Audience] = Audience.CANDIDATE
    reply: int
    turn: int


@dataclass(frozen=True, slots=True)
class DraftMade(Event):
    """A reply was asked for while the candidate paused, before the turn was judged to be over."""

    audience: ClassVar[Audience] = Audience.DEVELOPER
    turn: int
    revision: int
    silence_ms: float  # since the last voiced sample


@dataclass(frozen=True, slots=True)
class DraftDiscarded(Event):
    """A draft was thrown away, with the computation that had gone into it."""

    audience: ClassVar[Audience] = Audience.DEVELOPER
    turn: int
    revision: int
    reason: str  # resumed | different | superseded | ended | failed
    cost_ms: float


@dataclass(frozen=True, slots=True)
class ReplyHeld(Event):
    """The patient fell silent because the candidate made a sound; it goes on or yields."""

    audience: ClassVar[Audience] = Audience.CANDIDATE
    reply: int
    played_ms: float


@dataclass(frozen=True, slots=True)
class ReplyResumed(Event):
    """The patient goes on from that place in the reply's audio: nobody took the floor."""

    audience: ClassVar[Audience] = Audience.CANDIDATE
    reply: int
    from_ms: float


@dataclass(frozen=True, slots=True)
class ClauseSpoken(Event):
    """Playout reached a clause: its text, and its place in the reply's audio."""

    audience: ClassVar[Audience] = Audience.CANDIDATE
    reply: int
    text: str
    from_ms: float


@dataclass(frozen=True, slots=True)
class SynthesisBehind(Event):
    """The voice was slower than its own audio: in the middle of a reply nothing was heard for `late_ms`."""

    audience: ClassVar[Audience] = Audience.DEVELOPER
    reply: int
    clause: int
    late_ms: float


@dataclass(frozen=True, slots=True)
class ReplyFinished(Event):
    """The patient's reply is over: what the candidate really heard of it."""

    audience: ClassVar[Audience] = Audience.CANDIDATE
    reply: int
    turn: int
    status: str  # completed | interrupted | cancelled | failed
    heard: str
    played_ms: float
    estimated: bool  # True: from the send clock; False: the client said so


@dataclass(frozen=True, slots=True)
class CueHeard(Event):
    """The candidate heard a cue: it counts as told."""

    audience: ClassVar[Audience] = Audience.EXAMINER
    cue: str
    reply: int
    turn: int


@dataclass(frozen=True, slots=True)
class CueUnheard(Event):
    """The client corrected how much it played: the cue was not heard after all."""

    audience: ClassVar[Audience] = Audience.EXAMINER
    cue: str
    reply: int
    turn: int


@dataclass(frozen=True, slots=True)
class ReplyTruncated(Event):
    """The client corrected how much of a finished reply it played."""

    audience: ClassVar[Audience] = Audience.CANDIDATE
    reply: int
    heard: str
    played_ms: float


@dataclass(frozen=True, slots=True)
class PauseJudged(Event):
    """How long a pause in the candidate's turn may last, and why, as far as it was known after so much silence.

    `since_ms` is the media time of the last voiced sample. `evidence` are the pieces that were known, as numbers, and
    `worth` what each says: its log odds that the candidate goes on. `asks` is how surely the reply that was prepared
    answers something that was asked; what that is worth is in the text's worth. `stretch`: this candidate's pauses are
    so many times as long as most people's. `patience`: what is waited above the shortest wait is so many times as long,
    for the style that is set and for answers that came too early. `ending` are the last words that were weighed. Where
    nothing was weighed, `rule` says what decided: `fixed` (this silence ends every turn) or `unheard` (no word was
    understood).
    """

    audience: ClassVar[Audience] = Audience.DEVELOPER
    turn: int
    since_ms: float
    silent_ms: float
    wait_ms: float
    evidence: dict[str, float]
    worth: dict[str, float]
    stretch: float
    patience: float = 1.0
    ending: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class EndOfTurnAsked(Event):
    """The turn detector was asked how the turn sounds, after so much silence since the media time `since_ms`."""

    audience: ClassVar[Audience] = Audience.DEVELOPER
    turn: int
    since_ms: float
    silent_ms: float


@dataclass(frozen=True, slots=True)
class EndOfTurnAnswered(Event):
    """The turn detector answered in time: how surely (0..1) the turn sounds finished."""

    audience: ClassVar[Audience] = Audience.DEVELOPER
    turn: int
    since_ms: float
    silent_ms: float
    finished: float


@dataclass(frozen=True, slots=True)
class SpeechResumed(Event):
    """The candidate went on with the turn, after so much silence since the media time `since_ms`."""

    audience: ClassVar[Audience] = Audience.DEVELOPER
    turn: int
    since_ms: float
    silent_ms: float


@dataclass(frozen=True, slots=True)
class TurnLatency(Event):
    """Voice-to-voice of one turn and its five parts, in milliseconds; the parts add up to the whole.

    `last_voiced_ms` counts the audio that the client sent, without what was missing: the client can place it.
    """

    audience: ClassVar[Audience] = Audience.CANDIDATE
    turn: int
    reply: int
    voice_to_voice_ms: float
    endpoint_ms: float
    recognise_ms: float
    respond_ms: float
    speak_ms: float
    deliver_ms: float
    last_voiced_ms: float
    estimated: bool


@dataclass(frozen=True, slots=True)
class TurnTimeline(Event):
    """What happened when between the candidate's last voiced sample and the patient's first audible one.

    Times are session milliseconds since that last voiced sample, None for what did not happen; `last_voiced_ms` is its
    media time in the audio that the client sent. `wait_ms` is the silence that the endpointing asked for. Drafts that
    were made and discarded in this turn are counted, with the computation that was thrown away.
    """

    audience: ClassVar[Audience] = Audience.CANDIDATE
    turn: int
    reply: int
    last_voiced_ms: float
    wait_ms: float
    pause_ms: float | None  # the pause was noticed
    # At this time the text of all that was said was there for the first time.
    transcript_ms: float | None
    # At this time the reply was asked for, if that was before the turn's end.
    draft_ms: float | None
    clause_ms: float | None  # its first clause was there
    sound_ms: float | None  # its first audio was made
    endpoint_ms: float  # the turn was judged to be over
    committed_ms: float  # its final text was there, and a reply to it under way
    released_ms: float
    audible_ms: float
    speculated: int
    discarded: int
    discarded_ms: float
    reused: bool  # the draft was the reply


EVENT_TYPES: dict[str, type[Event]] = {
    cls.type_name(): cls
    for cls in list(globals().values())
    if isinstance(cls, type) and issubclass(cls, Event) and cls is not Event
}
"""Every event type by its stable name."""
