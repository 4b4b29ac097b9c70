"""The report on a role-play that its candidate may read: what was decided, and the stretches that it rests on.

Pure. It has no examiner's name, no single mark, no reasons that examiners wrote for each other, nothing that a machine
thinks, and of what the patient knows only what was said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.assessment.spoken import words_between
from pipelines.log.recorded_turns import RecordedTurn
from server.marking.criteria import CRITERIA, Criterion
from server.marking.outcome import MarkingOutcome

NOTES = (
    "This is a practice estimate. It is no OET result, and no band is claimed.",
    "This software is not connected with the makers of OET. The words beside the marks are its own.",
)


@dataclass(frozen=True, slots=True)
class ReportAbout:
    """Which role-play it is; `candidate` and `exam` None where nobody has given a name."""

    session_id: str
    candidate: str | None
    exam: str | None
    began_ms: int
    card: str
    profession: str


@dataclass(frozen=True, slots=True)
class ReportStretch:
    """A stretch of the recording in milliseconds, and what each side said in it."""

    from_ms: int
    to_ms: int
    said: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """What was said, in one line."""
        return " / ".join(f"{role}: {text}" for role, text in self.said)


@dataclass(frozen=True, slots=True)
class ReportMark:
    """What was decided on one criterion."""

    criterion: Criterion
    mark: float
    stretches: tuple[ReportStretch, ...]

    @property
    def words(self) -> str:
        """What the mark means."""
        return self.criterion.in_words(self.mark)


@dataclass(frozen=True, slots=True)
class CandidateReport:
    """All of it; `decided` is adjudicated (a further examiner decided where others differed), agreed, or alone."""

    about: ReportAbout
    marks: tuple[ReportMark, ...]
    comments: tuple[str, ...]
    decided: str

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "session": self.about.session_id,
            "candidate": self.about.candidate,
            "exam": self.about.exam,
            "began_ms": self.about.began_ms,
            "card": {"title": self.about.card, "profession": self.about.profession},
            "decided": self.decided,
            "criteria": [
                {
                    "name": one.criterion.name,
                    "kind": one.criterion.kind,
                    "most": one.criterion.most,
                    "mark": one.mark,
                    "words": one.words,
                    "evidence": [
                        {
                            "from_ms": stretch.from_ms,
                            "to_ms": stretch.to_ms,
                            "said": [{"role": role, "text": text} for role, text in stretch.said],
                        }
                        for stretch in one.stretches
                    ],
                }
                for one in self.marks
            ],
            "comments": list(self.comments),
            "notes": list(NOTES),
        }


def report_of(outcome: MarkingOutcome, turns: Sequence[RecordedTurn], about: ReportAbout) -> CandidateReport:
    """Return the report on a role-play whose marks are decided."""
    decided = outcome.decided()
    marks = []
    for criterion in CRITERIA:
        sheets = [signed.sheet.marks[criterion.id] for signed in outcome.deciding(criterion.id)]
        places = sorted({(each.from_ms, each.to_ms) for sheet in sheets for each in sheet.evidence})
        stretches = tuple(ReportStretch(*place, _said(turns, *place)) for place in places)
        marks.append(ReportMark(criterion, decided[criterion.id], stretches))
    comments = tuple(text for one in outcome.everybody if (text := one.sheet.for_candidate.strip()))
    how = "alone" if len(outcome.markers) == 1 else "adjudicated" if outcome.differs else "agreed"
    return CandidateReport(about, tuple(marks), comments, how)


def _said(turns: Sequence[RecordedTurn], from_ms: int, to_ms: int) -> tuple[tuple[str, str], ...]:
    """Return who said what in a stretch: the words of the record, whatever an examiner has written beside it."""
    found = []
    for turn in turns:
        if turn.words:
            text = words_between(turn, from_ms, to_ms)
        else:
            text = turn.text if turn.to_ms > from_ms and turn.from_ms < to_ms else ""
        if text:
            found.append((turn.role, text))
    return tuple(found)
