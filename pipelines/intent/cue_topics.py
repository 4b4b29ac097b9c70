"""What a cue is about, as far as its triggers show: the feature that most share, and what only stands beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pipelines.intent.lexicon import concepts_of

# A feature of this share of a cue's triggers is its topic.
TOPIC_SHARE = 0.4
# A feature that this many triggers have without the topic is a topic too.
ALONE = 2
COMPANY_SHARE = 0.8
# What so many of a cue's triggers share, a question about the cue has to name.
ALWAYS_SHARE = 0.75


def constant_topic(texts: Sequence[frozenset[str]]) -> str:
    """Return the feature that nearly all of a cue's texts (each a set of features) share, or an empty string."""
    feature, often = _most_common(texts)
    return feature if often >= ALWAYS_SHARE * len(texts) else ""


def company(feature: str, texts: Sequence[frozenset[str]]) -> float:
    """Return what a feature is worth, 0..1: less where it stands in a cue's texts only beside the cue's topic.

    "Are you allergic to any medicine" says that medicine is a part of the question, not that it is asked for.
    """
    topic, often = _most_common(texts)
    own = feature == topic or topic in concepts_of(feature) or feature in concepts_of(topic)
    if own or often < TOPIC_SHARE * len(texts):
        return 1.0
    alone = sum(feature in found and topic not in found for found in texts)
    return 1.0 if alone >= ALONE else COMPANY_SHARE


def _most_common(texts: Sequence[frozenset[str]]) -> tuple[str, int]:
    """Return the commonest feature and its count; of equals a concept, then the last by name, so that runs agree."""
    counts = Counter(feature for found in texts for feature in found)
    return max(counts.items(), key=lambda item: (item[1], item[0].startswith("@"), item[0]))
