"""How surely an item of a card is asked for, from what speaks for it: a logistic model learned from labelled turns.

`calibration.json` has its weights; `python -m bench.train_intents` makes it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.intent.card_index import FEATURES
from pipelines.intent.ridge import Matrix

TABLE = Path(__file__).with_name("calibration.json")


@dataclass(frozen=True, slots=True)
class Calibration:
    """One weight for each column of `CardIndex.features`, and a constant."""

    weights: tuple[float, ...]
    constant: float

    @classmethod
    def load(cls) -> Calibration:
        """Read the weights that are shipped."""
        told = json.loads(TABLE.read_text(encoding="utf-8"))
        return cls(tuple(told["weights"].get(name, 0.0) for name in FEATURES), told["constant"])

    def probabilities(self, features: Matrix) -> Matrix:
        """Return the probability of each item, (texts, items), of features (texts, items, columns)."""
        odds = features @ np.array(self.weights) + self.constant
        shares: Matrix = 1.0 / (1.0 + np.exp(-odds))
        return shares
