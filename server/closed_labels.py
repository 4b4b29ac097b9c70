"""Closed sets of labels: no client can make series at will."""

from __future__ import annotations

OTHER = "other"


def closed(value: str, values: tuple[str, ...]) -> str:
    """Return `value` if it is one of the closed set, or `other`."""
    return value if value in values else OTHER
