"""The interpreter that learns from exemplars and from each card: acts, cues, facts, each with a probability."""

from __future__ import annotations

import functools
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.engines import AlsoAsked, CueMatch, EngineInfo, IndexRequest, Interpretation, InterpretRequest
from pipelines.intent.act_classifier import ActClassifier
from pipelines.intent.acts import ASKING, Act
from pipelines.intent.calibration import Calibration
from pipelines.intent.card_index import NOWHERE, CardIndex, Confused
from pipelines.intent.card_store import CardStore
from pipelines.intent.distress import DistressClassifier
from pipelines.intent.encoder import Vectors, shared_encoder
from pipelines.intent.exemplars import SUPPLIED, Exemplars, exemplars_of
from pipelines.intent.item_reader import ItemReader, shared_reader
from pipelines.intent.questions import questions_of
from pipelines.intent.reading import FITS, Reading, read, read_on
from pipelines.intent.ridge import Matrix
from pipelines.intent.sentences import claims_of, sentences_of
from pipelines.intent.spelling_vectors import SPELLING, SpellingVectors
from pipelines.intent.topics import TopicIndex
from pipelines.intent.unintelligible import why_unintelligible
from pipelines.intent.vectors import Remembering, Vectoriser
from pipelines.models.devices import choose_device
from pipelines.patient.card import Card

# So many cards' indexes are kept: 0.5 MiB each.
CARDS = 64
MOST = 3
"""So many of the likeliest items are told."""
# So much nearer than nothing at all must a common topic be that was asked about.
TOPIC_AHEAD = 3.0
# A topic of the card that is so much nearer than the nearest other one is what was asked about.
OWN_AHEAD = 1.5
# So many kinds of things are told that a question may be about, and of these acts.
SUBJECTS = 2
ABOUT = frozenset({Act.CUE, Act.UNSURE, Act.UNKNOWN, Act.INVITATION})
# A turn that is taken for one of these may ask for more.
SHARED_WITH = frozenset({Act.CUE, Act.UNKNOWN, Act.IDENTITY})
# So sure must it be that a cue was asked for beside something else.
SURE = 0.85
# "Did it help?" and "How much?" are about what was asked before them.
POINTS_BACK = re.compile(
    r"\b(?:it|that|this|they|them|these|those|ones?)\b"
    r"|^\W*(?:and\W+)?(?:how|why|when|where|who|which|what)(?: \w+)?\W*$",
    re.IGNORECASE,
)
# So many of the likeliest items are read together with the question, each so likely at least.
READ, READ_FROM = 2, 0.1
PUNCTUATION = ".,?!;:'\""


@dataclass(frozen=True, slots=True)
class _AskedOne:
    """One question of several: how likely it asks for each item, what it is taken for, its item and its topic."""

    text: str
    items: Matrix
    reading: Reading
    item: str
    topic: str


