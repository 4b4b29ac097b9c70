"""What a candidate is shown afterwards, from the session's log."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from pipelines import events
from pipelines.intent.exemplars import TopicClass
from pipelines.log.session_log import SessionLog
from pipelines.patient.card_library import CardLibrary
from server.records.debrief import Debrief, summarise

ROOT = Path(__file__).resolve().parents[2]
CARD = CardLibrary.load(ROOT / "configs" / "cards").get_card("nursing-leg-wound")


def debrief(*happened: events.Event) -> Debrief:
    log = SessionLog(now_ms=lambda: 0.0, media_ms=lambda: 0.0, salt=lambda: "", wall=lambda: 0.0)
    for event in happened:
        log.append(event)
    return summarise(log.read_from(0, events.Audience.EXAMINER), CARD)


def interpreted(turn: int, **shares: float) -> events.UtteranceInterpreted:
    return events.UtteranceInterpreted(turn, "cue_question", 0.9, {}, 0.9, "", shares)


def test_the_last_reading_of_each_turn_tells_what_was_asked_about() -> None:
    made = debrief(
        interpreted(1, symptoms=0.9),
        interpreted(1, medication=0.8, symptoms=0.1),
        interpreted(2, symptoms=0.7, history=0.2),
        interpreted(3, medication=0.6),
        # Of nothing in particular.
        interpreted(4, social=0.4, family=0.4),
        interpreted(5),
    )
    told = made.as_json(show_cues=True)["subjects"]
    assert told == [{"subject": "medication", "turns": 2}, {"subject": "symptoms", "turns": 1}]


def test_in_an_exam_the_candidate_is_told_neither_cues_nor_subjects() -> None:
    told = debrief(interpreted(1, symptoms=0.9)).as_json(show_cues=False)
    assert told["cues"] == told["subjects"] == []


def test_the_page_has_a_name_for_every_kind_of_thing() -> None:
    strings = (ROOT / "static" / "strings.js").read_text(encoding="utf-8")
    names = strings[strings.index("subject_names: {") :].partition("}")[0]
    assert all(f"      {name}: " in names for name in get_args(TopicClass))
