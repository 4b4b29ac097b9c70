"""A candidate's own ways, learned while they speak: how long they pause, and how the ends of their turns sound."""

from __future__ import annotations

import math
from collections import deque

REMEMBERED = 24  # pauses; people's pace changes with the subject
QUANTILE = 0.75  # the long pauses are those that an answer would cut
PRIOR_MS = (450.0, 700.0, 950.0, 1_200.0, 1_500.0)  # pauses inside turns, as most people make them
# Shorter pauses say nothing of how long this speaker thinks.
SHORTEST_MS = 400.0
MOST = 2.0  # nobody is waited for more than so many times as long

# Of 67 second-language speakers, this share of the pauses between words and of the ends sounded unfinished.
UNFINISHED_PAUSES, UNFINISHED_ENDS = 0.78, 0.31
# A voice counts as flat until an end of its own sounds finished: as if so many ends had sounded like its pauses.
ENDS_BEFORE = 1.0


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


class EndSounds:
    """How often the ends of one speaker's turns sound unfinished: of a flat voice that says little."""

    def __init__(self) -> None:
        self._finished: list[float | None] = []

    def learn(self, finished: float | None) -> None:
        """Take a turn's end, and how surely it sounded finished (0..1), None where nothing told."""
        self._finished.append(finished)

    def forget_last(self) -> None:
        """The last one was no end."""
        del self._finished[-1:]

    @property
    def trust(self) -> float:
        """How much "unfinished" says of this speaker, 0 to 1, where it is 1 for most people after two ends.

        It is the logarithm of how much more often pauses between words sound so than the speaker's ends do, against
        the same of everybody's ends.
        """
        unfinished = [finished < 0.5 for finished in self._finished if finished is not None]
        own = (ENDS_BEFORE * UNFINISHED_PAUSES + sum(unfinished)) / (ENDS_BEFORE + len(unfinished))
        usual = math.log(UNFINISHED_PAUSES / UNFINISHED_ENDS)
        return min(max(math.log(UNFINISHED_PAUSES / own) / usual, 0.0), 1.0)


def _quantile(values: tuple[float, ...]) -> float:
    ordered = sorted(values)
    place = QUANTILE * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