class LearnedInterpreter:
    """An Interpreter by examples.

    `folder` holds the text encoder, which computes on `device` (auto, cpu, cuda or cuda:N); without one, texts are
    compared by how they are spelt. `most` is how many of the items that a turn may ask for are told, the likeliest
    first.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        exemplars: Path = SUPPLIED,
        threads: int = 1,
        device: str = "cpu",
        most: int = MOST,
    ) -> None:
        name, by = ("encoder", "its meaning") if folder is not None else (SPELLING, "its spelling")
        self.info = EngineInfo(
            "interpreter",
            name,
            demonstration=folder is None,
            isolation="thread",
            detail=f"compares what the candidate says with examples, by {by}",
        )
        self._vectoriser: Vectoriser = SpellingVectors()
        if folder is not None:
            chosen = choose_device(device)
            self._vectoriser = shared_encoder(folder, threads=threads, device=chosen.name, device_index=chosen.index)
        self._reader: ItemReader | None = None
        if folder is not None:
            self._reader = shared_reader(folder, threads=threads, device=chosen.name, device_index=chosen.index)
        self._store = CardStore(folder) if folder is not None else None
        self._most = most
        self._exemplars_file = exemplars
        self._learned: tuple[TopicIndex, ActClassifier, DistressClassifier] | None = None
        self._indexes: OrderedDict[str, tuple[Card, CardIndex]] = OrderedDict()

    @property
    def vectoriser(self) -> Vectoriser:
        """What makes sentences vectors."""
        return self._vectoriser

    def warm(self) -> None:
        """Load the encoder and learn from the exemplars (seconds)."""
        self._vectoriser.load()
        if self._reader is not None:
            self._reader.load()
        self._learn()

    def index(self, request: IndexRequest) -> None:
        """Learn the card ahead of its first turn."""
        self._index(request.card)

    def confused(self, card: Card) -> list[Confused]:
        """Return the card's example questions that it would answer with something else."""
        return self._index(card).confused()

    def interpret(self, request: InterpretRequest) -> Interpretation:
        """Return what the turn is taken for."""
        sentences = sentences_of(request.text)
        turn = " ".join(sentences)
        spoken = [word.strip(PUNCTUATION) for word in turn.split()]
        doubt = why_unintelligible(spoken, request.words)
        if doubt:
            return Interpretation(Act.UNINTELLIGIBLE, 1.0, reason=doubt)
        topics, classifier, distress = self._learn()
        index = self._index(request.card)
        # All of it tells what it is for: "Do you smoke? I ask because smoking makes the healing slower."
        vectors = self._vectoriser.encode([turn, *sentences] if len(sentences) > 1 else [turn])
        whole = vectors[:1]
        (acts,) = classifier.probabilities([turn], whole)
        near_topics = topics.nearness(whole)
        items = self._likely(turn, index, whole, near_topics)
        questions = self._questions(turn, index)
        if self._reader is not None and questions:
            # Whoever reads two questions as one finds neither answered.
            first, *more = questions
            alone = [each.items for each in more if not POINTS_BACK.search(each.text)]
            items = np.max([items, first.items, *alone], axis=0)
        taken = functools.partial(self._taken, explained=request.explained)
        reading = taken(acts, items, first=request.first_words)
        if len(sentences) > 1:
            shares = classifier.probabilities(sentences[-2:], vectors[-2:])
            near = self._calibration.probabilities(index.ahead(vectors[-2:], topics.nearness(vectors[-2:])))
            before, last = (taken(*each, first=False) for each in zip(shares, near, strict=True))
            reading = read_on(reading, before, last, text=sentences[-1])
        matches = tuple(
            CueMatch(index.items[item], float(items[item]), index.example(int(item), whole))
            for item in items.argsort()[::-1][: self._most]
        )
        topic = _foreign_topic(index, near_topics)
        if reading.act is Act.INVITATION:
            # What is invited, often by the last sentence alone: worries, hopes, feelings, questions.
            near_any = np.maximum(near_topics[0], topics.nearness(vectors[-1:])[0])
            topic = topics.nearest(near_any, NOWHERE + TOPIC_AHEAD)
        return Interpretation(
            reading.act,
            reading.confidence,
            matches,
            reading.confidence if reading.act in ASKING else 0.0,
            _reason(turn, reading, matches, topic),
            topic=topic,
            subjects=tuple(topics.subjects(near_topics[0]).items())[:SUBJECTS] if reading.act in ABOUT else (),
            also=self._also(questions, request.card, matches[0].cue if reading.act is Act.CUE else topic)
            if reading.act in SHARED_WITH
            else (),
            claims=self._claims(turn, index, topics) if reading.act is Act.SUMMARY else (),
            # Somebody's distress may be one sentence among others.
            distress=distress.notice(sentences, vectors[-len(sentences) :]),
        )

    def _taken(self, acts: Matrix, items: Matrix, *, first: bool, explained: bool = True) -> Reading:
        sure, names = self._calibration, self._learn()[1].acts
        return read(names, acts, items, told_at=sure.told_at, asked_at=sure.asked_at, first=first, explained=explained)

    def _likely(self, text: str, index: CardIndex, vectors: Vectors, near_topics: Matrix) -> Matrix:
        """Return how likely each item is to be the one that a text asks for, float64 (items,)."""
        ahead = index.ahead(vectors, near_topics)
        likely: Matrix = self._calibration.probabilities(ahead)[0]
        if self._reader is None:
            return likely
        places = [int(place) for place in ahead[0].argsort()[::-1][:READ] if likely[place] >= READ_FROM]
        if places:
            read = self._reader.log_odds(text, [index.text_of(place, vectors) for place in places])
            likely[places] = self._calibration.read(ahead[0, places], read)
        # Only one item is the one that is asked for.
        best = int(likely.argmax())
        others = np.arange(len(likely)) != best
        likely[others] = np.minimum(likely[others], 1.0 - likely[best])
        return likely

    def _questions(self, turn: str, index: CardIndex) -> list[_AskedOne]:
        """Return what is made of each question of a turn that asks several."""
        topics, classifier, _ = self._learn()
        texts = questions_of(turn)
        if not texts:
            return []
        vectors = self._vectoriser.encode(texts)
        near, shares = topics.nearness(vectors), classifier.probabilities(texts, vectors)
        made: list[_AskedOne] = []
        for place, text in enumerate(texts):
            one = slice(place, place + 1)
            items = self._likely(text, index, vectors[one], near[one])
            reading = self._taken(shares[place], items, first=False)
            topic = _foreign_topic(index, near[one])
            made.append(_AskedOne(text, items, reading, index.items[int(items.argmax())], topic))
        return made

    def _also(self, questions: Sequence[_AskedOne], card: Card, main: str) -> tuple[AlsoAsked, ...]:
        """Return what else a turn clearly asks for, if one of its questions is the `main` one."""
        cues = {cue.id for cue in card.cues}
        asked: dict[str, AlsoAsked] = {}
        for place, question in enumerate(questions):
            text, reading, item, topic = question.text, question.reading, question.item, question.topic
            sure = reading.act is Act.CUE and reading.confidence >= (SURE if item in cues else FITS)
            if main in (item, topic):
                asked.setdefault(main, AlsoAsked(text))
            elif place and POINTS_BACK.search(text):
                continue
            elif sure:
                asked.setdefault(item, AlsoAsked(text, item=item))
            elif reading.act in (Act.UNKNOWN, Act.IDENTITY) and topic:
                asked.setdefault(topic, AlsoAsked(text, topic=topic))
        return tuple(each for name, each in asked.items() if name != main) if main in asked else ()

    def _claims(self, turn: str, index: CardIndex, topics: TopicIndex) -> tuple[tuple[str, str], ...]:
        claims = claims_of(turn)
        vectors = self._vectoriser.encode(claims)
        ahead = index.ahead(vectors, topics.nearness(vectors)) if claims else ()
        items = [index.items[int(each.argmax())] for each in ahead]
        return tuple(zip(claims, items, strict=True))

    def _learn(self) -> tuple[TopicIndex, ActClassifier, DistressClassifier]:
        if self._learned is None:
            exemplars: Exemplars = exemplars_of(self._exemplars_file)
            kept = self._store.exemplars_file(self._exemplars_file) if self._store is not None else None
            once = Remembering(self._vectoriser, kept)
            topics = TopicIndex(exemplars.topics, once)
            by_meaning = self._store is not None
            acts = ActClassifier(exemplars, once, by_meaning=by_meaning, computed=once.computed)
            calm = [text for texts in exemplars.acts.values() for text in texts]
            distress = DistressClassifier(exemplars.distress, calm, once, by_meaning=by_meaning, computed=once.computed)
            self._learned = topics, acts, distress
            once.keep()
        return self._learned

    @functools.cached_property
    def _calibration(self) -> Calibration:
        self._vectoriser.load()
        return Calibration.load("read" if self._reader is not None else self._vectoriser.calibrated_as)

    def _index(self, card: Card) -> CardIndex:
        known, index = self._indexes.get(card.id, (None, None))
        if index is None or (known is not card and known != card):
            topics, _, _ = self._learn()
            kept = self._store.card_file(card) if self._store is not None else None
            once = Remembering(self._vectoriser, kept)
            index = CardIndex(card, once, topics)
            once.keep()
        self._indexes[card.id] = (card, index)
        self._indexes.move_to_end(card.id)
        if len(self._indexes) > CARDS:
            self._indexes.popitem(last=False)
        return index


def _foreign_topic(index: CardIndex, near: Matrix) -> str:
    """Return the common topic that a text asks for and that is none of the card's, or nothing."""
    topic, nearness = index.foreign_topic(near)
    # What is much nearer to a topic of the card is not about another one.
    ahead = float(near.max()) - float(near[:, index.topic_names.index(topic)].max())
    return topic if nearness >= NOWHERE + TOPIC_AHEAD and ahead <= OWN_AHEAD else ""


def _reason(turn: str, reading: Reading, matches: Sequence[CueMatch], topic: str) -> str:
    said = f"'{turn}' is taken for {reading.act.value} ({reading.confidence:.2f})"
    if not matches:
        return said
    near = f"nearest '{matches[0].example}' ({matches[0].cue}, {matches[0].probability:.2f})"
    if len(matches) > 1:
        near += f", then {matches[1].cue} ({matches[1].probability:.2f})"
    return f"{said}; {near}" + (f"; common topic: {topic}" if topic else "")
