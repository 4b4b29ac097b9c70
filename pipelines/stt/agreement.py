"""LocalAgreement-2: a word of a growing text is there for good once two readings in a row agree on it and all before.

Macháček, Dabre and Bojar, "Turning Whisper into Real-Time Transcription System", 2023, after Liu, Spanakis and Niehues,
"Low-Latency Sequence-to-Sequence Speech Recognition and Translation by Partial Hypothesis Selection", 2020.
"""

from __future__ import annotations

from collections.abc import Sequence

_MARKS = ".,;:?!…"


class LocalAgreement:
    """Follows the readings of one piece of growing speech; each reading begins with the words that were agreed on."""

    def __init__(self, *, held_back: int = 0) -> None:
        """Have the last `held_back` words that two readings agree on wait for the next reading."""
        self._held_back = held_back
        self._agreed: tuple[str, ...] = ()
        self._previous: tuple[str, ...] = ()

    @property
    def agreed(self) -> tuple[str, ...]:
        """The words that are there for good."""
        return self._agreed

    def read(self, words: Sequence[str]) -> tuple[str, ...]:
        """Take the next reading; return the words to show, of which the first `len(agreed)` are there for good."""
        done = len(self._agreed)
        # A decoder that was told the agreed words has them already.
        newer = (*self._agreed, *words[done:])
        common = done
        while common < min(len(newer), len(self._previous)) and self._same(newer, common):
            common += 1
        self._agreed, self._previous = newer[: max(done, common - self._held_back)], newer
        return newer

    def stabilise(self, words: Sequence[str]) -> None:
        """Take words as there for good, after those that are already."""
        self._agreed = (*self._agreed, *words[len(self._agreed) :])
        self._previous = self._agreed

    def forget(self, count: int) -> None:
        """Drop the first `count` agreed words: their audio is no longer read."""
        self._agreed, self._previous = self._agreed[count:], self._previous[count:]

    def _same(self, newer: tuple[str, ...], index: int) -> bool:
        before, now = self._previous[index], newer[index]
        if before == now:
            return True
        # The mark after the last word of a reading is a guess at what comes; the next one knows.
        guessed = index == len(self._previous) - 1 and index < len(newer) - 1
        return guessed and before.rstrip(_MARKS) == now.rstrip(_MARKS)
