"""What comes of all sheets of a role-play: who marks and who decides, what each may see, and where they differ.

Pure: the sheets are given in the order in which they were signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from server.marking.criteria import CRITERIA
from server.marking.sheet import Sheet
from server.settings.marking import MarkingSettings


@dataclass(frozen=True, slots=True)
class Signed:
    """A sheet that stands: its examiner's last one that was signed."""

    examiner_id: str
    examiner: str
    sheet: Sheet
    signed_ms: int


@dataclass(frozen=True, slots=True)
class MarkingOutcome:
    """`markers` are those who signed first, as many as are wanted; `adjudicator` is the next one."""

    markers: tuple[Signed, ...]
    adjudicator: Signed | None
    wanted: int
    closed: bool
    settings: MarkingSettings

    @property
    def complete(self) -> bool:
        """Whether as many have signed as are wanted; only then does anybody see another's marks."""
        return len(self.markers) >= self.wanted

    @property
    def differs(self) -> list[str]:
        """The criteria on which the markers differ so much that a third decides."""
        if not self.complete:
            return []
        found = []
        for criterion in CRITERIA:
            marks = [_mark(signed, criterion.id) for signed in self.markers]
            limit = self.settings.differ_linguistic if criterion.kind == "linguistic" else self.settings.differ_clinical
            if max(marks) - min(marks) >= limit:
                found.append(criterion.id)
        return found

    @property
    def state(self) -> str:
        """How far it is: waiting, differing (a third is asked to decide) or decided."""
        if not self.complete:
            return "waiting"
        return "differing" if self.differs and self.adjudicator is None else "decided"

    def decided(self) -> dict[str, float]:
        """Return the mark of each criterion: the mean of the markers', or the adjudicator's where they differ."""
        found = {}
        for criterion in CRITERIA if self.state == "decided" else ():
            marks = [_mark(signed, criterion.id) for signed in self.deciding(criterion.id)]
            found[criterion.id] = sum(marks) / len(marks)
        return found

    def deciding(self, criterion: str) -> tuple[Signed, ...]:
        """Return those whose marks count on a criterion: the adjudicator where the markers differ, else these."""
        if self.adjudicator is not None and criterion in self.differs:
            return (self.adjudicator,)
        return self.markers

    @property
    def everybody(self) -> tuple[Signed, ...]:
        """All whose sheets stand: the markers, then the adjudicator."""
        return self.markers if self.adjudicator is None else (*self.markers, self.adjudicator)

    def may_see(self, examiner_id: str) -> bool:
        """Return whether somebody may see what others have marked, and what the machine has measured."""
        return not self.settings.blind or self.complete

    def as_json(self, reader: str) -> dict[str, Any]:
        """Return what somebody may see of it as plain data."""
        if not self.may_see(reader):
            return {"state": "waiting", "closed": False, "sheets": [], "differs": [], "decided": {}}
        return {
            "state": self.state,
            "closed": self.closed,
            "sheets": [
                {
                    "examiner": signed.examiner,
                    "own": signed.examiner_id == reader,
                    "adjudicates": signed is self.adjudicator,
                    "signed_ms": signed.signed_ms,
                    "sheet": signed.sheet.model_dump(mode="json"),
                }
                for signed in self.everybody
            ],
            "differs": self.differs,
            "decided": self.decided(),
        }


def outcome_of(
    signed: Sequence[Signed], settings: MarkingSettings, *, closed_with: int | None = None
) -> MarkingOutcome:
    """Return what comes of the sheets that stand, in the order of their examiners' first signatures.

    Closed with fewer than are wanted, these are all.
    """
    wanted = settings.examiners if closed_with is None else closed_with
    # Once it is closed nobody else signs.
    third = signed[wanted] if len(signed) > wanted else None
    return MarkingOutcome(tuple(signed[:wanted]), third, wanted, closed_with is not None, settings)


def _mark(signed: Signed, criterion: str) -> int:
    # What is signed has all marks.
    return signed.sheet.marks[criterion].mark or 0
