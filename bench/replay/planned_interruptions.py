"""Sounds that a simulated candidate makes over the patient's speech, and what came of each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from audio.frames import WIRE_HZ, Pcm
from bench.replay.link import Ignored

Kind = Literal["backchannel", "noise", "floor", "answer", "correction", "hold"]

# After these the patient is to answer.
ANSWERED: Final = frozenset[Kind](("floor", "answer", "correction"))
ANSWER_MS = 8_000.0  # a patient who yielded answers by then
# And one who was asked to wait says nothing for at least so long.
WAIT_MS = 10_000.0
SETTLE_MS = 1_500.0  # after any other sound: what it leads to has happened


@dataclass(frozen=True, slots=True, eq=False)
class Interruption:
    """A sound to be made over the patient's: int16 mono at 24 kHz, audible in it from `onset_ms` to `end_ms`.

    It begins `after_ms` after a reply's first audible sample; `kind` is what it is, `floor` a turn of its own. An
    `answer` begins so long after the last word of the reply's last question, or before it, below 0.
    """

    name: str
    kind: Kind
    samples: Pcm
    onset_ms: float
    end_ms: float
    after_ms: float = 700.0
    text: str = ""


@dataclass(slots=True, eq=False)
class Interrupted:
    """What came of an interruption; times in milliseconds on the candidate's track, None for what did not happen."""

    interruption: Interruption
    reply: int
    onset_ms: float
    end_ms: float
    held_at_ms: float | None = None  # the first hold after the onset
    held_again: int = 0  # times it was held again after it had gone on
    resumed_at_ms: float | None = None  # the last time
    cleared_at_ms: float | None = None
    played_ms: float | None = None  # of the reply, when it was cleared
    status: str = ""  # of the reply, when it was over
    kept: str = ""  # what the reply's history then held
    ignored: str = ""  # what it was taken for
    answered_at_ms: float | None = None  # when the patient next spoke, while that was awaited


class Interrupter:
    """Decides when each sound begins, and notes what happens to the reply; asked once for every frame."""

    def __init__(
        self,
        interruptions: Sequence[Interruption],
        question_ms: Callable[[int], float | None] = lambda _reply: None,
    ) -> None:
        # This is the place in a reply's audio at which its question's last word begins.
        self._question_ms = question_ms
        self.done: list[Interrupted] = []
        self._waiting = deque(interruptions)
        # The reply to make the next sound over, its first audible sample and its beginning.
        self._armed: tuple[int, float, float] | None = None
        self._seen = 0  # the last reply that was armed, or is to be heard out
        self._rest: Pcm = np.zeros(0, dtype=np.int16)
        self._current: Interrupted | None = None  # the last one
        self._answer_expected = False
        self._engaged_until_ms = 0.0

    @property
    def left(self) -> int:
        """How many were not made yet."""
        return len(self._waiting)

    def engaged(self, now_ms: float) -> bool:
        """Whether a sound is being made, or what it leads to is still awaited."""
        return bool(len(self._rest)) or now_ms < self._engaged_until_ms

    def frame(self, size: int, from_ms: float, sounding: bool) -> Pcm | None:
        """Return the next frame of a sound that is being made, of `size` samples, or None."""
        due_ms = self._due_ms()
        if due_ms is not None and self._armed is not None and from_ms >= due_ms and not len(self._rest):
            if sounding:
                self._begin(self._armed[0], from_ms)
            self._armed = None
        if not len(self._rest):
            return None
        frame, self._rest = self._rest[:size], self._rest[size:]
        return np.pad(frame, (0, size - len(frame)))

    def _due_ms(self) -> float | None:
        """Return when the next sound is to begin, as far as it is known."""
        if self._armed is None or not self._waiting:
            return None
        planned, (reply, audible_ms, began_ms) = self._waiting[0], self._armed
        if planned.kind != "answer":
            return audible_ms + planned.after_ms
        question_ms = self._question_ms(reply)
        return None if question_ms is None else began_ms + question_ms + planned.after_ms

    def _begin(self, reply: int, at_ms: float) -> None:
        planned = self._waiting.popleft()
        self._rest = planned.samples
        self._current = Interrupted(planned, reply, at_ms + planned.onset_ms, at_ms + planned.end_ms)
        self.done.append(self._current)
        self._answer_expected = planned.kind in ANSWERED
        ends_ms = at_ms + 1000.0 * len(planned.samples) / WIRE_HZ
        waits_ms = ANSWER_MS if self._answer_expected else WAIT_MS if planned.kind == "hold" else SETTLE_MS
        self._engaged_until_ms = ends_ms + waits_ms

    # -------------------------------------------------------------- what happens

    def began(self, reply: int, at_ms: float) -> None:
        """A reply is about to be heard."""
        made = self._current
        if made is not None and made.answered_at_ms is None and reply > made.reply and self.engaged(at_ms):
            made.answered_at_ms = at_ms
        if self._answer_expected:
            self._answer_expected = False
            self._engaged_until_ms = 0.0
            self._seen = reply  # answers to interruptions are heard out

    def audible(self, reply: int, at_ms: float, *, began_ms: float) -> None:
        """A reply's first audible sample is heard at that time; its audio began a little earlier."""
        if self._waiting and reply > self._seen:
            self._seen = reply
            self._armed = (reply, at_ms, began_ms)

    def held(self, reply: int, at_ms: float) -> None:
        """The reply was paused."""
        made = self._of(reply)
        if made is None or at_ms < made.onset_ms:
            return
        if made.held_at_ms is None:
            made.held_at_ms = at_ms
        else:
            made.held_again += 1

    def resumed(self, reply: int, at_ms: float) -> None:
        """The reply goes on."""
        made = self._of(reply)
        if made is not None:
            made.resumed_at_ms = at_ms

    def cleared(self, reply: int, played_ms: float | None, at_ms: float) -> None:
        """The reply was cut short."""
        made = self._of(reply)
        if made is not None and made.cleared_at_ms is None:
            made.cleared_at_ms, made.played_ms = at_ms, played_ms

    def over(self, reply: int, text: str, status: str, at_ms: float) -> None:
        """The reply is in the history."""
        made = self._of(reply)
        if made is not None:
            made.kept, made.status = text, status
        elif status == "interrupted":
            # It came too early: the answer to the whole is still awaited.
            self._answer_expected = True
            self._engaged_until_ms = at_ms + ANSWER_MS

    def ignored(self, ignored: Ignored) -> None:
        """What was heard over the patient was no turn."""
        if self._current is not None and not self._current.ignored:
            self._current.ignored = ignored.reason

    def _of(self, reply: int) -> Interrupted | None:
        return self._current if self._current is not None and self._current.reply == reply else None
