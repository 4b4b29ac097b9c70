"""Learns how surely an item of a card is asked for: `python -m bench.train_intents ENCODER_FOLDER --adapter FILE`.

The product's own adapter has seen the turns that this learns from and would seem too sure of them, so the file is one
made by `scripts/train-encoder ENCODER_FOLDER --without-cards --out FILE`. With `--spelling` in place of the folder it
learns for where no encoder is.
Every turn of the sentence files that asks for an item of its card, or for what is not on it, is an example. Beside the
weights it prints what they do to cards that they were not learned on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.cues import load_sentences
from bench.logistic import Example, fit
from pipelines.endpointing.completeness import Logistic
from pipelines.intent.calibration import TABLE
from pipelines.intent.card_index import CardIndex
from pipelines.intent.encoder import SentenceEncoder
from pipelines.intent.exemplars import SUPPLIED, exemplars_of
from pipelines.intent.sentences import sentences_of
from pipelines.intent.spelling_vectors import SpellingVectors
from pipelines.intent.topics import TopicIndex
from pipelines.intent.vectors import Vectoriser
from pipelines.patient.card_library import CardLibrary
from server.paths import ROOT

# Files of turns that may be learned from; the others of `tests/data` measure.
LEARNED = ("sentences", "sentences_more", "sentences_learned")
NOT_ON_CARD = "unknown-question"
STRENGTH = 1.0
AHEAD = "ahead"


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
    given = parser.parse_args()
    cards = CardLibrary.load(ROOT / "configs" / "cards")
    files = [ROOT / "tests" / "data" / f"{name}.yaml" for name in LEARNED]
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
