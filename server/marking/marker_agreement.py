"""How far examiners agree: counts and shares over all role-plays that two or more have marked, and how severe each is.

Counts and shares are made here. The coefficients, and what they are worth, come from a statistics library
(`coefficients.py`); where fewer role-plays were marked than are wanted for one, that is said in place of a number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from server.marking.coefficients import Coefficients, CoefficientsAsked
from server.marking.criteria import BY_ID, CRITERIA
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


class MarkerAgreement:
    """What is said of pairs of marks; `wanted` is the number of role-plays from which a coefficient is made."""

    def __init__(self, pairs: Sequence[Pair], names: dict[str, str], *, wanted: int) -> None:
        self._names = names
        self._wanted = wanted
        self._by_criterion: dict[str, list[Pair]] = defaultdict(list)
        # By examiner, then by role-play: how far their marks are above the others'.
        self._above: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for pair in pairs:
            self._by_criterion[pair.criterion].append(pair)
            self._above[pair.first][pair.session_id].append(pair.difference)
            self._above[pair.second][pair.session_id].append(-pair.difference)

    def asked(self) -> CoefficientsAsked:
        """Return what a statistics library is asked for: nothing of what too few role-plays would be in."""
        return CoefficientsAsked(
            kappas={
                name: (BY_ID[name].most, [(pair.first_mark, pair.second_mark) for pair in pairs])
                for name, pairs in self._by_criterion.items()
                if _role_plays(pairs) >= self._wanted
            },
            # The nine marks of a sheet are not nine opinions, so a role-play counts once.
            means={
                who: [_mean(each) for each in above.values()]
                for who, above in self._above.items()
                if len(above) >= self._wanted
            },
        )

    def as_json(self, made: Coefficients) -> dict[str, Any]:
        """Return agreement by criterion and by examiner as plain data; what there is no number for is None.

        `exact` is the share of equal marks, `adjacent` of marks that differ by one at most. `kappa` is weighted by the
        square of the difference, of whoever signed first against whoever signed second; `kappa_none` says why there is
        none. `severity` is how far an examiner's marks are above (positive) those of whoever marked the same, in the
        mean. `low` and `high` are the ends of 95 % intervals.
        """
        return {
            "criteria": [self._criterion(criterion.id, made) for criterion in CRITERIA],
            "examiners": [self._examiner(who, made) for who in sorted(self._above)],
            "wanted": self._wanted,
            "fault": made.fault,
        }

    def _criterion(self, name: str, made: Coefficients) -> dict[str, Any]:
        pairs = self._by_criterion.get(name, [])
        role_plays = _role_plays(pairs)
        kappa = made.kappas.get(name)
        # Three examiners of one role-play make three pairs that hang together: an interval would be too narrow.
        alone = role_plays == len(pairs)
        differences = [pair.difference for pair in pairs]
        return {
            "criterion": BY_ID[name].name,
            "role_plays": role_plays,
            "pairs": len(pairs),
            "exact": _share(differences, 0),
            "adjacent": _share(differences, 1),
            "kappa": kappa.value if kappa is not None else None,
            "kappa_low": kappa.low if kappa is not None and alone else None,
            "kappa_high": kappa.high if kappa is not None and alone else None,
            "kappa_none": self._why_none(role_plays, made, known=kappa is not None and kappa.value is not None),
        }

    def _examiner(self, who: str, made: Coefficients) -> dict[str, Any]:
        above = self._above[who]
        differences = [one for each in above.values() for one in each]
        low, high = made.means.get(who, (None, None))
        return {
            "examiner": self._names.get(who, who),
            "role_plays": len(above),
            "pairs": len(differences),
            "exact": _share(differences, 0),
            "adjacent": _share(differences, 1),
            "severity": round(_mean(differences), 3),
            "severity_low": low,
            "severity_high": high,
        }

    def _why_none(self, role_plays: int, made: Coefficients, *, known: bool) -> str:
        if known:
            return ""
        if role_plays < self._wanted:
            return "too_few"
        return "not_made" if made.fault else "all_equal"


def _role_plays(pairs: Sequence[Pair]) -> int:
    return len({pair.session_id for pair in pairs})


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values)


def _share(differences: Sequence[int], most: int) -> float | None:
    if not differences:
        return None
    return round(sum(abs(one) <= most for one in differences) / len(differences), 3)
