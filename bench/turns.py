"""How well the endpointing tells the end of a turn: transcribed consultations through its policy (`eval turns`).

Transcribers leave pauses under about 0.4 s out, and no utterance of theirs ends between two words: a curve is drawn
without the policy's shares of both, from the shortest wait on, 0.2 s.
Curves show what every price of patience would give: the mean delay at real ends against the share of holds that are
answered too early. Each consultation is judged by a model that was trained on the others, in folds; consultations that
the shipped model has not seen are judged by that one. The shipped setting is judged as it is, by the policy object that
the conversation uses.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.consultations import Consultation, EndKind, TurnEnd
from bench.report_figures import Figure
from bench.train_turns import misheard, train, vocabulary_of
from common.errors import AudioError
from pipelines.endpointing.completeness import CompletenessModel, shipped_model
from pipelines.endpointing.habits import Habits
from pipelines.endpointing.policy import EndpointPolicy
from pipelines.endpointing.settings import EndpointSettings

HEARD_RATE = 0.25
# The figures of recognised text are means over so many ways to mishear.
HEARD_SEEDS = 3
STRETCH = 1.6
FOLDS = 5
SHARES = (0.5, 0.3, 0.2, 0.1)
PRICES_S = tuple(float(price) for price in np.geomspace(0.1, 80.0, 60))
FIXED_S = tuple(round(0.2 + 0.1 * step, 1) for step in range(32))  # up to the longest hold, stretched

Curve = tuple[tuple[float, float], ...]
"""Points (cut-ins per hold, mean delay in seconds)."""


@dataclass(frozen=True, slots=True)
class Score:
    """What a policy's waits did."""

    cut_in_per_hold: float
    cut_in_per_end: float
    delay_p50_s: float
    delay_p95_s: float
    delay_mean_s: float


@dataclass(frozen=True, slots=True)
class Judged:
    """An end with the wait that a policy asked for, in seconds."""

    end: TurnEnd
    wait_s: float
    stretch: float = 1.0

    @property
    def cut(self) -> bool:
        """Whether the speaker would have been answered before they went on."""
        return self.end.kind is EndKind.HOLD and self.wait_s < self.end.gap_s * self.stretch


@dataclass(frozen=True, slots=True)
class TurnsReport:
    """All that `eval turns` found."""

    counts: dict[str, int]
    curves: dict[str, Curve]
    fixed: dict[str, Score]
    shipped: dict[str, Score]
    # This counts the measured consultations that the shipped model was trained on.
    seen: int
    folds: int  # 0: the curves are the shipped model's
    fold_spread: dict[str, float]

    def figures(self) -> Iterator[Figure]:
        """Yield everything as figures."""
        for kind, count in self.counts.items():
            yield Figure(kind, count, "ends")
        holds = self.counts[EndKind.HOLD]
        for condition, curve in self.curves.items():
            for share in SHARES:
                name = f"mean_delay_s@cut_in_per_hold={share}/{condition}"
                spread = f"{self.fold_spread.get(name, 0.0):.3f} s between assignments to folds"
                yield Figure(
                    name,
                    delay_at(curve, share),
                    "s",
                    baseline=delay_at(fixed_points(self.fixed, condition), share),
                    n=holds,
                    note=f"against fixed silence; {spread if self.folds else 'by the shipped model, unseen'}",
                )
        note = f"the shipped model was trained on {self.seen} of these consultations" if self.seen else ""
        for condition, score in self.shipped.items():
            for field in Score.__dataclass_fields__:
                unit = "s" if field.endswith("_s") else ""
                yield Figure(f"{field}/{condition}", round(getattr(score, field), 4), unit, n=holds, note=note)


def measure(
    talks: Sequence[Consultation],
    *,
    folds: int | None = None,
    assignments: int = 3,
    settings: EndpointSettings | None = None,
    progress: Callable[[], None] = lambda: None,
) -> TurnsReport:
    """Score the endpointing on consultations; `progress` is called once a fold.

    `folds` None takes five, or the shipped model as it is where it has seen none of them. Raises AudioError where there
    are fewer consultations than folds, or no shifts and holds to score.
    """
    settings = settings or EndpointSettings()
    shipped = shipped_model()
    seen = len({talk.name for talk in talks} & set(shipped.source["consultations"]))
    folds = (FOLDS if seen else 0) if folds is None else folds
    ends = [end for talk in talks for end in talk.doctor]
    if not {EndKind.SHIFT, EndKind.HOLD} <= {end.kind for end in ends}:
        raise AudioError("nothing can be scored: the consultations need both shifts and holds", code="audio.format")
    if len(talks) < folds:
        raise AudioError(
            f"{folds} folds need as many consultations, and there are {len(talks)}; choose fewer with --folds",
            code="audio.format",
        )
    conditions = {name: list(_said(talks, name)) for name in ("punctuated", "asr25", "stretch1.6")}
    curves: dict[str, list[Curve]] = {name: [] for name in conditions}
    for assignment in range(assignments if folds else 1):
        models = _models(talks, folds, assignment, progress) if folds else {talk.name: shipped for talk in talks}
        for name, versions in conditions.items():
            parts = [_curve(version, models, settings, _stretch(name)) for version in versions]
            curves[name].append(_mean_curve(parts))
    return TurnsReport(
        counts={kind.value: sum(end.kind is kind for end in ends) for kind in EndKind},
        curves={name: _mean_curve(found) for name, found in curves.items()},
        fixed={
            f"{wait_s}/{name}": score([Judged(end, wait_s, _stretch(name)) for end in ends])
            for wait_s in FIXED_S
            for name in conditions
        },
        shipped={
            name: _mean_score(
                [score(_through_policy(version, shipped, settings, _stretch(name))) for version in versions]
            )
            for name, versions in conditions.items()
        },
        seen=seen,
        folds=folds,
        fold_spread={
            f"mean_delay_s@cut_in_per_hold={share}/{name}": max(values) - min(values)
            for name, found in curves.items()
            for share in SHARES
            if (values := [value for curve in found if (value := delay_at(curve, share)) is not None])
        },
    )


