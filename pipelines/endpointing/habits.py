"""A candidate's own pauses, learned while they speak: a slow speaker gets more time within a minute."""

from __future__ import annotations

from collections import deque

REMEMBERED = 24  # pauses; people's pace changes with the subject
QUANTILE = 0.75  # the long pauses are those that an answer would cut
PRIOR_MS = (450.0, 700.0, 950.0, 1_200.0, 1_500.0)  # pauses inside turns, as most people make them
# Shorter pauses say nothing of how long this speaker thinks.
SHORTEST_MS = 400.0
MOST = 2.0  # nobody is waited for more than so many times as long


class Habits:
    """Running quantiles of one speaker's pauses inside turns."""

    def __init__(self) -> None:
        self._pauses_ms: deque[float] = deque(maxlen=REMEMBERED)

    def learn(self, pause_ms: float) -> None:
        """Take a pause after which the speaker went on."""
        if pause_ms >= SHORTEST_MS:
            self._pauses_ms.append(pause_ms)

    @property
    def stretch(self) -> float:
        """How many times as long as most people's this speaker's pauses are, 1 to 2."""
        usual = _quantile(PRIOR_MS)
        return min(max(_quantile((*PRIOR_MS, *self._pauses_ms)) / usual, 1.0), MOST)


def _quantile(values: tuple[float, ...]) -> float:
    ordered = sorted(values)
    place = QUANTILE * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
