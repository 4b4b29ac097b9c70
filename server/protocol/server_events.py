"""What the server sends: one frozen model per event, under the names of OpenAI's protocol and our own namespace.

`event_id` is given by the outbox when an event leaves, so that ids count what was really sent.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from audio.frames import WIRE_HZ

# Every item has one content part, every response one output.
CONTENT = 0
OUTPUT = 0

ResponseStatus = Literal["in_progress", "completed", "cancelled", "failed"]
CancelReason = Literal["turn_detected", "client_cancelled"]


class _ServerPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ServerEvent(_ServerPart):
    """The root of all events."""

    event_id: str = ""


# ---------------------------------------------------------------- parts


class AudioFormat(_ServerPart):
    """16-bit little-endian mono PCM."""

    type: Literal["audio/pcm"] = "audio/pcm"
    rate: int = WIRE_HZ


class TelephoneFormat(_ServerPart):
    """G.711 at 8 kHz, by the µ-law (`pcmu`) or the A-law (`pcma`)."""

    type: Literal["audio/pcmu", "audio/pcma"]


class TurnDetection(_ServerPart):
    """How turns end, as it is in force."""

    type: Literal["server_vad", "semantic_vad"] = "server_vad"  # as was asked for: both are the same
    create_response: bool = True
    interrupt_response: bool = True
    silence_duration_ms: int | None = None  # None: the server's own setting


class Transcription(_ServerPart):
    """The recogniser; fixed."""

    model: str = "interlocutor"
    language: str = "en"


class InputAudio(_ServerPart):
    """The candidate's audio."""

    format: AudioFormat | TelephoneFormat
    transcription: Transcription = Transcription()
    turn_detection: TurnDetection | None
    noise_reduction: None = None


class OutputAudio(_ServerPart):
    """The patient's audio."""

    format: AudioFormat | TelephoneFormat = AudioFormat()
    voice: Literal["patient"] = "patient"


class SessionAudio(_ServerPart):
    """Audio in and out."""

    input: InputAudio
    output: OutputAudio = OutputAudio()


class SessionObject(_ServerPart):
    """The session's settings; nothing of the patient's side of the card is ever in it."""

    id: str
    object: Literal["realtime.session"] = "realtime.session"
    type: Literal["realtime"] = "realtime"
    model: str
    output_modalities: tuple[Literal["audio"], ...] = ("audio",)
    audio: SessionAudio
    expires_at: int


class FreeSessionObject(SessionObject):
    """The settings of a conversation without a card."""

    instructions: str


class InputAudioContent(_ServerPart):
    """What the candidate said."""

    type: Literal["input_audio"] = "input_audio"
    transcript: str


class InputTextContent(_ServerPart):
    """What the candidate typed."""

    type: Literal["input_text"] = "input_text"
    text: str


class OutputAudioContent(_ServerPart):
    """What the patient said, as far as it was heard."""

    type: Literal["output_audio"] = "output_audio"
    transcript: str


class AudioPart(_ServerPart):
    """A content part as responses name it."""

    type: Literal["audio"] = "audio"
    transcript: str


class Item(_ServerPart):
    """Something that was said."""

    id: str
    object: Literal["realtime.item"] = "realtime.item"
    type: Literal["message"] = "message"
    status: Literal["in_progress", "completed", "incomplete"]
    role: Literal["user", "assistant"]
    content: tuple[InputAudioContent | InputTextContent | OutputAudioContent, ...]


class ResponseError(_ServerPart):
    """Why a response failed."""

    type: str = "server_error"
    code: str


class StatusDetails(_ServerPart):
    """How a response ended when it did not end by itself."""

    type: Literal["cancelled", "failed"]
    reason: CancelReason | None = None
    error: ResponseError | None = None


class ResponseAudio(_ServerPart):
    """The patient's audio."""

    output: OutputAudio = OutputAudio()


class Response(_ServerPart):
    """One reply of the patient."""

    id: str
    object: Literal["realtime.response"] = "realtime.response"
    status: ResponseStatus
    status_details: StatusDetails | None = None
    output: tuple[Item, ...] = ()
    conversation_id: str
    output_modalities: tuple[Literal["audio"], ...] = ("audio",)
    audio: ResponseAudio = ResponseAudio()
    metadata: dict[str, str] | None = None


class ErrorBody(_ServerPart):
    """What was refused and why; `event_id` is that of the client's message, `param` the field's dotted path."""

    type: Literal["invalid_request_error", "server_error"] = "invalid_request_error"
    code: str
    message: str
    param: str | None = None
    event_id: str | None = None


