"""What whoever sits an exam is sent: every event but those of words and figures, and in none a word that was said."""

from __future__ import annotations

import json

from pipelines import events as log
from pipelines.log.session_log import SessionLog
from server.protocol.translate import Translator
from server.protocol.wire_session import SessionInfo, WireSession
from server.protocol.wordless import without_words

SAID, HEARD = "candidatesaid", "patientsaid"
TALK: tuple[log.Event, ...] = (
    log.SessionStarted("sess_1", "exam", 300),
    log.SpeechStarted(1, 100.0),
    log.TranscriptPartial(1, f"{SAID} more", 2),
    log.SpeechStopped(1, 900.0),
    log.TurnCommitted(1, SAID, 100.0, 900.0, confidences=(0.9,)),
    log.ReplyStarted(1, 1),
    log.ClauseSpoken(1, HEARD, 0.0),
    log.TurnLatency(1, 1, 800.0, 400.0, 100.0, 100.0, 100.0, 100.0, 900.0, estimated=False),
    log.ReplyFinished(1, 1, "interrupted", HEARD, 500.0, estimated=False),
    log.TurnIgnored(2, "backchannel", SAID),
    log.SessionEnded("time_limit"),
)


def test_nothing_that_was_said_is_sent_and_no_figure() -> None:
    kept = SessionLog(now_ms=lambda: 0.0, media_ms=lambda: 0.0, salt=lambda: "", wall=lambda: 0.0)
    translator = Translator(WireSession(SessionInfo("sess_1", "asthma", 0)))
    plain = [event for one in TALK for event in translator.translate(kept.append(one))]
    sent = [told for event in plain if (told := without_words(event)) is not None]
    texts = [event.model_dump_json() for event in sent]
    assert not any(SAID in text or HEARD in text for text in texts)
    assert any(SAID in event.model_dump_json() for event in plain)
    kinds = [json.loads(text)["type"] for text in texts]
    assert "interlocutor.turn.latency" not in kinds
    assert "interlocutor.transcript.partial" not in kinds
    # What a page needs to know whose turn it is.
    for kind in (
        "input_audio_buffer.speech_started",
        "response.created",
        "response.done",
        "interlocutor.session.ended",
    ):
        assert kind in kinds
