"""From the session's log to the wire: a stateful, pure translator of what a candidate may see.

It keeps what the protocol wants remembered (items, their order, which words were sent) and owns nothing else, so every
sequence of events can be tested without a connection.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass, field

from audio.frames import WIRE_HZ
from audio.playout import PlayoutChunk
from pipelines import events as log
from pipelines.log.session_log import LogEntry
from server.protocol import server_events as e
from server.protocol.encodings import PatientEncoder
from server.protocol.wire_session import WireSession

ADVICE = {
    "faint": "We hear you only faintly. Move closer to the microphone, or turn it up.",
    "clipped": "Your voice is too loud for the microphone. Move back a little, or turn the microphone down.",
    "noisy": "It is noisy around you. Close the window, move to a quieter place, or use a headset.",
}
"""What to do about each kind of `interlocutor.sound.advice`."""

STOPPING = "The server will restart soon. You can finish your role-play: go on speaking."
"""What a candidate is told when the server stops."""

# A confidence that was rounded to nothing is told as this: JSON knows no infinity.
LEAST = 0.0005


Metadata = dict[str, str]
"""What a client writes on a request, to know the answer by it."""


@dataclass(slots=True)
class _TurnUnderWay:
    """A candidate's turn that is not committed yet."""

    started: bool = False  # the client was told of its beginning
    sent: list[str] = field(default_factory=list)  # words in deltas so far


@dataclass(slots=True)
class _ReplyUnderWay:
    """A reply under way."""

    number: int
    previous_item_id: str | None
    spoken: int = 0  # clauses


def candidate_item(turn: int) -> str:
    """Return the id of a candidate's item."""
    return f"item_c{turn}"


def patient_item(reply: int) -> str:
    """Return the id of a patient's item."""
    return f"item_p{reply}"


def response_id(reply: int) -> str:
    """Return the id of a reply's response."""
    return f"resp_{reply}"