class Usage(_ServerPart):
    """How much audio was recognised."""

    type: Literal["duration"] = "duration"
    seconds: float


class LogProbability(_ServerPart):
    """How surely a word was understood: `token` is the word with the space before it, `bytes` its UTF-8."""

    token: str
    logprob: float
    bytes: tuple[int, ...]


class LatencyPartsBody(_ServerPart):
    """The parts of voice-to-voice, in milliseconds; they add up to the whole."""

    endpoint: float
    recognise: float
    respond: float
    speak: float
    deliver: float


class _OfItem(ServerEvent):
    item_id: str


class _OfContent(_OfItem):
    response_id: str
    output_index: int = OUTPUT
    content_index: int = CONTENT


# ---------------------------------------------------------------- session


class SessionCreated(ServerEvent):
    """The first event of a connection."""

    type: Literal["session.created"] = "session.created"
    session: FreeSessionObject | SessionObject


class SessionResumed(ServerEvent):
    """The first event of a connection that resumes a session. The missed events follow.

    `received_ms` of the candidate's audio arrived. The rest is lost; the client may send it again, marked late.
    `elapsed_ms` of `session_s` have passed (null before the start). `complete`: everything after the ticket's `seq`
    was kept.
    """

    type: Literal["interlocutor.session.resumed"] = "interlocutor.session.resumed"
    session: FreeSessionObject | SessionObject
    received_ms: float
    elapsed_ms: float | None
    complete: bool


class SessionUpdated(ServerEvent):
    """The settings have changed."""

    type: Literal["session.updated"] = "session.updated"
    session: FreeSessionObject | SessionObject


class Error(ServerEvent):
    """The server refused a message. The session goes on."""

    type: Literal["error"] = "error"
    error: ErrorBody


# ---------------------------------------------------------------- the candidate's turn


class SpeechStartedMessage(_OfItem):
    """The candidate began to speak. While the patient speaks, the server sends this only if the patient yields."""

    type: Literal["input_audio_buffer.speech_started"] = "input_audio_buffer.speech_started"
    audio_start_ms: int


class SpeechStoppedMessage(_OfItem):
    """The candidate's turn is over. If it was not a turn, `interlocutor.turn.ignored` follows."""

    type: Literal["input_audio_buffer.speech_stopped"] = "input_audio_buffer.speech_stopped"
    audio_end_ms: int


class Committed(_OfItem):
    """The candidate's turn becomes an item."""

    type: Literal["input_audio_buffer.committed"] = "input_audio_buffer.committed"
    previous_item_id: str | None


class Cleared(ServerEvent):
    """The server has dropped the unfinished turn."""

    type: Literal["input_audio_buffer.cleared"] = "input_audio_buffer.cleared"


class ItemAdded(ServerEvent):
    """A new item in the conversation. A patient's item grows until it is done."""

    type: Literal["conversation.item.added"] = "conversation.item.added"
    previous_item_id: str | None
    item: Item


class ItemDone(ServerEvent):
    """An item in its final form."""

    type: Literal["conversation.item.done"] = "conversation.item.done"
    previous_item_id: str | None
    item: Item


class ItemRetrieved(ServerEvent):
    """An item that the client asked for."""

    type: Literal["conversation.item.retrieved"] = "conversation.item.retrieved"
    item: Item


class ItemTruncated(_OfItem):
    """How much of the patient's item the candidate heard."""

    type: Literal["conversation.item.truncated"] = "conversation.item.truncated"
    content_index: int = CONTENT
    audio_end_ms: int


class TranscriptionDelta(_OfItem):
    """Settled words. No later delta takes them back."""

    type: Literal["conversation.item.input_audio_transcription.delta"] = (
        "conversation.item.input_audio_transcription.delta"
    )
    content_index: int = CONTENT
    delta: str


class TranscriptionCompleted(_OfItem):
    """The final transcript of the candidate's turn. It replaces the deltas.

    `logprobs` has one entry for each word of the transcript; null if the recogniser gives none for each word.
    """

    type: Literal["conversation.item.input_audio_transcription.completed"] = (
        "conversation.item.input_audio_transcription.completed"
    )
    content_index: int = CONTENT
    transcript: str
    usage: Usage
    logprobs: tuple[LogProbability, ...] | None = None


# ---------------------------------------------------------------- the patient's reply


class ResponseCreated(ServerEvent):
    """The server is about to send the reply's first audio."""

    type: Literal["response.created"] = "response.created"
    response: Response


class ResponseDone(ServerEvent):
    """The reply is over: the candidate heard it to its end, or it was cancelled, or it failed."""

    type: Literal["response.done"] = "response.done"
    response: Response


