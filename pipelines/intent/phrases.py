"""Set phrases of a consultation, recognised by their sound where the recogniser got some of their words wrong."""

from __future__ import annotations

from functools import lru_cache

from rapidfuzz import fuzz

from pipelines.intent.acts import Act
from pipelines.intent.words import FUNCTION_WORDS, phrase_sound

_PHRASES: tuple[tuple[Act, str], ...] = (
    (Act.REPEAT, "could you repeat that please"),
    (Act.REPEAT, "could you say that again"),
    (Act.REPEAT, "i did not catch that"),
    (Act.REPEAT, "i did not hear you"),
    (Act.PERMISSION, "would you mind if i had a look"),
    (Act.PERMISSION, "may i have a look"),
    (Act.PERMISSION, "can i take a look at"),
    (Act.PERMISSION, "may i examine you"),
    (Act.PERMISSION, "is it okay if i ask you"),
    (Act.PERMISSION, "is it all right if i"),
    (Act.PERMISSION, "could i ask you a few questions"),
    (Act.PERMISSION, "ask you some questions"),
    (Act.OPEN, "what brings you in today"),
    (Act.OPEN, "what brings you here"),
    (Act.OPEN, "how can i help you"),
    (Act.OPEN, "what can i do for you"),
    (Act.OPEN, "what seems to be the problem"),
    (Act.OPEN, "tell me what has been going on"),
    (Act.OPEN, "tell me more about"),
    (Act.INVITATION, "do you have any questions"),
    (Act.INVITATION, "is there anything else you would like to ask"),
    (Act.INVITATION, "do you have any concerns"),
    (Act.INVITATION, "what are you worried about"),
    (Act.INVITATION, "is there anything that worries you"),
    (Act.INVITATION, "how do you feel about"),
    (Act.CHECK, "does that make sense"),
    (Act.CHECK, "does that sound all right"),
    (Act.CHECK, "do you understand what i"),
    (Act.CHECK, "would you be willing to"),
    (Act.FAREWELL, "thank you for coming"),
    (Act.FAREWELL, "see you next week"),
    (Act.GREETING, "hello my name is"),
    (Act.GREETING, "good morning"),
    (Act.GREETING, "good afternoon"),
    (Act.GREETING, "nice to meet you"),
    (Act.IDENTITY, "confirm your full name"),
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
def _phrase_sounds() -> tuple[tuple[Act, str, str], ...]:
    return tuple((intent, phrase, phrase_sound(tuple(phrase.split()))) for intent, phrase in _PHRASES)


@lru_cache(maxsize=1)
def _opening_sounds() -> frozenset[str]:
    return frozenset(
        phrase_sound(tuple(opening.split()))
        for line in _OPENINGS.strip().splitlines()
        for opening in line.strip().split("|")
    )


def closest_phrase(words: tuple[str, ...]) -> tuple[Act, str, float] | None:
    """Return the set phrase that the words contain by sound, with its likeness 0..1, or None."""
    heard = phrase_sound(words)
    best: tuple[Act, str, float] | None = None
    content = {word for word in words if word not in FUNCTION_WORDS}
    for intent, phrase, key in _phrase_sounds():
        if len(heard) < 0.85 * len(key):
            continue
        likeness = fuzz.partial_ratio(heard, key, score_cutoff=100 * PHRASE_FLOOR) / 100.0
        likeness -= LEFT_OVER * (len(content.difference(phrase.split())) if likeness < 1.0 else 0)
        # Such a phrase is made of words that any question has: it must be all that was said.
        if intent is Act.REPEAT:
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