class Translator:
    """Turns the records of one session, in order, into the events of one connection."""

    def __init__(self, wire: WireSession) -> None:
        self.items: dict[str, e.Item] = {}
        self.last_item_id: str | None = None
        self.sent_ms: dict[int, float] = {}  # audio sent, by reply
        self._wire = wire
        self._encoder = PatientEncoder()
        self._turns: dict[int, _TurnUnderWay] = {}
        self._reply: _ReplyUnderWay | None = None
        self._typed_id: str | None = None
        self._asked: Metadata | None = None  # of the reply that was asked for and has not begun
        self._metadata: dict[int, Metadata | None] = {}  # by reply

    # -------------------------------------------------------------- what the connection asks

    @property
    def last_reply(self) -> int | None:
        """The last reply that the client knows of."""
        return next(reversed(self.sent_ms), None)

    def reply_of(self, item_id: str) -> int | None:
        """Return the reply of a patient's item that the client knows of, or None."""
        return next((reply for reply in self.sent_ms if patient_item(reply) == item_id), None)

    def name_typed(self, item_id: str | None) -> None:
        """Give the next typed turn's item the client's own id."""
        self._typed_id = item_id

    def name_reply(self, metadata: Metadata | None) -> None:
        """Have the next reply carry what a client wrote on its request for it."""
        self._asked = metadata

    def translate(self, record: LogEntry) -> list[e.ServerEvent]:
        """Return the events that tell a client of a record; empty for what is not told."""
        if record.envelope.audience > log.Audience.CANDIDATE:
            return []
        event = record.event
        match event:
            case log.SpeechStarted():
                return self._started(event.turn, event.at_ms)
            case log.TranscriptPartial():
                return self._partial(event)
            case log.SpeechStopped():
                return self._stopped(event.turn, event.at_ms)
            case log.TurnCommitted():
                return self._committed(event)
            case log.TurnIgnored():
                ignored = e.TurnIgnoredMessage(turn=event.turn, reason=event.reason, text=event.text)
                return [*self._stopped(event.turn, record.envelope.media_ms), ignored]
            case log.ReplyStarted():
                return self._reply_started(event.reply)
            case log.ClauseSpoken():
                return self._clause(event)
            case log.ReplyFinished():
                return self._reply_finished(event)
            case log.ReplyTruncated():
                return self._truncated(event.reply, event.heard, event.played_ms)
            case log.TurnLatency():
                return [_latency(event)]
            case log.TurnTimeline():
                marks = event.payload()
                return [e.TurnTimelineMessage(item_id=patient_item(marks.pop("reply")), **marks)]
            case log.SessionStarted():
                return [e.RoleplayStarted(session_s=event.session_s)]
            case log.ObserversChanged():
                return [e.RoleplayObserved(following=event.following, listening=event.listening)]
            case log.SessionPaused():
                return [e.RoleplayPaused(paused=event.paused, left_ms=event.left_ms)]
            case log.SessionEnded():
                return self._ended(event.reason, record.envelope.media_ms)
            case log.ServerStopping():
                return [e.ServerStoppingMessage(within_s=event.within_s, message=STOPPING)]
            case log.SoundAdvice():
                return [_advice(event)]
            case log.Problem():
                return [e.ProblemMessage(code=event.code, message=event.message)]
            case _:
                return []

    def audio_sent(self, chunk: PlayoutChunk) -> None:
        """Note that a chunk of the patient's audio goes out, of a reply that was begun."""
        end_ms = chunk.from_ms + 1000.0 * len(chunk.samples) / WIRE_HZ
        self.sent_ms[chunk.reply] = max(self.sent_ms[chunk.reply], end_ms)

    def audio(self, chunk: PlayoutChunk) -> list[e.ServerEvent]:
        """Return the event that carries a chunk of the patient's audio."""
        return self._delta(chunk.reply, self._encoder.encode(chunk, self._wire.output_encoding))

    def _delta(self, reply: int, data: bytes) -> list[e.ServerEvent]:
        if not data:
            return []
        delta = base64.b64encode(data).decode()
        return [e.OutputAudioDelta(item_id=patient_item(reply), response_id=response_id(reply), delta=delta)]

    def cleared(self, reply: int, heard_ms: float) -> list[e.ServerEvent]:
        """Return the event that has the client drop the audio of a reply that it has not played."""
        return [e.PlayoutClear(item_id=patient_item(reply), heard_ms=round(heard_ms, 3))]

    def held(self, reply: int) -> e.ServerEvent:
        """Return the event that has the client pause the audio of a reply."""
        return e.PlayoutHold(item_id=patient_item(reply))

    def resumed(self, reply: int, from_ms: float) -> e.ServerEvent:
        """Return the event that has the client go on with the audio of a reply."""
        return e.PlayoutResume(item_id=patient_item(reply), from_ms=round(from_ms, 3))

    def restarted(self, reply: int, from_ms: float) -> e.ServerEvent:
        """Return the event that has the client begin anew with the audio of a reply."""
        return e.PlayoutRestart(item_id=patient_item(reply), from_ms=round(from_ms, 3))

    def cancelled_unheard(self, reply: int) -> list[e.ServerEvent]:
        """Return the events for a reply that the client cancelled before its first audio."""
        created = e.ResponseCreated(response=self._response(reply, "in_progress"))
        return [created, e.ResponseDone(response=self._response(reply, "cancelled", details=_details("cancelled")))]

    # -------------------------------------------------------------- the candidate

    def _turn(self, number: int) -> _TurnUnderWay:
        return self._turns.setdefault(number, _TurnUnderWay())

    def _started(self, number: int, at_ms: float) -> list[e.ServerEvent]:
        turn = self._turn(number)
        if turn.started:
            return []
        turn.started = True
        return [e.SpeechStartedMessage(item_id=candidate_item(number), audio_start_ms=round(at_ms))]

    def _partial(self, event: log.TranscriptPartial) -> list[e.ServerEvent]:
        turn, item_id = self._turn(event.turn), candidate_item(event.turn)
        words = event.text.split()
        stable = min(event.stable_words, len(words))
        out: list[e.ServerEvent] = []
        # Words once sent can't be taken back: where the recogniser now has them otherwise, `completed` will tell.
        if stable > len(turn.sent) and words[: len(turn.sent)] == turn.sent:
            delta = " ".join(words[len(turn.sent) : stable])
            out.append(e.TranscriptionDelta(item_id=item_id, delta=f" {delta}" if turn.sent else delta))
            turn.sent = words[:stable]
        out.append(e.TranscriptPartialMessage(item_id=item_id, turn=event.turn, text=event.text, stable_words=stable))
        return out

    def _stopped(self, number: int, at_ms: float) -> list[e.ServerEvent]:
        turn = self._turns.get(number)
        if turn is None or not turn.started:
            return []
        turn.started = False
        return [e.SpeechStoppedMessage(item_id=candidate_item(number), audio_end_ms=round(at_ms))]

    def _committed(self, event: log.TurnCommitted) -> list[e.ServerEvent]:
        if event.typed:
            return self._typed(event)
        item_id, previous = candidate_item(event.turn), self.last_item_id
        # At the session's end, a turn is kept though it was not over.
        out = self._stopped(event.turn, event.to_ms)
        self._turns.pop(event.turn, None)
        out.append(e.Committed(item_id=item_id, previous_item_id=previous))
        out += self._item(item_id, e.InputAudioContent(transcript=event.text))
        usage = e.Usage(seconds=round(max(0.0, event.to_ms - event.from_ms) / 1000.0, 3))
        logprobs = _logprobs(event)
        out.append(e.TranscriptionCompleted(item_id=item_id, transcript=event.text, usage=usage, logprobs=logprobs))
        return out

    def _typed(self, event: log.TurnCommitted) -> list[e.ServerEvent]:
        item_id, self._typed_id = self._typed_id or candidate_item(event.turn), None
        return self._item(item_id, e.InputTextContent(text=event.text))

    def _item(self, item_id: str, content: e.InputAudioContent | e.InputTextContent) -> list[e.ServerEvent]:
        item = e.Item(id=item_id, status="completed", role="user", content=(content,))
        previous = self._take(item)
        return [e.ItemAdded(previous_item_id=previous, item=item), e.ItemDone(previous_item_id=previous, item=item)]

    def _take(self, item: e.Item) -> str | None:
        """Keep an item as the last one; return the one before it."""
        previous, self.last_item_id = self.last_item_id, item.id
        self.items[item.id] = item
        return previous

    # -------------------------------------------------------------- the patient

    def _reply_started(self, number: int) -> list[e.ServerEvent]:
        item = e.Item(id=patient_item(number), status="in_progress", role="assistant", content=())
        previous = self._take(item)
        self._reply = _ReplyUnderWay(number, previous)
        self.sent_ms[number] = 0.0
        response = response_id(number)
        return [
            e.ResponseCreated(response=self._response(number, "in_progress")),
            e.OutputItemAdded(response_id=response, item=item),
            e.ItemAdded(previous_item_id=previous, item=item),
            e.ContentPartAdded(item_id=item.id, response_id=response, part=e.AudioPart(transcript="")),
        ]

    def _clause(self, event: log.ClauseSpoken) -> list[e.ServerEvent]:
        reply = self._reply
        if reply is None or reply.number != event.reply:
            return []
        delta = f" {event.text}" if reply.spoken else event.text
        reply.spoken += 1
        item_id, response = patient_item(event.reply), response_id(event.reply)
        return [e.OutputTranscriptDelta(item_id=item_id, response_id=response, delta=delta)]

    def _reply_finished(self, event: log.ReplyFinished) -> list[e.ServerEvent]:
        status, details = _outcome(event.status)
        number, response = event.reply, response_id(event.reply)
        reply = self._reply
        if reply is None or reply.number != number:  # it made no sound
            created = e.ResponseCreated(response=self._response(number, "in_progress"))
            return [created, e.ResponseDone(response=self._response(number, status, details=details))]
        self._reply = None
        item = self._heard(number, event.heard, whole=event.status == "completed")
        part = e.AudioPart(transcript=event.heard)
        out = self._delta(number, self._encoder.rest(number, self._wire.output_encoding))
        out += [
            e.OutputAudioDone(item_id=item.id, response_id=response),
            e.OutputTranscriptDone(item_id=item.id, response_id=response, transcript=event.heard),
            e.ContentPartDone(item_id=item.id, response_id=response, part=part),
            e.OutputItemDone(response_id=response, item=item),
        ]
        if event.status != "completed":
            out.append(e.ItemTruncated(item_id=item.id, audio_end_ms=round(event.played_ms)))
        out.append(e.ItemDone(previous_item_id=reply.previous_item_id, item=item))
        out.append(e.ResponseDone(response=self._response(number, status, details=details, output=(item,))))
        return out

    def _truncated(self, number: int, heard: str, played_ms: float) -> list[e.ServerEvent]:
        item = self._heard(number, heard, whole=False)
        return [e.ItemTruncated(item_id=item.id, audio_end_ms=round(played_ms))]

    def _heard(self, number: int, heard: str, *, whole: bool) -> e.Item:
        """Keep a patient's item as it was heard."""
        item = e.Item(
            id=patient_item(number),
            status="completed" if whole else "incomplete",
            role="assistant",
            content=(e.OutputAudioContent(transcript=heard),),
        )
        self.items[item.id] = item
        return item

    def _response(
        self,
        number: int,
        status: e.ResponseStatus,
        *,
        details: e.StatusDetails | None = None,
        output: tuple[e.Item, ...] = (),
    ) -> e.Response:
        if number not in self._metadata:
            self._metadata[number], self._asked = self._asked, None
        return e.Response(
            id=response_id(number),
            metadata=self._metadata[number],
            status=status,
            status_details=details,
            output=output,
            conversation_id=f"conv_{self._wire.info.id}",
            audio=e.ResponseAudio(output=self._wire.shown_output()),
        )

    # -------------------------------------------------------------- the end

    def _ended(self, reason: str, at_ms: float) -> list[e.ServerEvent]:
        """What was begun is ended first, so that no client waits for it."""
        stopped = [event for number in tuple(self._turns) for event in self._stopped(number, at_ms)]
        return [*stopped, e.RoleplayEnded(reason=reason)]


