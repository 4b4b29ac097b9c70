"""Prompts of a given length: what a patient might be told, and no more than so many tokens of it."""

from __future__ import annotations

from pipelines.responders.language_model.model import LanguageModel
from pipelines.responders.language_model.prompt import Prompt

_SENTENCES = (
    "You came by bus this morning and it was late. ",
    "You like the garden behind your house, and the neighbour's cat. ",
    "On Fridays your sister comes for tea and you talk about old times. ",
    "You have read the leaflet, though not all of it. ",
    "The waiting room was full and somebody had left a newspaper there. ",
)


def prompt_of(model: LanguageModel, *, fixed_tokens: int, rest_tokens: int, card: int = 0) -> Prompt:
    """Return a prompt whose beginning differs from card to card, with these lengths or a token less."""
    fixed = _text(model, fixed_tokens, start=f"You are patient number {card + 1}. ")
    return Prompt(fixed, _text(model, rest_tokens, start=" And now? "))


def _text(model: LanguageModel, tokens: int, *, start: str) -> str:
    text, number = start, 0
    while model.count(text) < tokens:
        text += _SENTENCES[number % len(_SENTENCES)]
        number += 1
    words = text.split(" ")
    while model.count(" ".join(words)) > tokens:
        words.pop()
    return " ".join(words)
