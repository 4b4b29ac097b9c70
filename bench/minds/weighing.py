"""Weighs a model against the card's words at the turns where the model was asked: `auto` goes by it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.minds.mind_reply import NOT_ASKED, MindReply
from pipelines.intent.acts import Act
from pipelines.responders.mind_evidence import ActEvidence, MindEvidence, MindScore
from server.measures import percentile

BUSY = "busy"
"""Why a model was not asked that still hung in the reply before."""
LEAST_TURNS = 20
"""Of fewer turns nothing is concluded."""
MOST_BY_CHANCE = 0.05
"""A model that is as good as the card's words would seem better in so many of a hundred cases."""
WITHIN_MS = 1_000.0
"""A first clause that is ready later leaves people waiting."""


@dataclass(frozen=True, slots=True)
class WeighedReply:
    """A reply, what is unfaithful in it, and whether it is on topic."""

    reply: MindReply
    faults: tuple[str, ...]
    on_topic: bool


def weigh(card: Sequence[WeighedReply], model: Sequence[WeighedReply], *, name: str, date: str) -> MindEvidence:
    """Return the evidence of a model's replies beside the card's to the same questions, in the same order."""
    pairs: dict[Act, list[tuple[WeighedReply, WeighedReply]]] = {}
    for one, other in zip(card, model, strict=True):
        if other.reply.fell_back not in (NOT_ASKED, BUSY):
            pairs.setdefault(Act(other.reply.act), []).append((one, other))
    most_first = sorted(pairs.items(), key=lambda item: -len(item[1]))
    return MindEvidence(
        model=name,
        date=date,
        cards=len({each.reply.card for each in card}),
        questions=len(card),
        acts=tuple(_of_act(act, each) for act, each in most_first),
    )


def _of_act(act: Act, pairs: Sequence[tuple[WeighedReply, WeighedReply]]) -> ActEvidence:
    scores = [_score([pair[place] for pair in pairs]) for place in (0, 1)]
    won = sum(other.on_topic and not one.on_topic for one, other in pairs)
    lost = sum(one.on_topic and not other.on_topic for one, other in pairs)
    card, model = scores
    if len(pairs) < LEAST_TURNS:
        why = f"fewer than {LEAST_TURNS} turns"
    elif model.faithful < card.faithful:
        why = "less faithful"
    elif by_chance(won, lost) > MOST_BY_CHANCE:
        why = "not more often on topic than by chance"
    elif model.first_clause_p95_ms > WITHIN_MS:
        why = f"{model.first_clause_p95_ms:.0f} ms until its first clause"
    else:
        why = ""
    return ActEvidence(act=act, turns=len(pairs), card=card, model=model, better=not why, why=why or "better")


def _score(judged: Sequence[WeighedReply]) -> MindScore:
    return MindScore(
        faithful=sum(not each.faults for each in judged),
        on_topic=sum(each.on_topic for each in judged),
        first_clause_p95_ms=percentile([each.reply.first_ms for each in judged], 0.95) or 0.0,
    )


def by_chance(won: int, lost: int) -> float:
    """Return how likely so many of the differing pairs are won where both are alike (sign test, one-sided)."""
    differing = won + lost
    return float(sum(math.comb(differing, count) for count in range(won, differing + 1)) / 2**differing)


@dataclass(frozen=True, slots=True)
class KindSum:
    """The replies of one mind to the questions of one kind, summed up; shares are of `count`."""

    count: int
    faithful: float
    on_topic: float
    words: float
    first_ms_p50: float
    first_ms_p95: float
    worded: float
    fell_back: Mapping[str, int]


def sum_up(judged: Sequence[WeighedReply]) -> KindSum:
    """Return the sums of at least one reply."""
    count = len(judged)
    first = [each.reply.first_ms for each in judged]
    why: dict[str, int] = {}
    for each in judged:
        if each.reply.fell_back:
            why[each.reply.fell_back] = why.get(each.reply.fell_back, 0) + 1
    return KindSum(
        count,
        sum(not each.faults for each in judged) / count,
        sum(each.on_topic for each in judged) / count,
        sum(len(each.reply.reply.split()) for each in judged) / count,
        percentile(first, 0.5) or 0.0,
        percentile(first, 0.95) or 0.0,
        sum(bool(each.reply.worded) for each in judged) / count,
        why,
    )
