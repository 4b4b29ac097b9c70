"""Set phrases of a consultation, recognised by their sound where the recogniser got some of their words wrong."""

from __future__ import annotations

from functools import lru_cache

from rapidfuzz import fuzz

from pipelines.llm.intents import Intent
from pipelines.llm.words import FUNCTION_WORDS, phrase_sound

_PHRASES: tuple[tuple[Intent, str], ...] = (
    (Intent.REPEAT, "could you repeat that please"),
    (Intent.REPEAT, "could you say that again"),
    (Intent.REPEAT, "i did not catch that"),
    (Intent.REPEAT, "i did not hear you"),
    (Intent.PERMISSION, "would you mind if i had a look"),
    (Intent.PERMISSION, "may i have a look"),
    (Intent.PERMISSION, "can i take a look at"),
    (Intent.PERMISSION, "may i examine you"),
    (Intent.PERMISSION, "is it okay if i ask you"),
    (Intent.PERMISSION, "is it all right if i"),
    (Intent.PERMISSION, "could i ask you a few questions"),
    (Intent.PERMISSION, "ask you some questions"),
    (Intent.OPEN, "what brings you in today"),
    (Intent.OPEN, "what brings you here"),
    (Intent.OPEN, "how can i help you"),
    (Intent.OPEN, "what can i do for you"),
    (Intent.OPEN, "what seems to be the problem"),
    (Intent.OPEN, "tell me what has been going on"),
    (Intent.OPEN, "tell me more about"),
    (Intent.INVITATION, "do you have any questions"),
    (Intent.INVITATION, "is there anything else you would like to ask"),
    (Intent.INVITATION, "do you have any concerns"),
    (Intent.INVITATION, "what are you worried about"),
    (Intent.INVITATION, "is there anything that worries you"),
    (Intent.INVITATION, "how do you feel about"),
    (Intent.CHECK, "does that make sense"),
    (Intent.CHECK, "does that sound all right"),
    (Intent.CHECK, "do you understand what i"),
    (Intent.CHECK, "would you be willing to"),
    (Intent.FAREWELL, "thank you for coming"),
    (Intent.FAREWELL, "see you next week"),
    (Intent.GREETING, "hello my name is"),
    (Intent.GREETING, "good morning"),
    (Intent.GREETING, "good afternoon"),
    (Intent.GREETING, "nice to meet you"),
    (Intent.IDENTITY, "confirm your full name"),
)

# How questions begin; compared by sound with the first words of a short turn ("done you" for "do you").
_OPENINGS = """
    do you|are you|have you|can you|could you|did you|would you|were you|does it|does she|does he|is it
    is there|are there|is she|has she|has it|was it|did it|how long|how often|how many|how much|how is|how do
    how did|how has|how are|what do|what is|what are|what have|what kind|what did|what makes|when did|when was
    where is|where does|which one|who is|any other|can i ask|tell me|could you tell|can you tell|have you had
    are there any|do you have|do you take|at what time
"""

# One word of three may be wrong if it sounds alike; most unrelated speech stays below.
PHRASE_FLOOR = 0.86
OPENING_FLOOR = 0.80
# So much is lost for each word with a topic that an inexact phrase does not account for.
LEFT_OVER = 0.03


@lru_cache(maxsize=1)
def _phrase_sounds() -> tuple[tuple[Intent, str, str], ...]:
    return tuple((intent, phrase, phrase_sound(tuple(phrase.split()))) for intent, phrase in _PHRASES)


@lru_cache(maxsize=1)
def _opening_sounds() -> frozenset[str]:
    return frozenset(
        phrase_sound(tuple(opening.split()))
        for line in _OPENINGS.strip().splitlines()
        for opening in line.strip().split("|")
    )


def closest_phrase(words: tuple[str, ...]) -> tuple[Intent, str, float] | None:
    """Return the set phrase that the words contain by sound, with its likeness 0..1, or None."""
    heard = phrase_sound(words)
    best: tuple[Intent, str, float] | None = None
    content = {word for word in words if word not in FUNCTION_WORDS}
    for intent, phrase, key in _phrase_sounds():
        if len(heard) < 0.85 * len(key):
            continue
        likeness = fuzz.partial_ratio(heard, key, score_cutoff=100 * PHRASE_FLOOR) / 100.0
        likeness -= LEFT_OVER * (len(content.difference(phrase.split())) if likeness < 1.0 else 0)
        # Such a phrase is made of words that any question has: it must be all that was said.
        if intent is Intent.REPEAT:
            likeness = min(likeness, fuzz.ratio(heard, key) / 100.0 + 0.1)
        if likeness >= PHRASE_FLOOR and (best is None or likeness > best[2]):
            best = (intent, phrase, likeness)
    return best


def opens_like_question(words: tuple[str, ...]) -> bool:
    """Tell whether the first words sound like the beginning of a question, as far as a damaged text can show."""
    for length in (2, 3):
        heard = phrase_sound(words[:length])
        if any(fuzz.ratio(heard, key, score_cutoff=100 * OPENING_FLOOR) for key in _opening_sounds()):
            return True
    return False
