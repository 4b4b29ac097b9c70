"""A turn's sentences."""

from __future__ import annotations

import re

# What was said before that has been overtaken.
MOST = 4
_SENTENCE = re.compile(r"[^.?!]+[.?!]*")


def sentences_of(turn: str) -> list[str]:
    """Return the last sentences of a turn that have words, in order."""
    texts = [found.strip(" ,;-") for found in _SENTENCE.findall(turn)]
    return [text for text in texts if re.search(r"\w", text)][-MOST:]


# Where one thing that is claimed ends and the next begins: "it throbs at night, and you take nothing for it".
_NEXT_CLAIM = re.compile(
    r"[.?!,;:]+\s*(?:(?:and|but)\s+)?|\s+(?:and|but)\s+(?=(?:you|he|she|it|they|your|his|her|its|their|the|there|nobody|my)\b)",
    re.IGNORECASE,
)
CLAIM_WORDS = 3


def claims_of(turn: str) -> list[str]:
    """Return the things that a summary claims, in order; what has too few words claims nothing."""
    return [claim for claim in _NEXT_CLAIM.split(turn) if len(claim.split()) >= CLAIM_WORDS]
