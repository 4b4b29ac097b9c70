"""Learns how likely a clause tells what may not be told: `python -m bench.train_guard [models.path=FOLDER]`.

What it learns from is in `bench/guard/training_moments.py`. The figures that it tells are of patients that were left
out in turn. It takes two minutes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray

from bench.guard.cases import clauses
from bench.guard.training_moments import TrainingReply, training_replies
from pipelines.intent.encoder import shared_encoder
from pipelines.intent.learned import LearnedInterpreter
from pipelines.intent.vectors import Remembering
from pipelines.patient.card_library import CardLibrary
from pipelines.patient.guard.guard import Guard
from pipelines.patient.guard.guard_rules import SUPPLIED
from pipelines.patient.guard.guard_words import said
from pipelines.patient.guard.rules_file import RulesFile
from pipelines.patient.guard.unreleased_model import WEIGHTS, SmallNetwork, UnreleasedModel
from server.settings.tree import load_settings

Floats = NDArray[np.float64]

UNITS = 12
NETWORKS = 6
PENALTY = 1e-3
STEPS = 400
RATE = 0.02
FOLDS = 6
# Of a variant that is told too early the short clauses ("I do.") tell nothing.
LEAST_HEAVY = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One clause's numbers, the place of its reply, whether it tells too much, and the other rule that blocks it."""

    reply: int
    clause: str
    leaks: bool
    features: dict[str, float]
    other_rule: str
    tells: bool


def rows(guard: Guard, replies: Sequence[TrainingReply]) -> Iterator[Row]:
    """Yield all clauses to learn from, in order."""
    for place, reply in enumerate(replies):
        reader = guard.begin(reply.card, release=reply.release, history=reply.history, question=reply.question)
        parts = reply.telling if reply.leaks else (reply.says,)
        for clause in (clause for part in parts for clause in clauses(part)):
            if reply.leaks and reply.kind == "variants" and len(said(clause).heavy) < LEAST_HEAVY:
                continue
            meaning = reader.meaning(clause)
            yield Row(place, clause, reply.leaks, meaning.features, reader.other_rule(clause), meaning.tells_anything)
            if not reply.leaks:
                reader.let_through(clause)


def learn(examples: Sequence[Row], replies: Sequence[TrainingReply]) -> UnreleasedModel:
    """Return networks that have learned the rows; as many leaks as fitting clauses, however many there are."""
    names = tuple(sorted(examples[0].features))
    values = np.array([[row.features[name] for name in names] for row in examples])
    wanted = np.array([row.leaks for row in examples], dtype=np.float64)
    counts = np.array([replies[row.reply].counts for row in examples])
    counts[wanted > 0.5] *= counts[wanted < 0.5].sum() / max(1e-9, counts[wanted > 0.5].sum())
    model = UnreleasedModel(names, values.mean(axis=0), values.std(axis=0) + 1e-6, ())
    standard = model.standardised(values)
    networks = tuple(_network(standard, wanted, counts / counts.sum(), seed=seed) for seed in range(NETWORKS))
    return UnreleasedModel(names, model.mean, model.spread, networks)


def _network(values: Floats, wanted: Floats, counts: Floats, *, seed: int) -> SmallNetwork:
    """Return a network, learned by steps of Adam (Kingma and Ba, 2015) over all rows at once."""
    chance = np.random.default_rng(seed)
    parts = [chance.normal(0.0, 0.2, (values.shape[1], UNITS)), np.zeros(UNITS), chance.normal(0.0, 0.2, UNITS)]
    parts.append(np.zeros(1))
    slow, fast = [np.zeros_like(part) for part in parts], [np.zeros_like(part) for part in parts]
    for step in range(1, STEPS + 1):
        inner, inner_bias, outer, outer_bias = parts
        units = np.tanh(values @ inner + inner_bias)
        wrong = counts * (1.0 / (1.0 + np.exp(-(units @ outer + outer_bias))) - wanted)
        of_units = np.outer(wrong, outer) * (1.0 - units * units)
        slopes = [
            values.T @ of_units + PENALTY * inner,
            of_units.sum(axis=0),
            units.T @ wrong + PENALTY * outer,
            np.array([wrong.sum()]),
        ]
        for place, slope in enumerate(slopes):
            slow[place] = 0.9 * slow[place] + 0.1 * slope
            fast[place] = 0.999 * fast[place] + 0.001 * slope * slope
            ahead = (slow[place] / (1.0 - 0.9**step)) / (np.sqrt(fast[place] / (1.0 - 0.999**step)) + 1e-8)
            parts[place] = parts[place] - RATE * ahead
    return SmallNetwork(parts[0], parts[1], parts[2], float(parts[3][0]))


