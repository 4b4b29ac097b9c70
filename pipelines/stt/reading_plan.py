"""Which readings a segment's text came of, and the same readings again when the segment is replayed.

What a recogniser writes depends on how far the audio reached that it was given, and on the words that it was told to
begin with. Both depend on when a worker was free, which no recording tells. So each reading is noted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Purpose = Literal["caption", "lull", "interim", "final"]


@dataclass(frozen=True, slots=True)
class ReadingMade:
    """A reading that was made of a segment: how many samples it reached to, and how many agreed words it was told.

    `segment` counts the segments of a stream, `from_ms` is when its first audio came, `known_ms` when the reading was
    known, both in media time.
    """

    segment: int
    from_ms: float
    purpose: Purpose
    to_samples: int
    told: int
    known_ms: float


class ReadingPlan:
    """The readings that are to be made of one segment, in the order in which they were known."""

    def __init__(self, readings: Iterable[ReadingMade]) -> None:
        self._left = deque(readings)
        self._under_way = 0

    @property
    def is_open(self) -> bool:
        """Whether a reading of the plan is still to be made, or to be known."""
        return bool(self._left) or self._under_way > 0

    def take_due(self, samples: int, *, agreed: int, ended: bool) -> ReadingMade | None:
        """Return the next reading once its audio and the words that it was told are there.

        Of a segment that `ended` before that, the plan is given up: it was another segment then.
        """
        if self._left and self._left[0].to_samples <= samples and self._left[0].told <= agreed:
            self._under_way += 1
            return self._left.popleft()
        if ended and not self._under_way:
            self._left.clear()
        return None

    def is_known(self) -> None:
        """Note that a reading under way is known."""
        self._under_way -= 1

    def give_up(self) -> None:
        """Make no more of it."""
        self._left.clear()
        self._under_way = 0
