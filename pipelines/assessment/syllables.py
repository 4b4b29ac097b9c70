"""How many syllables a word has: by the pronouncing dictionary, or by its letters."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path

_VOWELS = re.compile(r"[aeiouy]+")
_SOUNDS = frozenset("AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split())
_LETTERS = re.compile(r"[^a-z']")


def syllables(word: str) -> int:
    """Return the number of syllables of a word, at least 1; 0 for what has no letter or digit."""
    plain = _LETTERS.sub("", word.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")).strip("'")
    if not plain:
        return sum(_of_number(digits) for digits in re.findall(r"\d+", word))
    return _dictionary().get(plain) or _by_letters(plain)


def _of_number(digits: str) -> int:
    from num2words import num2words

    return sum(syllables(part) for part in re.split(r"[\s-]+", num2words(int(digits[:9]))))


def _by_letters(plain: str) -> int:
    groups = len(_VOWELS.findall(plain))
    # "rinse" has one, "little" two.
    silent = plain.endswith("e") and not plain.endswith(("le", "ee", "ye")) and groups > 1
    return max(1, groups - silent)


@functools.cache
def _dictionary() -> Mapping[str, int]:
    """Return the words of PocketSphinx's dictionary with their syllables; the first pronunciation counts."""
    from pocketsphinx import get_model_path

    path = Path(get_model_path("en-us/cmudict-en-us.dict"))  # type: ignore[no-untyped-call]
    counts: dict[str, int] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        word, _, sounds = line.partition(" ")
        counts.setdefault(word, sum(sound in _SOUNDS for sound in sounds.split()))
    return counts