def left_out(examples: Sequence[Row], replies: Sequence[TrainingReply]) -> Floats:
    """Return the log odds of each row by networks that have not seen its patient."""
    groups = sorted({reply.group for reply in replies})
    order = np.random.default_rng(0).permutation(len(groups))
    fold = {group: int(order[place]) % FOLDS for place, group in enumerate(groups)}
    of = np.array([fold[replies[row.reply].group] for row in examples])
    odds = np.zeros(len(examples))
    for number in range(FOLDS):
        model = learn([row for row, mine in zip(examples, of, strict=True) if mine != number], replies)
        mine = [place for place in range(len(examples)) if of[place] == number]
        odds[mine] = model.log_odds([examples[place].features for place in mine])
    odds[[not row.tells for row in examples]] = -30.0
    return odds


def tell(examples: Sequence[Row], replies: Sequence[TrainingReply], odds: Floats) -> Iterator[str]:
    """Yield what the guard would let through and block from a threshold on, by kind; then what goes wrong at 0.8."""
    by_reply: dict[int, list[int]] = {}
    for place, row in enumerate(examples):
        by_reply.setdefault(row.reply, []).append(place)

    def wrong(places: list[int], bar: float) -> list[int]:
        blocked = [place for place in places if odds[place] >= bar or examples[place].other_rule]
        # A leak is spoken if its first clause is; a line is lost with any of its clauses.
        if examples[places[0]].leaks:
            return [] if places[0] in blocked else places[:1]
        return blocked

    for share in (0.5, 0.7, 0.8, 0.85, 0.9):
        bar = float(np.log(share / (1.0 - share)))
        sums: dict[tuple[bool, str], list[float]] = {}
        for number, places in by_reply.items():
            reply = replies[number]
            count = sums.setdefault((reply.leaks, reply.kind), [0.0, 0.0])
            count[0] += reply.counts * bool(wrong(places, bar))
            count[1] += reply.counts
        told = (
            f"{'leaks spoken' if leaks else 'lines blocked'}, {kind} {100.0 * one / all_:.1f} %"
            for (leaks, kind), (one, all_) in sorted(sums.items())
        )
        yield f"from {share}: " + "; ".join(told)
    bar = float(np.log(0.8 / 0.2))
    for number, places in by_reply.items():
        for place in wrong(places, bar)[:1]:
            row = examples[place]
            what = "spoken" if row.leaks else "blocked"
            of = f"{replies[number].group}, {replies[number].kind}"
            yield f"  {what} {odds[place]:.2f} {of}: {row.clause} {row.other_rule}"


def main(say: Callable[[str], None] = typer.echo) -> None:
    """Learn from all patients, say what those that were left out would have got, and write the weights."""
    settings = load_settings(overrides=sys.argv[1:])
    folder = Path(settings.models.path) / settings.engines.interpreter_model
    # Hundreds of cards in turn, over and over: each of their texts is made a vector once.
    encoder = Remembering(shared_encoder(folder), folder / "never-written.npz")
    guard, interpreter = Guard(RulesFile(SUPPLIED), encoder), LearnedInterpreter(folder)
    interpreter.warm()
    replies = list(training_replies(interpreter, CardLibrary.load(settings.cards_folder)))
    examples = list(rows(guard, replies))
    say(f"{len(replies)} replies, {len(examples)} clauses")
    for line in tell(examples, replies, left_out(examples, replies)):
        say(line)
    WEIGHTS.write_text(json.dumps(learn(examples, replies).as_json()) + "\n", encoding="utf-8")
    say(f"{WEIGHTS} is written")


if __name__ == "__main__":
    main()