class OutputItemAdded(ServerEvent):
    """The reply's item."""

    type: Literal["response.output_item.added"] = "response.output_item.added"
    response_id: str
    output_index: int = OUTPUT
    item: Item


class OutputItemDone(ServerEvent):
    """The reply's item, as far as the candidate heard it."""

    type: Literal["response.output_item.done"] = "response.output_item.done"
    response_id: str
    output_index: int = OUTPUT
    item: Item


class ContentPartAdded(_OfContent):
    """The reply's only content part begins."""

    type: Literal["response.content_part.added"] = "response.content_part.added"
    part: AudioPart


class ContentPartDone(_OfContent):
    """The reply's only content part, as far as the candidate heard it."""

    type: Literal["response.content_part.done"] = "response.content_part.done"
    part: AudioPart


class OutputAudioDelta(_OfContent):
    """The patient's audio: base64 of 16-bit little-endian mono PCM at 24 kHz, or of G.711; usually 40 ms."""

    type: Literal["response.output_audio.delta"] = "response.output_audio.delta"
    delta: str


class OutputAudioDone(_OfContent):
    """No more audio of this item will come."""

    type: Literal["response.output_audio.done"] = "response.output_audio.done"


class OutputTranscriptDelta(_OfContent):
    """A clause of the patient, sent together with its audio."""

    type: Literal["response.output_audio_transcript.delta"] = "response.output_audio_transcript.delta"
    delta: str


class OutputTranscriptDone(_OfContent):
    """The words of the reply that the candidate heard: fewer than the deltas if the reply was interrupted."""

    type: Literal["response.output_audio_transcript.done"] = "response.output_audio_transcript.done"
    transcript: str


class OutputCleared(ServerEvent):
    """The answer to `output_audio_buffer.clear`; on a call, also when the patient is interrupted."""

    type: Literal["output_audio_buffer.cleared"] = "output_audio_buffer.cleared"
    response_id: str


class OutputStarted(ServerEvent):
    """The server begins to send the patient's audio (calls by WebRTC only)."""

    type: Literal["output_audio_buffer.started"] = "output_audio_buffer.started"
    response_id: str


class OutputStopped(ServerEvent):
    """The server has sent all of the patient's audio (calls by WebRTC only)."""

    type: Literal["output_audio_buffer.stopped"] = "output_audio_buffer.stopped"
    response_id: str


# ---------------------------------------------------------------- ours


class ResumeOffer(_ServerPart):
    """How to reconnect after a lost connection: with this token, within `within_s` seconds."""

    token: str
    within_s: int


class ClientConfigured(ServerEvent):
    """The answer to `interlocutor.client.configure`."""

    type: Literal["interlocutor.client.configured"] = "interlocutor.client.configured"
    playout_acks: bool
    echo_cancellation: bool | None = None
    resume: ResumeOffer | None = None


class ServerHeartbeat(ServerEvent):
    """A heartbeat, once a second, without an `event_id`: how much of the candidate's audio has arrived.

    Sent only to clients that asked for `resume`.
    """

    type: Literal["interlocutor.pulse"] = "interlocutor.pulse"
    received_ms: float


class RoleplayStarted(ServerEvent):
    """The role-play's clock starts, and runs for `session_s` seconds."""

    type: Literal["interlocutor.session.started"] = "interlocutor.session.started"
    session_s: int


class RoleplayPaused(ServerEvent):
    """The role-play is paused or continues, with `left_ms` of its time left."""

    type: Literal["interlocutor.session.paused"] = "interlocutor.session.paused"
    paused: bool
    left_ms: float


class RoleplayObserved(ServerEvent):
    """In a practice: so many people follow it on the examiners' desk now, and so many of them listen."""

    type: Literal["interlocutor.session.observed"] = "interlocutor.session.observed"
    following: int
    listening: int


class ServerStoppingMessage(ServerEvent):
    """The server is about to stop. The role-play may go on for `within_s` seconds; `message` says so to a person.

    What is not over by then is ended with the reason `draining`. New sessions are refused with 503.
    """

    type: Literal["interlocutor.server.stopping"] = "interlocutor.server.stopping"
    within_s: float
    message: str


class RoleplayEnded(ServerEvent):
    """The role-play is over. The server closes the connection after this event."""

    type: Literal["interlocutor.session.ended"] = "interlocutor.session.ended"
    reason: str


class TranscriptPartialMessage(_OfItem):
    """The partial transcript. The words after the first `stable_words` may still change."""

    type: Literal["interlocutor.transcript.partial"] = "interlocutor.transcript.partial"
    turn: int
    text: str
    stable_words: int


