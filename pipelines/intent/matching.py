"""Lexical matching of what a candidate said against the triggers of a card's cues.

A cue's score comes from three views of the same words: how much of its best trigger was said (recall over content words
weighted by rarity), how telling the matched words are for this cue among the card's cues (inverse document frequency,
K. Sparck Jones, 1972), and how much the whole stretch sounds like a trigger (which survives misplaced word borders).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from rapidfuzz import fuzz, process

from pipelines.intent.cue_topics import company, constant_topic
from pipelines.intent.elsewhere import topics
from pipelines.intent.lexicon import concepts_of, members_of, phrase_concepts
from pipelines.intent.words import FUNCTION_WORDS, phrase_sound, sound, stem, tokens
from pipelines.patient.card import Card

# A synonym is weaker evidence than the word of a trigger itself.
CONCEPT_WEIGHT = 0.75
# Below this "sounds alike" starts to link unrelated words ("table", "terrible").
FUZZY_FLOOR = 0.74
SHORT_FLOOR = 0.80  # short words have many neighbours ("tall", "tail")
# A word that only sounds alike never counts as much as the word itself.
FUZZY_BEST = 0.85
# Two neighbours run together ("I be profane") need to be closer: there are many pairs.
JOINED_FLOOR = 0.82
# Unrelated phrases of a few words reach about this ratio by chance.
PHRASE_FLOOR = 0.62
# A word of a topic that this card has nothing to say about weighs so much.
ELSEWHERE_WEIGHT = 1.2
ELSEWHERE_SHARE = 0.75  # how much of a score may be lost to such words
# So much of a score depends on the whole wording of the question, its grammar included.
SPECIFIC_SHARE = 0.15
# A question's form ("how", "when") weighs so much in that wording; a content word weighs up to 1.
FORM_WEIGHT = 0.35
# A word of one trigger in many is a side issue of the cue, not its topic.
ONCE_SHARE = 0.45
OFTEN = 3.0  # triggers that make a word a topic of the cue
TOPIC_LOSS = 0.25  # of the score of a question that doesn't
# A word with a meaning of its own is less likely to be another one misheard.
MEANT_SHARE = 0.5
# So much of a trigger's content must be there before it is looked for inside a stretch: that is costly.
INSIDE_RECALL = 0.25
# Cues whose scores are this close are told apart by the wording.
NEAR_TIE = 0.10
TIE_WEIGHT = 0.30
OPENING_WORDS = 3
# "Where" and "why" lose so much of their score for a cue that has no such trigger.
PLACE_LOSS = 0.5
OTHER_FORM = 0.92  # "when did it start" and "what makes it start"
GRAMMAR_WEIGHT = 0.08  # of any other word without a topic
# A content word that no cue knows says that some of the turn is about something else.
UNKNOWN_WEIGHT = 0.7
# Words that many questions share whatever their topic, and those of the card's title, count so much.
WEAK_WEIGHT = 0.4
_WEAK_WORDS = """
    when where last time day week month year put keep give gave given find try often long live living home date house
    first remember change use new
