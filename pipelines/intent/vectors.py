"""What makes a sentence a vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pipelines.intent.encoder import Vectors


class Vectoriser(Protocol):
    """Makes vectors of unit length that are near each other for sentences of like meaning."""

    def load(self) -> None:
        """Load what is needed."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return float32 (texts, width)."""