def _logprobs(event: log.TurnCommitted) -> tuple[e.LogProbability, ...] | None:
    """Return the log probability of each word, or None: the protocol knows no word without one."""
    words, known = event.text.split(), [sure for sure in event.confidences if sure is not None]
    if not words or len(known) != len(words):
        return None
    tokens = (f" {word}" if index else word for index, word in enumerate(words))
    return tuple(
        e.LogProbability(token=token, logprob=round(math.log(max(sure, LEAST)), 4), bytes=tuple(token.encode()))
        for token, sure in zip(tokens, known, strict=True)
    )


def _outcome(status: str) -> tuple[e.ResponseStatus, e.StatusDetails | None]:
    """Return a response's status and details for a reply's status in the log."""
    match status:
        case "completed":
            return "completed", None
        case "failed":
            return "failed", e.StatusDetails(type="failed", error=e.ResponseError(code="reply.failed"))
        case _:
            return "cancelled", _details(status)


def _details(status: str) -> e.StatusDetails:
    reason: e.CancelReason = "turn_detected" if status == "interrupted" else "client_cancelled"
    return e.StatusDetails(type="cancelled", reason=reason)


def _advice(event: log.SoundAdvice) -> e.SoundAdviceMessage:
    return e.SoundAdviceMessage(message=ADVICE.get(event.kind, ""), **event.payload())


def _latency(event: log.TurnLatency) -> e.TurnLatencyMessage:
    return e.TurnLatencyMessage(
        turn=event.turn,
        voice_to_voice_ms=event.voice_to_voice_ms,
        parts=e.LatencyPartsBody(
            endpoint=event.endpoint_ms,
            recognise=event.recognise_ms,
            respond=event.respond_ms,
            speak=event.speak_ms,
            deliver=event.deliver_ms,
        ),
        last_voiced_ms=event.last_voiced_ms,
        estimated=event.estimated,
    )
