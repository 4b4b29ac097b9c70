"""Text to the phonemes that neural voices were trained on, and which of them belong to which word.

espeak-ng reads a whole phrase, because words sound different in company: "the", "a", "I have". It joins words that flow
together and doesn't say where one ends. So each word is also read alone, and its sounds are laid along those of the
phrase by edit distance.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from pipelines.tts import espeak_binding

# What follows a phrase, as the voices know it.
_MARKS = {"…": ".", "—": ",", "–": ",", "-": ","}
_PHRASE_END = re.compile(r"([.,;:?!…—–-]+)[\"'”’)\]]*(?=\s|$)")
# espeak-ng says so where it takes a word for one of another language.
_LANGUAGE = re.compile(r"\([a-z-]+\)")
_SILENT = "ˈˌ ː"


@dataclass(frozen=True, slots=True)
class Sounds:
    """The phonemes of a text, one letter each, with spaces and the marks that shape its melody.

    `spans` has for each word the letters from its first to behind its last; an empty one for a word without a sound.
    """

    letters: str
    spans: tuple[tuple[int, int], ...]


def sounds_of(words: Sequence[str], *, voice: str) -> Sounds:
    """Return the phonemes of words as they are to be read, each with its punctuation; raises EngineError."""
    letters = ""
    spans: list[tuple[int, int] | None] = [None] * len(words)
    for phrase in _phrases(words):
        read = _ipa(" ".join(text for _, text in phrase.parts), voice)
        if letters:
            letters += " "
        base = len(letters)
        letters += read + phrase.mark
        bounds = _bounds(read, [text for _, text in phrase.parts], voice)
        for (index, _), (begin, end) in zip(phrase.parts, bounds, strict=True):
            known = spans[index]
            spans[index] = (base + begin if known is None else known[0], base + end)
    return Sounds(letters, tuple(_filled(spans, len(letters))))


@dataclass(frozen=True, slots=True)
class _Phrase:
    """What is read in one breath: pieces of words with the numbers of their words, and the mark behind."""

    parts: tuple[tuple[int, str], ...]
    mark: str


def _phrases(words: Sequence[str]) -> list[_Phrase]:
    phrases: list[_Phrase] = []
    parts: list[tuple[int, str]] = []
    for index, word in enumerate(words):
        position = 0
        for found in _PHRASE_END.finditer(word):
            if text := word[position : found.start()].strip():
                parts.append((index, text))
            position = found.end()
            if parts:
                mark = found.group(1)[-1]
                phrases.append(_Phrase(tuple(parts), _MARKS.get(mark, mark)))
                parts = []
        if text := word[position:].strip():
            parts.append((index, text))
    return [*phrases, _Phrase(tuple(parts), "")] if parts else phrases


@functools.lru_cache(maxsize=4096)
def _ipa(text: str, voice: str) -> str:
    read = espeak_binding.instance().ipa(text, voice=voice)
    return unicodedata.normalize("NFD", _LANGUAGE.sub("", read))


def _bounds(phrase: str, texts: Sequence[str], voice: str) -> list[tuple[int, int]]:
    """Return where each text's sounds begin and end in the phrase's letters."""
    runs = [(found.start(), found.end()) for found in re.finditer(r"\S+", phrase)]
    counts = [len(text.split()) for text in texts]
    if sum(counts) == len(runs):
        firsts = [sum(counts[:index]) for index in range(len(counts))]
        return [(runs[first][0], runs[first + count - 1][1]) for first, count in zip(firsts, counts, strict=True)]
    places = [place for place, letter in enumerate(phrase) if letter not in _SILENT]
    alone = ["".join(letter for letter in _ipa(text, voice) if letter not in _SILENT) for text in texts]
    edges = _edges("".join(phrase[place] for place in places), alone)
    starts = [_whole_start(phrase, places[edge] if edge < len(places) else len(phrase)) for edge in edges]
    ends = [*starts[1:], len(phrase)]
    return [
        (start, max(start, len(phrase[:end].rstrip(_SILENT.replace("ː", "")))))
        for start, end in zip(starts, ends, strict=True)
    ]


def _edges(heard: str, alone: Sequence[str]) -> list[int]:
    """Return the place in `heard` at which each of the strings begins, never going back."""
    expected = "".join(alone)
    place_of = {0: 0, len(expected): len(heard)}
    for block in Levenshtein.opcodes(expected, heard):
        place_of.setdefault(block.src_start, block.dest_start)
        length = min(block.src_end - block.src_start, block.dest_end - block.dest_start)
        place_of.update({block.src_start + step: block.dest_start + step for step in range(length)})
    edges: list[int] = []
    position = 0
    for text in alone:
        known = next((place_of[at] for at in range(position, len(expected) + 1) if at in place_of), len(heard))
        edges.append(max(known, edges[-1] if edges else 0))
        position += len(text)
    return edges


def _whole_start(phrase: str, place: int) -> int:
    """Return the beginning of the word at `place`: with its stress mark, or after the space that is next to it."""
    while place > 0 and phrase[place - 1] in "ˈˌ":
        place -= 1
    for near in (place, place - 1, place + 1):
        if 0 < near < len(phrase) and phrase[near - 1] == " ":
            return near
    return place


def _filled(spans: Sequence[tuple[int, int] | None], total: int) -> list[tuple[int, int]]:
    """Return spans with those of soundless words empty, at the end of the word before."""
    filled: list[tuple[int, int]] = []
    for span in spans:
        at = filled[-1][1] if filled else 0
        filled.append((min(at, total), min(at, total)) if span is None else span)
    return filled
