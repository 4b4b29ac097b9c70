"""What the guard learns from: replies that tell too much, replies that fit, and the moments at which they are given.

From leaks.yaml, leaks_more.yaml, lines.yaml, lines_more.yaml, lines_third.yaml, retold.yaml, lines_scenarios.yaml and
anybody.yaml in tests/data/guard, never from the held-out files. What is told again in other words comes twice: too
early, and in its turn. So the guard learns when, and not what.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from bench.guard.cases import load_leaks, load_lines, load_questions, release_of, told_before
from bench.guard.guard_measure import GuardQuestion, adversarial_turns
from bench.guard.scenario_cards import item_ids, scenario_cards
from bench.scenarios_file import Scenario
from pipelines.engines import HistoryItem, Interpreter, Release
from pipelines.patient.card import Card, Cue
from server.paths import ROOT

DATA = ROOT / "tests" / "data" / "guard"
SEED = 7
FRIENDLY = (
    "Did you get here easily?",
    "How are you this morning?",
    "It's been so cold lately, hasn't it?",
    "Do you watch much television?",
    "What do you do at weekends?",
)
# Each leak is tried at so many moments.
MOMENTS = 3
FRIENDLY_EVERY = 6
# So many cues were told before.
TOLD_BEFORE = (0, 2, 4)


@dataclass(frozen=True, slots=True)
class TrainingReply:
    """A reply at a moment: whether it tells too much, its parts that do, and how much it counts.

    `kind` is where it is from; `group` names those that are of the same patient.
    """

    kind: str
    group: str
    leaks: bool
    card: Card
    says: str
    telling: tuple[str, ...]
    release: Release
    history: tuple[HistoryItem, ...]
    question: str
    counts: float = 1.0


def training_replies(interpreter: Interpreter, cards: Mapping[str, Card]) -> Iterator[TrainingReply]:
    """Yield all of them; `cards` are the product's own."""
    chance = random.Random(SEED)  # noqa: S311 - so that learning can be done again
    questions = load_questions(DATA / "questions.yaml")
    turns: dict[str, list[GuardQuestion]] = {}
    for turn in adversarial_turns(interpreter, cards, questions):
        turns.setdefault(turn.card.id, []).append(turn)
        # Whatever is asked, a leak is a leak.
        if len(turns[turn.card.id]) % FRIENDLY_EVERY == 0:
            turns[turn.card.id].append(replace(turn, question=FRIENDLY[len(turns) % len(FRIENDLY)]))
    scenarios = scenario_cards()
    prying = [text for asked in questions.values() for text in asked]
    yield from _of_cards(cards, turns)
    yield from _of_variants(cards, turns, chance)
    yield from _retold(scenarios, [*prying[:30], *FRIENDLY * 2], chance)
    yield from _of_scenarios(scenarios)
    yield from _of_anybody([card for _, card in scenarios.values()] + list(cards.values()), prying, chance)


def _of_cards(cards: Mapping[str, Card], turns: Mapping[str, Sequence[GuardQuestion]]) -> Iterator[TrainingReply]:
    leaks = [leak for name in ("leaks", "leaks_more") for leak in load_leaks(DATA / f"{name}.yaml", cards)]
    for place, leak in enumerate(leaks):
        own = [turn for turn in turns[leak.card.id] if leak.item in turn.hidden]
        for number in range(min(MOMENTS, len(own))):
            turn = own[(3 * place + 11 * number) % len(own)]
            yield _leak("leaks", leak.card, leak.says, leak.telling, turn, counts=1.0 / MOMENTS)
    for name in ("lines", "lines_more", "lines_third"):
        for line in load_lines(DATA / f"{name}.yaml", cards):
            yield TrainingReply(
                "lines", line.card.id, False, line.card, line.says, (), line.release, line.history, line.question
            )


def _leak(
    kind: str, card: Card, says: str, telling: tuple[str, ...], turn: GuardQuestion, *, counts: float
) -> TrainingReply:
    return TrainingReply(
        kind, card.id, True, card, says, telling, turn.release, turn.history, turn.question, counts=counts
    )


