"""What makes a sentence a vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from pipelines.intent.encoder import Vectors


class Vectoriser(Protocol):
    """Makes vectors of unit length that are near each other for sentences of like meaning."""

    def load(self) -> None:
        """Load what is needed."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return float32 (texts, width)."""


class Remembering:
    """Makes each vector once, while something is learned; never for what people say."""

    def __init__(self, made_by: Vectoriser) -> None:
        self._made_by = made_by
        self._known: dict[str, Vectors] = {}

    def load(self) -> None:
        """Load what makes them."""
        self._made_by.load()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return float32 (texts, width)."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known |= dict(zip(new, self._made_by.encode(new), strict=True))
        return np.array([self._known[text] for text in texts], dtype=np.float32)
