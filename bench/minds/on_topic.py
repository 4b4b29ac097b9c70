"""Whether a reply is on topic, judged by a text encoder: no person reads it.

A reply is on topic if it is nearer (by cosine) to its own question than to nine in ten of the card's questions of other
kinds; or, where the card tells something, if it is near to what is told. So the card's words are on topic by
construction wherever they tell something, and what tells nothing ("I'm not sure.") seldom is, fitting or not. A reply
that says the question again is near to it, whatever it answers. `eval patient` says how often this agrees with two
people who judged 150 replies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from bench.minds.mind_reply import MindReply
from pipelines.intent.encoder import Vectors

NEARER_THAN = 0.9
NEAR = 0.6
"""The cosine from which on a reply says what is told."""


class Encodes(Protocol):
    """What makes vectors of unit length."""

    def encode(self, texts: Sequence[str]) -> Vectors: ...


class TopicJudge:
    """Judges replies against the questions that were asked of the same card."""

    def __init__(self, encoder: Encodes, questions: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        """`questions` are (kind, text) by card."""
        self._encoder = encoder
        self._kinds = {card: np.array([kind for kind, _ in asked]) for card, asked in questions.items()}
        self._vectors = {card: encoder.encode([text for _, text in asked]) for card, asked in questions.items()}

    def judge(self, replies: Sequence[MindReply]) -> list[bool]:
        """Return of each reply whether it is on topic."""
        if not replies:
            return []
        said = self._encoder.encode([each.reply or "." for each in replies])
        asked = self._encoder.encode([each.question for each in replies])
        told = self._encoder.encode([each.release or "." for each in replies])
        near = np.sum(said * asked, axis=1)
        tells = np.sum(said * told, axis=1)
        return [
            self._nearer(each, said[place], float(near[place])) or (each.tells and float(tells[place]) >= NEAR)
            for place, each in enumerate(replies)
        ]

    def _nearer(self, reply: MindReply, said: Vectors, near: float) -> bool:
        if not reply.reply:
            return False
        others = self._vectors[reply.card][self._kinds[reply.card] != reply.kind] @ said
        return bool(np.mean(others < near) >= NEARER_THAN) if len(others) else False
