"""What a clause means: whether it tells something, what of the card it is near to, and whether that may be told.

A sentence encoder makes clauses vectors. Near means their dot product. Three kinds of speech are told apart by ridge
regression on the rules' examples: what tells something of a patient, what tells nothing, and what somebody who treats
would say (the exemplars of what candidates say). A logistic model of a few numbers, learned by `bench/train_guard.py`,
says how likely a clause tells what may not be told.
"""

from __future__ import annotations

import json
import math
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.endpointing.completeness import Logistic
from pipelines.intent.encoder import Vectors
from pipelines.intent.ridge import Matrix, fit, with_constant
from pipelines.intent.vectors import Vectoriser
from pipelines.patient.guard.guard_evidence import CardKnowledge, GuardEvidence, GuardItem
from pipelines.patient.guard.guard_wording import hidden_words
from pipelines.patient.guard.guard_words import SaidText, pieces

WEIGHTS = Path(__file__).with_name("unreleased.json")
"""The logistic model's weights."""

# So many texts' vectors are kept: 1.5 KiB each.
KEPT_TEXTS = 4096
RIDGE = 1.0
# So many little words may tell something too.
MANY_WORDS = 6
TELLING, HARMLESS, CLINICIAN = range(3)
_SELF = re.compile(r"\b(?:i|me|my|mine|myself|we|us|our|he|him|his|she|her|hers|it|its|they|their)\b", re.IGNORECASE)


class Near:
    """Vectors of texts, made once and kept for some time: what is said comes again as history."""

    def __init__(self, vectoriser: Vectoriser, *, kept: int = KEPT_TEXTS) -> None:
        self._vectoriser = vectoriser
        self._kept = kept
        self._known: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """Return float32 (texts, width); of no texts, (0, 0)."""
        if not texts:
            return np.zeros((0, 0), dtype=np.float32)
        with self._lock:
            new = [text for text in dict.fromkeys(texts) if text not in self._known]
            if new:
                self._known.update(zip(new, self._vectoriser.encode(new), strict=True))
            found = np.array([self._known[text] for text in texts], dtype=np.float32)
            for text in texts:
                self._known.move_to_end(text)
            while len(self._known) > self._kept:
                self._known.popitem(last=False)
            return found


class SpeechKinds:
    """Tells what tells something, what tells nothing, and what a clinician would say."""

    def __init__(
        self,
        *,
        telling: Sequence[str],
        harmless: Sequence[str],
        clinician: Sequence[str],
        small_talk: Sequence[str],
        vectoriser: Vectoriser,
    ) -> None:
        small = [_small(telling), _small(harmless), list(dict.fromkeys(clinician))]
        vectors = vectoriser.encode([text for texts in small for text in texts])
        classes = np.repeat([TELLING, HARMLESS, CLINICIAN], [len(texts) for texts in small])
        counts = np.array([len(texts) for texts in small], dtype=np.float64)
        # Each kind counts the same, however many examples it has.
        weights = (len(classes) / 3.0 / counts)[classes]
        self._weights = fit(with_constant(vectors), classes, 3, weights=weights, ridge=RIDGE)
        self._harmless = vectors[classes == HARMLESS]
        self._small_talk = vectoriser.encode(list(small_talk))

    def scores(self, vector: Vectors) -> Matrix:
        """Return how much a clause is of each kind, float64 (3,), of its vector."""
        return np.asarray(with_constant(vector[np.newaxis])[0] @ self._weights, dtype=np.float64)

    def nearest_harmless(self, vector: Vectors) -> float:
        """Return how near the nearest harmless example is."""
        return float((self._harmless @ vector).max())

    def small_talk(self, vector: Vectors) -> float:
        """Return how near a candidate's turn is to small talk."""
        return float((self._small_talk @ vector).max())


def _small(texts: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(piece for text in texts for piece in pieces(text)))


