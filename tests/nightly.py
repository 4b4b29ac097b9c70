"""Whether this is the nightly run, which tries all of what the default run tries a part of."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

import pytest

T = TypeVar("T")

NIGHTLY = os.environ.get("INTERLOCUTOR_NIGHTLY") == "1"
by_night = pytest.mark.skipif(not NIGHTLY, reason="only in the nightly run")


def one_in(count: int, cases: Sequence[T], *, first: int = 0) -> list[T]:
    """Return all cases in the nightly run, otherwise every `count`th from the `first`, always the same."""
    return list(cases) if NIGHTLY else list(cases[first::count])
