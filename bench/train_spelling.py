"""Learns what the pieces of words mean, for where no text encoder is: `python -m bench.train_spelling ENCODER_FOLDER`.

The table of `pipelines/intent/spelling_vectors.py` is the linear map from a text's pieces to the vector that the
encoder makes of it, by ridge regression, on what the encoder was tuned to (`bench/scenarios`), the exemplars, and the
cards' own texts. No turn that is labelled for a card is among them. The map's first axes are kept, in bytes. It takes
some minutes and 2 GB.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.scenarios_file import load_scenarios
from pipelines.intent.card_store import texts_of
from pipelines.intent.encoder import SentenceEncoder, Vectors
from pipelines.intent.exemplars import SUPPLIED, exemplars_of
from pipelines.intent.spelling_vectors import ROWS, TABLE, pieces_of
from pipelines.patient.card_library import CardLibrary
from server.paths import ROOT

RIDGE = 0.3
# So many of the encoder's 384 axes hold nearly all that tells questions apart.
WIDTH = 192
# The largest number of a byte.
MOST = 127


def main() -> None:
    """Learn, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", type=Path, help="folder of the text encoder's checkpoint")
    parser.add_argument("--out", type=Path, default=TABLE, help="file to write; without it the product's own")
    given = parser.parse_args()
    texts = list(dict.fromkeys(filter(re.compile(r"\w").search, learned_texts())))
    vectors = SentenceEncoder(given.encoder, threads=2).encode(texts)
    rows, scales = in_bytes(learn(texts, vectors))
    np.savez_compressed(given.out, rows=rows, scales=scales)


def learned_texts() -> Iterator[str]:
    """Yield what is learned from."""
    for scenario in load_scenarios():
        for item in scenario.items:
            yield from (item.topic, item.says, *item.examples, *item.asks)
        yield from (*scenario.unanswered, *(text for _, text in scenario.acts))
    exemplars = exemplars_of(SUPPLIED)
    for texts in (*exemplars.acts.values(), *exemplars.distress.values()):
        yield from texts
    for topic in exemplars.topics.values():
        yield from topic.questions
    for card in CardLibrary.load(ROOT / "configs" / "cards").values():
        yield from texts_of(card)


def learn(texts: Sequence[str], vectors: Vectors) -> Vectors:
    """Return the row of each piece, float32 (ROWS, WIDTH), of texts and their vectors."""
    pieces = [_counted(text) for text in texts]
    seen = np.bincount(np.concatenate([rows for rows, _ in pieces]), minlength=ROWS)
    # Rare pieces count for more, as much as the logarithm of how rare they are.
    rarity = np.log((len(texts) + 1) / (seen + 1)).astype(np.float32)
    alike = np.diag(np.full(ROWS, RIDGE, dtype=np.float32))
    wanted = np.zeros((ROWS, vectors.shape[1]), dtype=np.float32)
    for (rows, counts), vector in zip(pieces, vectors, strict=True):
        weights = counts * rarity[rows]
        weights /= np.linalg.norm(weights)
        alike[np.ix_(rows, rows)] += np.outer(weights, weights)
        wanted[rows] += np.outer(weights, vector)
    _, axes = np.linalg.eigh(vectors.T @ vectors)
    return np.asarray(rarity[:, np.newaxis] * np.linalg.solve(alike, wanted @ axes[:, ::-1][:, :WIDTH]), np.float32)


def _counted(text: str) -> tuple[NDArray[np.int64], Vectors]:
    """Return the rows of a text's pieces, each once, and how much it weighs in all."""
    rows, weights = pieces_of(text)
    found, places = np.unique(rows, return_inverse=True)
    return found, np.bincount(places, weights).astype(np.float32)


def in_bytes(table: Vectors) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Return the table as int8 (rows, width), and what each row is to be multiplied by, float16 (rows,)."""
    scales = np.maximum(np.abs(table).max(axis=1) / MOST, 1e-6).astype(np.float16)
    return np.clip(np.round(table / scales[:, np.newaxis].astype(np.float32)), -MOST, MOST).astype(np.int8), scales


if __name__ == "__main__":
    main()