""".split()
SPECIFIC_USUAL = 0.45  # the likeness of wording that leaves a score as it is
FORMS = {
    "how": "how", "when": "when", "where": "where", "who": "who", "whom": "who", "whose": "who", "why": "why",
    "which": "what", "what": "what", "long": "long", "often": "often", "many": "many", "much": "much", "bad": "bad",
    "frequently": "often", "times": "often", "since": "long",
}  # fmt: skip
"""What a question asks for: with it "how did you hurt it" is told from "does it hurt"."""

# So much is left of a score where nearly all content words belong elsewhere.
FOREIGN_FLOOR = 0.7
ENOUGH_MASS = 0.65  # a cue's own word, or two words of its triggers
# Words of the patient's own answer count so much, for questions that take it up.
SAYS_WEIGHT = 0.4


@dataclass(frozen=True, slots=True)
class CueScore:
    """How well a stretch of words fits a cue, 0..1, and the trigger it fits best."""

    cue: str
    score: float
    trigger: str
    # The phrase score tells how much the stretch sounds like the trigger as a whole, from 0 to 1.
    phrase: float
    wording: float = 0.0  # how much of the whole wording the two share, 0..1


@dataclass(frozen=True, slots=True)
class _Trigger:
    text: str
    features: tuple[tuple[str, float], ...]  # content features with their weights
    total: float
    sound: str
    wording: Mapping[str, float]
    wording_total: float
    forms: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Heard:
    """A stretch of words as matching sees it."""

    sound: str
    evidence: Mapping[str, float]  # feature -> how surely it was said
    degrees: Mapping[str, float]  # the same for every feature of the card's triggers
    wording: Mapping[str, float]
    unknown: float  # weight of content words that no cue knows
    elsewhere: float  # weight of words of other topics
    opening: str  # "?where" or "?why", if it asks for that


class WordCardIndex:
    """What matching needs of a card, computed once: features, rarity, sounds, spellings."""

    def __init__(self, card: Card) -> None:
        self.cue_ids = tuple(cue.id for cue in card.cues)
        self._names = frozenset(tokens(card.patient.name))  # an address, no topic
        self.volunteered = frozenset(cue.id for cue in card.cues if cue.kind == "volunteered")
        counts: dict[str, Counter[str]] = {}
        texts: dict[str, list[frozenset[str]]] = {}
        for cue in card.cues:
            texts[cue.id] = [frozenset(_features(tokens(text))) for text in (*cue.triggers, cue.topic)]
            counts[cue.id] = Counter(f for found in texts[cue.id] for f in found)
        said = {cue.id: {f for text in cue.says for f in _stems(tokens(text))} for cue in card.cues}
        spread = Counter(f for found in counts.values() for f in found)
        cues = len(card.cues)
        weak = {"@where", "@often", "@change", *map(stem, _WEAK_WORDS), *_stems(tokens(card.title))}
        self._rarity = {
            f: math.log((cues + 1) / n) / math.log(cues + 1) * (WEAK_WEIGHT if f in weak else 1.0)
            for f, n in spread.items()
        }
        self._telling = {
            cue.id: {
                f: self._weight(f) * (ONCE_SHARE + (1.0 - ONCE_SHARE) * min(1.0, n / OFTEN)) * company(f, texts[cue.id])
                for f, n in counts[cue.id].items()
            }
            for cue in card.cues
        }
        # The words of an answer count as far as no trigger of any cue uses them.
        for cue in card.cues:
            others = set().union(*(said[other] for other in said if other != cue.id))
            for feature in said[cue.id] - others - set(spread):
                self._telling[cue.id][feature] = SAYS_WEIGHT
        self._known = frozenset(spread).union(*said.values())
        # Words of the triggers alone: an answer's words don't make a topic one of the card's.
        own = {word for cue in card.cues for text in (*cue.triggers, cue.topic) for word in tokens(text)}
        meant = {f for found in counts.values() for f, n in found.items() if n >= OFTEN}
        self._elsewhere = {
            word
            for word in topics() - own - {word + "s" for word in own} - {word.removesuffix("s") for word in own}
            if not any({word, word.removesuffix("s")}.intersection(members_of(concept)) for concept in meant)
        }
        self._topics = {cue.id: constant_topic(texts[cue.id]) for cue in card.cues}
        self._triggers = {
            cue.id: tuple(self._compile(text) for text in (*cue.triggers, cue.topic)) for cue in card.cues
        }
        self._asks = {
            cue_id: frozenset().union(*(trigger.forms for trigger in found)) for cue_id, found in self._triggers.items()
        }
        self._content = {f for found in self._triggers.values() for trigger in found for f, _ in trigger.features}
        self._meaning: dict[str, list[str]] = {}  # concept -> the words of triggers that belong to it
        for feature in sorted(self._content):
            for concept in concepts_of(feature):
                self._meaning.setdefault(concept, []).append(feature)
        self.common = self._find_common(card)
        concepts = {feature for feature in spread if feature.startswith("@")}
        written = [text for cue in card.cues for text in (*cue.triggers, cue.topic, *cue.says)]
        surfaces = {word for text in written for word in tokens(text)} | {
            word for concept in concepts for word in members_of(concept)
        }
        self._surfaces = sorted(word for word in surfaces if len(word) > 2 and word not in FUNCTION_WORDS)
        self._sounds = [sound(word) for word in self._surfaces]
        self._long = [(w, s) for w, s in zip(self._surfaces, self._sounds, strict=True) if len(w) >= 7]
        self._near: dict[str, tuple[tuple[str, float], ...]] = {}

    def rank(self, words: tuple[str, ...]) -> list[CueScore]:
        """Return every cue's score for a stretch of words, best first; of nearly equal ones the best worded."""
        evidence, unknown, elsewhere = self._evidence(words)
        degrees = self._degrees(evidence)
        heard = _Heard(
            phrase_sound(words), evidence, degrees, self._wording(words), unknown, elsewhere, _opening(words)
        )
        scores = [self._score(cue_id, heard) for cue_id in self.cue_ids]
        scores.sort(key=lambda score: -score.score)
        near = sum(score.score >= scores[0].score - NEAR_TIE for score in scores)
        return sorted(scores[:near], key=lambda score: -(score.score + TIE_WEIGHT * score.wording)) + scores[near:]

    def is_general(self, words: tuple[str, ...]) -> bool:
        """Tell whether the content words are only those the whole card is about (then a question is an open one)."""
        return all(word in self.common for word in _stems(words))

    def _find_common(self, card: Card) -> frozenset[str]:
        general = {stem(word) for text in (card.title, card.patient.name) for word in tokens(text)}
        often = {feature for feature, rarity in self._rarity.items() if rarity < 0.45}
        return frozenset(general | often | {"problem", "troubl", "situation", "detail", "stori", "concern", "issu"})

    def _weight(self, feature: str) -> float:
        return self._rarity.get(feature, 0.0) * (CONCEPT_WEIGHT if feature.startswith("@") else 1.0)

    def _compile(self, text: str) -> _Trigger:
        words = tokens(text)
        features: dict[str, float] = {}
        for word in _stems(words):
            features[word] = max(self._rarity.get(word, 0.0), 0.1)
        for concept in phrase_concepts(words):
            features[concept] = max(self._weight(concept), 0.1)
        wording = self._wording(words)
        total = sum(features.values())
        features_total, whole = total, sum(wording.values())
        return _Trigger(
            text, tuple(features.items()), features_total, phrase_sound(words), wording, whole, _forms(wording)
        )

    def _wording(self, words: tuple[str, ...]) -> dict[str, float]:
        """Return every word of a question with its weight: topics by rarity, its form, its grammar."""
        found: dict[str, float] = {}
        for word in words:
            if word in self._names:
                continue
            if word in FUNCTION_WORDS and word not in FORMS:
                found[word] = GRAMMAR_WEIGHT
            elif word in FORMS:
                found["?" + FORMS[word]] = FORM_WEIGHT
            else:
                base = stem(word)
                found[base] = max(self._rarity.get(base, 0.6), 0.2)
        return found

    def _evidence(self, words: tuple[str, ...]) -> tuple[dict[str, float], float, float]:
        """Return how surely each known feature was said (0..1), and the weights of content words that no cue knows.

        The second weight is of those that are known to belong to other topics.
        """
        evidence: dict[str, float] = {}
        unknown = elsewhere = 0.0

        def note(feature: str, degree: float) -> None:
            if degree > evidence.get(feature, 0.0):
                evidence[feature] = degree

        for word in words:
            if word in self._names:
                continue
            if word in FUNCTION_WORDS:
                for concept in concepts_of(word):
                    note(concept, 1.0)
                continue
            base = stem(word)
            if word in self._elsewhere:
                elsewhere += ELSEWHERE_WEIGHT
                continue
            concepts = [concept for concept in concepts_of(base) if concept in self._known]
            if base in self._known:
                note(base, 1.0)
            for concept in concepts:
                note(concept, 1.0)
            if base in self._known or concepts:
                continue
            near = self._near_words(word)
            if concepts_of(base):
                near = tuple((feature, MEANT_SHARE * degree) for feature, degree in near)
            unknown += UNKNOWN_WEIGHT * (1.0 - max((degree for _, degree in near), default=0.0))
            for feature, degree in near:
                note(feature, degree)
        for concept in phrase_concepts(words):
            note(concept, 1.0)
        for first, second in pairwise(words):
            if first in FUNCTION_WORDS and second in FUNCTION_WORDS:
                continue  # "right and" is hardly ever "frightened"
            if min(len(first), len(second)) <= 4 and len(first) + len(second) >= 6:
                for feature, degree in self._near_joined(first + second):
                    note(feature, degree)
        return evidence, unknown, elsewhere

    def _near_words(self, word: str) -> tuple[tuple[str, float], ...]:
        """Return features of known words that look and sound like `word`, with degrees; remembered per index."""
        found = self._near.get(word)
        if found is None:
            if len(self._near) > 20_000:  # a bound for servers that run for months
                self._near.clear()
            found = self._near[word] = self._compare(word) if len(word) > 2 else ()
        return found

    def _compare(self, word: str) -> tuple[tuple[str, float], ...]:
        if not self._surfaces:
            return ()
        letters = process.cdist([word], self._surfaces, scorer=fuzz.ratio)[0]
        sounds = process.cdist([sound(word)], self._sounds, scorer=fuzz.ratio)[0]
        likeness = (0.45 * letters + 0.55 * sounds) / 100.0
        degrees: dict[str, float] = {}
        for position in likeness.argsort()[::-1][:3].tolist():
            alike = float(likeness[position])
            if alike < (FUZZY_FLOOR if len(word) > 4 else SHORT_FLOOR):
                break
            degree = 0.4 + (FUZZY_BEST - 0.4) * (alike - FUZZY_FLOOR) / (1.0 - FUZZY_FLOOR)
            for feature in _word_features(self._surfaces[position]):
                if degree > degrees.get(feature, 0.0):
                    degrees[feature] = degree
        return tuple(degrees.items())

    def _near_joined(self, word: str) -> Iterable[tuple[str, float]]:
        cached = self._near.get("+" + word)
        if cached is None:
            key = sound(word)
            found: dict[str, float] = {}
            for surface, surface_key in self._long:
                if abs(len(surface_key) - len(key)) <= 2:
                    alike = (0.3 * fuzz.ratio(word, surface) + 0.7 * fuzz.ratio(key, surface_key)) / 100.0
                    if alike >= JOINED_FLOOR:
                        found.update(dict.fromkeys(_word_features(surface), alike * FUZZY_BEST))
            cached = self._near["+" + word] = tuple(found.items())
        return cached

    def _score(self, cue_id: str, heard: _Heard) -> CueScore:
        telling = self._telling[cue_id]
        evidence = heard.evidence
        # A word and its concepts are much the same evidence: each further one counts less.
        strengths = sorted((telling[f] * degree for f, degree in evidence.items() if f in telling), reverse=True)
        mass = sum(strength / (1 + place) for place, strength in enumerate(strengths))
        bag = 1.0 - math.exp(-1.3 * mass)
        rest = heard.unknown + heard.elsewhere
        rest += sum(self._rarity.get(f, 0.0) * d for f, d in evidence.items() if f not in telling)
        share = sum(strengths) / (sum(strengths) + rest) if mass else 0.0
        best, recall, phrase, specific, same_form = self._best_trigger(cue_id, heard)
        # A single word that many questions share is no evidence, however well it fits.
        lexical = 0.40 * bag + (0.35 * recall + 0.25 * share) * min(1.0, mass / ENOUGH_MASS)
        # Likeness of sound confirms; where no content word was found it may come from "have you" and "do you" alone.
        score = lexical + (1.0 - lexical) * 0.5 * _likeness(phrase) * (0.3 + 0.7 * share) * (0.3 + 0.7 * recall)
        score *= FOREIGN_FLOOR + (1.0 - FOREIGN_FLOOR) * share
        score *= (1.0 + SPECIFIC_SHARE * (specific - SPECIFIC_USUAL)) * (1.0 if same_form else OTHER_FORM)
        topic = self._topics[cue_id]
        if topic:
            score *= 1.0 - TOPIC_LOSS * (1.0 - evidence.get(topic, 0.0))
        if heard.opening and heard.opening not in self._asks[cue_id]:
            score *= 1.0 - PLACE_LOSS
        if heard.elsewhere:
            score *= 1.0 - ELSEWHERE_SHARE * heard.elsewhere / (heard.elsewhere + sum(strengths))
        return CueScore(cue_id, min(1.0, score), best, phrase, specific)

    def _best_trigger(self, cue_id: str, heard: _Heard) -> tuple[str, float, float, float, bool]:
        """Return the trigger that fits best: the share of its content that was said, the likeness of its sound and of
        its whole wording, and whether it asks in the same form."""
        most, best = -1.0, ("", 0.0, 0.0, 0.0, True)
        sounds, degrees, wording = heard.sound, heard.degrees, heard.wording
        total = sum(wording.values())
        forms = _forms(wording)
        for trigger in self._triggers[cue_id]:
            said = sum([weight * degrees[f] for f, weight in trigger.features if f in degrees])
            recall = said / trigger.total if trigger.total else 0.0
            phrase = 0.0
            if len(sounds) >= 5 and len(trigger.sound) >= 5:
                phrase = fuzz.ratio(sounds, trigger.sound, score_cutoff=60.0) / 100.0
                if len(sounds) > len(trigger.sound) and recall >= INSIDE_RECALL:
                    # A trigger inside a longer stretch; short ones are found anywhere by chance.
                    inside = fuzz.partial_ratio(sounds, trigger.sound, score_cutoff=70.0) / 100.0
                    phrase = max(phrase, inside * min(1.0, 0.7 + len(trigger.sound) / 60.0))
            shared = sum([weight for word, weight in trigger.wording.items() if word in wording])
            specific = 2.0 * shared / (trigger.wording_total + total)
            merit = _merit(recall, phrase) + 0.25 * specific
            if merit > most:
                same_form = not (forms and trigger.forms) or bool(forms & trigger.forms)
                most, best = merit, (trigger.text, recall, phrase, specific, same_form)
        return best

    def _degrees(self, evidence: Mapping[str, float]) -> dict[str, float]:
        """Return how surely each feature of the triggers was said, by itself or by a word of the same meaning."""
        degrees = {feature: degree for feature, degree in evidence.items() if feature in self._content}
        for concept, degree in evidence.items():
            for feature in self._meaning.get(concept, ()):
                if CONCEPT_WEIGHT * degree > degrees.get(feature, 0.0):
                    degrees[feature] = CONCEPT_WEIGHT * degree
        return degrees


