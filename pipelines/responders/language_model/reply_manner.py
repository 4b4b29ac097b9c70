"""How a patient talks, by their mood: how many sentences, how many tokens, how freely."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipelines.engines import Persona

_BRIEF = re.compile(
    r"\b(?:short-tempered|brisk|blunt|gruff|buttoned-up|quiet|tense|shy|withdrawn|reserved|terse|few words|tired)\b",
    re.IGNORECASE,
)
_TALKATIVE = re.compile(r"\b(?:chatty|talkative|rambling|garrulous|jokey|joking)\b", re.IGNORECASE)
_BRIEF_TOKENS, _TALKATIVE_SENTENCES = 28, 3


@dataclass(frozen=True, slots=True)
class ReplyManner:
    """The most sentences and tokens of a reply, and the temperature it is drawn with."""

    sentences: int
    tokens: int
    temperature: float


def manner_of(persona: Persona, *, most_tokens: int, temperature: float) -> ReplyManner:
    """Return how this patient talks; who chats says more and chooses more freely, if anything is left to chance."""
    if _TALKATIVE.search(persona.mood):
        return ReplyManner(_TALKATIVE_SENTENCES, most_tokens, min(2.0, temperature * 1.25))
    if _BRIEF.search(persona.mood):
        return ReplyManner(1, min(_BRIEF_TOKENS, most_tokens), temperature * 0.75)
    return ReplyManner(2, most_tokens, temperature)
