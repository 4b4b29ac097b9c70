"""Open ends wait as long as a turn that ends on "and", and whole figures and sentences no longer than before."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipelines.endpointing.evidence import PauseEvidence
from pipelines.endpointing.open_ends import is_open
from pipelines.endpointing.policy import EndpointPolicy
from pipelines.endpointing.settings import EndpointSettings, Style
from pipelines.endpointing.spoken_figures import last_figure
from pipelines.endpointing.whole_figures import answers_with_figure

ROWS: list[dict[str, Any]] = yaml.safe_load(Path("tests/data/open_ends.yaml").read_text(encoding="utf-8"))
AFTER = "It started about three weeks ago."
AND = "so we will clean the wound and"
# How surely the patient's mind took the text for something asked: not put to it, and nearly sure.
ASKS = (None, 0.9)


def paused(text: str, *, asks: float | None = None, after: str = AFTER) -> PauseEvidence:
    spoken_ms = 330.0 * len(text.split())
    return PauseEvidence(
        text, stable=True, speech_ms=spoken_ms, last_piece_ms=spoken_ms, after_gap_ms=600.0, asks=asks, after=after
    )


def waits_ms(row: dict[str, Any], style: Style = "practice") -> list[int]:
    policy = EndpointPolicy(EndpointSettings(style=style))
    return [round(policy.wait_ms(paused(row["text"], asks=asks, after=row.get("after", AFTER)))) for asks in ASKS]


def rows(*, open_ends: bool) -> list[Any]:
    missed = pytest.mark.xfail(strict=True, reason="the rules are known to judge it wrongly")
    return [
        pytest.param(row, id=row["text"], marks=[missed] if row.get("missed") else [])
        for row in ROWS
        if row["open"] is open_ends
    ]


@pytest.mark.parametrize("row", rows(open_ends=True))
def test_an_open_end_waits_at_least_as_long_as_and(row: dict[str, Any]) -> None:
    for style in get_args(Style):
        pairs = zip(waits_ms(row, style), waits_ms({"text": AND}, style), strict=True)
        assert all(wait >= after_and for wait, after_and in pairs)


@pytest.mark.parametrize("row", rows(open_ends=False))
def test_what_is_whole_waits_no_longer_than_before_open_ends_were_known(row: dict[str, Any]) -> None:
    assert all(wait <= was for wait, was in zip(waits_ms(row), row["was_ms"], strict=True))


@pytest.mark.parametrize("answer", ["Three.", "3.", "about ten", "Twelve weeks.", "In 2 weeks."])
def test_a_figure_that_was_asked_for_is_answered_sooner_than_a_statement(answer: str) -> None:
    statement = waits_ms({"text": "i can understand that you are afraid"})[0]
    assert waits_ms({"text": answer, "after": "How many do you mean?"})[0] <= statement
    assert not answers_with_figure(answer.lower().split(), AFTER)


def test_a_figure_under_way_is_open_even_as_an_answer() -> None:
    assert is_open(paused("140 over", after="How high is it?"))
    assert is_open(paused("oh seven nine", after="What is your number?"))
    assert is_open(paused("0 7 9", after="What is your number?"))


@pytest.mark.parametrize("letters", ["M A R", "M-A-R"])
def test_letters_of_a_word_that_was_said_are_whole_once_they_spell_it(letters: str) -> None:
    assert is_open(paused(f"Maria {letters}"))
    assert not is_open(paused(f"Mar {letters}"))


def test_a_comma_is_open_but_for_one_after_a_receipt() -> None:
    assert is_open(paused("You may feel tired, dizzy,"))
    assert not is_open(paused("Okay,"))


def test_a_question_mark_says_that_a_short_question_is_whole() -> None:
    assert is_open(paused("can you tell me when"))
    assert not is_open(paused("Can you tell me when?"))


# ------------------------------------------------------------------ figures


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("it is thirty eight", ("38",)),
        ("one twenty", ("1", "20")),
        ("a hundred and forty", ("140",)),
        ("two thousand and five", ("2005",)),
        ("oh one double seven", ("0", "1", "7", "7")),
        ("nineteen eighty four", ("19", "84")),
        ("two point five", ("2", "5")),
    ],
)
def test_a_row_of_number_words_is_read_as_its_numbers(text: str, numbers: tuple[str, ...]) -> None:
    figure = last_figure(text.split())
    assert figure is not None
    assert figure.numbers == numbers


@pytest.mark.parametrize("text", ["", "what is the point", "this and that", "double", "take it twice a day"])
def test_other_words_are_no_figure(text: str) -> None:
    assert last_figure(text.split()) is None


VOCABULARY = (
    "zero oh one two nineteen twenty hundred thousand and a point double over of to in past half number room code is "
    "about least at postcode birth date may tenth s w for with sorry no 0 7 12 804 2. 10% 1/2 4-5 3rd , ? -"
).split()


@hypothesis_settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(VOCABULARY), max_size=9), st.lists(st.sampled_from(VOCABULARY), max_size=3))
def test_any_row_of_such_words_is_judged(said: list[str], after: list[str]) -> None:
    assert is_open(paused(" ".join(said), after=" ".join(after))) in (True, False)
