"""The interpreter that learns from exemplars and from each card: acts, cues, facts, each with a probability."""

from __future__ import annotations

import functools
import re
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from pipelines.engines import AlsoAsked, CueMatch, EngineInfo, IndexRequest, Interpretation, InterpretRequest
from pipelines.intent.act_classifier import ActClassifier
from pipelines.intent.acts import ASKING, Act
from pipelines.intent.calibration import Calibration
from pipelines.intent.card_index import NOWHERE, CardIndex, Confused
from pipelines.intent.card_store import CardStore
from pipelines.intent.distress import DistressClassifier
from pipelines.intent.encoder import shared_encoder
from pipelines.intent.exemplars import SUPPLIED, Exemplars, exemplars_of
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
PUNCTUATION = ".,?!;:'\""


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
        (items,) = self._calibration.probabilities(index.ahead(whole, near_topics))
        taken = functools.partial(read, classifier.acts, told_at=self._calibration.told_at)
        reading = taken(acts, items, first=request.first_words, explained=request.explained)
        if len(sentences) > 1:
            shares = classifier.probabilities(sentences[-2:], vectors[-2:])
            near = self._calibration.probabilities(index.ahead(vectors[-2:], topics.nearness(vectors[-2:])))
            before, last = (
                taken(*each, first=False, explained=request.explained) for each in zip(shares, near, strict=True)
            )
            reading = read_on(reading, before, last, text=sentences[-1])
        matches = tuple(
            CueMatch(index.items[item], float(items[item]), index.example(int(item), whole))
            for item in items.argsort()[::-1][: self._most]
        )
        topic = _foreign_topic(index, near_topics)
        if reading.act is Act.INVITATION:
            # What is invited: worries, hopes, feelings, questions.
            topic = topics.nearest(near_topics[0], NOWHERE + TOPIC_AHEAD)
        return Interpretation(
            reading.act,
            reading.confidence,
            matches,
            reading.confidence if reading.act in ASKING else 0.0,
            _reason(turn, reading, matches, topic),
            topic=topic,
            subjects=tuple(topics.subjects(near_topics[0]).items())[:SUBJECTS] if reading.act in ABOUT else (),
            also=self._also(turn, request.card, matches[0].cue if reading.act is Act.CUE else topic)
            if reading.act in SHARED_WITH
            else (),
            claims=self._claims(turn, index, topics) if reading.act is Act.SUMMARY else (),
            # Somebody's distress may be one sentence among others.
            distress=distress.notice(sentences, vectors[-len(sentences) :]),
        )

    def _also(self, turn: str, card: Card, main: str) -> tuple[AlsoAsked, ...]:
        """Return what else a turn clearly asks for, if one of its questions is the `main` one."""
        questions = questions_of(turn)
        if not questions:
            return ()
        topics, classifier, _ = self._learn()
        index, cues = self._index(card), {cue.id for cue in card.cues}
        vectors = self._vectoriser.encode(questions)
        near = topics.nearness(vectors)
        items = self._calibration.probabilities(index.ahead(vectors, near))
        shares = classifier.probabilities(questions, vectors)
        asked: dict[str, AlsoAsked] = {}
        for place, text in enumerate(questions):
            reading = read(classifier.acts, shares[place], items[place], told_at=self._calibration.told_at, first=False)
            item, topic = index.items[int(items[place].argmax())], _foreign_topic(index, near[place : place + 1])
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
            acts = ActClassifier(exemplars, once, by_meaning=by_meaning)
            calm = [text for texts in exemplars.acts.values() for text in texts]
            distress = DistressClassifier(exemplars.distress, calm, once, by_meaning=by_meaning)
            self._learned = topics, acts, distress
            once.keep()
        return self._learned

    @functools.cached_property
    def _calibration(self) -> Calibration:
        self._vectoriser.load()
        return Calibration.load(self._vectoriser.calibrated_as)

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