class CardVectors:
    """The pieces of a card's items and of what is public on it, as vectors."""

    def __init__(self, knowledge: CardKnowledge, vectoriser: Vectoriser) -> None:
        found = [
            (place, piece)
            for place, item in enumerate(knowledge.items)
            for text in item.texts
            for piece in pieces(text)
        ]
        self._of = np.array([place for place, _ in found])
        self._items = knowledge.items
        self._pieces = vectoriser.encode([piece for _, piece in found])
        self._public = vectoriser.encode(list(knowledge.public))

    def nearest_hidden(self, vector: Vectors, released: frozenset[str]) -> tuple[float, GuardItem | None]:
        """Return how near the nearest item is that may not be told, and which it is."""
        hidden = np.array([item.id not in released for item in self._items])[self._of]
        if not hidden.any():
            return 0.0, None
        near = np.where(hidden, self._pieces @ vector, -1.0)
        best = int(near.argmax())
        return float(near[best]), self._items[self._of[best]]

    def public(self, vector: Vectors) -> float:
        """Return how near the nearest public text is."""
        return float((self._public @ vector).max())


@dataclass(frozen=True, slots=True)
class ClauseMeaning:
    """What a clause was found to mean: numbers for the logistic model, the nearest item, the nearest told piece."""

    features: dict[str, float]
    item: GuardItem | None
    # How much more a clinician would say it than a patient, above nothing where it takes up what was said.
    clinician: float
    told: float
    nearest_told: str
    tells_anything: bool

    @property
    def probability(self) -> float:
        """How likely (0..1) the clause tells what may not be told; words that go with anything tell nothing."""
        if not self.tells_anything:
            return 0.0
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, weights().log_odds(self.features)))))


def meaning_of(
    clause: SaidText, evidence: GuardEvidence, *, card: CardVectors, kinds: SpeechKinds, near: Near
) -> ClauseMeaning:
    """Return what a clause means at a moment."""
    (vector,) = near.vectors([clause.text])
    hidden, item = card.nearest_hidden(vector, evidence.released)
    told, nearest = _nearest(evidence.told, vector, near)
    echo, _ = _nearest(evidence.echoed, vector, near)
    of_kinds = kinds.scores(vector)
    overlap, overlapping = hidden_words(clause, evidence)
    unheard = clause.heavy - evidence.told_stems - evidence.echoed_stems
    asked, _ = _nearest(pieces(evidence.asked.text), vector, near)
    features = {
        "asked": asked,
        "hidden": hidden,
        "told": told,
        "public": card.public(vector),
        "echo": echo,
        "harmless": kinds.nearest_harmless(vector),
        "telling": float(of_kinds[TELLING] - of_kinds[HARMLESS]),
        "clinician": float(of_kinds[CLINICIAN]),
        "hidden_words": float(min(overlap, 4)),
        "unheard_words": float(min(len(unheard), 6)),
        "words": float(min(len(clause.stems), 10)),
        "small_talk": kinds.small_talk(near.vectors([evidence.asked.text])[0]) if evidence.asked.text.strip() else 0.0,
        "asks": float(clause.text.rstrip().endswith("?")),
        "of_self": float(_SELF.search(clause.text) is not None),
        "asked_words": float(min(len(clause.stems & evidence.asked.stems), 6)),
        "echoed_words": float(min(len(clause.stems & evidence.echoed_stems), 6)),
    }
    features |= _together(features)
    clinician = float(of_kinds[CLINICIAN] - max(of_kinds[TELLING], of_kinds[HARMLESS]))
    return ClauseMeaning(
        features,
        overlapping if overlap > 1 else item,
        clinician,
        max(told, echo),
        nearest,
        bool(clause.heavy or clause.numbers or len(clause.words) >= MANY_WORDS),
    )


def _together(one: Mapping[str, float]) -> dict[str, float]:
    """Return what the numbers say together: near to what was told *and* in its words is a repetition."""
    heard = 1.0 - min(1.0, one["unheard_words"] / max(1.0, one["words"]))
    return {
        "hidden_ahead": max(0.0, one["hidden"] - max(one["told"], one["echo"])),
        "told_ahead": max(0.0, one["told"] - one["hidden"]),
        "hidden_squared": one["hidden"] ** 2,
        "hidden_telling": one["hidden"] * one["telling"],
        "heard_share": heard,
        "told_heard": one["told"] * heard,
        "echo_heard": one["echo"] * heard,
    }


def _nearest(texts: Sequence[str], vector: Vectors, near: Near) -> tuple[float, str]:
    if not texts:
        return 0.0, ""
    found: NDArray[np.float32] = near.vectors(texts) @ vector
    best = int(found.argmax())
    return float(found[best]), texts[best]


@cache
def weights() -> Logistic:
    """Return the weights that come with the product."""
    content = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    return Logistic(content["bias"], content["weights"])
