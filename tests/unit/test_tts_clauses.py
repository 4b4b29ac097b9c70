from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.tts.clauses import COMMA_PAUSE_MS, STOP_PAUSE_MS, split_clauses


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("", []),
        ("Yes", [("Yes", 0)]),
        ("Yes.", [("Yes.", STOP_PAUSE_MS)]),
        (
            "My chest hurts. It began on Monday!",
            [("My chest hurts.", STOP_PAUSE_MS), ("It began on Monday!", STOP_PAUSE_MS)],
        ),
        ("No. I can't.", [("No. I can't.", STOP_PAUSE_MS)]),  # too short to stand alone
        (
            "Well, to be honest with you, I have not slept since Monday, doctor, and nothing helps",
            [
                ("Well, to be honest with you,", COMMA_PAUSE_MS),
                ("I have not slept since Monday,", COMMA_PAUSE_MS),
                ("doctor, and nothing helps", 0),
            ],
        ),
        ("I have taken the tablets, yes.", [("I have taken the tablets, yes.", STOP_PAUSE_MS)]),
        (
            "It gets worse at night - much worse than before",
            [("It gets worse at night -", COMMA_PAUSE_MS), ("much worse than before", 0)],
        ),
        (
            "He said “it is nothing.” Then he left me",
            [("He said “it is nothing.”", STOP_PAUSE_MS), ("Then he left me", 0)],
        ),
    ],
)
def test_clauses(text: str, clauses: list[tuple[str, int]]) -> None:
    assert split_clauses(text) == clauses


@pytest.mark.parametrize(
    "text",
    [
        "Yesterday evening Dr. Smith came to see me",
        "I was told to take 2.5 mg of it every day",
        "Something for pain like e.g. ibuprofen would help",
        "It always begins at 10:30 a.m. and then goes",
        "I am staying in room No. 5 now",
        "My old doctor was called J. R. Patel",
        "I weigh about 1,200 or so I was told",
    ],
)
def test_abbreviations_and_numbers_are_not_cut(text: str) -> None:
    assert [clause for clause, _ in split_clauses(text) if clause != text] == []


def test_an_abbreviation_may_end_a_sentence() -> None:
    clauses = split_clauses("It always begins at 10 a.m. Then I feel better.")
    assert [clause for clause, _ in clauses] == ["It always begins at 10 a.m.", "Then I feel better."]
    assert split_clauses("It was only you and I. Nobody else was there.")[0][0] == "It was only you and I."


@given(st.text(alphabet="ab Z1.,;:!?-–'\"\n…", max_size=120) | st.text(max_size=60))
def test_no_text_is_lost(text: str) -> None:
    clauses = split_clauses(text)
    assert " ".join(clause for clause, _ in clauses) == " ".join(text.split())
    assert all(clause and pause_ms in (0, COMMA_PAUSE_MS, STOP_PAUSE_MS) for clause, pause_ms in clauses)


@given(st.lists(st.sampled_from(["well,", "yes.", "I", "think", "so;", "it", "hurts!"]), max_size=30))
def test_the_first_clause_is_never_tiny_when_more_follows(pieces: list[str]) -> None:
    clauses = split_clauses(" ".join(pieces))
    if len(clauses) > 1:
        assert sum(mark.isalnum() for mark in clauses[0][0]) >= 10
