"""What a turn is answered as, from how likely each act and each item is."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.intent.acts import Act
from pipelines.intent.reading import read

ACTS = (Act.CUE, Act.EXPLANATION, Act.ADVICE, Act.GREETING, Act.READINESS, Act.INVITATION)


def taken_for(shares: dict[Act, float], best: float = 0.9, *, first: bool = False) -> tuple[Act, float]:
    likely = np.array([shares.get(act, 0.0) for act in ACTS])
    reading = read(ACTS, likely, np.array([0.1, best]), first=first)
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


def test_a_card_without_items_has_nothing_to_tell() -> None:
    assert read(ACTS, np.array([1.0, 0, 0, 0, 0, 0]), np.zeros(0), first=False).act is Act.UNKNOWN