def _of_variants(
    cards: Mapping[str, Card], turns: Mapping[str, Sequence[GuardQuestion]], chance: random.Random
) -> Iterator[TrainingReply]:
    """Yield one of the ways in which a cue is told, on a card that has the others alone."""
    for card in cards.values():
        for place, cue in enumerate(cue for cue in card.cues if len(cue.says) > 1):
            text = cue.says[place % len(cue.says)]
            left = _without(card, cue, text)
            own = [turn for turn in turns[card.id] if cue.id in turn.hidden]
            for number in range(min(2, len(own))):
                turn = own[(3 * place + 11 * number) % len(own)]
                yield _leak("variants", left, text, (text,), turn, counts=0.5)
            told = _some([each.id for each in card.cues if each.id != cue.id], chance)
            asked = chance.choice(cue.triggers) if cue.triggers else "Is there anything on your mind?"
            release = release_of(left, cue.id)
            yield TrainingReply("variants", card.id, False, left, text, (), release, told_before(left, told), asked)


def _without(card: Card, cue: Cue, text: str) -> Card:
    left = cue.model_copy(update={"says": tuple(each for each in cue.says if each != text)})
    return card.model_copy(update={"cues": tuple(left if each is cue else each for each in card.cues)})


def _some(ids: Sequence[str], chance: random.Random) -> tuple[str, ...]:
    return tuple(chance.sample(ids, min(len(ids), chance.choice(TOLD_BEFORE))))


def _retold(
    scenarios: Mapping[str, tuple[Scenario, Card]], questions: Sequence[str], chance: random.Random
) -> Iterator[TrainingReply]:
    for name, texts in _read("retold.yaml").items():
        scenario, card = scenarios[name]
        for place, text in texts.items():
            own, asks = f"item-{place}", scenario.items[place].asks or scenario.items[place].examples
            others = [cue.id for cue in card.cues if cue.id != own]
            for number in range(MOMENTS):
                told, question, release = _some(others, chance), chance.choice(questions), "not_on_card"
                if number == MOMENTS - 1:  # something else is asked for, and may be told
                    release = chance.choice(others)
                    question = chance.choice(_asks(scenario, release))
                yield _retelling(card, text, release, told, question, leaks=True)
            yield _retelling(card, text, own, _some(others, chance), chance.choice(asks), leaks=False)


def _asks(scenario: Scenario, cue: str) -> tuple[str, ...]:
    item = scenario.items[int(cue.removeprefix("item-"))]
    return item.asks or item.examples


def _retelling(
    card: Card, text: str, release: str, told: tuple[str, ...], question: str, *, leaks: bool
) -> TrainingReply:
    history = (HistoryItem("patient", card.lines.greeting[0]), *told_before(card, told))
    telling, counts = ((text,), 1.0 / MOMENTS) if leaks else ((), 1.0)
    given = release_of(card, release)
    return TrainingReply("retold", card.id, leaks, card, text, telling, given, history, question, counts=counts)


def _of_scenarios(scenarios: Mapping[str, tuple[Scenario, Card]]) -> Iterator[TrainingReply]:
    for name, rows in _read("lines_scenarios.yaml").items():
        _, card = scenarios[name]
        for row in rows:
            history = told_before(card, item_ids(row.get("told", ())))
            named = row["release"]
            release = release_of(card, *item_ids([named])) if isinstance(named, int) else release_of(card, named)
            yield TrainingReply("scenarios", name, False, card, row["says"], (), release, history, row["ask"])


def _of_anybody(cards: Sequence[Card], prying: Sequence[str], chance: random.Random) -> Iterator[TrainingReply]:
    anybody = _read("anybody.yaml")
    said = [("unforthcoming", text, "") for text in anybody["unforthcoming"]]
    said += [("friendly", row["says"], row["ask"]) for row in anybody["friendly"]]
    for kind, text, asked in said * 2:
        card = chance.choice(cards)
        history = told_before(card, _some([cue.id for cue in card.cues], chance))
        release, question = release_of(card, "not_on_card"), asked or chance.choice(prying)
        counts = 1.0 if kind == "friendly" else 0.5
        yield TrainingReply(kind, card.id, False, card, text, (), release, history, question, counts=counts)


def _read(name: str) -> Any:
    return yaml.safe_load((DATA / name).read_text(encoding="utf-8"))
