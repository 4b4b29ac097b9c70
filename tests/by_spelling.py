"""The interpreter that needs no download, learned once for all tests of a run."""

from __future__ import annotations

import functools

from pipelines.intent.learned import LearnedInterpreter


@functools.cache
def by_spelling() -> LearnedInterpreter:
    """Return the interpreter that compares by spelling, warm."""
    made = LearnedInterpreter(None)
    made.warm()
    return made
