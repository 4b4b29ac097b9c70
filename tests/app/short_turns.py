"""A conversation that is soon over: one sentence, said again and again."""

from __future__ import annotations

from bench.replay.plan import Plan, PlannedTurn
from tests.app.wire import CARD, sentence


def short_turns(count: int) -> Plan:
    """Return so many turns of a second each."""
    samples = sentence()
    turn = PlannedTurn(samples, 0.0, 1_130.0, None, None, 0.0, "sentence")
    return Plan((CARD,), (turn,) * count, samples)
