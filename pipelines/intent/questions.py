"""The questions that one turn asks: "Do you smoke, and are you allergic to anything?" has two."""

from __future__ import annotations

import re

from pipelines.intent.sentences import sentences_of
from pipelines.intent.words import FUNCTION_WORDS, tokens

# More at once nobody keeps in mind.
MOST = 3
# What is left of a question behind "or" has so few words where it goes on with its beginning.
SHARED_WORDS = 5
LIKE_WORDS = 2

_AUXILIARY = r"(?:do|does|did|is|are|was|were|have|has|had|can|could|will|would|should)"
_WHO = r"(?:you|he|she|it|they|there|this|that|anyone|anybody|any|your|his|her|the)"
_ASKING = rf"(?:{_AUXILIARY}(?:n't)? {_WHO}\b|(?:how|what|when|where|who|which|why|any)\b)"
_NEXT = re.compile(
    rf"(?:,\s*|\s+)(?:and|or|but)\s+(?:also\s+)?(?={_ASKING})|,\s+(?={_AUXILIARY} {_WHO}\b)", re.IGNORECASE
)
_SMALL = re.compile(r"\b(?:a|an|any|the|other)\b", re.IGNORECASE)
_NOUN = re.compile(r"(?:a|an|any)\b", re.IGNORECASE)
_JOINED = re.compile(r"(?:,\s*|\s+)(?:and|or)\s+", re.IGNORECASE)
# What a second half goes on with: "do you have", "have you had any", "is there", "any".
_BEGINNING = re.compile(
    rf"(?:^|(?<=\W)){_AUXILIARY} (?:you|he|she|it|they|there|anyone|anybody)"
    r"(?: (?:ever|also|still))?(?: (?:have|had|got|take|taken|taking|feel|been|get|use|drink|eat))?\b"
    r"|^any\b",
    re.IGNORECASE,
)


def questions_of(turn: str) -> list[str]:
    """Return the questions of a turn in order, each as a whole one; fewer than two are none."""
    found: list[str] = []
    for sentence in sentences_of(turn):
        for part in _NEXT.split(sentence):
            found += _halves(part.strip(" ,"))
    asked = [each for each in found if re.search(_ASKING, each, re.IGNORECASE) and _has_content(each)][-MOST:]
    return asked if len(asked) > 1 else []


def _has_content(question: str) -> bool:
    """Tell a question from one that was broken off: "And is she, um"."""
    return any(word not in FUNCTION_WORDS for word in tokens(question)) or re.search(r"\bwho\b", question) is not None


def _halves(question: str) -> list[str]:
    """Return a question's halves where one beginning is for both: "Do you have a fever or a cough?"."""
    begins = _BEGINNING.search(question)
    first, *others = _JOINED.split(question.rstrip("?. "))
    if begins is None or not others or begins.end() >= len(first) or len(others[-1].split()) > SHARED_WORDS:
        return [question]
    # "Does she scratch more indoors or outdoors?" is one question.
    if len(_SMALL.sub("", first[begins.end() :]).split()) > LIKE_WORDS and not _NOUN.match(others[-1]):
        return [question]
    return [f"{first}?", *(f"{begins[0]} {other}?" for other in others)]
