"""How likely a pause is inside a turn: two logistic models over features of the text, and how long such pauses last.

A pause inside a turn is one of two things: a *hold* after a whole utterance, before the next one ("OK. ... And do you
smoke?"), or an *inner* pause between two words of one. Each has its model; their odds against the turn's end add up.
The weights are in `model.json`, made by `python -m bench.train_turns`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

from pipelines.endpointing.evidence import PauseEvidence
from pipelines.endpointing.features import Features, ends_open, turn_features, word_features, words_of

SHIPPED = Path(__file__).with_name("model.json")

# Short pauses, as between two sentences said in one breath: transcribers leave most of those under 0.4 s out.
SHORT_PAUSE_S = 0.52
SHORT_SPREAD = 0.09

INNER_CLIP = 4.0  # log odds; single words can't be surer than that
# What nobody ends on has these log odds at least: it is too rare in the data to be learned in full.
OPEN_ODDS = 3.0


@dataclass(frozen=True, slots=True)
class Logistic:
    """Log odds as a weighted sum; a feature without a weight counts nothing."""

    bias: float
    weights: dict[str, float]

    def log_odds(self, features: Features) -> float:
        """Return the log odds for these features."""
        weights = self.weights
        return self.bias + sum(weights[name] * value for name, value in features.items() if name in weights)


@dataclass(frozen=True, slots=True)
class CompletenessModel:
    """What the endpointing knows of people: when they go on, and after how long.

    `holds` tells a hold from a turn's end, `inner` an inner pause from it. Pauses after which they go on are
    log-normal: `pause_s` is their median, `pause_spread` the standard deviation of their logarithm. `source` names the
    data.
    """

    source: dict[str, Any]
    holds: Logistic
    inner: Logistic
    pause_s: float
    pause_spread: float

    def inner_log_odds(self, text: str) -> float:
        """Return the log odds that the words so far are not the end of an utterance."""
        words = words_of(text)
        least = OPEN_ODDS if ends_open(words) else -INNER_CLIP
        return min(max(self.inner.log_odds(word_features(words)), least), INNER_CLIP)

    def hold_log_odds(self, evidence: PauseEvidence, inner: float) -> float:
        """Return the log odds that the speaker goes on with another utterance; `inner` is `inner_log_odds`."""
        return self.holds.log_odds(turn_features(evidence) | {"inner": inner / 2})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a parameter file; raises OSError or ValueError when it is no such file."""
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            source=content["source"],
            holds=Logistic(**content["holds"]),
            inner=Logistic(**content["inner"]),
            pause_s=content["pause_s"],
            pause_spread=content["pause_spread"],
        )


def longer_than_short(wait_s: float) -> float:
    """Return the share of the short pauses that last longer."""
    return longer_than(wait_s, SHORT_PAUSE_S, SHORT_SPREAD)


def longer_than(wait_s: float, median_s: float, spread: float) -> float:
    """Return the share of log-normal pauses that last longer."""
    if wait_s <= 0:
        return 1.0
    return 0.5 * math.erfc(math.log(wait_s / median_s) / (spread * math.sqrt(2.0)))


def going_on(wait_s: float, median_s: float, spread: float, short_share: float) -> float:
    """Return how many pauses last longer for each one inside a turn, where so many short ones come with each."""
    return longer_than(wait_s, median_s, spread) + short_share * longer_than_short(wait_s)


@cache
def shipped_model() -> CompletenessModel:
    """Return the model that comes with the program, read once."""
    return CompletenessModel.load(SHIPPED)
