"""A lane's jobs as one session asks for them: when each answer came is noted, and kept to when it is replayed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from common.errors import AppError
from pipelines.engines import EngineInfo
from pipelines.lanes.answer_times import AnswerTimes, JobAnswer
from pipelines.lanes.jobs import JobLane, JobTicket
from pipelines.lanes.messages import JobRequest


class TimedJobs:
    """One session's way to a lane."""

    def __init__(self, lane: JobLane, times: AnswerTimes) -> None:
        self.lane = lane
        self._times = times
        self._asked = 0

    @property
    def info(self) -> EngineInfo | None:
        """What the engine says of itself."""
        return self.lane.info

    def skip(self, *, wanted: bool) -> bool:
        """Return whether the next question is to be left out: as it is `wanted`, or as it was left out before."""
        now_ms = self._times.now_ms()
        past = self._times.past.answer_to(self.lane.name, self._asked + 1, now_ms)
        skipped = wanted if past is None else past.came == "skipped"
        if skipped:
            self._asked += 1
            self._times.note_job(JobAnswer(self.lane.name, self._asked, now_ms, "skipped"))
        return skipped

    def submit(
        self,
        request: JobRequest,
        *,
        priority: int,
        on_part: Callable[[Any], None],
        on_end: Callable[[AppError | None], None],
    ) -> JobTicket:
        """Queue a job as `JobLane.submit` does; raises CapacityError."""
        self._asked += 1
        job = JobAnswer(self.lane.name, self._asked, self._times.now_ms())
        past = self._times.past.answer_to(job.engine, job.number, job.asked_ms)
        answer = _Answer(self._times, job, past)
        ticket = self.lane.submit(
            request,
            priority=priority,
            on_part=lambda part: answer.add(partial(on_part, part)),
            on_end=lambda error: answer.add(partial(on_end, error), last=True),
            free=past is not None,
        )
        ticket.on_cancel = answer.drop
        return ticket


class _Answer:
    """The parts of one answer on their way, the last of which is its end: in order, and not before their times."""

    def __init__(self, times: AnswerTimes, job: JobAnswer, past: JobAnswer | None) -> None:
        self._times = times
        self._job = job
        self._past = past
        self._parts = 0
        self._waiting: deque[tuple[Callable[[], None], bool]] = deque()
        self._noted = False

    def add(self, call: Callable[[], None], *, last: bool = False) -> None:
        due_ms = 0.0 if self._past is None else self._past.due_ms(self._parts)
        self._parts += 1
        self._waiting.append((call, last))
        self._times.call_at(due_ms, self._hand_on)

    def drop(self) -> None:
        """Nobody waits for the rest."""
        self._waiting.clear()
        self._note()

    def _hand_on(self) -> None:
        if not self._waiting:
            return
        call, last = self._waiting.popleft()
        self._job.parts_ms.append(self._times.now_ms())
        if last:
            self._job.came = "answered"
            self._note()
        call()

    def _note(self) -> None:
        if not self._noted:
            self._noted = True
            self._times.note_job(self._job)
