"""Danger and distress of the person who practises: noticed in plain and in other words, and told from talk of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.cues import load_sentences
from pipelines.engines import HistoryItem, InterpretRequest
from pipelines.intent.distress import by_rules
from pipelines.intent.learned import LearnedInterpreter
from pipelines.patient.card_library import CardLibrary
from tests.by_spelling import by_spelling
from tests.nightly import one_in

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
CARD = "nursing-leg-wound"


@cache
def library() -> CardLibrary:
    return CardLibrary.load(ROOT / "configs" / "cards")


@pytest.fixture(scope="module")
def interpreter(learned_interpreter: LearnedInterpreter) -> LearnedInterpreter:
    return learned_interpreter


def noticed(interpreter: LearnedInterpreter, text: str, card: str = CARD) -> str:
    spoken = (HistoryItem("patient", "Hello there."),)
    return interpreter.interpret(InterpretRequest(library()[card], text, (), spoken)).distress


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("I want to kill myself.", "self_harm"),
        ("Sometimes I think I'd be better off dead.", "self_harm"),
        ("I can't breathe, something is wrong.", "collapse"),
        ("I'm going to faint.", "collapse"),
        ("I have a terrible pain in my chest right now.", "collapse"),
    ],
)
def test_plain_words_are_enough(text: str, kind: str) -> None:
    assert by_rules(text) == kind
    assert noticed(by_spelling(), f"Okay, thank you. {text}") == kind


# They had been taken for distress.
@pytest.mark.parametrize(
    "text",
    [
        "Hello Mr Foster, good afternoon. My name is Maria and I am the nurse on duty today.",
        "Hello, please come in and take a seat. I am one of the nurses here.",
        "My name is Zuleika Quennell and my number is 07700 900461.",
        "I'm so sorry, she was barking and I couldn't hear you.",
        "I have here written Walter Jensen. How would you like that I call you?",
        "This is your first time here. He is in the next room with my colleague now. Have I got this right so far?",
    ],
)
def test_who_says_who_they_are_is_in_no_danger(interpreter: LearnedInterpreter, text: str) -> None:
    for mind in (interpreter, by_spelling()):
        assert noticed(mind, text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "Have you ever thought of killing yourself?",
        "Do you have pain in your chest?",
        "This pain must be killing you.",
        "I can't hear you.",
        "You should not hurt yourself with that knife.",
    ],
)
def test_what_is_asked_or_said_of_the_patient_is_none(text: str) -> None:
    assert by_rules(text) == ""


def held_out() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = yaml.safe_load((DATA / "distress.yaml").read_text(encoding="utf-8"))
    return rows


def test_strangers_in_distress_are_noticed(interpreter: LearnedInterpreter) -> None:
    real = [row["text"] for row in held_out() if row["real"]]
    assert sum(bool(noticed(interpreter, text)) for text in real) >= 29


def test_talk_that_sounds_like_it_is_told_apart(interpreter: LearnedInterpreter) -> None:
    other = [row["text"] for row in held_out() if not row["real"]]
    assert sum(bool(noticed(interpreter, text)) for text in other) <= 5


def test_ordinary_talk_raises_no_alarm(interpreter: LearnedInterpreter) -> None:
    names = ("sentences", "sentences_more", "sentences_heldout", "sentences_fresh", "sentences_final")
    cases = [case for name in names for case in load_sentences(DATA / f"{name}.yaml", library())]
    assert len(cases) > 500
    tried = one_in(4, cases)
    alarms = [case.text for case in tried if noticed(interpreter, case.text, case.card_id)]
    assert len(alarms) <= len(tried) / 500
