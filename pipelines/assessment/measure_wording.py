"""The forms of words that tell an open question from a closed one, and that tell a patient where the talk is going."""

from __future__ import annotations

import re


def _any_of(*alternatives: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(alternatives) + r")", re.IGNORECASE)


_OPEN = _any_of(
    r"(?:tell me|describe|talk me through|walk me through|explain to me)\b",
    r"how (?:do|did|does|is|are|was|were|have|has|would|can|could)\b(?! you (?:spell|pronounce))",
    r"how's\b",
    r"what (?:is|was|are|were) (?:it|that|this|the \w+) like\b",
    r"what happened\b",
    r"what (?:do|did) you (?:think|feel|know|understand|hope|expect|want|do)\b",
    r"what (?:brings|brought|worries|concerns|bothers|troubles|else|makes|made|about)\b",
    r"what(?:'s| is| has been) (?:worrying|troubling|bothering|happening|going)\b",
    r"why\b",
    r"in what way\b",
)
# "Can you tell me if you smoke?" can be answered with yes or no.
_CLOSED_AFTER_ALL = _any_of(
    r"(?:tell me|let me know|describe) (?:if|whether|when|where|which|who|how (?:many|much|long|often|old))\b"
)
_SIGNPOST = _any_of(
    r"first(?:ly)?,",
    r"first of all\b",
    r"to (?:begin|start) with\b",
    r"i(?:'d| would) (?:just )?like to (?:ask|start|begin|explain|talk|tell|go)\b",
    r"i(?:'m| am) going to (?:ask|explain|tell|talk|go|start)\b",
    r"i(?:'ll| will) (?:explain|tell you|go through|start by|begin by)\b",
    r"let me (?:just )?(?:explain|ask|tell|start|begin|go|summarise|summarize|sum|check)\b",
    r"can i ask you (?:some|a few)\b",
    r"before (?:we|i|you) (?:go|finish|start|do|explain|move|leave)\b",
    r"now (?:i(?:'d| would) like|let's|let me|that)\b",
    r"next,? (?:i|we|let)\b",
    r"moving on\b",
    r"to sum up\b",
    r"to summari[sz]e\b",
    r"in summary\b",
    r"(?:finally|lastly),",
    r"there are (?:two|three|four|a few|some) things\b",
    r"the (?:first|second|third|last|other|main) thing\b",
)
_PROMISE = _any_of(
    r"(?:i(?:'ll| will|'m going to| am going to)|let me)(?: \w+)? (?:explain|tell you|talk)(?: to)?(?: you)?\b"
)
# A longer sentence that begins so goes on to explain.
_PROMISE_WORDS = 16


def is_open(question: str) -> bool:
    """Tell whether a question leaves its answer open."""
    return _OPEN.search(question) is not None and _CLOSED_AFTER_ALL.search(question) is None


def is_signpost(sentence: str) -> bool:
    """Tell whether a sentence says what comes next."""
    return _SIGNPOST.search(sentence) is not None


def only_announces(sentence: str) -> bool:
    """Tell whether a sentence says that questions will come, and asks none."""
    return is_signpost(sentence) and not sentence.endswith("?") and not is_open(sentence)


def only_promises(sentence: str) -> bool:
    """Tell whether a sentence says that an explanation will come, and explains nothing."""
    return _PROMISE.search(sentence) is not None and len(sentence.split()) <= _PROMISE_WORDS
