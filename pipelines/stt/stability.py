"""Which words of a growing hypothesis may be shown for good.

A streaming decoder rewrites its last words until later audio settles them. A word is committed once it ended a while
ago and has come out the same, with all the words before it, in several readings; what is committed is never taken
back within a segment.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.engines import Word


@dataclass(frozen=True, slots=True)
class StabilityRule:
    """A word is stable when it ended `age_ms` ago and `readings` readings in a row agreed on it."""

    age_ms: int = 1000
    readings: int = 3


class StablePrefix:
    """Follows the readings of one segment."""

    def __init__(self, rule: StabilityRule) -> None:
        self._rule = rule
        self._committed: list[Word] = []
        self._previous: tuple[str, ...] = ()
        # For each word of the previous reading this counts the readings in a row that had it.
        self._agreed: list[int] = []

    @property
    def committed(self) -> tuple[Word, ...]:
        """The words that won't change any more, in order."""
        return tuple(self._committed)

    def read(self, words: tuple[Word, ...], *, now_ms: int) -> tuple[tuple[Word, ...], int]:
        """Take the decoder's words at `now_ms` of the segment; return the words to show and how many are stable.

        The words shown start with all that were committed, whatever the decoder thinks of them now; of a reading
        that disagrees with them only the words after their end are taken.
        """
        texts = tuple(word.text for word in words)
        same = 0
        while same < min(len(texts), len(self._previous)) and texts[same] == self._previous[same]:
            same += 1
        self._agreed = [count + 1 for count in self._agreed[:same]] + [1] * (len(texts) - same)
        self._previous = texts

        done = len(self._committed)
        if texts[:done] == tuple(word.text for word in self._committed):
            for word, agreed in zip(words[done:], self._agreed[done:], strict=True):
                if agreed < self._rule.readings or word.end_ms > now_ms - self._rule.age_ms:
                    break
                self._committed.append(word)
            rest = words[len(self._committed) :]
        else:
            end_ms = self._committed[-1].end_ms
            rest = tuple(word for word in words if word.start_ms >= end_ms)
        return (*self._committed, *rest), len(self._committed)
