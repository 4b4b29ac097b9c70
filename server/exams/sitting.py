"""One exam that is being sat: its clock, and the session of each part."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from audio.files import replace_file
from common.errors import ProtocolError
from pipelines.patient.card import Card, public_view
from server.exams.timetable import ExamClock, Phase
from server.sessions.session import SUSPENDED, Session, Status

# A session that ends so says that the talk is over; after any other end its time runs on, and the candidate waits.
TALK_OVER = ("ended", "time_limit")
# The patient says goodbye when the time is over; a connection may take a moment to close after that.
CLOSING_S = 5.0


class SittingPoint(BaseModel):
    """Where an exam stands, for another server to go on: its phase by number, and what is left of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    index: int
    left_ms: float
    sessions: tuple[str, ...] = ()  # their ids


class Sitting:
    """Drives one candidate's exam; `moved` is told each new phase (None: all are over) with the sitting itself."""

    def __init__(
        self,
        exam_id: str,
        candidate_id: str | None,
        cards: dict[int, Card],
        examiners: frozenset[str],
        phases: Sequence[Phase],
        *,
        closing_s: float,
        moved: Callable[[Sitting, Phase | None], None],
        gave_up: Callable[[Sitting, Session, str], None],
    ) -> None:
        self.exam_id = exam_id
        self.candidate_id = candidate_id
        self.sessions: dict[int, Session] = {}  # by part
        self.opening = asyncio.Lock()  # whoever opens the session of a part holds it
        self.clock = ExamClock(phases, grace_s=closing_s + CLOSING_S, changed=self._changed)
        self.examiners = examiners
        self._cards = cards
        self._moved = moved
        self._gave_up = gave_up
        self._watching: set[asyncio.Task[None]] = set()

    @property
    def phase(self) -> Phase | None:
        """The phase at hand."""
        return self.clock.phase

    def card(self) -> Card:
        """Return the card of the part at hand; raises ProtocolError when there is none."""
        if self.phase is None:
            raise ProtocolError("this exam is over", code="exam.over", http_status=409)
        return self._cards[self.phase.part]

    def as_json(self) -> dict[str, Any]:
        """Return what its candidate may know: the phase, and the card of its part, never the next one."""
        phase = self.phase
        if phase is None:
            return {"phase": None, "card": None}
        shown = {"name": phase.name, "part": phase.part, "length_ms": round(1000.0 * phase.length_s)}
        card = public_view(self.card()).model_dump(mode="json") if phase.part else None
        return {"phase": shown | {"left_ms": round(1000.0 * self.clock.left_s)}, "card": card}

    def examined_by(self, examiners: frozenset[str]) -> None:
        """Have these people be its examiners from now on."""
        self.examiners = examiners
        for session in self.sessions.values():
            session.examiners = examiners

    def take(self, part: int, session: Session) -> None:
        """Have this session be that of a part: it may be joined in the part's talk alone, and lasts as long."""
        self.sessions[part] = session
        session.examiners = self.examiners
        session.gate = lambda: self._check_joining(part)
        session.talk_s = lambda: self.clock.left_s
        task = asyncio.create_task(self._watch(part, session))
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    def stop(self) -> None:
        """The exam is over, or void."""
        self.clock.stop()
        for session in self.sessions.values():
            if session.status is Status.RUNNING:
                session.end("ended")

    def drop(self, session_ids: Collection[str]) -> list[Session]:
        """Have these sessions, which are void, be of no part any more; return those that there were."""
        dropped = {part: session for part, session in self.sessions.items() if session.id in session_ids}
        for part in dropped:
            del self.sessions[part]
            if self._is_talk_of(part):
                self.clock.talking = False
        return list(dropped.values())

    def point(self) -> SittingPoint:
        """Return where it stands."""
        return SittingPoint(
            index=self.clock.index,
            left_ms=round(1000.0 * self.clock.left_s),
            sessions=tuple(session.id for session in self.sessions.values()),
        )

    def _is_talk_of(self, part: int) -> bool:
        phase = self.phase
        return phase is not None and phase.part == part and phase.is_talk

    def _check_joining(self, part: int) -> None:
        if not self._is_talk_of(part):
            raise ProtocolError(
                "the time of this part of the exam has not come, or is over; the page says when it begins",
                code="exam.not_now",
                http_status=409,
            )
        self.clock.talking = True

    async def _watch(self, part: int, session: Session) -> None:
        """Go on to the next phase when the talk of this one is over."""
        await session.ended.wait()
        if self.sessions.get(part) is not session:
            return
        if session.ended_by == SUSPENDED:
            # The next server goes on with both.
            self.clock.hold()
            return
        now = self._is_talk_of(part)
        if session.ended_by in TALK_OVER:
            if now:
                self.clock.talk_over()
            return
        if now:
            self.clock.talking = False
        self._gave_up(self, session, session.ended_by or "nobody joined it")

    def _changed(self, phase: Phase | None) -> None:
        for part, session in self.sessions.items():
            # The time of a talk that would not end is over: nobody may take time from the next one.
            if session.status is Status.RUNNING and session.live is not None and (phase is None or part != phase.part):
                session.live.end("time_limit")
        self._moved(self, phase)


def write_point(folder: Path, exam_id: str, point: SittingPoint) -> None:
    """Put down where an exam stands; raises StorageError or OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / f"{exam_id}.json", point.model_dump_json().encode())


def read_points(folder: Path) -> dict[str, SittingPoint]:
    """Return where exams stood, by their ids; what can't be read is left out."""
    found: dict[str, SittingPoint] = {}
    for path in sorted(folder.glob("exam_*.json")):
        try:
            found[path.stem] = SittingPoint.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            continue
    return found
