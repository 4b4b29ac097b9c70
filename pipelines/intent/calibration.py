"""How surely an item of a card is asked for, from how far it is ahead of its rivals: learned from labelled turns.

`calibration.json` has the weights; `python -m bench.train_intents` makes it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.intent.ridge import Matrix

TABLE = Path(__file__).with_name("calibration.json")


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a lead is worth: `slope` times the lead (`CardIndex.ahead`) plus `constant` are log odds.

    So likely as `told_at` must an item be to be told.
    """

    slope: float
    constant: float
    told_at: float

    @classmethod
    def load(cls, name: str) -> Calibration:
        """Read the weights that are shipped: "tuned" for the encoder that was tuned to such questions, "plain" for any
        other, "spelling" for what compares without one."""
        return cls(**json.loads(TABLE.read_text(encoding="utf-8"))[name])

    def probabilities(self, ahead: Matrix) -> Matrix:
        """Return how likely each item is to be the one asked for, of its lead; both float64 (texts, items)."""
        return 1.0 / (1.0 + np.exp(-(self.slope * ahead + self.constant)))
