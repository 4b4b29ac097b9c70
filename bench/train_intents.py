"""Learns how surely an item of a card is asked for: `python -m bench.train_intents ENCODER_FOLDER --adapter FILE`.

The product's own adapter has seen the turns that this learns from and would seem too sure of them, so the file is one
made by `scripts/train-encoder ENCODER_FOLDER --without-cards --out FILE`. With `--spelling` in place of the folder it
learns for where no encoder is.
Every turn of the sentence files that asks for an item of its card, or for what is not on it, is an example. Beside the
weights it prints what they do to cards that they were not learned on.
With `--reader` it learns what a reading of an item with the question is worth (`ItemReader`, by the product's own
encoder), from the near misses, which no encoder has seen.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from bench.cues import load_sentences
from bench.logistic import Example, fit
from pipelines.endpointing.completeness import Logistic
from pipelines.intent.calibration import TABLE
from pipelines.intent.card_index import CardIndex
from pipelines.intent.encoder import SentenceEncoder
from pipelines.intent.exemplars import SUPPLIED, exemplars_of
from pipelines.intent.item_reader import ItemReader, shared_reader
from pipelines.intent.learned import READ
from pipelines.intent.sentences import sentences_of
from pipelines.intent.spelling_vectors import SpellingVectors
from pipelines.intent.topics import TopicIndex
from pipelines.intent.vectors import Vectoriser
from pipelines.patient.card_library import CardLibrary
from server.paths import ROOT

# Files of turns that may be learned from; the others of `tests/data` measure.
LEARNED = ("sentences", "sentences_more", "sentences_learned")
NOT_ON_CARD = "unknown-question"
NEAR_MISSES = ROOT / "tests" / "data" / "near_misses.yaml"
STRENGTH = 1.0
AHEAD, READS = "ahead", "reads"
# Nearly half of the near misses are on no card; of what candidates ask about one in six is.
RARER = 0.25
# What candidates usually ask is easier than these: so much likelier is an item, in log odds, found with the sentences
# that are learned from.
USUAL = 0.8


@dataclass(frozen=True, slots=True)
class Observed:
    """How far the likeliest item of a turn was ahead, and whether it was the one asked for."""

    card: str
    example: Example


def main() -> None:
    """Learn, print the figures, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    learner = parser.add_mutually_exclusive_group(required=True)
    learner.add_argument("encoder", type=Path, nargs="?", help="folder of the text encoder")
    learner.add_argument("--spelling", action="store_true", help="learn for what compares without an encoder")
    parser.add_argument("--adapter", type=Path, help="what was learned on top, without the turns that this learns from")
    parser.add_argument("--reader", action="store_true", help="learn what readings are worth, and nothing else")
    given = parser.parse_args()
    cards = CardLibrary.load(ROOT / "configs" / "cards")
    files = [ROOT / "tests" / "data" / f"{name}.yaml" for name in LEARNED]
    if given.reader:
        learn_readings(cards, given.encoder)
        return
    vectoriser: Vectoriser = SpellingVectors()
    if not given.spelling:
        vectoriser = SentenceEncoder(given.encoder, threads=2, adapter=given.adapter)
    vectoriser.load()
    seen = list(observations(cards, files, vectoriser))
    for name in sorted({each.card for each in seen}):
        _tell(name, seen)
    learned = learn(seen)
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    # How likely is likely enough is chosen, not learned.
    table[vectoriser.calibrated_as] |= {"slope": learned.weights[AHEAD], "constant": learned.bias}
    TABLE.write_text(json.dumps(table, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def observations(cards: CardLibrary, files: Sequence[Path], vectoriser: Vectoriser) -> Iterator[Observed]:
    """Yield what each question told; one for a fact is none, where "not on the card" was expected: facts came later."""
    topics = TopicIndex(exemplars_of(SUPPLIED).topics, vectoriser)
    rows = [case for file in files for case in load_sentences(file, cards)]
    for card in cards.values():
        index = CardIndex(card, vectoriser, topics)
        facts = {fact.id for fact in card.facts}
        for case in rows:
            if case.card_id != card.id or case.expected not in (*index.items, NOT_ON_CARD):
                continue
            vectors = vectoriser.encode([" ".join(sentences_of(case.text))])
            (ahead,) = index.ahead(vectors, topics.nearness(vectors))
            likeliest = index.items[int(np.argmax(ahead))]
            if case.expected != NOT_ON_CARD or likeliest not in facts:
                yield Observed(card.id, Example({AHEAD: float(ahead.max())}, likeliest == case.expected))


def learn_readings(cards: CardLibrary, folder: Path) -> None:
    """Learn what the lead and the reading of an item are worth together, print the figures, write the table."""
    encoder, reader = SentenceEncoder(folder, threads=2), shared_reader(folder, threads=2)
    if reader is None:
        raise SystemExit(f"nothing was learned for reading on top of {folder}: run scripts/train-reader {folder}")
    seen = list(readings(cards, encoder, reader))
    for name in sorted({each.card for each in seen}):
        _tell(name, seen)
    learned = learn(seen)
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    weights = {
        "read_slope": learned.weights[AHEAD],
        "read_weight": learned.weights[READS],
        "read_constant": round(learned.bias + USUAL, 3),
    }
    table["read"] = table["tuned"] | table.get("read", {}) | weights
    TABLE.write_text(json.dumps(table, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def readings(cards: CardLibrary, encoder: SentenceEncoder, reader: ItemReader) -> Iterator[Observed]:
    """Yield what the reader says of the likeliest items of each near miss: the encoder has seen the other files."""
    topics = TopicIndex(exemplars_of(SUPPLIED).topics, encoder)
    rows = yaml.safe_load(NEAR_MISSES.read_text(encoding="utf-8"))
    for card in cards.values():
        index = CardIndex(card, encoder, topics)
        for row in (row for row in rows if row["card"] == card.id):
            turn = " ".join(sentences_of(row["text"]))
            vectors = encoder.encode([turn])
            (ahead,) = index.ahead(vectors, topics.nearness(vectors))
            places = [int(place) for place in ahead.argsort()[::-1][:READ]]
            told = reader.log_odds(turn, [index.text_of(place, vectors) for place in places])
            weight = RARER if row["expect"] == NOT_ON_CARD else 1.0
            for place, odds in zip(places, told, strict=True):
                features = {AHEAD: float(ahead[place]), READS: float(odds)}
                yield Observed(card.id, Example(features, index.items[place] == row["expect"], weight))


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
