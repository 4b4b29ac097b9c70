"""Sentences as vectors by how they are spelt: what stands in for the text encoder where none is used.

A text is taken apart into pieces of its words (character n-grams), its words, and its pairs of words. Each piece has a
row in a table, and a text's vector is the sum of its rows (after Bojanowski et al., 2017: fastText). The table says
which pieces mean the same ("smok", "cigar"): it is the linear map that comes closest to the vectors that the text
encoder makes (`python -m bench.train_spelling`).
"""

from __future__ import annotations

import functools
import re
import zlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from pipelines.intent.encoder import Vectors
from pipelines.intent.words import FUNCTION_WORDS

TABLE = Path(__file__).with_name("spelling.npz")
SPELLING = "spelling"
"""What it is called, in the settings and on the page."""
ROWS = 8192
"""Pieces share rows where their hashes meet; that does little harm."""
# So long are the pieces of a word, with its borders.
SHORTEST, LONGEST = 3, 4
# What the pieces of a little word weigh, and two words beside each other, beside those of a word that tells something.
LITTLE, PAIR = 0.3, 0.5
# What was told in the same breath as a question weighs as much less.
ASKED = 5.0
_SENTENCE = re.compile(r"[^.?!]*\w[^.?!]*[.?!]*")
_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)*")


class SpellingVectors:
    """Makes float32 vectors of unit length, one for each text, from the table of the file."""

    calibrated_as = SPELLING

    def __init__(self, table: Path = TABLE) -> None:
        self._file = table

    def load(self) -> None:
        """Read the table (1 MB)."""
        self._table  # noqa: B018 - read when it is first asked for

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the texts' vectors, float32 (texts, width) of unit length; what has no word is near nothing."""
        made = np.zeros((len(texts), self._table.shape[1]), dtype=np.float32)
        for place, text in enumerate(texts):
            sentences = _SENTENCE.findall(text)
            for sentence in sentences:
                rows, weights = pieces_of(sentence)
                asked = len(sentences) > 1 and sentence.endswith("?")
                made[place] += (ASKED if asked else 1.0) * weights @ self._table[rows]
        return np.asarray(made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-9), dtype=np.float32)

    @functools.cached_property
    def _table(self) -> Vectors:
        with np.load(self._file, allow_pickle=False) as kept:
            table: Vectors = kept["rows"].astype(np.float32) * kept["scales"].astype(np.float32)[:, np.newaxis]
        return table


def pieces_of(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of a text's pieces, int64 (pieces,), and how much each weighs, float32 (pieces,)."""
    words = _WORD.findall(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    found = [piece for word in words for piece in _word_pieces(word)]
    found += [(_row(f"{first} {second}"), PAIR) for first, second in pairwise(words)]
    return np.array([row for row, _ in found], dtype=np.int64), np.array([weight for _, weight in found], np.float32)


@functools.lru_cache(maxsize=20_000)
def _word_pieces(word: str) -> tuple[tuple[int, float], ...]:
    weight = LITTLE if word in FUNCTION_WORDS else 1.0
    grams = list(_grams(f"<{word}>"))
    return (
        (_row(f"<{word}>"), weight), *((_row(gram), weight / len(grams) ** 0.5) for gram in grams)
    )  # fmt: skip


def _grams(word: str) -> Iterator[str]:
    for length in range(SHORTEST, min(LONGEST, len(word) - 1) + 1):
        yield from (word[start : start + length] for start in range(len(word) - length + 1))


def _row(piece: str) -> int:
    return zlib.crc32(piece.encode()) % ROWS
