"""Texts of a card as they are said and heard again: told apart, cut short, and begun in the middle of a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from pipelines.intent.words import tokens
from pipelines.patient.card import Card

# So many words of a text tell it from another that begins alike.
BEGUN_WORDS = 3


def spoken_lines(card: Card) -> Iterator[tuple[str, str]]:
    """Yield all that the patient says, each text with its place on the card: "cues.onset.says.0"."""
    if card.opening is not None:
        yield "opening", card.opening
    for cue in card.cues:
        yield from ((f"cues.{cue.id}.says.{index}", text) for index, text in enumerate(cue.says))
    for fact in card.facts:
        yield from ((f"facts.{fact.id}.says.{index}", text) for index, text in enumerate(fact.says))
    for name, texts in card.lines:
        yield from ((f"lines.{name}.{index}", text) for index, text in enumerate(texts))


def is_one_of(text: str, variants: Iterable[str]) -> bool:
    """Tell whether the text is one of the variants, word by word."""
    words = tokens(text)
    return any(tokens(variant) == words for variant in variants)


def was_said(text: str, said: Sequence[str]) -> bool:
    """Tell whether the text, or its beginning (when it was interrupted), has been heard."""
    words = tokens(text)
    return any(len(tokens(item)) >= BEGUN_WORDS and tokens(item) == words[: len(tokens(item))] for item in said)


def behind(text: str, heard: int) -> str:
    """Return the sentences of a text that so many words do not reach the end of; all, where they reach the last."""
    sentences = re.findall(r"[^.?!]+[.?!]*\s*", text)
    count = 0
    for place, sentence in enumerate(sentences):
        count += len(tokens(sentence))
        if heard < count:
            return "".join(sentences[place:]).strip()
    return text


def uncapitalised(text: str, card: Card) -> str:
    """Return the text with a small first letter, for the middle of a sentence; names keep theirs."""
    first = text.split()[0]
    names = {word for name in (card.patient.name, *card.vocabulary) for word in name.split() if word[0].isupper()}
    if first.rstrip(",.!?") in names or first.split("'")[0] == "I":
        return text
    return text[0].lower() + text[1:]
