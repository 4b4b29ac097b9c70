"""Which words the candidate uses: how varied they are, and which belong to the trade.

The moving-average type-token ratio (Covington & McFall 2010) does not depend on how much was said.
"""

from __future__ import annotations

from collections.abc import Set

from pipelines.assessment.act_sentences import Sentence
from pipelines.assessment.fluency import FILLERS, bare
from pipelines.assessment.measure import Evidence, Measure, not_measured
from pipelines.assessment.spoken import SpokenRecord
from pipelines.patient.jargon import explains, hard_words

WINDOW_WORDS = 50
ENOUGH_WORDS = 100
LATER_SENTENCES = 1


def vocabulary(spoken: SpokenRecord, sentences: tuple[Sentence, ...], known: Set[str]) -> tuple[Measure, ...]:
    """Return the range of words and the words of the trade; `known` has those that the patient knows, in lower case."""
    return _range(spoken), _jargon(spoken, sentences, known)


def _range(spoken: SpokenRecord) -> Measure:
    words = [plain for word in spoken.words if (plain := bare(word.text)) and plain not in FILLERS]
    if len(words) < ENOUGH_WORDS:
        return not_measured("lexical_range", "too_little", words=len(words))
    if spoken.is_unsure:
        return not_measured("lexical_range", "unsure", words=len(words))
    shares = [
        len(set(words[start : start + WINDOW_WORDS])) / WINDOW_WORDS for start in range(len(words) - WINDOW_WORDS + 1)
    ]
    return Measure("lexical_range", sum(shares) / len(shares), {"words": len(words), "different": len(set(words))})


def _jargon(spoken: SpokenRecord, sentences: tuple[Sentence, ...], known: Set[str]) -> Measure:
    if not sentences:
        return not_measured("jargon", "too_little", words=0)
    if spoken.is_unsure:
        return not_measured("jargon", "unsure")
    found: dict[str, Evidence] = {}
    for place, sentence in enumerate(sentences):
        said_before = _patients_words(spoken, sentence.place)
        # It is explained in its own sentence, or in the one that follows.
        near = " ".join(each.text for each in sentences[place : place + 1 + LATER_SENTENCES])
        for word in hard_words(sentence.text, known | said_before):
            found.setdefault(word.lower(), sentence.shows("explained" if explains(near) else "not explained"))
    shown = tuple(Evidence(each.from_ms, each.to_ms, each.text, each.kind) for each in found.values())
    explained = sum(each.kind == "explained" for each in found.values())
    return Measure("jargon", len(found), {"used": len(found), "explained": explained}, shown)


def _patients_words(spoken: SpokenRecord, place: int) -> frozenset[str]:
    said = (turn.text for turn in spoken.turns[:place] if turn.role == "patient")
    return frozenset(bare(word) for text in said for word in text.split())
