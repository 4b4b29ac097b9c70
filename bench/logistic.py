"""Logistic regression over named features, for training the small models that are shipped (numpy, no other library)."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.endpointing.completeness import Logistic
from pipelines.endpointing.features import Features

Vector = NDArray[np.float64]

ROUNDS = 200
# The approximation of the curvature remembers so many steps.
MEMORY = 10
TOLERANCE = 1e-4  # of the gradient, against its size at the start
DIGITS = 3  # of a weight in the file: beyond the noise of the data


@dataclass(frozen=True, slots=True)
class Example:
    """One observation: its features, whether it is of the class, and how much it counts."""

    features: Features
    positive: bool
    weight: float = 1.0


class _Sparse:
    """The examples as a sparse matrix, whose last column is the bias."""

    def __init__(self, examples: Sequence[Example], names: list[str]) -> None:
        place = {name: index for index, name in enumerate(names)}
        entries = [
            (row, place[name], value)
            for row, example in enumerate(examples)
            for name, value in example.features.items()
            if value and name in place
        ]
        self.rows = np.array([row for row, _, _ in entries] + list(range(len(examples))))
        self.columns = np.array([column for _, column, _ in entries] + [len(names)] * len(examples))
        self.values = np.array([value for _, _, value in entries] + [1.0] * len(examples))
        self.count, self.width = len(examples), len(names) + 1

    def times(self, weights: Vector) -> Vector:
        return np.bincount(self.rows, self.values * weights[self.columns], minlength=self.count).astype(np.float64)

    def transposed_times(self, residuals: Vector) -> Vector:
        return np.bincount(self.columns, self.values * residuals[self.rows], minlength=self.width).astype(np.float64)


def fit(examples: Sequence[Example], *, strength: float, seen: int) -> Logistic:
    """Fit a logistic regression: features that occur in fewer than `seen` examples are left out.

    Minimises `strength` times the weighted log loss plus half the squared weights (the bias is free), by L-BFGS
    (Nocedal, "Updating quasi-Newton matrices with limited storage", 1980).
    """
    counts = Counter(name for example in examples for name, value in example.features.items() if value)
    names = sorted(name for name, count in counts.items() if count >= seen)
    matrix = _Sparse(examples, names)
    sign = np.array([1.0 if example.positive else -1.0 for example in examples])
    importance = strength * np.array([example.weight for example in examples])
    ridge = np.append(np.ones(len(names)), 1e-6)

    def loss(weights: Vector) -> tuple[float, Vector]:
        margin = sign * matrix.times(weights)
        value = float(importance @ np.logaddexp(0.0, -margin) + 0.5 * ridge @ weights**2)
        residual = -sign * importance / (1.0 + np.exp(np.clip(margin, -500.0, 500.0)))
        return value, matrix.transposed_times(residual) + ridge * weights

    weights = _minimise(loss, np.zeros(matrix.width))
    kept = {name: round(float(value), DIGITS) for name, value in zip(names, weights[:-1], strict=True)}
    return Logistic(round(float(weights[-1]), DIGITS), {name: value for name, value in kept.items() if value})


def _minimise(loss: Callable[[Vector], tuple[float, Vector]], weights: Vector) -> Vector:
    value, gradient = loss(weights)
    goal = TOLERANCE * float(np.linalg.norm(gradient))
    history: deque[tuple[Vector, Vector]] = deque(maxlen=MEMORY)
    for _ in range(ROUNDS):
        if float(np.linalg.norm(gradient)) <= goal:
            break
        direction = -_curved(gradient, history)
        slope, step = float(gradient @ direction), 1.0 if history else 1.0 / float(np.linalg.norm(gradient))
        while True:
            moved = weights + step * direction
            new_value, new_gradient = loss(moved)
            if new_value <= value + 1e-4 * step * slope or step < 1e-10:
                break
            step /= 2.0
        change, bend = moved - weights, new_gradient - gradient
        if float(change @ bend) > 1e-12:
            history.append((change, bend))
        weights, value, gradient = moved, new_value, new_gradient
    return weights


def _curved(gradient: Vector, history: deque[tuple[Vector, Vector]]) -> Vector:
    """Return the gradient times the remembered inverse curvature (the two-loop recursion)."""
    vector, shares = gradient.copy(), []
    for change, bend in reversed(history):
        share = float(change @ vector) / float(change @ bend)
        vector -= share * bend
        shares.append(share)
    if history:
        change, bend = history[-1]
        vector *= float(change @ bend) / float(bend @ bend)
    for (change, bend), share in zip(history, reversed(shares), strict=True):
        vector += change * (share - float(bend @ vector) / float(change @ bend))
    return vector
