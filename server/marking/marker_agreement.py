"""How far examiners agree: counts and shares over all role-plays that two or more have marked, and how severe each is.

Only plain counts are made here. Coefficients (a weighted kappa, a Rasch model) need a statistics program, for which
the pairs are a table: on few role-plays they say little, and whoever reads them should choose them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from server.marking.criteria import CRITERIA
from server.marking.outcome import MarkingOutcome


@dataclass(frozen=True, slots=True)
class Pair:
    """What two examiners gave for the same criterion of the same role-play, each without knowing the other's."""

    session_id: str
    criterion: str
    first: str
    first_mark: int
    second: str
    second_mark: int

    @property
    def difference(self) -> int:
        """By how much the first is above the second."""
        return self.first_mark - self.second_mark


def pairs_of(outcomes: Iterable[tuple[str, MarkingOutcome]]) -> list[Pair]:
    """Return all pairs of the markers of role-plays (by session id) that are complete; who decides saw the others'."""
    found = []
    for session_id, outcome in outcomes:
        if not outcome.complete:
            continue
        for first, second in combinations(outcome.markers, 2):
            for criterion in CRITERIA:
                one, other = (signed.sheet.marks[criterion.id].mark or 0 for signed in (first, second))
                found.append(Pair(session_id, criterion.id, first.examiner_id, one, second.examiner_id, other))
    return found


def agreement_of(pairs: Iterable[Pair], names: dict[str, str]) -> dict[str, Any]:
    """Return agreement by criterion and severity by examiner as plain data; shares are None without pairs.

    `exact` is the share of equal marks, `adjacent` of marks that differ by one at most. `severity` is how far an
    examiner's marks are above (positive) those of whoever marked the same, in the mean.
    """
    by_criterion: dict[str, list[int]] = defaultdict(list)
    by_examiner: dict[str, list[int]] = defaultdict(list)
    for pair in pairs:
        by_criterion[pair.criterion].append(pair.difference)
        by_examiner[pair.first].append(pair.difference)
        by_examiner[pair.second].append(-pair.difference)
    criteria = []
    for criterion in CRITERIA:
        differences = by_criterion[criterion.id]
        criteria.append(
            {
                "criterion": criterion.name,
                "pairs": len(differences),
                "exact": _share(differences, 0),
                "adjacent": _share(differences, 1),
            }
        )
    examiners = [
        {"examiner": names.get(who, who), "pairs": len(each), "severity": round(sum(each) / len(each), 3)}
        for who, each in sorted(by_examiner.items())
    ]
    return {"criteria": criteria, "examiners": examiners}


def _share(differences: list[int], most: int) -> float | None:
    if not differences:
        return None
    return round(sum(abs(one) <= most for one in differences) / len(differences), 3)
