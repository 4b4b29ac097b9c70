"""The questions that one turn asks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.intent.questions import MOST, questions_of


@pytest.mark.parametrize(
    ("turn", "questions"),
    [
        ("Do you smoke, and do you drink any alcohol?", ["Do you smoke", "do you drink any alcohol?"]),
        ("do you smoke and are you allergic to anything", ["do you smoke", "are you allergic to anything"]),
        ("Do you smoke or drink?", ["Do you smoke?", "Do you drink?"]),
        ("Do you have diabetes or poor circulation?", ["Do you have diabetes?", "Do you have poor circulation?"]),
        ("What did your dad do, was he ill too?", ["What did your dad do", "was he ill too?"]),
        ("Do you live alone? And who does your shopping?", ["Do you live alone?", "And who does your shopping?"]),
        ("Have you had a fever or any chills?", ["Have you had a fever", "any chills?"]),
        ("Any other illnesses or allergies?", ["Any other illnesses?", "Any allergies?"]),
        # One question, however long it is.
        ("Do you smoke? I ask because smoking makes the healing slower.", []),
        ("Do you or your husband stutter?", []),
        ("Does she scratch more indoors or outdoors?", []),
        ("Where is the pain?", []),
        ("Smoking and drinking slow it down.", []),
        ("", []),
    ],
)
def test_each_question_stands_alone(turn: str, questions: list[str]) -> None:
    assert questions_of(turn) == questions


@given(st.text(max_size=200))
def test_whatever_comes_is_no_question_or_some(text: str) -> None:
    found = questions_of(text)
    assert len(found) != 1
    assert len(found) <= MOST
    assert all(question.strip() for question in found)