class TurnLatencyMessage(ServerEvent):
    """How long the candidate waited for the patient's voice."""

    type: Literal["interlocutor.turn.latency"] = "interlocutor.turn.latency"
    turn: int
    voice_to_voice_ms: float
    parts: LatencyPartsBody
    last_voiced_ms: float
    estimated: bool


class PlayoutClear(_OfItem):
    """Drop the audio of this item that you have not played. `heard_ms` of it count as heard."""

    type: Literal["interlocutor.playout.clear"] = "interlocutor.playout.clear"
    heard_ms: float


class PlayoutHold(_OfItem):
    """Pause this item's audio. Say at once with `interlocutor.playout` how much of it was played.

    A resume or a clear follows. Sent only to clients that report what they have played.
    """

    type: Literal["interlocutor.playout.hold"] = "interlocutor.playout.hold"


class PlayoutResume(_OfItem):
    """Continue this item's audio at `from_ms`, up to 1.5 s back, or at the pause if that is earlier."""

    type: Literal["interlocutor.playout.resume"] = "interlocutor.playout.resume"
    from_ms: float


class PlayoutRestart(_OfItem):
    """After a lost connection: drop all audio of this item. The audio that follows begins at `from_ms`."""

    type: Literal["interlocutor.playout.restart"] = "interlocutor.playout.restart"
    from_ms: float


class TurnTimelineMessage(ServerEvent):
    """The times of a turn, in milliseconds since the candidate's last voiced sample. Null: did not happen."""

    type: Literal["interlocutor.turn.timeline"] = "interlocutor.turn.timeline"
    turn: int
    item_id: str
    last_voiced_ms: float
    wait_ms: float
    pause_ms: float | None
    transcript_ms: float | None
    draft_ms: float | None
    clause_ms: float | None
    sound_ms: float | None
    endpoint_ms: float
    committed_ms: float
    released_ms: float
    audible_ms: float
    speculated: int
    discarded: int
    discarded_ms: float
    reused: bool


class TurnIgnoredMessage(ServerEvent):
    """The turn does not count: it was noise, a backchannel or a greeting at once, or the client cleared it."""

    type: Literal["interlocutor.turn.ignored"] = "interlocutor.turn.ignored"
    turn: int
    reason: str
    text: str


class SoundAdviceMessage(ServerEvent):
    """The candidate's audio is faint, clipped or noisy. It says in plain words what helps, and gives the measurements.

    Each kind comes once in a session. `speech_dbfs` is the level of some seconds of speech, `above_room_db` how far it
    is above the room's (null: not known yet), `clipped_share` the share of its samples at full scale.
    """

    type: Literal["interlocutor.sound.advice"] = "interlocutor.sound.advice"
    kind: str
    message: str
    speech_dbfs: float
    above_room_db: float | None
    clipped_share: float


class ProblemMessage(ServerEvent):
    """A problem that the person should know about, and what to do."""

    type: Literal["interlocutor.problem"] = "interlocutor.problem"
    code: str
    message: str


AnyServerEvent = Annotated[
    SessionCreated | SessionResumed | SessionUpdated | Error | SpeechStartedMessage | SpeechStoppedMessage
    | Committed | Cleared | ItemAdded | ItemDone | ItemRetrieved | ItemTruncated | TranscriptionDelta
    | TranscriptionCompleted | ResponseCreated | ResponseDone | OutputItemAdded | OutputItemDone
    | ContentPartAdded | ContentPartDone
    | OutputAudioDelta | OutputAudioDone | OutputTranscriptDelta | OutputTranscriptDone | OutputCleared
    | OutputStarted | OutputStopped
    | ClientConfigured | ServerHeartbeat | RoleplayStarted | RoleplayPaused | RoleplayObserved
    | ServerStoppingMessage | RoleplayEnded | TranscriptPartialMessage
    | TurnLatencyMessage | TurnTimelineMessage | PlayoutClear | PlayoutHold | PlayoutResume | PlayoutRestart
    | TurnIgnoredMessage | SoundAdviceMessage | ProblemMessage,
    Field(discriminator="type"),
]  # fmt: skip
"""Every server event, discriminated by `type`."""

EVENTS: dict[str, type[ServerEvent]] = {
    cls.model_fields["type"].default: cls for cls in get_args(get_args(AnyServerEvent)[0])
}
"""The models by event type."""

OUR_OWN: tuple[type[ServerEvent], ...] = tuple(cls for kind, cls in EVENTS.items() if kind.startswith("interlocutor."))
"""The events that OpenAI's protocol does not know."""
