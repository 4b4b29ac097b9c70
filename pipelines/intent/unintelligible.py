"""When a turn's words are too few or too doubtful to be taken for anything."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.engines import Word

HESITATIONS = frozenset("um uh er erm ah".split())
FEW_WORDS = 3
# This is a mean over the words; single words are too noisy to judge by.
LOW_CONFIDENCE = 0.25


def why_unintelligible(spoken: Sequence[str], words: Sequence[Word]) -> str:
    """Return why nothing can be made of a turn, or "": `spoken` are its bare words, `words` those recognised."""
    if HESITATIONS.issuperset(map(str.lower, spoken)):
        return "no words were recognised"
    if len(spoken) == 1 and len(spoken[0]) == 1 and spoken[0].lower() != "i":
        return f"only '{spoken[0]}' was recognised"
    sure = [word.confidence for word in words if word.confidence is not None]
    if sure and len(spoken) <= FEW_WORDS and sum(sure) / len(sure) < LOW_CONFIDENCE:
        return f"{len(spoken)} words at a mean confidence of {sum(sure) / len(sure):.2f}"
    return ""
