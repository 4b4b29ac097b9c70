"""What a turn is answered as, from how likely each act and each item is."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.intent.acts import Act
from pipelines.intent.reading import Reading, read, read_on

ACTS: tuple[Act, ...] = (Act.CUE, Act.EXPLANATION, Act.ADVICE, Act.GREETING, Act.READINESS, Act.INVITATION)
ACTS += (Act.TEACH_BACK, Act.SUMMARY, Act.RUDE, Act.EMPATHY)


def taken_for(
    shares: dict[Act, float], best: float = 0.9, *, first: bool = False, explained: bool = True
) -> tuple[Act, float]:
    likely = np.array([shares.get(act, 0.0) for act in ACTS])
    reading = read(ACTS, likely, np.array([0.1, best]), told_at=0.6, first=first, explained=explained)
    return reading.act, reading.confidence


def test_a_question_is_as_sure_as_the_item_it_asks_for() -> None:
    assert taken_for({Act.CUE: 0.8, Act.EXPLANATION: 0.2}) == (Act.CUE, 0.9)


@pytest.mark.parametrize(("best", "act"), [(0.6, Act.CUE), (0.4, Act.UNSURE), (0.1, Act.UNKNOWN)])
def test_what_fits_no_item_well_is_asked_back_or_denied(best: float, act: Act) -> None:
    assert taken_for({Act.CUE: 0.9}, best)[0] is act


def test_what_asks_for_nothing_counts_together() -> None:
    assert taken_for({Act.CUE: 0.4, Act.EXPLANATION: 0.25, Act.ADVICE: 0.35}) == (Act.ADVICE, 0.6)


def test_a_patient_who_has_not_spoken_is_greeted_first() -> None:
    shares = {Act.GREETING: 0.35, Act.CUE: 0.65}
    assert taken_for(shares, first=True)[0] is Act.GREETING
    assert taken_for(shares)[0] is Act.CUE


def test_a_scale_of_pain_is_no_scale_of_readiness() -> None:
    assert taken_for({Act.READINESS: 0.6, Act.CUE: 0.3}, 0.95)[0] is Act.CUE
    assert taken_for({Act.READINESS: 0.9}, 0.95)[0] is Act.READINESS


def test_worries_are_asked_for_however_well_an_item_fits() -> None:
    assert taken_for({Act.INVITATION: 0.9}, 0.99)[0] is Act.INVITATION


def test_nothing_is_asked_back_before_anything_was_explained() -> None:
    shares = {Act.TEACH_BACK: 0.9}
    assert taken_for(shares, 0.9)[0] is Act.TEACH_BACK
    assert taken_for(shares, 0.9, explained=False)[0] is Act.CUE
    assert taken_for(shares, 0.5, explained=False)[0] is Act.TEACH_BACK


def test_who_hardly_sums_up_explains() -> None:
    assert taken_for({Act.SUMMARY: 0.6, Act.EXPLANATION: 0.3})[0] is Act.SUMMARY
    assert taken_for({Act.SUMMARY: 0.4, Act.CUE: 0.3, Act.EXPLANATION: 0.3})[0] is Act.EXPLANATION


def test_nobody_is_called_rude_on_a_mere_suspicion() -> None:
    assert taken_for({Act.RUDE: 0.35, Act.EMPATHY: 0.34, Act.EXPLANATION: 0.26})[0] is Act.EMPATHY
    assert taken_for({Act.RUDE: 0.5, Act.EMPATHY: 0.3, Act.EXPLANATION: 0.2})[0] is Act.RUDE


def test_a_card_without_items_has_nothing_to_tell() -> None:
    assert read(ACTS, np.eye(len(ACTS))[0], np.zeros(0), told_at=0.6, first=False).act is Act.UNKNOWN


@pytest.mark.parametrize(
    ("whole", "before", "last", "text", "act"),
    [
        (Act.CUE, Act.ADVICE, Act.PROPOSAL, "How does that sound?", Act.PROPOSAL),
        (Act.INVITATION, Act.ADVICE, Act.INVITATION, "How do you feel about that?", Act.PROPOSAL),
        (Act.INVITATION, Act.EXPLANATION, Act.INVITATION, "What do you think about that?", Act.CHECK),
        # Worries are asked for after sympathy, and after bad news.
        (Act.INVITATION, Act.BAD_NEWS, Act.INVITATION, "How do you feel about that?", Act.INVITATION),
        # Only what was explained can be asked back.
        (Act.CUE, Act.CUE, Act.TEACH_BACK, "Tell me how you use it.", Act.CUE),
        (Act.CUE, Act.ADVICE, Act.TEACH_BACK, "Tell me how you will do it.", Act.TEACH_BACK),
        (Act.GREETING, Act.GREETING, Act.OPEN, "What can I do for you?", Act.OPEN),
        (Act.GREETING, Act.GREETING, Act.CUE, "And this must be Bella!", Act.GREETING),
        (Act.SUMMARY, Act.SUMMARY, Act.CHECK, "Is that right?", Act.SUMMARY),
    ],
)
def test_a_last_sentence_may_say_what_a_turn_is_for(whole: Act, before: Act, last: Act, text: str, act: Act) -> None:
    assert read_on(Reading(whole, 0.9), Reading(before, 0.9), Reading(last, 0.9), text=text).act is act


def test_a_last_sentence_that_is_not_sure_says_nothing() -> None:
    told = Reading(Act.CUE, 0.9), Reading(Act.ADVICE, 0.9)
    assert read_on(*told, Reading(Act.PROPOSAL, 0.35), text="").act is Act.PROPOSAL
    assert read_on(*told, Reading(Act.PROPOSAL, 0.2), text="").act is Act.CUE
    asked = Reading(Act.CUE, 0.9), Reading(Act.CUE, 0.9)
    assert read_on(*asked, Reading(Act.PROPOSAL, 0.35), text="").act is Act.CUE


def test_advice_that_would_do_harm_does_so_whatever_is_asked_behind_it() -> None:
    harmful, asks = Reading(Act.HARMFUL, 0.5), Reading(Act.PROPOSAL, 0.9)
    whole = Reading(Act.PROPOSAL, 0.9)
    assert read_on(whole, harmful, asks, text="Can you do that?").act is Act.HARMFUL
    assert read_on(whole, asks, harmful, text="Keep the watch on.").act is Act.HARMFUL
    # "Most people have a pill at home. Did you take one?" asks.
    cue = Reading(Act.CUE, 0.9)
    assert read_on(cue, harmful, cue, text="Did you take one?").act is Act.CUE
