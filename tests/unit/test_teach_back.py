"""What a patient has understood that they are to do, and whether a summary agrees with what was told."""

from __future__ import annotations

import pytest

from pipelines.engines import HistoryItem
from pipelines.patient.teach_back import NOTHING_LINE, in_own_words


def after(*said: str) -> str:
    return in_own_words([HistoryItem("candidate", text) for text in said])


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("You should keep your leg up.", "So I should keep your leg up.".replace("your", "my")),
        ("Please don't smoke before I see you again.", "So I should not smoke before you see me again."),
        ("You mustn't drive with it.", "So I should not drive with it."),
        ("If it swells, call us at once.", "So I should call you at once if it swells."),
        ("Take, um, one tablet in the morning.", "So I should take one tablet in the morning."),
        (
            "You need to rest, and I'd like you to come back on Friday.",
            "So I should rest, and come back on Friday.",
        ),
        ("Then rinse it with salt water.", "So I should rinse it with salt water."),
        ("Call me, although you may feel fine.", "So I should call you, although I may feel fine."),
    ],
)
def test_instructions_are_turned_round(said: str, told: str) -> None:
    assert after(said) == told


def test_the_last_three_instructions_are_kept_each_once() -> None:
    told = after("Take it daily.", "You should walk more. Keep it dry.", "Keep it dry. Please call me.")
    assert told == "So I should walk more, keep it dry, and call you."


def test_it_is_told_what_was_asked_for() -> None:
    said = "The pressure in your eyes is too high for the nerve. Use the drops daily. If it hurts, call us."
    history = [HistoryItem("candidate", said)]
    assert in_own_words(history, asked="When would you call us?") == "So I should call you if it hurts."
    assert in_own_words(history, asked="Why do I send you there?").startswith("Let me see. The pressure in my eyes")
    assert in_own_words(history) == "So I should use the drops daily, and call you if it hurts."


def test_what_the_candidate_tells_one_to_do_may_be_a_statement() -> None:
    told = after("We treat the cats, and you wash the bed hot. Please don't bathe her.")
    assert told == "So I should wash the bed hot, and not bathe her."


def test_what_was_explained_is_told_where_there_is_nothing_to_do() -> None:
    told = after("Hello, I'm the nurse.", "The nerve at the back of your eye is slowly damaged. Is that clear?")
    assert told == "Let me see. The nerve at the back of my eye is slowly damaged."


@pytest.mark.parametrize(
    "said",
    ["", "Hello, please take a seat.", "That must be hard for you.", "Should you keep your leg up?", "You know."],
)
def test_where_nothing_was_explained_nothing_is_made_up(said: str) -> None:
    assert after(said) == NOTHING_LINE


def test_what_the_patient_said_is_no_instruction() -> None:
    assert in_own_words([HistoryItem("patient", "You should keep your leg up.")]) == NOTHING_LINE


@pytest.mark.parametrize(
    "text", ["you should " + "x " * 5_000, "Please " * 1_000, "?!.;" * 500, "take 药 every day.", "you should"]
)
def test_odd_speech_gets_some_sentence(text: str) -> None:
    assert after(text).endswith((".", "?"))
