"""Words that a patient does not know."""

from __future__ import annotations

import pytest

from pipelines.patient.jargon import unexplained


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("I think this is a medication overuse cephalalgia.", "cephalalgia"),
        ("Do you have any dyspnoea when you climb stairs?", "dyspnoea"),
        ("The lesion is on the distal part.", "lesion"),
        ("We see periwound maceration.", "periwound"),
        # Who says what it is, is not asked.
        ("This is called hyperopia, and it means that near things are blurred.", ""),
        ("You have arthritis in the knee, so the joint is worn.", ""),
        ("Take the tablets twice a day with food.", ""),
        ("The physiotherapist will show you some exercises.", ""),
        ("", ""),
    ],
)
def test_words_of_the_trade_are_noticed(text: str, word: str) -> None:
    assert unexplained(text, frozenset()) == word


def test_a_patient_knows_the_words_of_the_card() -> None:
    assert unexplained("Do you use your bronchodilator?", frozenset({"bronchodilator"})) == ""
