"""The clock of an exam: phase after phase, whatever the candidate does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from server.exams.timetable import ExamClock, Phase, timetable
from server.settings.exam import ExamSettings
from server.settings.tree import SessionSettings, Settings

pytestmark = pytest.mark.virtual

PHASES = (
    Phase("warm_up", 0, 60), Phase("preparation", 1, 180), Phase("role_play", 1, 300),
    Phase("preparation", 2, 180), Phase("role_play", 2, 300),
)  # fmt: skip


@dataclass
class Exam:
    seen: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.from_s = self.loop.time()
        self.clock = ExamClock(PHASES, grace_s=10.0, changed=self._changed)

    def _changed(self, phase: Phase | None) -> None:
        what = "over" if phase is None else f"{phase.name} {phase.part}"
        self.seen.append((round(self.loop.time() - self.from_s, 3), what))


def test_an_exam_is_a_warm_up_and_two_role_plays() -> None:
    settings = Settings(session=SessionSettings(prepare_s=180, session_s=300), exam=ExamSettings(warm_up_s=60))
    assert timetable(settings) == PHASES
    none = Settings(session=SessionSettings(prepare_s=0, session_s=300), exam=ExamSettings(warm_up_s=0))
    assert [(phase.name, phase.part) for phase in timetable(none)] == [("role_play", 1), ("role_play", 2)]


async def test_nobody_has_to_come_for_the_time_to_pass() -> None:
    exam = Exam()
    exam.clock.run()
    await asyncio.sleep(1_100.0)
    assert exam.seen == [
        (0.0, "warm_up 0"), (60.0, "preparation 1"), (240.0, "role_play 1"),
        (540.0, "preparation 2"), (720.0, "role_play 2"), (1_020.0, "over"),
    ]  # fmt: skip
    assert exam.clock.is_over
    assert exam.clock.left_s == 0.0


async def test_a_talk_that_ends_early_brings_the_next_phase_and_one_that_goes_on_has_a_moment() -> None:
    exam = Exam()
    exam.clock.run()
    await asyncio.sleep(20.0)
    exam.clock.talk_over()
    assert exam.seen[-1] == (20.0, "preparation 1")
    exam.clock.talk_over()  # of the talk that is over
    assert exam.seen[-1] == (20.0, "preparation 1")
    await asyncio.sleep(180.0)
    exam.clock.talking = True
    await asyncio.sleep(305.0)
    assert exam.seen[-1] == (200.0, "role_play 1")
    exam.clock.talk_over()
    assert exam.seen[-1] == (505.0, "preparation 2")
    await asyncio.sleep(180.0)
    exam.clock.talking = True
    await asyncio.sleep(400.0)
    assert exam.seen[-1] == (995.0, "over")  # 10 s are all that a talk has beyond its time


async def test_it_stands_still_from_one_server_to_the_next() -> None:
    exam = Exam()
    exam.clock.run()
    await asyncio.sleep(100.0)
    exam.clock.hold()
    left_s, index = exam.clock.left_s, exam.clock.index
    await asyncio.sleep(1_000.0)
    assert (exam.clock.left_s, len(exam.seen)) == (140.0, 2)
    following = Exam()
    following.clock.set_to(index, left_s)
    assert following.clock.phase == PHASES[1]
    following.clock.run()
    await asyncio.sleep(150.0)
    assert following.seen == [(140.0, "role_play 1")]


async def test_what_is_stopped_stays_stopped() -> None:
    exam = Exam()
    exam.clock.run()
    exam.clock.stop()
    await asyncio.sleep(2_000.0)
    assert (exam.clock.is_over, exam.clock.phase, exam.seen) == (True, None, [(0.0, "warm_up 0")])


async def test_a_talk_that_ends_while_the_clock_is_held_is_followed_by_a_whole_phase() -> None:
    exam = Exam()
    exam.clock.run()
    await asyncio.sleep(20.0)
    exam.clock.hold()
    exam.clock.talk_over()
    assert (exam.seen[-1], exam.clock.left_s) == ((20.0, "preparation 1"), 180.0)
