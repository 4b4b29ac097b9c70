"""Whether this is the nightly run, which tries all of what the default run tries a part of."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

NIGHTLY = os.environ.get("INTERLOCUTOR_NIGHTLY") == "1"


def one_in(count: int, cases: Sequence[T], *, first: int = 0) -> list[T]:
    """Return all cases in the nightly run, otherwise every `count`th from the `first`, always the same."""
    return list(cases) if NIGHTLY else list(cases[first::count])
