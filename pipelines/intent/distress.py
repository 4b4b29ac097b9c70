"""Notices that the person who practises, not the patient of the role-play, may be in danger or real distress.

Missing one is worse than asking once too often: plain phrases are told by rules, all else by examples, and either is
enough. A question is never one: candidates ask patients about such things.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from pipelines.intent.encoder import Vectors
from pipelines.intent.sentence_classifier import SentenceClassifier
from pipelines.intent.vectors import Computed, Vectoriser, anew

NONE = "none"
# Of 172 lines that were left out, so much finds 90 %, five times as much 87 %, with as many false alarms.
RIDGE = 0.01
# So sure must the examples be.
NOTICED_AT = 0.35
# What is so like a calm example is calm, whatever the others make of it: "He is in the next room with my colleague."
SAME = 0.9

_I = r"\bi(?:'m| am| was|'ve| have)?\b(?:\W+\w+){0,4}?\W+"
_RULES: dict[str, re.Pattern[str]] = {
    "self_harm": re.compile(
        r"\b(?:kill|hurt|harm|cut|hang) myself\b|\bend (?:my|it all|my own) ?(?:life)?\b|\bsuicid\w+\b(?=.*\bmyself\b)"
        r"|" + _I + r"(?:want|wish|going|rather|better)(?:\W+\w+){0,2}\W+(?:die|dead)\b",
        re.IGNORECASE,
    ),
    "collapse": re.compile(
        r"\bi can(?:'t|not| not) breathe\b|" + _I + r"(?:faint|pass out|collapse|black out|passing out|fainting)\b"
        r"|\b(?:pain|pressure|tightness) in my chest\b|\bmy chest (?:hurts|is hurting|is tight)\b",
        re.IGNORECASE,
    ),
}


def by_rules(sentence: str) -> str:
    """Return the kind of distress that a sentence's plain words tell, empty if they tell none."""
    if sentence.rstrip().endswith("?"):
        return ""
    return next((kind for kind, rule in _RULES.items() if rule.search(sentence)), "")


class DistressClassifier:
    """Tells sentences of people in distress from those that only sound like it, by examples of both.

    `calm` has more sentences of people who are in none: all that candidates usually say. Where vectors tell little of
    what is meant, `by_meaning` is off and plain words alone count: by spelling, "I am one of the nurses" was danger.
    """

    def __init__(
        self,
        examples: Mapping[str, Sequence[str]],
        calm: Sequence[str],
        vectoriser: Vectoriser,
        *,
        by_meaning: bool = True,
        computed: Computed = anew,
    ) -> None:
        self._kinds = tuple(examples)
        self._classifier: SentenceClassifier | None = None
        if not by_meaning:
            return
        labelled = [(kind, text) for kind, texts in examples.items() for text in texts]
        labelled += [(NONE, text) for text in calm]
        self._calm = vectoriser.encode(list(examples[NONE]))
        texts = [text for _, text in labelled]
        classes = np.array([self._kinds.index(kind) for kind, _ in labelled])
        self._classifier = SentenceClassifier(
            texts,
            vectoriser.encode(texts),
            classes,
            len(self._kinds),
            name="distress",
            computed=computed,
            ridge=RIDGE,
        )

    def notice(self, texts: Sequence[str], vectors: Vectors) -> str:
        """Return the kind of distress that one of the sentences tells, empty if none does."""
        for text in texts:
            if kind := by_rules(text):
                return kind
        if self._classifier is None:
            return ""
        likely = self._classifier.probabilities(texts, vectors)
        like_calm = (vectors @ self._calm.T).max(axis=1) >= SAME
        calm = np.where(like_calm, 1.0, likely[:, self._kinds.index(NONE)])
        for place in np.argsort(calm):
            if 1.0 - calm[place] >= NOTICED_AT and not texts[place].rstrip().endswith("?"):
                others = np.where(np.array(self._kinds) == NONE, 0.0, likely[place])
                return self._kinds[int(others.argmax())]
        return ""
