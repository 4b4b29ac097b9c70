"""The picture of `eval turns`: delay against cut-ins, each condition's curve with fixed silences beside it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from bench.chart import HEIGHT, LEGEND_X, TOP, Chart
from bench.turns import Curve, TurnsReport, fixed_points

CHART = Chart(1.0, 2.0, 5, share_text=lambda share: f"{share:.1f}", seconds_text=lambda seconds: f"{seconds:.1f}")
COLOURS = {"punctuated": "#0b6e4f", "asr25": "#b3541e", "stretch1.6": "#5b4b8a"}
BESIDE = (
    f'<text x="20" y="{HEIGHT / 2:.1f}" text-anchor="middle" transform="rotate(-90 20 {HEIGHT / 2:.1f})">'
    "mean delay at shifts, s</text>"
)


def draw(report: TurnsReport) -> str:
    """Return the picture as SVG text, with a title and a description for those who don't see it."""
    return CHART.drawn(
        "Mean delay against cut-ins per hold",
        _described(report),
        _curves(report),
        below="cut-ins per hold",
        captions=(BESIDE,),
    )


def _curves(report: TurnsReport) -> Iterable[str]:
    for row, (name, curve) in enumerate(report.curves.items()):
        colour = COLOURS.get(name, "#333333")
        yield _line(curve, colour, dashed=False)
        yield _line(fixed_points(report.fixed, name), colour, dashed=True)
        score = report.shipped[name]
        x, y = CHART.place(score.cut_in_per_hold, score.delay_mean_s)
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}" stroke="#ffffff"/>'
        yield from _legend(name, colour, TOP + 20 + 62 * row)


def _described(report: TurnsReport) -> str:
    return " ".join(
        f"{name}: the shipped setting cuts in at {score.cut_in_per_hold:.2f} of the holds and waits "
        f"{score.delay_mean_s:.2f} s on average."
        for name, score in report.shipped.items()
    )


def _line(curve: Curve, colour: str, *, dashed: bool) -> str:
    points = " ".join("{:.1f},{:.1f}".format(*CHART.place(*point)) for point in sorted(curve))
    dash = ' stroke-dasharray="5 4" opacity="0.7"' if dashed else ""
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'


def _legend(name: str, colour: str, y: float) -> Iterable[str]:
    x = LEGEND_X
    for row, (text, dash) in enumerate(((name, ""), ("fixed silence", ' stroke-dasharray="5 4"'))):
        at = y + 18 * row
        yield f'<line x1="{x}" y1="{at}" x2="{x + 28}" y2="{at}" stroke="{colour}" stroke-width="2"{dash}/>'
        yield f'<text x="{x + 36}" y="{at + 4}">{escape(text)}</text>'
    yield f'<circle cx="{x + 14}" cy="{y + 36}" r="5" fill="{colour}"/>'
    yield f'<text x="{x + 36}" y="{y + 40}">shipped setting</text>'
