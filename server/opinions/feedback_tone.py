"""Whether a reason is fit to be read by somebody who was judged: rules, and what of it breaks them."""

from __future__ import annotations

import re

MOST_CHARS = 800
LEAST_WORDS = 4

_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "harsh",
        re.compile(
            r"\b(?:terribl[ey]|awful(?:ly)?|horribl[ey]|stupid|idiot\w*|incompetent|pathetic|useless|ridiculous"
            r"|embarrassing|disgrace\w*|shameful|hopeless|lazy|ignorant|dreadful(?:ly)?|appalling|worthless|laughabl[ey])\b",
            re.IGNORECASE,
        ),
    ),
    (
        "person",
        re.compile(
            r"\b(?:accent|nationality|native speakers?|non-native|foreign(?:er)?s?|ethnic\w*|race|religion|gender|"
            r"intelligen(?:t|ce)|personality|(?:his|her|their) (?:country|culture|origin|age))\b",
            re.IGNORECASE,
        ),
    ),
    (
        "result",
        re.compile(
            r"\b(?:grade [A-E]\b|band [0-9A-E]|OET (?:score|grade|result)|IELTS|CEFR|[ABC][12] level|"
            r"(?:would|will|should)(?: not|n't)? (?:pass|fail)|(?:pass|fail)(?:es|s|ed) (?:the|this) (?:test|exam)"
            r"|(?:pass|fail)ing (?:mark|grade|score))",
            re.IGNORECASE,
        ),
    ),
    ("shouting", re.compile(r"!{2,}|\b[A-Z]{5,}(?:\s+[A-Z]{4,})+\b")),
)

WORDING = {
    "short": "the reason is too short to be one",
    "long": "the reason is too long",
    "harsh": "the reason is harsh",
    "person": "the reason is about the person, not about what was said",
    "result": "the reason speaks of grades, passing or failing",
    "shouting": "the reason shouts",
}
"""What each fault is, in words for the model and for people."""


def tone_faults(reason: str) -> tuple[str, ...]:
    """Return what is wrong with how a reason is put, by the keys of `WORDING`; nothing where it may be read."""
    found = [name for name, pattern in _RULES if pattern.search(reason)]
    if len(reason.split()) < LEAST_WORDS:
        found.append("short")
    if len(reason) > MOST_CHARS:
        found.append("long")
    return tuple(found)
