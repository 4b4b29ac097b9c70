"""How surely an item of a card is asked for: from how far it is ahead of its rivals, and from how the reader reads it.

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

    Of an item that was read with the question (`ItemReader`) they are `read_slope` times the lead plus `read_weight`
    times what the reader says plus `read_constant`. So likely as `told_at` must an item be to be told; one that is
    likelier than `asked_at` may have been meant.
    """

    slope: float
    constant: float
    told_at: float
    asked_at: float
    read_slope: float = 0.0
    read_weight: float = 0.0
    read_constant: float = 0.0

    @classmethod
    def load(cls, name: str) -> Calibration:
        """Read the weights that are shipped: "read" for the encoder that was tuned to such questions and its reader,
        "tuned" for the encoder alone, "plain" for any other, "spelling" for what compares without one."""
        return cls(**json.loads(TABLE.read_text(encoding="utf-8"))[name])

    def probabilities(self, ahead: Matrix) -> Matrix:
        """Return how likely each item is to be the one asked for, of its lead; both float64 (texts, items)."""
        return _likely(self.slope * ahead + self.constant)

    def read(self, ahead: Matrix, read: Matrix) -> Matrix:
        """Return how likely items are that were read, of leads and the reader's log odds, all float64 (items,)."""
        return _likely(self.read_slope * ahead + self.read_weight * read + self.read_constant)


def _likely(log_odds: Matrix) -> Matrix:
    return np.asarray(1.0 / (1.0 + np.exp(-log_odds)), dtype=np.float64)
