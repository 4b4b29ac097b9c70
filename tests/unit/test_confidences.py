"""How surely each word was understood, from the recogniser to the log, the wire and the record."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from pipelines.conversation.candidate_turn import Segment, Turn
from pipelines.engines import Word
from pipelines.events import Audience, TurnCommitted
from pipelines.log.disk import DiskThread
from pipelines.log.jsonl import PAYLOADS, JsonlStore
from pipelines.log.recorded_turns import recorded_turns
from pipelines.log.session_log import SessionLog
from pipelines.log.stored_events import StoredLog
from server.protocol import server_events as e
from server.protocol.translate import LEAST, Translator
from server.protocol.wire_session import SessionInfo, WireSession


def said(text: str, *confidences: float | None) -> Segment:
    words = zip(text.split(), confidences, strict=True)
    return Segment(0.0, text, tuple(Word(word, 0, 100, sure) for word, sure in words), final=True)


def turn(*segments: Segment) -> Turn:
    made = Turn(1, 0.0)
    made.segments = dict(enumerate(segments))
    return made


def log_to(store: JsonlStore | None = None) -> SessionLog:
    return SessionLog(now_ms=lambda: 0.0, media_ms=lambda: 0.0, salt=lambda: "", store=store, wall=lambda: 0.0)


def completed(event: TurnCommitted) -> e.TranscriptionCompleted:
    told = Translator(WireSession(SessionInfo("s", "asthma", 0))).translate(log_to().append(event))[-1]
    assert isinstance(told, e.TranscriptionCompleted)
    return told


# ------------------------------------------------------------------ from the segments


def test_a_turns_confidences_are_those_of_its_words_in_order() -> None:
    assert turn(said("good morning", 0.9, 0.25), said("Anna", 0.12345)).confidences() == (0.9, 0.25, 0.123)


def test_words_of_which_nothing_was_told_keep_their_place() -> None:
    late = Segment(0.0, "i am here", ())  # its final text came too late: the caption's counts
    other = Segment(0.0, "I'm Anna", (Word("I", 0, 1, 0.9), Word("am", 1, 2, 0.9), Word("Anna", 2, 3, 0.9)))
    assert turn(said("hello", 0.5), late, other).confidences() == (0.5, *[None] * 5)


def test_a_recogniser_that_tells_nothing_leaves_nothing() -> None:
    assert turn(said("hello there", None, None), Segment(0.0)).confidences() == ()


# ------------------------------------------------------------------ in the log


def test_the_stored_log_has_them_and_one_from_before_them_is_read(tmp_path: Path) -> None:
    kept = TurnCommitted(1, "hello Anna", 0.0, 900.0, confidences=(0.5, None))
    disk = DiskThread()
    store = JsonlStore(tmp_path, disk, failed=lambda error: pytest.fail(error.message))
    log = log_to(store)
    log.append(kept)
    log.append(TurnCommitted(2, "goodbye", 900.0, 1_000.0))
    log.close()
    disk.close()
    payloads = tmp_path / PAYLOADS
    lines = [json.loads(line) for line in payloads.read_text().splitlines()]
    forget(lines[1], "confidences")
    payloads.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert [record.event for record in StoredLog(tmp_path, None).records(Audience.CANDIDATE)] == [
        kept,
        TurnCommitted(2, "goodbye", 900.0, 1_000.0),
    ]


def forget(line: dict[str, Any], name: str) -> None:
    found = [value for value in line.values() if isinstance(value, dict) and name in value]
    assert len(found) == 1
    del found[0][name]


# ------------------------------------------------------------------ on the wire


def test_the_wire_has_a_log_probability_for_each_word_and_together_they_are_the_transcript() -> None:
    told = completed(TurnCommitted(1, "Guten Morgen, Frau Öz.", 0.0, 900.0, confidences=(0.9, 1.0, 0.3, 0.0)))
    assert told.logprobs is not None
    assert "".join(each.token for each in told.logprobs) == told.transcript
    assert bytes(value for each in told.logprobs for value in each.bytes).decode() == told.transcript
    assert [each.logprob for each in told.logprobs] == [-0.1054, 0.0, -1.204, round(math.log(LEAST), 4)]


def test_the_wire_has_none_where_some_word_has_none() -> None:
    assert completed(TurnCommitted(1, "hello Anna", 0.0, 900.0)).logprobs is None
    assert completed(TurnCommitted(1, "hello Anna", 0.0, 900.0, confidences=(0.5, None))).logprobs is None
    assert completed(TurnCommitted(1, "", 0.0, 900.0)).logprobs is None


# ------------------------------------------------------------------ in the record


def test_the_record_has_them_beside_the_words() -> None:
    log = log_to()
    log.append(TurnCommitted(1, "hello Anna", 0.0, 900.0, confidences=(0.5, None)))
    log.append(TurnCommitted(2, "goodbye", 900.0, 1_000.0))
    log.append(TurnCommitted(3, "What is that?", 1_000.0, 1_000.0, typed=True))
    turns = recorded_turns(log.read_from(0, Audience.DEVELOPER))
    assert [[word.confidence for word in each.words] for each in turns] == [[0.5, None], [None], []]
    assert [word[3] for word in turns[0].as_json({})["words"]] == [0.5, None]
