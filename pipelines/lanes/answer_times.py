"""When the engines answered one session: noted while it is held, and kept to when it is replayed.

What a patient hears and says depends on the sound, on the engines, and on when each answer came. The recording has the
first, the setup names the second; these are the third. All times are media milliseconds.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pipelines.stt.reading_plan import ReadingMade, ReadingPlan

# An answer that nobody waited for any more is kept back for so long: by then it was no longer waited for.
DROPPED_MS = 2_000.0
# A question that is asked further from its time than this is another one.
SAME_QUESTION_MS = 60.0

Came = Literal["answered", "dropped", "skipped"]
"""What became of a question: answered to its end, dropped by who asked, or not asked as the engine was too busy."""


@dataclass(slots=True)
class JobAnswer:
    """A question to an engine, the `number`th of this session: when it was asked, and when each part came."""

    engine: str
    number: int
    asked_ms: float
    came: Came = "dropped"
    parts_ms: list[float] = field(default_factory=list)

    def due_ms(self, part: int) -> float:
        """Return when that part came; one that did not come then comes with the last, or late if nobody waited."""
        if part < len(self.parts_ms):
            return self.parts_ms[part]
        last_ms = self.parts_ms[-1] if self.parts_ms else self.asked_ms
        return last_ms + DROPPED_MS if self.came == "dropped" else last_ms


class PastAnswers:
    """The times of a session that is over."""

    def __init__(self, readings: Iterable[ReadingMade] = (), jobs: Iterable[JobAnswer] = ()) -> None:
        # A server that took the session up counts anew, so that a number alone may stand for two.
        self._readings: defaultdict[int, list[ReadingMade]] = defaultdict(list)
        self._jobs: defaultdict[tuple[str, int], list[JobAnswer]] = defaultdict(list)
        for reading in readings:
            self._readings[reading.segment].append(reading)
        for job in jobs:
            self._jobs[job.engine, job.number].append(job)

    def readings_of(self, segment: int, from_ms: float) -> ReadingPlan | None:
        """Return what was read of a segment that began at the same time."""
        made = [each for each in self._readings.get(segment, ()) if abs(each.from_ms - from_ms) <= SAME_QUESTION_MS]
        return ReadingPlan(made) if made else None

    def answer_to(self, engine: str, number: int, asked_ms: float) -> JobAnswer | None:
        """Return what became of a question that was asked at the same time."""
        asked = self._jobs.get((engine, number), ())
        return next((job for job in asked if abs(job.asked_ms - asked_ms) <= SAME_QUESTION_MS), None)


def past_answers(events: Iterable[tuple[Sequence[Sequence[Any]], Sequence[Sequence[Any]]]]) -> PastAnswers:
    """Return the times that a log's (readings, jobs) tell."""
    readings: list[ReadingMade] = []
    jobs: list[JobAnswer] = []
    for some_readings, some_jobs in events:
        readings += [ReadingMade(*each) for each in some_readings]
        jobs += [JobAnswer(engine, number, asked, came, list(at)) for engine, number, asked, came, at in some_jobs]
    return PastAnswers(readings, jobs)


class AnswerTimes:
    """Notes one session's times; with `past`, answers that came then come at the same times again."""

    def __init__(self, now_ms: Callable[[], float], past: PastAnswers | None = None) -> None:
        self.now_ms = now_ms
        self.past = past or PastAnswers()
        self._readings: list[ReadingMade] = []
        self._jobs: list[JobAnswer] = []

    def note_reading(self, reading: ReadingMade) -> None:
        """Note a reading that is known."""
        self._readings.append(reading)

    def note_job(self, job: JobAnswer) -> None:
        """Note a question of which nothing more will come."""
        self._jobs.append(job)

    def take(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Return what was noted since the last time, (readings, jobs), as plain data."""
        readings = tuple(
            (each.segment, each.from_ms, each.purpose, each.to_samples, each.told, each.known_ms)
            for each in self._readings
        )
        jobs = tuple((each.engine, each.number, each.asked_ms, each.came, tuple(each.parts_ms)) for each in self._jobs)
        self._readings, self._jobs = [], []
        return readings, jobs

    def call_at(self, due_ms: float, call: Callable[[], None]) -> None:
        """Call at that time, or at once if it has passed."""
        wait_ms = due_ms - self.now_ms()
        if wait_ms <= 0:
            call()
        else:
            asyncio.get_running_loop().call_later(wait_ms / 1000.0, call)
