"""What the surface of a sentence tells of what it does: its mark, its first words, its little words."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from pipelines.intent.ridge import Matrix

# So many columns for words and their neighbours; collisions do little harm.
WIDTH = 1024
# What each mark weighs beside the little words, and beside a vector of length one.
MARKS_SHARE = 0.15
# A sentence longer than this is long.
LONG_WORDS = 25
_QUESTION_WORDS = frozenset("what when where who which why how whose".split())
_AUXILIARIES = frozenset(
    "do does did is are was were have has had can could would will should may might shall am".split()
)
_I = frozenset("i i'm i'll i'd i've".split())
_YOU = frozenset("you you're you'll your".split())
_TELL = frozenset("tell describe show explain".split())
# Words before a sentence that say nothing of it.
_LEAD_INS = frozenset(
    "um uh er erm okay ok so and well right now then but also please alright all just yes sure good".split()
)
_ASKING = (
    "do you", "are you", "have you", "can you", "could you", "did you", "would you", "is there", "are there", "is it",
    "does it",
)  # fmt: skip
_ADVISING = ("should", "need to", "must", "have to", "recommend", "suggest", "advise")


def surface(texts: Sequence[str]) -> Matrix:
    """Return the features of each text, float64 (texts, WIDTH + 14), whatever its punctuation and capitals."""
    return np.array([np.concatenate([MARKS_SHARE * _marks(text), _grams(text)]) for text in texts])


def without_punctuation(text: str) -> str:
    """Return a text as a recogniser without punctuation writes it."""
    return re.sub(r"[^\w' ]", "", text.lower()).strip()


def _marks(text: str) -> Matrix:
    written = text.rstrip()
    words = without_punctuation(text).split()
    core = list(words)
    while core and core[0] in _LEAD_INS:
        core = core[1:]
    first, inside = (core[0] if core else ""), f" {' '.join(core)} "
    return np.array(
        [
            written.endswith("?"),
            written[-1:] in (".", "!"),
            first in _QUESTION_WORDS,
            first in _AUXILIARIES,
            first in _I,
            first in _YOU,
            first in _TELL,
            any(f" {asking} " in inside for asking in _ASKING),
            any(word in _QUESTION_WORDS for word in core),
            min(len(words), LONG_WORDS) / LONG_WORDS,
            len(words) <= 4,
            len(words) <= 2,
            "you" in core,
            any(f" {advising} " in inside for advising in _ADVISING),
        ],
        dtype=np.float64,
    )


def _grams(text: str) -> Matrix:
    words = re.sub(r"[^\w' ?]", " ", text.lower().replace("?", " ? ")).split()
    found = [
        *words,
        *(f"{first} {second}" for first, second in pairwise(words)),
        *(" ".join(words[start : start + 3]) for start in range(len(words) - 2)),
        "^" + " ".join(words[:1]),
        "^^" + " ".join(words[:2]),
        "$" + " ".join(words[-2:]),
    ]
    columns = np.zeros(WIDTH)
    for gram in found:
        columns[zlib.crc32(gram.encode()) % WIDTH] += 1.0
    shares: Matrix = columns / np.sqrt(len(found))
    return shares
