"""How likely a clause tells what may not be told: small networks of its numbers, learned by `bench/train_guard.py`.

Each has one hidden layer with tanh; the log odds are the mean of all. A single logistic model of the same numbers finds
a third fewer leaks, since what a number means depends on others: nearness to the candidate's words is worth something
only after an explanation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WEIGHTS = Path(__file__).with_name("unreleased.json")
"""The networks that come with the product."""

# A number further from its mean than so many standard deviations counts no more.
FAR = 4.0
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SmallNetwork:
    """One network: `inner` (features, units), `inner_bias` (units,), `outer` (units,), `outer_bias`."""

    inner: Floats
    inner_bias: Floats
    outer: Floats
    outer_bias: float

    def log_odds(self, values: Floats) -> Floats:
        """Return log odds, float64 (rows,), of standardised numbers (rows, features)."""
        return np.asarray(np.tanh(values @ self.inner + self.inner_bias) @ self.outer + self.outer_bias)


@dataclass(frozen=True, slots=True)
class UnreleasedModel:
    """Networks that say the same, taken together; numbers come by name and are standardised by mean and spread."""

    names: tuple[str, ...]
    mean: Floats
    spread: Floats
    networks: tuple[SmallNetwork, ...]

    def log_odds(self, rows: Sequence[Mapping[str, float]]) -> Floats:
        """Return the log odds of clauses by their numbers, float64 (rows,)."""
        values = np.array([[row[name] for name in self.names] for row in rows], dtype=np.float64)
        standard = self.standardised(values)
        return np.asarray(np.mean([network.log_odds(standard) for network in self.networks], axis=0))

    def standardised(self, values: Floats) -> Floats:
        """Return numbers in standard deviations from their means, none further than `FAR`."""
        return np.asarray(np.clip((values - self.mean) / self.spread, -FAR, FAR))

    def probability(self, features: Mapping[str, float]) -> float:
        """Return how likely (0..1) a clause tells what may not be told."""
        return float(1.0 / (1.0 + np.exp(-np.clip(self.log_odds([features])[0], -30.0, 30.0))))

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "names": list(self.names),
            "mean": _rounded(self.mean),
            "spread": _rounded(self.spread),
            "networks": [
                {
                    "inner": _rounded(each.inner),
                    "inner_bias": _rounded(each.inner_bias),
                    "outer": _rounded(each.outer),
                    "outer_bias": round(each.outer_bias, 4),
                }
                for each in self.networks
            ],
        }

    @classmethod
    def of_json(cls, plain: Mapping[str, Any]) -> UnreleasedModel:
        """Return what `as_json` made plain."""
        networks = tuple(
            SmallNetwork(
                np.array(each["inner"]), np.array(each["inner_bias"]), np.array(each["outer"]), each["outer_bias"]
            )
            for each in plain["networks"]
        )
        return cls(tuple(plain["names"]), np.array(plain["mean"]), np.array(plain["spread"]), networks)


def _rounded(values: Floats) -> Any:
    return np.round(values, 4).tolist()


@cache
def supplied_model() -> UnreleasedModel:
    """Return the networks that come with the product."""
    return UnreleasedModel.of_json(json.loads(WEIGHTS.read_text(encoding="utf-8")))
