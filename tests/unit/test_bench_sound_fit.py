"""The fit of what the sound is worth finds what the pauses were made with, whatever the price of patience."""

from __future__ import annotations

import math
import random

import pytest

from bench.sound_fit import HeardPause, fit_sound


def made(weight: float, hidden: float, common: float, count: int = 6_000) -> list[HeardPause]:
    rng = random.Random(5)
    heard = []
    for _ in range(count):
        hold, inner, sound = rng.uniform(0.2, 1.0), rng.uniform(0.0, 0.4), rng.uniform(-5.0, 5.0)
        odds = common * (hold * (1.0 - hidden + hidden * math.exp(weight * sound)) + inner)
        heard.append(HeardPause(hold, inner, sound, rng.random() < odds / (1.0 + odds)))
    return heard


@pytest.mark.parametrize(("weight", "hidden"), [(-0.5, 0.6), (-0.9, 0.2)])
@pytest.mark.parametrize("common", [0.5, 2.0])
def test_it_finds_the_weight(weight: float, hidden: float, common: float) -> None:
    assert fit_sound(made(weight, hidden, common), hidden) == pytest.approx(weight, abs=0.1)


def test_a_sound_that_says_nothing_weighs_nothing() -> None:
    assert abs(fit_sound(made(0.0, 0.5, 1.0), 0.5)) <= 0.06
