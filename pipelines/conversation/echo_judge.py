"""Whether a sound over the patient's is its own echo, by likeness of sound, and whether echoes are to be expected.

One likeness may err, so two in a row decide. A sound is judged anew as long as it lasts: a candidate may begin to speak
into an echo. Echoes are expected only after more than one, and no longer once people were heard: a single error
changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from audio.echo import ECHO_SCORE

# An echo that lasts is at 0.76 in the mean and below this in one of fifteen; with a voice in it that is as loud as
# the patient's, it is below after 300 ms in nine of ten.
STILL_SCORE = 0.6
FIRST_MS = 140.0  # of sound, before which a likeness says nothing
# Likenesses are taken so often: they overlap, and cost a millisecond each.
EVERY_MS = 60.0
# An echo may come so long after the patient's last audio: the longest delay, and what is looked at of it.
TAIL_MS = 1_000.0
# After so many echoes the patient does not fall silent for a sound before it is known to be no echo.
EXPECTED = 2
MOST = 3  # that are counted: so many people's voices undo it
# A voice that is told from the echo that it began in counts as having lasted so long: in truth it is 200 to 350.
NOTICED_MS = 250.0


@dataclass(slots=True)
class EchoJudge:
    """Judges one sound at a time; `echo` is None until it is known. Times in media milliseconds."""

    echo: bool | None = None
    going_on: bool = False  # a sound that was dropped as an echo and still lasts
    # What is known to be a person's is not judged any more, as each likeness may err.
    _decided: bool = False
    _last: bool | None = None
    _asked_ms: float = 0.0
    _found: int = 0

    @property
    def expected(self) -> bool:
        """Whether the next sound over the patient's is an echo, most likely."""
        return self._found >= EXPECTED

    @property
    def known(self) -> bool:
        """Whether echoes were heard of late."""
        return self._found > 0

    def begin(self) -> None:
        """Another sound begins."""
        self.echo = self._last = None
        self.going_on = self._decided = False

    def over(self) -> None:
        """The sound that was an echo has ended, or is known to be none."""
        self.going_on = False

    def wanted(self, onset_ms: float | None, now_ms: float) -> bool:
        """Return whether the likeness should be measured now, for a sound that began then."""
        if now_ms - self._asked_ms < EVERY_MS or self._decided:
            return False
        return self.going_on or (onset_ms is not None and now_ms - onset_ms >= FIRST_MS)

    def judge_likeness(self, score: float, now_ms: float) -> None:
        """Take a likeness (0..1)."""
        if self._decided:
            return
        alike, self._asked_ms = score >= (STILL_SCORE if self.going_on else ECHO_SCORE), now_ms
        if alike == self._last:
            self.echo, self._decided = alike, not alike
        self._last = alike

    def found(self, *, going_on: bool) -> None:
        """The sound was taken for an echo."""
        self._found = min(self._found + 1, MOST)
        self.going_on = going_on

    def denied(self) -> None:
        """The sound was a person's."""
        self._decided = True
        self._found = max(self._found - 1, 0)
