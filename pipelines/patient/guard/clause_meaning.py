"""What a clause means: whether it tells something, what of the card it is near to, and whether that may be told.

A sentence encoder makes texts vectors; near means their dot product.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.patient.guard.card_vectors import CardVectors, Near
from pipelines.patient.guard.clause_features import features_of, nearest_words
from pipelines.patient.guard.guard_evidence import NOTHING_TOLD, GuardEvidence, GuardItem
from pipelines.patient.guard.guard_rules import GuardRules, TermKind
from pipelines.patient.guard.guard_wording import hidden_words
from pipelines.patient.guard.guard_words import SaidText, telling_words_of
from pipelines.patient.guard.speech_kinds import CLINICIAN, HARMLESS, TELLING, SpeechKinds
from pipelines.patient.guard.unreleased_model import supplied_model

# So many little words may tell something too.
MANY_WORDS = 6
# A word so near to one that was told may be another for it: "diabetic" for "diabetes", not "insulin" for "metformin".
SAME_THING = 0.55


@dataclass(frozen=True, slots=True)
class ClauseMeaning:
    """What a clause was found to mean: its numbers, the nearest item that may not be told, the nearest told piece."""

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
        return supplied_model().probability(self.features) if self.tells_anything else 0.0


def meaning_of(
    clause: SaidText, evidence: GuardEvidence, rules: GuardRules, *, card: CardVectors, kinds: SpeechKinds, near: Near
) -> ClauseMeaning:
    """Return what a clause means at a moment."""
    features = features_of(clause, evidence, rules, card=card, kinds=kinds, near=near)
    (vector,) = near.vectors([clause.text])
    of_kinds = kinds.scores(vector)
    overlap, overlapping = hidden_words(clause, evidence)
    likeness = near.vectors(evidence.told) @ vector
    return ClauseMeaning(
        features,
        overlapping if overlap > 1 else card.nearest_hidden(vector, evidence.released)[1],
        float(of_kinds[CLINICIAN] - max(of_kinds[TELLING], of_kinds[HARMLESS])),
        max(features["told"], features["echo"]),
        evidence.told[int(likeness.argmax())] if len(likeness) else "",
        bool(clause.heavy or clause.numbers or len(clause.words) >= MANY_WORDS),
    )


def may_be_named(kind: TermKind, word: str, evidence: GuardEvidence, near: Near) -> bool:
    """Whether a term that nobody has named is left to what the whole clause means.

    Whom a patient mentions is no secret by itself. A symptom may be another word for what is told, or belong to what is
    talked about; asked off the card, it is made up. A drug, an illness or an allergy must be near to a word of what is
    told.
    """
    if kind == "relative":
        return True
    if kind == "symptom":
        return evidence.tells_item or evidence.act not in NOTHING_TOLD
    if not evidence.tells_item:
        return False
    told = near.vectors(telling_words_of(evidence.told))
    return bool(nearest_words(near.vectors(word.split()), told).max() >= SAME_THING)
