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
