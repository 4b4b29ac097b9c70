"""What patients say of who they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.patient.card_library import CardLibrary
from pipelines.patient.identity import Identity

CARDS = CardLibrary.load(Path(__file__).parents[2] / "configs" / "cards")
FOSTER = Identity(CARDS["nursing-leg-wound"])
BORN = "January seventh, nineteen sixty-eight."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("What's your name please?", "It's Daniel Foster."),
        ("Are you Daniel Foster?", "Yes, that's me."),
        ("Mr Foster?", "Yes, that's me."),
        ("Hello Mr Foster, could you tell me your full name?", "It's Daniel Foster."),
        ("My name is Joy. And who are you?", "It's Daniel Foster."),
        ("Can you spell your surname for me?", "F, O, S, T, E, R."),
        ("How would you like to be called?", "Daniel is fine."),
        ("Should I call you Daniel or Mr Foster?", "Daniel is fine."),
        ("How old are you?", "I'm 58."),
        ("Can I check your name and date of birth?", f"It's Daniel Foster. {BORN}"),
        ("When were you born, and what is your address?", f"{BORN} Forty-one Mill Street. Been there a good while."),
        ("", "It's Daniel Foster."),
    ],
)
def test_all_that_was_asked_for_is_said(text: str, said: str) -> None:
    assert FOSTER.answer(text) == said


def test_several_things_are_told_from_one() -> None:
    assert FOSTER.asks_for_several("Your name and your date of birth, please.")
    assert not FOSTER.asks_for_several("Your name, please.")
    assert FOSTER.is_asked("Your name, please.")
    assert not FOSTER.is_asked("What is the name of your doctor?")


def test_a_child_has_a_name_of_its_own() -> None:
    mother = Identity(CARDS["speech-pathology-child-stutter"])
    said = mother.answer("Your son's full name and date of birth, please.", name="Owen. With an E.")
    assert said == "Owen. With an E. January twentieth, two thousand twenty-two. So he's four."
