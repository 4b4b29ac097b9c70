"""How well turns are understood without a text encoder, with and without recognition errors; how fast."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from bench.cue_cases import MatchingCase, MatchingReport, evaluate_matching
from pipelines.engines import IndexRequest, InterpretRequest
from pipelines.intent.acts import Act
from pipelines.intent.spelling_vectors import SpellingVectors
from pipelines.intent.words import stem, tokens
from pipelines.patient.card_library import CardLibrary
from tests.by_spelling import by_spelling
from tests.unit.recognition_errors import with_errors
from tests.unit.scripted_patient_sentences import DEVELOPMENT, HELD_OUT


@cache
def library() -> CardLibrary:
    return CardLibrary.load(Path(__file__).parents[2] / "configs" / "cards")


def measure(cases: tuple[MatchingCase, ...], error_rate: float) -> MatchingReport:
    seeds = range(2) if error_rate else range(1)
    damaged = [replace(case, text=with_errors(case.text, error_rate, seed)) for seed in seeds for case in cases]
    return evaluate_matching(by_spelling(), library(), damaged)


def test_sentences_are_not_triggers() -> None:
    triggers = {tokens(t) for card in library().values() for cue in card.cues for t in cue.triggers}
    assert not triggers & {tokens(case.text) for case in (*DEVELOPMENT, *HELD_OUT)}


# The floors are a few points below what was measured when the table was made, so that a step back is seen.
@pytest.mark.parametrize(
    ("cases", "error_rate", "floor"),
    [
        pytest.param(DEVELOPMENT, 0.0, 0.88, id="development-clean"),
        pytest.param(DEVELOPMENT, 0.15, 0.75, id="development-15"),
        pytest.param(DEVELOPMENT, 0.25, 0.68, id="development-25"),
        pytest.param(HELD_OUT, 0.0, 0.85, id="held-out-clean"),
        pytest.param(HELD_OUT, 0.15, 0.74, id="held-out-15"),
        pytest.param(HELD_OUT, 0.25, 0.70, id="held-out-25"),
    ],
)
def test_rate_of_understanding(cases: tuple[MatchingCase, ...], error_rate: float, floor: float) -> None:
    report = measure(cases, error_rate)
    failures = [f"{r.case.expected}: {r.case.text} -> {r.cue or r.intent}" for r in report.failures]
    assert report.rate >= floor, failures


def test_a_wrong_cue_is_told_seldom() -> None:
    results = measure((*DEVELOPMENT, *HELD_OUT), 0.25).results
    wrong = [result for result in results if not result.passed and result.cue is not None]
    assert len(wrong) / len(results) < 0.13


@pytest.mark.parametrize(
    "card_id", ["nursing-leg-wound", "medicine-headaches", "pharmacy-new-inhaler", "veterinary-itchy-dog"]
)
def test_triggers_find_their_own_cue(card_id: str) -> None:
    asked = [cue for cue in library()[card_id].cues if cue.kind == "asked"]
    cases = [MatchingCase(card_id, trigger, cue.id) for cue in asked for trigger in cue.triggers]
    report = evaluate_matching(by_spelling(), library(), cases)
    assert report.rate >= 0.95, [(r.case.text, r.case.expected, r.reason) for r in report.failures]


def test_report_counts_and_names_failures() -> None:
    good = MatchingCase("nursing-leg-wound", "do you smoke", "smoking")
    wrong = MatchingCase("nursing-leg-wound", "do you smoke", "pain")
    other = MatchingCase("medicine-headaches", "goodbye", "closing")
    report = evaluate_matching(by_spelling(), library(), [good, wrong, other])
    assert report.rate == pytest.approx(2 / 3)
    assert [result.case for result in report.failures] == [wrong]
    assert report.rates_by_card() == {"medicine-headaches": 1.0, "nursing-leg-wound": 0.5}
    assert report.results[0].cue == "smoking"
    assert evaluate_matching(by_spelling(), library(), []).rate == 0.0


def test_unknown_expectation_names_the_choices() -> None:
    case = MatchingCase("nursing-leg-wound", "do you smoke", "smokking")
    with pytest.raises(ValueError, match=r"'smokking' is no cue of the card and no intent"):
        evaluate_matching(by_spelling(), library(), [case])


def test_interpreting_takes_less_than_five_milliseconds() -> None:
    """Processor time of this thread, so that a busy machine doesn't fail it."""
    interpreter, card = by_spelling(), library()["nursing-leg-wound"]
    interpreter.warm()
    interpreter.index(IndexRequest(card))
    talk = " ".join(case.text for case in DEVELOPMENT if case.card_id == card.id and len(case.text) > 60).split()
    took_ms = []
    for turn in range(20):
        text = " ".join([*talk[turn : turn + 94], "can", "you", "tell", "me", f"whether you smoke{turn}"])
        begin = time.thread_time()
        heard = interpreter.interpret(InterpretRequest(card, text))
        took_ms.append(1000 * (time.thread_time() - begin))
        assert heard.reason
    assert sorted(took_ms)[len(took_ms) // 2] < 5.0


def test_words_are_normalised() -> None:
    assert tokens("Um, what's the matter? I can't sleep.") == (
        "what", "is", "the", "matter", "i", "can", "not", "sleep",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other"),
    [("smoke", "smoking"), ("allergies", "allergy"), ("stopped", "stop"), ("tumour", "tumor"), ("tablets", "tablet")],
)
def test_stems_meet(one: str, other: str) -> None:
    assert stem(one) == stem(other)


@pytest.mark.parametrize(
    ("text", "alike", "other"),
    [
        pytest.param("do you smoke", "are you a smoker", "are you a driver", id="pieces of a word"),
        pytest.param("how many cigarettes do you have", "do you smoke", "do you sleep well", id="what means the same"),
        pytest.param("any pane in your leg", "do you have pain in the leg", "do you live alone", id="misspelt"),
    ],
)
def test_likeness_goes_by_pieces_of_words_and_by_what_they_mean(text: str, alike: str, other: str) -> None:
    first, second, third = SpellingVectors().encode([text, alike, other])
    assert first @ second > first @ third + 0.1


@pytest.mark.parametrize("text", ["", "...", "\N{CJK UNIFIED IDEOGRAPH-75DB}", "a"])
def test_what_has_no_word_is_near_nothing_and_no_fault(text: str) -> None:
    nothing, some = SpellingVectors().encode([text, "do you smoke"])
    assert np.isfinite(nothing).all()
    assert abs(float(nothing @ some)) < 0.5


def test_intents_are_a_closed_set_with_unique_names() -> None:
    assert len({intent.value for intent in Act}) == len(Act) == 35