def _forms(wording: Mapping[str, float]) -> frozenset[str]:
    return frozenset(word for word in wording if word.startswith("?"))


def _opening(words: tuple[str, ...]) -> str:
    """Return the form of a question for a place or a reason, which hardly any other question can stand for."""
    return next(("?" + word for word in words[:OPENING_WORDS] if word in ("where", "why")), "")


def _likeness(phrase: float) -> float:
    return max(0.0, (phrase - PHRASE_FLOOR) / (1.0 - PHRASE_FLOOR))


def _merit(recall: float, phrase: float) -> float:
    return 0.35 * recall + 0.25 * _likeness(phrase)


_INDEXES: dict[tuple[str, int], tuple[Card, WordCardIndex]] = {}


def index_for(card: Card) -> WordCardIndex:
    """Return the card's index, made once per id and version (and anew when the card's content differs)."""
    key = (card.id, card.version)
    known = _INDEXES.get(key)
    if known is not None and (known[0] is card or known[0] == card):
        return known[1]
    index = WordCardIndex(card)
    _INDEXES[key] = (card, index)
    return index


def _stems(words: tuple[str, ...]) -> list[str]:
    return [stem(word) for word in words if word not in FUNCTION_WORDS]


def _word_features(word: str) -> tuple[str, ...]:
    base = stem(word)
    return (base, *concepts_of(base))


def _features(words: tuple[str, ...]) -> list[str]:
    """Return the stems of the content words, their concepts, and the concepts of phrases."""
    found: list[str] = []
    for word in words:
        if word in FUNCTION_WORDS:
            found.extend(concepts_of(word))
        else:
            found.extend(_word_features(word))
    return found + phrase_concepts(words)
