"""Which kind of speech a clause is, and a question: learned from the examples of the rules.

Three kinds are told apart by ridge regression: what tells something of a patient, what tells nothing, and what somebody
who treats would say (the exemplars of what candidates say).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.intent.encoder import Vectors
from pipelines.intent.ridge import Matrix, fit, with_constant
from pipelines.intent.vectors import Vectoriser
from pipelines.patient.guard.guard_rules import Examples
from pipelines.patient.guard.guard_words import pieces

RIDGE = 1.0
TELLING, HARMLESS, CLINICIAN = range(3)


class SpeechKinds:
    """Tells what tells something, what tells nothing, and what a clinician would say; and what a question is after."""

    def __init__(self, examples: Examples, *, clinician: Sequence[str], vectoriser: Vectoriser) -> None:
        small = [_small(examples.telling), _small(examples.harmless), list(dict.fromkeys(clinician))]
        vectors = vectoriser.encode([text for texts in small for text in texts])
        classes = np.repeat([TELLING, HARMLESS, CLINICIAN], [len(texts) for texts in small])
        counts = np.array([len(texts) for texts in small], dtype=np.float64)
        # Each kind counts the same, however many examples it has.
        weights = (len(classes) / 3.0 / counts)[classes]
        self._weights = fit(with_constant(vectors), classes, 3, weights=weights, ridge=RIDGE)
        self._harmless = vectors[classes == HARMLESS]
        self._small_talk = vectoriser.encode(list(examples.small_talk))
        self._prying = vectoriser.encode(list(examples.prying)) if examples.prying else None

    def scores(self, vector: Vectors) -> Matrix:
        """Return how much a clause is of each kind, float64 (3,), of its vector."""
        return np.asarray(with_constant(vector[np.newaxis])[0] @ self._weights, dtype=np.float64)

    def nearest_harmless(self, vector: Vectors) -> float:
        """Return how near the nearest harmless example is."""
        return float((self._harmless @ vector).max())

    def small_talk(self, vector: Vectors) -> float:
        """Return how near a candidate's turn is to small talk."""
        return float((self._small_talk @ vector).max())

    def prying(self, vector: Vectors) -> float:
        """Return how near a candidate's turn is to prying, 0 where the rules have no example of it."""
        return float((self._prying @ vector).max()) if self._prying is not None else 0.0


def _small(texts: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(piece for text in texts for piece in pieces(text)))
