"""How many turns are cut against how long people wait: curves over the price of patience, and their picture.

A table of evidence judges each speaker's pauses after it was fitted to the others'. Beside it stand the text alone, the
turn detector alone as pipecat uses it, and fixed silences.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from bench.chart import LEFT, LEGEND_X, TOP, Chart
from bench.seen_pauses import SeenPause, train, wait_ms
from pipelines.endpointing.evidence_table import EvidenceTable
from pipelines.endpointing.habits import EndSounds
from pipelines.endpointing.policy import EndpointPolicy
from pipelines.endpointing.settings import EndpointSettings

PRICES_S = tuple(float(price) for price in np.geomspace(0.3, 60.0, 40))
FIXED_MS = tuple(range(300, 2_001, 100))
# As pipecat 1.14 does: asked 200 ms after the voice; where it sounds unfinished, 3 s of silence end the turn.
DETECTOR_MS, DETECTOR_GIVES_UP_MS, DETECTOR_SURE = 200.0, 3_000.0, (0.3, 0.5, 0.7, 0.9)
FOLDS = 5

Waits = dict[int, float]
"""The wait in ms of each pause, by its place in the list; a pause of which nothing was known has none."""


@dataclass(frozen=True, slots=True)
class CutsAndDelay:
    """Of turns: the share cut in a pause that was their own, and in one that was made; the mean wait at their ends."""

    cut_inner: float
    cut_joined: float
    delay_mean_s: float
    delay_p50_s: float


Curves = dict[str, list[CutsAndDelay]]


def fold_of(sources: Iterable[str], folds: int = FOLDS, seed: int = 1) -> dict[str, int]:
    """Return a fold for each speaker's recording."""
    shuffled = sorted(set(sources))
    random.Random(seed).shuffle(shuffled)  # noqa: S311  repeatable, no secret
    return {source: index % folds for index, source in enumerate(shuffled)}


def tables_of(pauses: Sequence[SeenPause], settings: EndpointSettings, folds: int = FOLDS) -> dict[str, EvidenceTable]:
    """Return for each recording the table that was fitted without its fold."""
    fold = fold_of((pause.source for pause in pauses), folds)
    tables = [
        train((pause for pause in pauses if fold[pause.source] != number), settings, {"fold": number})
        for number in range(folds)
    ]
    return {source: tables[number] for source, number in fold.items()}


def curves_of(pauses: Sequence[SeenPause], settings: EndpointSettings, folds: int = FOLDS) -> Curves:
    """Return all curves; the way to judge that the product takes comes first."""
    tables = tables_of(pauses, settings, folds)
    return {
        "text and sound": _by_price(pauses, settings, lambda pause: tables[pause.source]),
        "text alone": _by_price(pauses, settings, lambda _pause: None),
        "turn detector alone": [score(pauses, _by_detector(pauses, sure)) for sure in DETECTOR_SURE],
        "fixed silence": [score(pauses, dict.fromkeys(range(len(pauses)), float(wait))) for wait in FIXED_MS],
    }


def _by_price(
    pauses: Sequence[SeenPause], settings: EndpointSettings, table_of: Callable[[SeenPause], EvidenceTable | None]
) -> list[CutsAndDelay]:
    points = []
    for price_s in PRICES_S:
        policy = EndpointPolicy(settings.model_copy(update={"patience_s": price_s}))
        ends: defaultdict[str, EndSounds] = defaultdict(EndSounds)
        waits = {}
        for place, pause in enumerate(pauses):
            of_speaker = ends[pause.source]
            wait = wait_ms(pause, table_of(pause), policy, of_speaker.trust)
            if wait is not None:
                waits[place] = wait
            if pause.is_end:
                of_speaker.learn(pause.finished)
        points.append(score(pauses, waits))
    return points


def _by_detector(pauses: Sequence[SeenPause], sure: float) -> Waits:
    return {
        place: DETECTOR_MS if pause.finished is not None and pause.finished >= sure else DETECTOR_GIVES_UP_MS
        for place, pause in enumerate(pauses)
    }


def score(pauses: Sequence[SeenPause], waits: Waits) -> CutsAndDelay:
    """Return what such waits do to turns: a turn is cut if one of its pauses lasts longer than its wait."""
    turns = {(pause.source, pause.utterance) for pause in pauses}
    with_joined = {(pause.source, pause.utterance) for pause in pauses if pause.joined}
    cut = {
        joined: {
            (pause.source, pause.utterance)
            for place, pause in enumerate(pauses)
            if pause.joined is joined and pause.length_ms is not None and waits.get(place, math.inf) < pause.length_ms
        }
        for joined in (False, True)
    }
    delays = [waits[place] / 1000.0 for place, pause in enumerate(pauses) if pause.is_end and place in waits]
    return CutsAndDelay(
        len(cut[False]) / max(len(turns), 1),
        len(cut[True]) / max(len(with_joined), 1),
        float(np.mean(delays)) if delays else math.nan,
        float(np.median(delays)) if delays else math.nan,
    )


def at_most(curve: Iterable[CutsAndDelay], cut_inner: float) -> CutsAndDelay | None:
    """Return the quickest point of a curve that cuts no more turns than this share in their own pauses."""
    within = [point for point in curve if point.cut_inner <= cut_inner]
    return min(within, key=lambda point: point.delay_mean_s) if within else None


def interval(cut: int, of: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share."""
    if not of:
        return (0.0, 1.0)
    share, z = cut / of, 1.96
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return (max(middle - half, 0.0), min(middle + half, 1.0))


# ---------------------------------------------------------------- the picture

CHART = Chart(
    0.2, 1.6, 4, share_text=lambda share: f"{100 * share:.0f} %", seconds_text=lambda seconds: f"{seconds:.1f} s"
)
COLOURS = ("#0b6e4f", "#b3541e", "#5b4b8a", "#777777")


def draw(curves: Curves) -> str:
    """Return the picture as SVG text: turns cut in their own pauses against the mean wait."""
    return CHART.drawn(
        "Turns cut against the mean wait",
        " ".join(_described(curves)),
        _curves(curves),
        below="turns cut in one of their own pauses",
        captions=(f'<text x="{LEFT}" y="{TOP - 16}">mean wait after the end</text>',),
    )


def _curves(curves: Curves) -> Iterator[str]:
    for row, ((name, curve), colour) in enumerate(zip(curves.items(), COLOURS, strict=True)):
        shown = [point for point in curve if point.cut_inner <= CHART.most_share]
        points = [CHART.place(point.cut_inner, point.delay_mean_s) for point in shown]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in sorted(points))
        yield f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in points)
        y = TOP + 20 + 24 * row
        yield f'<rect x="{LEGEND_X}" y="{y - 9}" width="18" height="4" fill="{colour}"/>'
        yield f'<text x="{LEGEND_X + 24}" y="{y}">{escape(name)}</text>'


def _described(curves: Curves) -> Iterator[str]:
    for name, curve in curves.items():
        point = at_most(curve, 0.05)
        if point is not None:
            yield f"{name}: {point.delay_mean_s:.2f} s on average where at most one turn in twenty is cut."
