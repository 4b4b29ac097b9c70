"""The charts of the replay's page: how voice-to-voice is spread, and what changed against a baseline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

from bench.replay.compare import Comparison, Difference

WIDTH, HEIGHT = 960, 170
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 18, 36
STEPS_MS = (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)
MOST_BINS = 40
INTERVAL_WIDTH, INTERVAL_HEIGHT = 220, 18


def histogram(values: Sequence[float], before: Sequence[float] = ()) -> str:
    """Return a histogram of milliseconds as SVG; `before` is drawn over it as an outline, scaled to as many values."""
    if not values:
        return "<p>No turn was answered.</p>"
    low, high = min(0.0, *values, *before), max(*values, *before, 1.0)
    step_ms = next((step for step in STEPS_MS if (high - low) / step <= MOST_BINS), STEPS_MS[-1])
    first, last = int(low // step_ms), int(high // step_ms)
    counts = _counts(values, step_ms, first, last)
    scale = len(values) / len(before) if before else 1.0
    others = [count * scale for count in _counts(before, step_ms, first, last)]
    most = max(*counts, *others, 1.0)
    bar = (WIDTH - LEFT - RIGHT) / (last - first + 1)
    floor = HEIGHT - BOTTOM

    def y(count: float) -> float:
        return floor - count / most * (floor - TOP)

    parts = [f'<line class="zero" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{floor}" y2="{floor}"/>']
    labelled = max(1, round((last - first + 1) / 12))
    for index, count in enumerate(counts):
        x = LEFT + index * bar
        if count:
            parts.append(
                f'<rect class="endpoint" x="{x + 0.5:.1f}" y="{y(count):.1f}" width="{max(1.0, bar - 1):.1f}" '
                f'height="{floor - y(count):.1f}"/>'
                f'<text x="{x + bar / 2:.1f}" y="{y(count) - 4:.1f}" text-anchor="middle">{count}</text>'
            )
        if index % labelled == 0:
            place = f'x="{x:.1f}" y="{floor + 15}" text-anchor="middle"'
            parts.append(f'<text class="label" {place}>{(first + index) * step_ms}</text>')
    if before:
        line = " ".join(
            f"{LEFT + (index + end) * bar:.1f},{y(count):.1f}" for index, count in enumerate(others) for end in (0, 1)
        )
        ends = (f"{LEFT},{floor}", line, f"{WIDTH - RIGHT},{floor}")
        parts.append(f'<polyline class="before" points="{" ".join(ends)}"/>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text class="label" x="{middle}" y="{HEIGHT - 4}" text-anchor="middle">ms, turns of all runs</text>')
    label = "; ".join(
        f"{count} from {(first + index) * step_ms} to {(first + index + 1) * step_ms} ms"
        for index, count in enumerate(counts)
        if count
    )
    return (
        '<div class="picture" tabindex="0" role="group" aria-label="Histogram">'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Voice to voice: {label}">'
        f"{''.join(parts)}</svg></div>"
    )


def _counts(values: Sequence[float], step_ms: int, first: int, last: int) -> list[int]:
    counts = [0] * (last - first + 1)
    for value in values:
        counts[int(value // step_ms) - first] += 1
    return counts


def comparison_table(comparison: Comparison) -> str:
    """Return all figures of a comparison, with their intervals drawn for those that share a unit."""
    shown = [each for each in comparison.differences if each.low_to_high is not None and each.unit == "ms"]
    reach = max([abs(bound) for each in shown for bound in each.low_to_high or ()], default=0.0)
    head = "".join(
        f'<th scope="col" class="number">{name}</th>' for name in ("before", "now", "difference", "interval")
    )
    rows = "".join(_row(each, reach) for each in comparison.differences)
    return (
        f'<div class="box"><table><thead><tr><th scope="col">figure</th>{head}<td></td>'
        f'<th scope="col">verdict</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _row(difference: Difference, reach: float) -> str:
    interval = difference.low_to_high
    drawn = _interval(difference, reach) if interval is not None and difference.unit == "ms" and reach > 0 else ""
    kind = {"lower": "good", "higher": "bad"}.get(difference.verdict, "quiet")
    cells = "".join(f'<td class="number">{number}</td>' for number in difference.cells())
    name = f"{escape(difference.name)} <span class='quiet'>{escape(difference.unit)}</span>"
    verdict = f'<td class="verdict {kind}">{difference.verdict}</td>'
    return f'<tr><th scope="row">{name}</th>{cells}<td>{drawn}</td>{verdict}</tr>'


def _interval(difference: Difference, reach: float) -> str:
    """Return the interval as a line with the difference on it; the numbers beside it say the same."""

    def x(value: float) -> float:
        return INTERVAL_WIDTH / 2 * (1 + 0.95 * value / reach)

    low, high = difference.low_to_high or (0.0, 0.0)
    middle = INTERVAL_HEIGHT / 2
    change = min(max(difference.change or 0.0, -reach), reach)
    return (
        f'<svg viewBox="0 0 {INTERVAL_WIDTH} {INTERVAL_HEIGHT}" style="min-width: 7rem" aria-hidden="true">'
        f'<line class="grid" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="0" y2="{INTERVAL_HEIGHT}"/>'
        f'<line class="range" x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{middle}" y2="{middle}"/>'
        f'<circle class="mark" cx="{x(change):.1f}" cy="{middle}" r="3.5"/></svg>'
    )


def shares(parts: Sequence[tuple[str, float]], meanings: dict[str, str]) -> str:
    """Return the mean parts of voice-to-voice as one bar, with its key; milliseconds."""
    total = sum(max(0.0, value) for _, value in parts)
    if total <= 0:
        return ""
    edges = [0.0]
    for _, value in parts:
        edges.append(edges[-1] + max(0.0, value) / total * WIDTH)
    bars = "".join(_share(name, left, right) for (name, _), (left, right) in zip(parts, pairwise(edges), strict=True))
    items = "".join(f"<li>{swatch(name)}{name} {value:.0f} ms: {meanings[name]}</li>" for name, value in parts)
    said = ", ".join(f"{name} {value:.0f} ms" for name, value in parts)
    return (
        f'<svg viewBox="0 0 {WIDTH} 22" role="img" aria-label="{said}">{bars}</svg>'
        f'<ul class="key" style="margin-top: .6rem">{items}</ul>'
    )


def _share(name: str, left: float, right: float) -> str:
    return f'<rect class="{name}" x="{left:.1f}" y="0" width="{max(0.0, right - left - 1):.1f}" height="22"/>'


def swatch(kind: str) -> str:
    """Return a patch of a bar's look, for a key."""
    patch = f'<rect class="{kind}" x="1" y="2" width="20" height="12" rx="2"/>'
    return f'<svg viewBox="0 0 22 16" aria-hidden="true">{patch}</svg>'


def key_items(entries: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield the items of a key: looks and what they mean."""
    for kind, meaning in entries:
        yield f"<li>{swatch(kind)}{escape(meaning)}</li>"
