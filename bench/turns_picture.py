"""The picture of `eval turns`: delay against cut-ins, each condition's curve with fixed silences beside it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from bench.turns import Curve, TurnsReport, fixed_points

WIDTH, HEIGHT = 760, 460
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 40, 60
MOST_S = 2.0
COLOURS = {"punctuated": "#0b6e4f", "asr25": "#b3541e", "stretch1.6": "#5b4b8a"}


def draw(report: TurnsReport) -> str:
    """Return the picture as SVG text, with a title and a description for those who don't see it."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'font-family="system-ui, sans-serif" font-size="12">',
        "<title>Mean delay against cut-ins per hold</title>",
        f"<desc>{escape(_described(report))}</desc>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        *_axes(),
    ]
    for row, (name, curve) in enumerate(report.curves.items()):
        colour = COLOURS.get(name, "#333333")
        parts.append(_line(curve, colour, dashed=False))
        parts.append(_line(fixed_points(report.fixed, name), colour, dashed=True))
        score = report.shipped[name]
        x, y = _place(score.cut_in_per_hold, score.delay_mean_s)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}" stroke="#ffffff"/>')
        label_y = TOP + 20 + 62 * row
        parts += _legend(name, colour, label_y)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _described(report: TurnsReport) -> str:
    return " ".join(
        f"{name}: the shipped setting cuts in at {score.cut_in_per_hold:.2f} of the holds and waits "
        f"{score.delay_mean_s:.2f} s on average."
        for name, score in report.shipped.items()
    )


def _place(share: float, delay_s: float) -> tuple[float, float]:
    x = LEFT + share * (WIDTH - LEFT - RIGHT)
    y = HEIGHT - BOTTOM - min(delay_s, MOST_S) / MOST_S * (HEIGHT - TOP - BOTTOM)
    return x, y


def _line(curve: Curve, colour: str, *, dashed: bool) -> str:
    points = " ".join("{:.1f},{:.1f}".format(*_place(*point)) for point in sorted(curve))
    dash = ' stroke-dasharray="5 4" opacity="0.7"' if dashed else ""
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'


def _axes() -> Iterable[str]:
    for tick in range(6):
        x, bottom = _place(tick / 5, 0.0)
        yield f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom:.1f}" stroke="#dddddd"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 18:.1f}" text-anchor="middle">{tick / 5:.1f}</text>'
        left, y = _place(0.0, MOST_S * tick / 5)
        yield f'<line x1="{left:.1f}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#dddddd"/>'
        yield f'<text x="{left - 8:.1f}" y="{y + 4:.1f}" text-anchor="end">{MOST_S * tick / 5:.1f}</text>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text x="{middle:.1f}" y="{HEIGHT - 16}" text-anchor="middle">cut-ins per hold</text>'
    yield (
        f'<text x="20" y="{HEIGHT / 2:.1f}" text-anchor="middle" transform="rotate(-90 20 {HEIGHT / 2:.1f})">'
        "mean delay at shifts, s</text>"
    )


def _legend(name: str, colour: str, y: float) -> Iterable[str]:
    x = WIDTH - RIGHT + 16
    for row, (text, dash) in enumerate(((name, ""), ("fixed silence", ' stroke-dasharray="5 4"'))):
        at = y + 18 * row
        yield f'<line x1="{x}" y1="{at}" x2="{x + 28}" y2="{at}" stroke="{colour}" stroke-width="2"{dash}/>'
        yield f'<text x="{x + 36}" y="{at + 4}">{escape(text)}</text>'
    yield f'<circle cx="{x + 14}" cy="{y + 36}" r="5" fill="{colour}"/>'
    yield f'<text x="{x + 36}" y="{y + 40}">shipped setting</text>'
