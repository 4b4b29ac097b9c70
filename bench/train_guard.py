"""Learns how likely a clause tells what may not be told: `python -m bench.train_guard [models.path=FOLDER]`.

From leaks.yaml, leaks_more.yaml, lines.yaml and lines_more.yaml in tests/data/guard, never from the held-out files.
Each leak is read as an answer to questions of questions.yaml, with what the patient's mind releases for them. The
figures that are told are of cards that were left out in turn.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray

from bench.guard.cases import clauses, load_leaks, load_lines, load_questions
from bench.guard.guard_measure import GuardQuestion, adversarial_turns
from pipelines.endpointing.completeness import Logistic
from pipelines.engines import Interpreter
from pipelines.intent.learned import LearnedInterpreter
from pipelines.patient.card import Card
from pipelines.patient.card_library import CardLibrary
from pipelines.patient.guard.clause_meaning import WEIGHTS
from pipelines.patient.guard.guard import Guard
from pipelines.responders.guarded import make_guard
from server.paths import ROOT
from server.settings.tree import load_settings

DATA = ROOT / "tests" / "data" / "guard"
PENALTY = 0.5
ROUNDS = 40
FRIENDLY = (
    "Did you get here easily?",
    "How are you this morning?",
    "It's been so cold lately, hasn't it?",
    "Do you watch much television?",
    "What do you do at weekends?",
)
# Each leak is tried at so many questions.
TURNS_A_LEAK = 4
FRIENDLY_EVERY = 6


@dataclass(frozen=True, slots=True)
class Row:
    """One clause's numbers, whether it tells too much, and of which card and line it is."""

    card: str
    line: str
    clause: str
    leaks: bool
    features: dict[str, float]


def rows(guard: Guard, interpreter: Interpreter, cards: Mapping[str, Card]) -> Iterator[Row]:
    """Yield all clauses to learn from."""
    turns: dict[str, list[GuardQuestion]] = {}
    for turn in adversarial_turns(interpreter, cards, load_questions(DATA / "questions.yaml")):
        turns.setdefault(turn.card.id, []).append(turn)
        # Whatever is asked, a leak is a leak.
        if len(turns[turn.card.id]) % FRIENDLY_EVERY == 0:
            turns[turn.card.id].append(replace(turn, question=FRIENDLY[len(turns) % len(FRIENDLY)]))
    for place, leak in enumerate(
        (*load_leaks(DATA / "leaks.yaml", cards), *load_leaks(DATA / "leaks_more.yaml", cards))
    ):
        own = [turn for turn in turns[leak.card.id] if leak.item in turn.hidden]
        for number in range(min(TURNS_A_LEAK, len(own))):
            turn = own[(3 * place + 11 * number) % len(own)]
            reader = guard.begin(leak.card, release=turn.release, history=turn.history, question=turn.question)
            for part in leak.telling:
                for clause in clauses(part):
                    yield Row(leak.card.id, leak.says, clause, True, reader.meaning(clause).features)
    for line in (*load_lines(DATA / "lines.yaml", cards), *load_lines(DATA / "lines_more.yaml", cards)):
        reader = guard.begin(line.card, release=line.release, history=line.history, question=line.question)
        for clause in clauses(line.says):
            yield Row(line.card.id, line.says, clause, False, reader.meaning(clause).features)
            reader.let_through(clause)


def learn(examples: list[Row]) -> Logistic:
    """Return a logistic model of the rows."""
    names = sorted(examples[0].features)
    values = np.array([[row.features[name] for name in names] for row in examples])
    wanted = np.array([row.leaks for row in examples], dtype=np.float64)
    mean, spread = values.mean(axis=0), values.std(axis=0) + 1e-9
    found = _newton((values - mean) / spread, wanted)
    by_name = found[:-1] / spread
    return Logistic(float(found[-1] - by_name @ mean), dict(zip(names, map(float, by_name), strict=True)))


def _newton(values: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    full = np.hstack([values, np.ones((len(values), 1))])
    penalty = PENALTY * np.eye(full.shape[1])
    penalty[-1, -1] = 0.0
    # There are as many leaks as fitting lines, however often each was tried.
    counts = np.where(wanted > 0.5, (1.0 - wanted).sum() / max(1.0, wanted.sum()), 1.0)
    found = np.zeros(full.shape[1])
    for _ in range(ROUNDS):
        sure = 1.0 / (1.0 + np.exp(-full @ found))
        slope = full.T @ (counts * (sure - wanted)) + penalty @ found
        curve = full.T @ (full * (counts * sure * (1.0 - sure))[:, np.newaxis]) + penalty
        found = found - np.linalg.solve(curve, slope)
    return found


def main() -> None:
    """Learn from all cards, say what cards that were left out would have got, and write the weights."""
    settings = load_settings(overrides=sys.argv[1:])
    folder = Path(settings.models.path) / settings.engines.interpreter_model
    guard, interpreter = make_guard(encoder=folder), LearnedInterpreter(folder)
    guard.warm()
    interpreter.warm()
    examples = list(rows(guard, interpreter, CardLibrary.load(settings.cards_folder)))
    left_out: dict[int, float] = {}
    for card in sorted({row.card for row in examples}):
        model = learn([row for row in examples if row.card != card])
        left_out |= {i: model.log_odds(row.features) for i, row in enumerate(examples) if row.card == card}
    odds = np.array([left_out[i] for i in range(len(examples))])
    leaks = np.array([row.leaks for row in examples])
    for share in (0.5, 0.3, 0.2, 0.1):
        above = odds > np.log(share / (1.0 - share))
        typer.echo(
            f"from {share}: leaks found {above[leaks].mean():.3f}, clauses blocked wrongly {above[~leaks].mean():.3f}"
        )
    lines = sorted({row.line for row in examples if not row.leaks})
    for share in (0.5, 0.6, 0.7, 0.8, 0.9):
        bar = np.log(share / (1.0 - share))
        wrong = sum(any(o > bar for o, row in zip(odds, examples, strict=True) if row.line == line) for line in lines)
        typer.echo(f"from {share}: {wrong} of {len(lines)} lines wrongly, leaks {np.mean(odds[leaks] > bar):.3f}")
    for i in np.argsort(-odds):
        if not leaks[i] and odds[i] > 0.0:
            typer.echo(f"  wrongly {odds[i]:.2f} {examples[i].card}: {examples[i].clause}")
    for i in np.argsort(odds):
        if leaks[i] and odds[i] < 0.0:
            typer.echo(f"  missed {odds[i]:.2f} {examples[i].card}: {examples[i].clause}")
    model = learn(examples)
    content = {"bias": round(model.bias, 4), "weights": {k: round(v, 4) for k, v in sorted(model.weights.items())}}
    WEIGHTS.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    typer.echo(f"{WEIGHTS}: {content}")


if __name__ == "__main__":
    main()
