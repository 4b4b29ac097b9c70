"""What a clause is like beside a card at a moment, in numbers: how near to what may be told, and to what may not.

Texts are compared whole, and by their telling words, each as the encoder sees it alone: "asthmatic" is near "asthma".
A telling word of a clause is new as far as it is far from all words of what was told, explained or is no secret.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from pipelines.intent.encoder import Vectors
from pipelines.intent.ridge import Matrix
from pipelines.patient.guard.card_vectors import CardVectors, Near
from pipelines.patient.guard.guard_evidence import ECHOED, NOTHING_TOLD, GuardEvidence
from pipelines.patient.guard.guard_rules import GuardRules
from pipelines.patient.guard.guard_wording import FEW, hidden_words, new_names, new_numbers, new_terms
from pipelines.patient.guard.guard_words import SaidText, pieces, telling_words, telling_words_of
from pipelines.patient.guard.speech_kinds import CLINICIAN, HARMLESS, TELLING, SpeechKinds

# How much more the nearest of many texts counts than all others together.
SHARPNESS = 12.0
_SELF = re.compile(r"\b(?:i|me|my|mine|myself|we|us|our|he|him|his|she|her|hers|it|its|they|their)\b", re.IGNORECASE)


def features_of(
    clause: SaidText, evidence: GuardEvidence, rules: GuardRules, *, card: CardVectors, kinds: SpeechKinds, near: Near
) -> dict[str, float]:
    """Return a clause's numbers by name."""
    _make_at_once(clause, evidence, near)
    (vector,) = near.vectors([clause.text])
    hidden, told = card.hidden(evidence.released), near.vectors(evidence.told)
    of_kinds = kinds.scores(vector)
    return {
        "hidden": highest(hidden @ vector),
        "told": highest(told @ vector),
        "public": highest(card.public @ vector),
        "echo": highest(near.vectors(evidence.echoed) @ vector),
        "release": highest(near.vectors(pieces(evidence.release_text)) @ vector),
        "all_hidden": _all(hidden @ vector),
        "all_told": _all(told @ vector),
        "topic_hidden": highest(card.asks(evidence.released, hidden=True) @ vector),
        "topic_told": highest(card.asks(evidence.released, hidden=False) @ vector),
        "harmless": kinds.nearest_harmless(vector),
        "telling": float(of_kinds[TELLING] - of_kinds[HARMLESS]),
        "clinician": float(of_kinds[CLINICIAN]),
        "words": float(min(len(clause.stems), 10)),
        "asks": float(clause.text.rstrip().endswith("?")),
        "of_self": float(_SELF.search(clause.text) is not None),
        "tells_item": float(evidence.tells_item),
        "off_card": float(evidence.act in NOTHING_TOLD and not evidence.tells_item),
        "taken_in": float(evidence.act in ECHOED),
        **_of_words(clause, evidence, rules),
        **_of_telling_words(clause, evidence, card, near),
        **_of_question(clause, evidence, hidden, card=card, kinds=kinds, near=near),
    }


def _make_at_once(clause: SaidText, evidence: GuardEvidence, near: Near) -> None:
    """Have all vectors made that a clause needs."""
    question = evidence.asked.text.strip()
    said_too = [question, _both(question, clause), *pieces(evidence.asked.text)] if question else []
    whole = (*evidence.told, *evidence.echoed, *pieces(evidence.release_text), clause.text)
    near.make([*whole, *said_too, *telling_words_of(whole)])


def _both(question: str, clause: SaidText) -> str:
    # What an answer means, it often means together with its question alone.
    return f"{question} {clause.text}"


def _of_words(clause: SaidText, evidence: GuardEvidence, rules: GuardRules) -> dict[str, float]:
    terms = [kind for kind, _ in new_terms(clause, evidence, rules)]
    numbers = new_numbers(clause, evidence)
    overlap, _ = hidden_words(clause, evidence)
    unheard = clause.heavy - evidence.told_stems - evidence.echoed_stems
    return {
        "hidden_words": float(min(overlap, 4)),
        "unheard_words": float(min(len(unheard), 6)),
        "asked_words": float(min(len(clause.stems & evidence.asked.stems), 6)),
        "echoed_words": float(min(len(clause.stems & evidence.echoed_stems), 6)),
        "new_term": float(any(kind != "relative" for kind in terms)),
        "new_relative": float("relative" in terms),
        "new_number": float(bool(numbers)),
        "big_number": float(any(number > FEW for number in numbers)),
        "new_name": float(bool(new_names(clause, evidence, rules))),
    }


def _of_telling_words(clause: SaidText, evidence: GuardEvidence, card: CardVectors, near: Near) -> dict[str, float]:
    own = near.vectors(telling_words(clause.text))
    told = np.maximum(
        nearest_words(own, near.vectors(telling_words_of(evidence.told))),
        nearest_words(own, near.vectors(telling_words_of(evidence.echoed))),
    )
    known = np.maximum(told, nearest_words(own, card.public_words))
    new = 1.0 - known
    like = card.nearest_of_items(own, evidence.released)
    return {
        "new_sum": float(min(new.sum(), 4.0)),
        "new_most": highest(new),
        "new_mean": float(new.mean()) if len(new) else 0.0,
        "hidden_gain": min(highest(np.maximum(0.0, like - known).sum(axis=1)), 3.0),
        "hidden_cover": highest(like.mean(axis=1)) if len(own) else 0.0,
        "told_cover": float(told.mean()) if len(told) else 0.0,
    }


def _of_question(
    clause: SaidText, evidence: GuardEvidence, hidden: Vectors, *, card: CardVectors, kinds: SpeechKinds, near: Near
) -> dict[str, float]:
    question = evidence.asked.text.strip()
    names = ("asked", "small_talk", "prying", "asks_hidden", "asks_told", "both_hidden", "both_told")
    if not question:
        return dict.fromkeys(names, 0.0)
    asked, both, own = near.vectors([question, _both(question, clause), clause.text])
    told = near.vectors(evidence.told)
    values = (
        highest(near.vectors(pieces(evidence.asked.text)) @ own),
        kinds.small_talk(asked),
        kinds.prying(asked),
        max(highest(card.asks(evidence.released, hidden=True) @ asked), highest(hidden @ asked)),
        max(highest(card.asks(evidence.released, hidden=False) @ asked), highest(told @ asked)),
        highest(hidden @ both),
        highest(told @ both),
    )
    return dict(zip(names, values, strict=True))


def highest(values: Vectors | Matrix) -> float:
    """Return the largest of a row of numbers, 0 of none."""
    return float(values.max()) if len(values) else 0.0


def nearest_words(own: Vectors, others: Vectors) -> Vectors:
    """Return how near each of some words is to the nearest of others, float32 (words,), 0 where there are none."""
    if not len(own) or not len(others):
        return np.zeros(len(own), dtype=np.float32)
    return np.asarray((own @ others.T).max(axis=1), dtype=np.float32)


def _all(values: Sequence[float] | Vectors) -> float:
    """Return how near all texts are together: many that are fairly near count more than one."""
    found = np.asarray(values, dtype=np.float64)
    return float(np.log(np.exp(SHARPNESS * found).sum()) / SHARPNESS) if len(found) else 0.0
