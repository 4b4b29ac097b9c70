"""Examples of every message and event, made by the models and the translator themselves, for the published page."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel

from audio.playout import PlayoutChunk
from pipelines import events as log
from pipelines.assessment.measure import DEFINITIONS
from pipelines.log.session_log import SessionLog
from server.protocol import desk_messages as d
from server.protocol import server_events as e
from server.protocol.refusal import Code
from server.protocol.translate import Translator
from server.protocol.wire_session import SessionInfo, WireSession

SESSION_ID = "sess_1"
CLIENT_EXAMPLES: tuple[dict[str, Any], ...] = (
    {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "turn_detection": {"type": "server_vad", "create_response": True, "interrupt_response": True},
                }
            },
        },
    },
    {"type": "input_audio_buffer.append", "audio": "AAABAAIAAwA="},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {
        "type": "conversation.item.create",
        "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "How are you today?"}]},
    },
    {"type": "conversation.item.truncate", "item_id": "item_p1", "content_index": 0, "audio_end_ms": 640},
    {"type": "conversation.item.retrieve", "item_id": "item_c1"},
    {"type": "conversation.item.delete", "item_id": "item_c1"},
    {"type": "response.create"},
    {"type": "response.cancel", "response_id": "resp_1"},
    {"type": "output_audio_buffer.clear"},
    {"type": "interlocutor.client.configure", "playout_acks": True, "echo_cancellation": True, "resume": True},
    {"type": "interlocutor.pulse"},
    {"type": "interlocutor.playout", "item_id": "item_p1", "played_ms": 300},
    {"type": "interlocutor.playout.delay", "delay_ms": 60},
    {"type": "interlocutor.session.pause", "paused": True},
    {"type": "interlocutor.session.end"},
)

_TURN: tuple[log.Event, ...] = (
    log.SessionStarted(SESSION_ID, "practice", 300),
    log.SpeechStarted(1, 400.0),
    log.TranscriptPartial(1, "Hello nurse", 1),
    log.SpeechStopped(1, 2100.0),
    log.TurnCommitted(1, "Hello, nurse.", 400.0, 2100.0, confidences=(0.92, 0.27)),
    log.ReplyStarted(1, 1),
    log.ClauseSpoken(1, "Good morning.", 0.0),
    log.TurnLatency(1, 1, 812.0, 400.0, 120.0, 60.0, 80.0, 152.0, 2100.0, estimated=True),
    log.TurnTimeline(
        1, 1, 2100.0, wait_ms=380.0, pause_ms=140.0, transcript_ms=190.0, draft_ms=190.0, clause_ms=250.0,
        sound_ms=330.0, endpoint_ms=400.0, committed_ms=520.0, released_ms=520.0, audible_ms=812.0,
        speculated=2, discarded=1, discarded_ms=85.0, reused=True,
    ),
)  # fmt: skip
_END: tuple[log.Event, ...] = (
    log.ReplyFinished(1, 1, "interrupted", "Good", 640.0, estimated=False),
    log.TurnIgnored(2, "noise"),
    log.SoundAdvice("faint", -51.3, 24.0, 0.0),
    log.Problem("reply.failed", "the patient can't answer just now; please say it again"),
    log.SessionPaused(True, 184_000),
    log.ObserversChanged(2, 1),
    log.ServerStopping(330),
    log.SessionEnded("ended"),
)


_CARD = {"id": "nursing-asthma-plan", "title": "An asthma plan", "cues": [{"id": "worry", "topic": "Worries"}]}
_FOLLOWED = d.DeskSession(
    id=SESSION_ID, mode="exam", status="running", candidate="Ana Lima", card=_CARD, session_s=300, left_ms=184_000,
    paused=False,
)  # fmt: skip


def desk_examples() -> dict[str, BaseModel]:
    """Return an example of every message of the desk by its type."""
    told = d.DeskEvent(
        seq=41, media_ms=61_240.0, session_ms=61_251.3, wall="2026-01-01T09:01:01.251Z", event="cue_heard",
        payload={"cue": "worry", "reply": 5, "turn": 4},
    )  # fmt: skip
    defined = DEFINITIONS["fillers"]
    fillers = d.DeskMeasure(
        id="fillers", value=3.5, unit=defined.unit, unmeasured="", definition=defined.text, limits=defined.limits
    )
    examples = (
        d.DeskSnapshot(session=_FOLLOWED, next_seq=42),
        d.DeskEvents(events=(told,)),
        d.DeskMeasures(measures=(fillers,)),
        d.DeskListen(on=True, back_s=30),
        d.DeskCall(sdp="v=0 ..."),
        d.DeskAnswer(sdp="v=0 ..."),
        d.DeskSound(on=True, reason="asked", from_ms=31_240.0),
        d.DeskError(code="access.withdrawn", message="you may no longer follow this role-play"),
        d.DeskOver(),
    )
    return {example.model_dump()["type"]: example for example in examples}


def client_examples() -> dict[str, dict[str, Any]]:
    """Return an example of every client message by its type."""
    return {example["type"]: example for example in CLIENT_EXAMPLES}


def server_examples() -> dict[str, e.ServerEvent]:
    """Return an example of every server event by its type: those of one turn, and the answers to requests."""
    wire = WireSession(SessionInfo(SESSION_ID, "nursing-asthma-plan", 1767225600))
    translator = Translator(wire)
    session_log = SessionLog(now_ms=lambda: 0.0, media_ms=lambda: 2600.0, salt=lambda: "", wall=lambda: 0.0)
    session = wire.shown()
    told: list[e.ServerEvent] = [e.SessionCreated(session=session), e.SessionUpdated(session=session)]
    offer = e.ResumeOffer(token="kJ2vQ0pT8sXy5bNw3rLd7A", within_s=60)  # noqa: S106 - an example
    told.append(e.ClientConfigured(playout_acks=True, echo_cancellation=True, resume=offer))
    told.append(e.SessionResumed(session=session, received_ms=41_380.0, elapsed_ms=43_215.0, complete=True))
    told.append(e.ServerHeartbeat(received_ms=41_380.0))
    for event in _TURN:
        told += translator.translate(session_log.append(event))
    told += translator.audio(PlayoutChunk(1, 0, 0.0, np.arange(4, dtype=np.int16)))
    told += [
        translator.held(1),
        translator.resumed(1, 480.0),
        translator.restarted(1, 480.0),
        *translator.cleared(1, 640.0),
    ]
    for event in _END:
        told += translator.translate(session_log.append(event))
    told.append(e.ItemRetrieved(item=translator.items["item_c1"]))
    told += [e.Cleared(), e.OutputStarted(response_id="resp_1"), e.OutputStopped(response_id="resp_1")]
    told.append(e.OutputCleared(response_id="resp_1"))
    message = "session.instructions can't be set to this here: the card says what the patient is and does"
    body = e.ErrorBody(code=Code.NOT_ALLOWED, message=message, param="session.instructions", event_id="mine_7")
    told.append(e.Error(error=body))
    examples: dict[str, e.ServerEvent] = {}
    for number, event_ in enumerate(told, 1):
        shown = event_.model_copy(update={"event_id": f"event_{number:06d}"})
        examples.setdefault(shown.model_dump()["type"], shown)
    return examples
