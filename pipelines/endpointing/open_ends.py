"""Ends on which nobody ends a turn: inside a figure, a spelled word or a list, a question begun, a false start."""

from __future__ import annotations

import re

from pipelines.endpointing.begun import has_begun
from pipelines.endpointing.evidence import PauseEvidence
from pipelines.endpointing.features import FILLERS, RECEIPTS, ends_open, words_of
from pipelines.endpointing.spelling import spelling_under_way
from pipelines.endpointing.unfinished_figures import figure_under_way

_SO_FAR = 20  # words before the end that matter

# ------------------------------------------------------------------ lists

_MARKED = re.compile(r"\b(firstly|secondly|thirdly|fourthly|lastly|first of all|such as|including)$")
_COUNTED = re.compile(r"\b(first|firstly)\b.+\b(second|third)$")
_ANNOUNCED = re.compile(
    r"\b(there are|there're|i have|i've got|we have|you have) (two|three|four|five|six|a few|a couple of|several|some) "
    r"(\w+ )?(things|reasons|points|options|steps|ways|choices|possibilities)$"
)

# ------------------------------------------------------------------ false starts

_RESTARTED = frozenset(
    "i you he she we they it the a an my your his her our their this these to of for with from in on is are was "
    "were do does did have has had can could would will should and but because when where what how who it's "
    "i'm".split()
)
"""Nobody says these twice for emphasis."""

_SUBJECT_FIRST = re.compile(
    r"\b(i|you|he|she|we|they|it) (would|should|could|can|will|may|might|must|have|had|was|think)$"
)
_AUXILIARY_FIRST = re.compile(
    r"\b(do|does|did|have|has|had|are|is|was|were|can|could|would|will|should) (i|you|he|she|we|they|it)$"
)
_DETERMINED = re.compile(r"\b\S+ (the|a|an|my|your|to)$")
_LETTING = re.compile(r"\b(let (me|us)|^let's|(no|oh|but|sorry|okay|um) wait|hang on|hold on)$|^wait$")
_MEANING = re.compile(r"(?<!what )(?<!see )\bi mean$")
_HESITATIONS = frozenset("um uh uhm erm er".split())
_OPENING = frozenset("so well and but because".split())
_REPAIRS = frozenset("sorry no wait pardon actually".split())
_REGRETS = frozenset("i'm am so very really terribly we're".split())


def is_open(evidence: PauseEvidence) -> bool:
    """Return whether the text ends where nobody ends a turn."""
    words, text = words_of(evidence.text)[-_SO_FAR:], evidence.text.rstrip()
    if not words:
        return False
    return (
        figure_under_way(words, evidence.after)
        or spelling_under_way(words, evidence.after)
        or _lists(words, text)
        or has_begun(words, asked=text.endswith("?"))
        or _starts_over(words)
    )


def _lists(words: list[str], text: str) -> bool:
    if text.endswith(",") and not RECEIPTS.issuperset(words):
        return True
    said = " ".join(words)
    return any(found.search(said) for found in (_MARKED, _COUNTED, _ANNOUNCED))


def _starts_over(words: list[str]) -> bool:
    """Return whether somebody has begun, and hesitates or begins anew: "the the", "I would, sorry", "no wait"."""
    said = " ".join(words[-6:])
    if _LETTING.search(said) or _MEANING.search(said) or _repeats(words):
        return True
    if words[-1] in _OPENING and all(word in RECEIPTS | FILLERS | _OPENING for word in words):
        return True
    return _repairs(words)


def _repairs(words: list[str]) -> bool:
    """Return whether something was begun, and is taken back: "I would, sorry"."""
    kept = len(words)
    while kept and words[kept - 1] in _REPAIRS:
        kept -= 1
    before = words[:kept]
    if {"sorry", "wait"}.isdisjoint(words[kept:]) or FILLERS.issuperset(before) or before[-1] in _REGRETS:
        return False
    begun = _SUBJECT_FIRST.search(" ".join(before)) is not None
    return begun or ends_open(before) or _repeats(before) or figure_under_way(before)


def _repeats(words: list[str]) -> bool:
    if words[-2:-1] == words[-1:]:
        return words[-1] in _RESTARTED
    twice = " ".join(words[-2:])
    begun = (_SUBJECT_FIRST, _AUXILIARY_FIRST, _DETERMINED)
    return words[-4:-2] == words[-2:] and any(found.fullmatch(twice) for found in begun)
