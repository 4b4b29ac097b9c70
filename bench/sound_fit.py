"""Fits what the sound of a pause is worth: by likelihood, over a grid of weights.

The odds of going on are those of `EvidenceTable`, without its bound, and what is the same for all pauses beside them.
That last factor is fitted and left out: it is the price of patience, which the operator sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WEIGHTS = np.linspace(0.0, 1.5, 76)
# Newton's steps for the common factor: it is found to within rounding after half as many.
STEPS = 20

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HeardPause:
    """A pause when the turn detector was heard.

    `hold` and `inner` are the text's odds of a hold and of a pause between words, each times the share of pauses that
    last so long; `sound` is the detector's log odds that the turn is finished.
    """

    hold: float
    inner: float
    sound: float
    goes_on: bool


def fit_sound(heard: Sequence[HeardPause], hidden: float) -> float:
    """Return the weight of the sound for each unit towards finished (so below 0), with this hidden share of holds."""
    hold, inner, sound = (
        np.array(values) for values in zip(*((each.hold, each.inner, each.sound) for each in heard), strict=True)
    )
    goes_on = np.array([each.goes_on for each in heard])
    factors = np.exp(-WEIGHTS[:, np.newaxis] * sound)
    likelihoods = _best(np.log(hold * (1.0 - hidden + hidden * factors) + inner), goes_on)
    return -round(float(WEIGHTS[int(np.argmax(likelihoods))]), 2)


def _best(log_odds: Floats, goes_on: NDArray[np.bool_]) -> Floats:
    """Return the log likelihood of each row of log odds, with the common factor that suits it best."""
    common = np.zeros((len(log_odds), 1))
    for _ in range(STEPS):
        surely = 1.0 / (1.0 + np.exp(-log_odds - common))
        slope = np.sum(goes_on - surely, axis=1, keepdims=True)
        common += np.clip(slope / np.sum(surely * (1.0 - surely), axis=1, keepdims=True), -1.0, 1.0)
    margin = np.where(goes_on, 1.0, -1.0) * (log_odds + common)
    found: Floats = -np.sum(np.logaddexp(0.0, -margin), axis=1)
    return found