def score(judged: Sequence[Judged]) -> Score:
    """Return the figures of a policy's waits; what is neither hold nor shift does not count."""
    holds = [each for each in judged if each.end.kind is EndKind.HOLD]
    waits = sorted(each.wait_s for each in judged if each.end.kind is EndKind.SHIFT)
    cuts = sum(each.cut for each in holds)
    return Score(
        cut_in_per_hold=cuts / max(1, len(holds)),
        cut_in_per_end=cuts / max(1, len(holds) + len(waits)),
        delay_p50_s=_quantile(waits, 0.5),
        delay_p95_s=_quantile(waits, 0.95),
        delay_mean_s=sum(waits) / max(1, len(waits)),
    )


def delay_at(curve: Curve, share: float) -> float | None:
    """Return the least mean delay at which no more than `share` of the holds are cut, None where all cut more.

    Between the curve's points it is interpolated.
    """
    ordered = sorted(curve)
    shares = [point[0] for point in ordered]
    if share < shares[0]:
        return None
    delays = np.minimum.accumulate([point[1] for point in ordered])
    return round(float(np.interp(share, shares, delays)), 4)


def fixed_points(fixed: dict[str, Score], condition: str) -> Curve:
    """Return the curve of fixed silences."""
    return tuple(
        (found.cut_in_per_hold, found.delay_mean_s) for name, found in fixed.items() if name.endswith(f"/{condition}")
    )


def _stretch(condition: str) -> float:
    return STRETCH if condition.startswith("stretch") else 1.0


def _said(talks: Sequence[Consultation], condition: str) -> Iterator[list[Consultation]]:
    """Yield the consultations as one condition has them; the misheard ones several times."""
    if condition != "asr25":
        yield list(talks)
        return
    vocabulary = vocabulary_of(talks)
    for seed in range(HEARD_SEEDS):
        rng = random.Random(f"asr25 {seed}")  # noqa: S311  repeatable, no secret
        yield [
            replace(
                talk,
                doctor=tuple(end.said(misheard(end.evidence.text, rng, HEARD_RATE, vocabulary)) for end in talk.doctor),
            )
            for talk in talks
        ]


def _models(
    talks: Sequence[Consultation], folds: int, assignment: int, progress: Callable[[], None]
) -> dict[str, CompletenessModel]:
    """Return for each consultation a model that was trained without it."""
    order = [talk.name for talk in talks]
    random.Random(f"folds {assignment}").shuffle(order)  # noqa: S311
    fold_of = {name: index % folds for index, name in enumerate(order)}
    models: dict[str, CompletenessModel] = {}
    for fold in range(folds):
        model = train([talk for talk in talks if fold_of[talk.name] != fold])
        models |= {name: model for name, found in fold_of.items() if found == fold}
        progress()
    return models


def _curve(
    talks: Sequence[Consultation], models: dict[str, CompletenessModel], settings: EndpointSettings, stretch: float
) -> Curve:
    """Return what each price of patience would give; the pauses' habits are learned as in life."""
    written = settings.model_copy(update={"inner_share": 0.0, "short_share": 0.0, "floor_ms": 1000.0 * FIXED_S[0]})
    known: list[tuple[TurnEnd, CompletenessModel, float, float]] = []
    for talk in talks:
        model = models[talk.name]
        policy, habits = EndpointPolicy(written, model), Habits()
        for end in talk.doctor:
            if end.kind in (EndKind.SHIFT, EndKind.HOLD):
                known.append((end, model, policy.odds(end.evidence), habits.stretch))
            if end.kind is EndKind.HOLD:
                habits.learn(1000.0 * end.gap_s * stretch)
    changes = {"ceiling_ms": settings.ceiling_ms * stretch}
    points = []
    for price_s in PRICES_S:
        priced = EndpointPolicy(written.model_copy(update=changes | {"patience_s": price_s}))
        judged = [Judged(end, priced.cheapest_s(odds, own, model), stretch) for end, model, odds, own in known]
        found = score(judged)
        points.append((found.cut_in_per_hold, found.delay_mean_s))
    return tuple(points)


def _through_policy(
    talks: Sequence[Consultation], model: CompletenessModel, settings: EndpointSettings, stretch: float
) -> list[Judged]:
    """Replay consultations through the policy object, which learns as in a session."""
    judged = []
    for talk in talks:
        policy = EndpointPolicy(settings, model)
        for end in talk.doctor:
            if end.kind not in (EndKind.SHIFT, EndKind.HOLD):
                continue
            each = Judged(end, policy.wait_ms(end.evidence) / 1000.0, stretch)
            judged.append(each)
            if each.cut:
                policy.answered_too_early()
            elif end.kind is EndKind.HOLD:
                policy.resumed(1000.0 * end.gap_s * stretch)
    return judged


def _mean_curve(curves: Sequence[Curve]) -> Curve:
    points: NDArray[np.float64] = np.mean(np.array(curves), axis=0)
    return tuple((float(share), float(delay)) for share, delay in points)


def _mean_score(scores: Sequence[Score]) -> Score:
    return Score(
        **{name: float(np.mean([getattr(each, name) for each in scores])) for name in Score.__dataclass_fields__}
    )


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
