"""Linear classifiers in closed form: ridge regression onto one column for each class.

With a few examples of each class and vectors that mean something it does as well as logistic regression here, takes
milliseconds, and gives the same numbers every time (Hoerl and Kennard, 1970).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def fit(features: Matrix, classes: NDArray[np.int64], count: int, *, weights: Matrix, ridge: float) -> Matrix:
    """Return the weights of `count` classes, float64 (features, count), of examples (n, features).

    `classes` has each example's class, `weights` how much it counts, `ridge` what large weights cost.
    """
    scale = np.sqrt(weights)[:, np.newaxis]
    scaled, wanted = features * scale, np.eye(count)[classes] * scale
    examples, width = features.shape
    if width <= examples:
        return np.asarray(
            np.linalg.solve(scaled.T @ scaled + ridge * np.eye(width), scaled.T @ wanted), dtype=np.float64
        )
    # With fewer examples than features the same is found among the examples.
    among = np.linalg.solve(scaled @ scaled.T + ridge * np.eye(examples), wanted)
    return np.asarray(scaled.T @ among, dtype=np.float64)


def fit_blocks(
    blocks: Iterable[tuple[Matrix, NDArray[np.int64], Matrix]], count: int, *, width: int, ridge: float
) -> Matrix:
    """Return what `fit` returns, of examples that come in blocks of (features, classes, weights), `width` wide.

    All of many examples at once would take hundreds of megabytes.
    """
    among, wanted = ridge * np.eye(width), np.zeros((width, count))
    for features, classes, weights in blocks:
        weighted = features.T * weights
        among += weighted @ features
        wanted += weighted @ np.eye(count)[classes]
    return np.asarray(np.linalg.solve(among, wanted), dtype=np.float64)


def with_constant(features: NDArray[np.floating]) -> Matrix:
    """Return the features with a column of ones, for what a class has without any of them."""
    return np.hstack([features.astype(np.float64), np.ones((len(features), 1))])
