"""Learns how surely an item of a card is asked for: `python -m bench.train_intents ENCODER_FOLDER [SENTENCES...]`.

Every turn of the sentence files is a question for one item of its card, or for none. Each card is learned twice with
half of the common topics, so that questions on the other half are questions on what is not on the card. Beside the
weights it prints what they do to cards that they were not learned on.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.cues import load_sentences
from bench.logistic import Example, fit
from pipelines.endpointing.completeness import Logistic
from pipelines.intent.acts import Act
from pipelines.intent.calibration import TABLE
from pipelines.intent.card_index import ATTACHED, FEATURES, CardIndex
from pipelines.intent.encoder import SentenceEncoder
from pipelines.intent.exemplars import SUPPLIED, Exemplars, exemplars_of
from pipelines.intent.sentences import sentences_of
from pipelines.intent.topics import TopicIndex
from pipelines.intent.vectors import Vectoriser
from pipelines.patient.card import Card
from pipelines.patient.card_library import CardLibrary
from server.paths import ROOT

# Files of turns that may be learned from; the others of `tests/data` measure.
LEARNED = ("sentences", "sentences_more", "sentences_learned")
NOT_ON_CARD = "unknown-question"
# Of each question only so many of the likeliest items are looked at: the others teach nothing.
CANDIDATES = 3
SEEDS = (0, 1)
# Of the questions on topics that a card does not have, so many are taken, and so many of the exemplars.
FOREIGN_SHARE = 0.15
STRANGE_QUESTIONS = 25
STRENGTH = 1.0
# Most cards have few examples of a cue, some have many.
EXAMPLES = (3, 100)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a card, and the item that it asks for; None: for none."""

    text: str
    item: str | None


@dataclass(frozen=True, slots=True)
class Observed:
    """What spoke for one item, and whether it was the one asked for."""

    card: str
    example: Example


def main() -> None:
    """Learn, print the figures, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", type=Path, help="folder of the text encoder")
    parser.add_argument("sentences", type=Path, nargs="*", help="files of labelled turns")
    given = parser.parse_args()
    cards = CardLibrary.load(ROOT / "configs" / "cards")
    files = given.sentences or [ROOT / "tests" / "data" / f"{name}.yaml" for name in LEARNED]
    exemplars = exemplars_of(SUPPLIED)
    seen = list(observations(cards, files, exemplars, SentenceEncoder(given.encoder, threads=2)))
    for name in sorted({each.card for each in seen if each.example.positive}):
        _tell(name, seen)
    learned = learn(seen)
    table = {"constant": learned.bias, "weights": dict(learned.weights)}
    TABLE.write_text(json.dumps(table, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def observations(
    cards: CardLibrary, files: Sequence[Path], exemplars: Exemplars, vectoriser: Vectoriser
) -> Iterator[Observed]:
    """Yield what speaks for and against the likeliest items of each question."""
    whole = TopicIndex(exemplars.topics, vectoriser)
    rows = [case for file in files for case in load_sentences(file, cards)]
    for card in cards.values():
        items = {cue.id for cue in card.cues} | {fact.id for fact in card.facts}
        known = [
            Asked(_question(case.text), case.expected if case.expected in items else None)
            for case in rows
            if case.card_id == card.id and (case.expected in items or case.expected == NOT_ON_CARD)
        ]
        for seed in SEEDS:
            for examples in EXAMPLES:
                short, spare = _shortened(card, examples, random.Random(seed))  # noqa: S311
                asked = [*known, *spare]
                yield from _of_card(short, asked, exemplars, vectoriser, whole, random.Random(seed))  # noqa: S311


def _of_card(
    card: Card,
    known: Sequence[Asked],
    exemplars: Exemplars,
    vectoriser: Vectoriser,
    whole: TopicIndex,
    chance: random.Random,
) -> Iterator[Observed]:
    kept = {name: topic for name, topic in exemplars.topics.items() if chance.random() < 0.5}
    index = CardIndex(card, vectoriser, TopicIndex(kept, vectoriser))
    examples = vectoriser.encode([text for _, text in index.examples])
    near = whole.likeness(examples).max(axis=0)
    foreign = [
        text
        for name, how_near in zip(whole.names, near, strict=True)
        if name not in kept and how_near < ATTACHED
        for text in exemplars.topics[name].questions
        if chance.random() < FOREIGN_SHARE
    ]
    strange = chance.sample(list(exemplars.acts[Act.CUE]), STRANGE_QUESTIONS)
    asked = [*known, *(Asked(text, None) for text in (*foreign, *strange))]
    features = index.features(vectoriser.encode([each.text for each in asked]))
    for question, of_items in zip(asked, features, strict=True):
        likely = of_items[:, FEATURES.index("own")] + 0.2 * of_items[:, FEATURES.index("examples")]
        for item in np.argsort(likely)[::-1][:CANDIDATES]:
            values = dict(zip(FEATURES, map(float, of_items[item]), strict=True))
            yield Observed(card.id, Example(values, index.items[int(item)] == question.item))


def _shortened(card: Card, examples: int, chance: random.Random) -> tuple[Card, list[Asked]]:
    """Return the card with a few examples of each cue, as most cards have, and the other examples as questions."""
    cues, spare = [], []
    for cue in card.cues:
        few = chance.sample(cue.triggers, min(examples, len(cue.triggers)))
        spare += [Asked(text, cue.id) for text in cue.triggers if text not in few]
        cues.append(cue.model_copy(update={"triggers": tuple(few)}))
    return card.model_copy(update={"cues": tuple(cues)}), spare


def _question(text: str) -> str:
    """Return the sentence of a turn that asks: the last with a question mark, or the last."""
    texts = [sentence.text for sentence in sentences_of(text)]
    return next((text for text in reversed(texts) if text.endswith("?")), texts[-1])


def learn(seen: Sequence[Observed]) -> Logistic:
    """Return the weights that fit best."""
    return fit([each.example for each in seen], strength=STRENGTH, seen=1)


def _tell(card: str, seen: Sequence[Observed]) -> None:
    """Print how well the weights that were learned on the other cards do on this one."""
    learned = learn([each for each in seen if each.card != card])
    mine = [each.example for each in seen if each.card == card]
    likely = 1.0 / (1.0 + np.exp(-np.array([learned.log_odds(each.features) for each in mine])))
    right = np.array([each.positive for each in mine])
    print(  # noqa: T201 - what the command tells
        f"{card}: of those at 0.5 and above {right[likely >= 0.5].mean():.3f} are right, of the right ones "
        f"{(likely[right] >= 0.5).mean():.3f} are there; Brier {np.mean((likely - right) ** 2):.4f}"
    )


if __name__ == "__main__":
    main()
