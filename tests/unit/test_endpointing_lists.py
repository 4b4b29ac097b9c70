"""What the endpointing holds for more to come: things of a list, words nobody ends on, a speaker cut off before."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.endpointing.completeness import OPEN_ODDS, shipped_model
from pipelines.endpointing.evidence import PauseEvidence
from pipelines.endpointing.features import ends_open, is_item, lists_so_far, turn_features, word_features
from pipelines.endpointing.policy import ASKED_OF_INNER, CAUTION, CAUTIONS, LATEST, LIST_ODDS, EndpointPolicy
from pipelines.endpointing.settings import EndpointSettings

FLOOR_MS = EndpointSettings().floor_ms
QUESTION = "have you had any vomiting"


def paused(before: str, piece: str = "", **known: Any) -> PauseEvidence:
    """Return the evidence of a pause after `piece`, which another pause had parted from `before`."""
    text = f"{before} {piece}".strip()
    count, words_before = len(text.split()), len(before.split()) if piece else 0
    return PauseEvidence(
        text=text,
        stable=True,
        speech_ms=330.0 * count,
        last_piece_ms=330.0 * (count - words_before),
        pieces=2 if piece else 1,
        words_before=words_before,
        after_gap_ms=600.0,
        after="It started about three weeks ago.",
        **known,
    )


def policy(**settings: Any) -> EndpointPolicy:
    return EndpointPolicy(EndpointSettings(**settings))


# ------------------------------------------------------------------ words


@pytest.mark.parametrize("piece", ["headaches", "dizziness", "your blood pressure", "the night sweats", "any fever"])
def test_a_noun_alone_or_with_what_stands_before_one_may_be_a_thing_of_a_list(piece: str) -> None:
    assert is_item(piece.split())


@pytest.mark.parametrize(
    "piece",
    [
        "",
        "and headaches",  # joined: the last of them
        "headaches too",
        "thanks",
        "doctor",
        "slowly",
        "at night",
        "do you",
        # Two words without a determiner are just as often the rest of a phrase.
        "night sweats",
        "the pain in your leg",
        "the little blue tablets",
        "three",
        "only ten",
    ],
)
def test_what_joins_makes_a_sentence_or_is_said_for_itself_is_none(piece: str) -> None:
    assert not is_item(piece.split())


@pytest.mark.parametrize(
    "text", ["your weight your blood pressure", "i want to check your weight your height", "my left arm my leg"]
)
def test_two_things_side_by_side_are_a_list_so_far(text: str) -> None:
    assert lists_so_far(text.split())


@pytest.mark.parametrize(
    "text",
    [
        "your weight and your blood pressure",
        "your weight or your height",
        "your weight my height",
        "your blood pressure",
        "your wound is your thing",
        "your weight your height please",
    ],
)
def test_things_that_are_joined_or_not_side_by_side_are_none(text: str) -> None:
    assert not lists_so_far(text.split())


@pytest.mark.parametrize("last", ["because", "my", "i'm", "very", "than", "um", "wondering"])
def test_nobody_ends_on_such_a_word(last: str) -> None:
    assert ends_open(["it", "was", last])
    assert shipped_model().inner_log_odds(f"it was {last}") >= OPEN_ODDS


@pytest.mark.parametrize("said", ["are you sure that", "it is important that", "i hope that", "it means that"])
def test_that_after_a_statement_opens_a_clause(said: str) -> None:
    assert ends_open(said.split())


@pytest.mark.parametrize("said", ["", "do you want that", "tell me about that", "i am fine", "how did you do that"])
def test_that_for_a_thing_and_other_ends_are_not_open(said: str) -> None:
    assert not ends_open(said.split())


@pytest.mark.parametrize(
    ("said", "open_still"),
    [
        ("if you take them", True),
        ("if you take them with food then it passes", False),
        ("i would like to know", True),
        ("is there anything that you would like to ask", False),
        ("i wanted to help", False),
    ],
)
def test_a_subordinate_clause_alone_and_a_verb_without_its_object_are_open(said: str, open_still: bool) -> None:
    assert ends_open(said.split()) is open_still


@pytest.mark.parametrize("stated", ["you have the tablets", "he has the letter", "they had your results"])
def test_who_has_something_asks_nothing(stated: str) -> None:
    assert turn_features(paused(stated))["question"] == 0.0
    assert word_features(stated.split())["no question"] == 1.0


@pytest.mark.parametrize("asked", ["have you the tablets", "do you have the tablets", "what have you taken", "are you"])
def test_whether_somebody_has_it_asks(asked: str) -> None:
    assert turn_features(paused(asked))["question"] == 1.0
    assert "no question" not in word_features(asked.split())


# ------------------------------------------------------------------ lists


def test_a_thing_said_alone_after_a_possible_end_is_waited_for_as_a_list() -> None:
    assert policy().odds(paused(QUESTION, "headaches")) == pytest.approx(LIST_ODDS)
    assert policy().wait_ms(paused(QUESTION, "headaches")) >= 1_000.0
    assert policy().wait_ms(paused(QUESTION, "your blood pressure")) >= 1_000.0


def test_the_same_words_in_one_piece_are_no_list() -> None:
    assert policy().odds(paused(f"{QUESTION} headaches")) < LIST_ODDS / 4
    assert policy().wait_ms(paused(f"{QUESTION} headaches")) < policy().wait_ms(paused(QUESTION, "headaches")) - 300.0


@pytest.mark.parametrize(
    ("before", "piece"),
    [
        (QUESTION, "and headaches"),  # "and" before the last one
        ("do you have any fever or chills", "headaches"),
        ("have you had fever and vomiting", "headaches"),
        (QUESTION, "please"),
        ("have you had any", "headaches"),  # the pause was inside a phrase, not between two things
        ("hello jones", "headaches"),  # too little before it
    ],
)
def test_after_and_or_inside_a_phrase_and_after_too_little_it_is_none(before: str, piece: str) -> None:
    assert policy().odds(paused(before, piece)) < LIST_ODDS


def test_an_and_that_is_long_past_does_not_end_the_list() -> None:
    before = "have you noticed swelling and after that any itching"
    assert policy().odds(paused(before, "headaches")) == pytest.approx(LIST_ODDS)


def test_what_a_cue_asked_for_is_no_list_unless_two_things_stand_side_by_side() -> None:
    assert policy().wait_ms(paused(QUESTION, "headaches", asks=0.9)) == FLOOR_MS
    # It was asked, and it was nothing.
    assert policy().odds(paused(QUESTION, "headaches", asks=0.0)) == pytest.approx(LIST_ODDS)
    side_by_side = "i need your weight your blood pressure"
    assert policy().odds(paused(side_by_side, asks=0.9)) == pytest.approx(LIST_ODDS)
    assert policy().odds(paused(side_by_side)) == pytest.approx(LIST_ODDS)


def test_odds_that_are_higher_already_stay() -> None:
    listed = "i need your weight your very"
    assert lists_so_far(listed.split())
    assert policy().odds(paused(listed)) > LIST_ODDS


# ------------------------------------------------------------------ what was asked for


def test_being_asked_for_says_less_where_the_words_cannot_be_the_end() -> None:
    # So high a share leaves next to nothing to the other model.
    judge = policy(inner_share=10.0)
    unfinished, finished = "i would like to know", "how long have you had this pain"
    factor = EndpointSettings().asked_factor
    assert judge.odds(paused(unfinished, asks=1.0)) == pytest.approx(
        judge.odds(paused(unfinished)) * factor**ASKED_OF_INNER, rel=0.01
    )
    assert policy(inner_share=0.0).odds(paused(finished, asks=1.0)) == pytest.approx(
        policy(inner_share=0.0).odds(paused(finished)) * factor
    )


# ------------------------------------------------------------------ whoever was cut off


def test_each_early_answer_makes_it_wait_longer_and_after_two_it_stays() -> None:
    judge = policy()
    unclear, clear = paused("i can understand that you are afraid"), paused("how long have you had this pain")
    waits_ms = []
    for _ in range(5):
        waits_ms.append(judge.wait_ms(unclear))
        judge.answered_too_early()
    assert waits_ms[0] < waits_ms[1] < waits_ms[2] == waits_ms[3] == waits_ms[4]
    assert CAUTIONS == 2
    assert waits_ms[1] - FLOOR_MS >= CAUTION * (waits_ms[0] - FLOOR_MS)
    # More than the wait stretched twice: answering early has also become dearer.
    assert waits_ms[2] - FLOOR_MS > CAUTION**2 * (waits_ms[0] - FLOOR_MS) + 1.0
    assert judge.wait_ms(clear) == FLOOR_MS


def test_caution_and_a_slow_speakers_habits_together_stay_under_the_limit() -> None:
    judge = policy()
    for _ in range(10):
        judge.answered_too_early()
        judge.resumed(30_000.0)
    unfinished = paused("i would like to know")
    assert judge.wait_ms(unfinished) == LATEST * EndpointSettings().ceiling_ms
