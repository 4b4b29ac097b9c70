"""The common topics as vectors."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.intent.encoder import Vectors
from pipelines.intent.exemplars import Topic
from pipelines.intent.groups import Groups
from pipelines.intent.ridge import Matrix
from pipelines.intent.vectors import Vectoriser


class TopicIndex:
    """What any patient may be asked: `vectors` of all questions, in `groups` by the topic's place in `names`."""

    def __init__(self, topics: Mapping[str, Topic], vectoriser: Vectoriser) -> None:
        self.names = tuple(topics)
        questions = [(place, text) for place, topic in enumerate(topics.values()) for text in topic.questions]
        self.groups = Groups([place for place, _ in questions])
        self.vectors = vectoriser.encode([text for _, text in questions])

    def likeness(self, vectors: Vectors) -> Matrix:
        """Return how near each text is to each topic: to the two nearest of its questions, (texts, topics)."""
        return self.groups.best_two(vectors @ self.vectors.T)
