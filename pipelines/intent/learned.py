"""The interpreter that learns from exemplars and from each card: acts, cues, facts, each with a probability."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipelines.engines import CueMatch, EngineInfo, IndexRequest, Interpretation, InterpretRequest
from pipelines.intent.act_classifier import ActClassifier
from pipelines.intent.acts import ASKING, Act
from pipelines.intent.calibration import Calibration
from pipelines.intent.card_index import CardIndex
from pipelines.intent.distress import DistressClassifier
from pipelines.intent.encoder import SentenceEncoder
from pipelines.intent.exemplars import SUPPLIED, Exemplars, exemplars_of
from pipelines.intent.reading import Reading, Scored, read
from pipelines.intent.sentences import sentences_of
from pipelines.intent.topics import TopicIndex
from pipelines.intent.unintelligible import why_unintelligible
from pipelines.intent.vectors import Remembering, Vectoriser
from pipelines.patient.card import Card

# So many cards' indexes are kept: 0.5 MiB each.
CARDS = 64
# So many of the likeliest items are told.
MOST = 3
# A common topic that the words are not nearer to was not asked about.
TOPIC_AT = 0.55
PUNCTUATION = ".,?!;:'\""


class LearnedInterpreter:
    """An Interpreter by examples; `folder` holds the text encoder."""

    def __init__(self, folder: Path, *, exemplars: Path = SUPPLIED, threads: int = 1) -> None:
        self.info = EngineInfo(
            "interpreter",
            "encoder",
            demonstration=False,
            isolation="thread",
            detail="compares what the candidate says with examples, by its meaning",
        )
        self._folder = folder
        self._vectoriser: Vectoriser = SentenceEncoder(folder, threads=threads)
        self._exemplars_file = exemplars
        self._calibration = Calibration.load()
        self._learned: tuple[TopicIndex, ActClassifier, DistressClassifier] | None = None
        self._indexes: OrderedDict[str, tuple[Card, CardIndex]] = OrderedDict()

    def warm(self) -> None:
        """Load the encoder and learn from the exemplars (seconds)."""
        self._vectoriser.load()
        self._learn()

    def index(self, request: IndexRequest) -> None:
        """Learn the card ahead of its first turn."""
        self._index(request.card)

    def interpret(self, request: InterpretRequest) -> Interpretation:
        """Return what the turn is taken for."""
        sentences = sentences_of(request.text)
        spoken = [word.strip(PUNCTUATION) for sentence in sentences for word in sentence.text.split()]
        doubt = why_unintelligible(spoken, request.words)
        if doubt:
            return Interpretation(Act.UNINTELLIGIBLE, 1.0, reason=doubt)
        _, classifier, distress = self._learn()
        index = self._index(request.card)
        texts = [reading for sentence in sentences for reading in sentence.readings]
        vectors = self._vectoriser.encode(texts)
        acts = classifier.probabilities(texts, vectors)
        items = self._calibration.probabilities(index.features(vectors))
        scored, start = [], 0
        for sentence in sentences:
            end, whole = start + len(sentence.readings), start + 1 + len(sentence.tails)
            scored.append(Scored(sentence, vectors[start:end], acts[start:whole], items[start:end]))
            start = end
        told = self._told(read(scored, classifier.acts, first=request.first_words), index)
        said = [part.vectors[0] for part in scored]
        return replace(told, distress=distress.notice([part.sentence.text for part in scored], np.array(said)))

    def _told(self, reading: Reading, index: CardIndex) -> Interpretation:
        vectors = reading.scored.vectors
        order = reading.items.argsort()[::-1]
        matches = tuple(
            CueMatch(index.items[item], float(reading.items[item]), index.example(int(item), vectors))
            for item in order[:MOST]
        )
        topic, near = index.foreign_topic(vectors)
        topic = topic if near >= TOPIC_AT else ""
        return Interpretation(
            reading.act,
            reading.confidence,
            matches,
            reading.confidence if reading.act in ASKING else 0.0,
            _reason(reading, matches, topic),
            topic=topic,
        )

    def _learn(self) -> tuple[TopicIndex, ActClassifier, DistressClassifier]:
        if self._learned is None:
            exemplars: Exemplars = exemplars_of(self._exemplars_file)
            once = Remembering(self._vectoriser, self._vectors_file())
            topics = TopicIndex(exemplars.topics, once)
            acts = ActClassifier(exemplars, once)
            calm = [text for texts in exemplars.acts.values() for text in texts]
            self._learned = topics, acts, DistressClassifier(exemplars.distress, calm, once)
            once.keep()
        return self._learned

    def _vectors_file(self) -> Path:
        """Where the exemplars' vectors are kept: beside the models, named after all that they are made from."""
        made_from = hashlib.sha256(self._exemplars_file.read_bytes())
        for file in sorted(self._folder.glob("*.json")):
            made_from.update(file.read_bytes())
        return self._folder.parent / ".vectors" / f"{self._folder.name}-{made_from.hexdigest()[:16]}.npz"

    def _index(self, card: Card) -> CardIndex:
        known, index = self._indexes.get(card.id, (None, None))
        if index is None or (known is not card and known != card):
            topics, _, _ = self._learn()
            index = CardIndex(card, self._vectoriser, topics)
        self._indexes[card.id] = (card, index)
        self._indexes.move_to_end(card.id)
        if len(self._indexes) > CARDS:
            self._indexes.popitem(last=False)
        return index


def _reason(reading: Reading, matches: Sequence[CueMatch], topic: str) -> str:
    said = f"'{reading.scored.sentence.text}' is taken for {reading.act.value} ({reading.confidence:.2f})"
    if not matches:
        return said
    near = f"nearest '{matches[0].example}' ({matches[0].cue}, {matches[0].probability:.2f})"
    if len(matches) > 1:
        near += f", then {matches[1].cue} ({matches[1].probability:.2f})"
    return f"{said}; {near}" + (f"; common topic: {topic}" if topic else "")
