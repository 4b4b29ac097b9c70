"""Whether a summary agrees with what was told: claim by claim."""

from __future__ import annotations

import pytest

from pipelines.intent.sentences import claims_of
from pipelines.patient.summaries import Stated, disagreeing

STARTED = "It started about three weeks ago, on my left shin. It didn't seem worth having stitches."
MOTHER = "My mother had migraines until she was fifty."
CATS = "We have two cats. I don't treat them for anything."
WEIGHT = "I've lost twelve pounds since last summer."
FALLS = "Twice this past month, in the hallway. I bruised my hip."


@pytest.mark.parametrize(
    ("claim", "told"),
    [
        ("it started three weeks ago", STARTED),
        ("it began on the third night", "On the third night this deep ache started."),
        ("at first it was fine", "On the third night this deep ache started."),
        ("you took two codeine tablets", "I had two of my girlfriend's codeine tablets."),
        ("it started 3 weeks ago", STARTED),
        ("it began about a month ago", STARTED),
        ("you have a cut on your left leg, is that right?", STARTED),
        ("nobody stitched it", STARTED),
        ("you smoke fifteen a day", "About fifteen a day, since I was twenty."),
        ("your mum had migraines", MOTHER),
        ("you don't treat the cats", CATS),
        ("you lost twelve pounds", WEIGHT),
        ("you fell two times", FALLS),
        ("you use it almost daily", "Five or six times a week, I guess."),
        ("your daughter comes on the weekend", "My daughter comes on Saturdays."),
        ("you smoke fifteen a day", "I smoke fifteen cigarettes every day."),
        ("you worked in the shipyard for 34 years", "I was in the shipyard for thirty-four years."),
        ("you were a watchmaker for 41 years", "I was a watchmaker for forty-one years."),
        ("you weigh one hundred and twenty pounds", "I'm 120 pounds."),
        ("it has not hurt for days", "It hurt for zero days."),
        ("it came on slowly", "It's been about a week, I think."),
        ("it hurts, that's right?", STARTED),
        ("you forget the evening tablet sometimes", "I take two tablets, and the evening one I forget."),
    ],
)
def test_what_says_the_same_or_something_else_is_no_fault(claim: str, told: str) -> None:
    assert disagreeing([Stated(claim, told)], known=frozenset({"leg"})) == ""


@pytest.mark.parametrize(
    ("claim", "told"),
    [
        ("it began on the second night", "On the third night this deep ache started."),
        ("you took three codeine tablets", "I had two of my girlfriend's codeine tablets."),
        ("you smoke twenty a day", "Yes, roll-ups, about ten a day."),
        ("you have one cat", CATS),
        ("it started two days ago", STARTED),
        ("you worked there for 4 years", "I was in the shipyard for thirty-four years."),
        ("you smoke twenty a day", "I smoke sixty a day."),
        ("it started three months ago", STARTED),
        ("you have a cut on your right leg", STARTED),
        ("your father had migraines", MOTHER),
        ("you treat both cats against fleas", CATS),
        ("you gained twelve pounds", WEIGHT),
        ("you lost twenty pounds", WEIGHT),
        ("you fell once", FALLS),
        ("you broke your wrist", FALLS),
        ("you take it only once in a month", "I take it five or six days a week."),
        ("she comes every morning", "She comes over at weekends."),
        ("you wake up every night", "Two nights a week, maybe."),
        ("it comes in the evening", "Mostly in the mornings."),
        ("aspirin gave you the rash", "Just penicillin. I came out in a rash."),
    ],
)
def test_what_says_otherwise_is_corrected(claim: str, told: str) -> None:
    assert disagreeing([Stated(claim, told)]) == told


def test_a_part_of_the_body_that_is_on_the_card_may_be_another_word_for_the_same() -> None:
    assert disagreeing([Stated("you cut your leg", "I caught my shin.")], known=frozenset({"leg", "shin"})) == ""


def test_a_summary_is_taken_apart_into_claims() -> None:
    summary = "So you fell on Monday, the wrist swelled overnight, and you have taken nothing for it. Right?"
    assert claims_of(summary) == [
        "So you fell on Monday",
        "the wrist swelled overnight",
        "you have taken nothing for it",
    ]
