"""The frame of a picture that sets a share against seconds: its text alternative, grid, ticks and captions, as SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 760, 460
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 40, 60
LEGEND_X = WIDTH - RIGHT + 16
"""Left edge of the legend, beside the grid."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A grid of so many steps, from 0 to `most_share` and to `most_s` seconds, with how its ticks are written."""

    most_share: float
    most_s: float
    steps: int
    share_text: Callable[[float], str]
    seconds_text: Callable[[float], str]

    def place(self, share: float, seconds: float) -> tuple[float, float]:
        """Return where a point is drawn; more seconds than there are on the grid are drawn at its edge."""
        x = LEFT + share / self.most_share * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - min(seconds, self.most_s) / self.most_s * (HEIGHT - TOP - BOTTOM)
        return x, y

    def drawn(self, title: str, description: str, inside: Iterable[str], *, below: str, captions: Iterable[str]) -> str:
        """Return the picture as SVG text; `below` is the caption of the shares, `captions` are what else is written."""
        parts = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            'font-family="system-ui, sans-serif" font-size="12">',
            f"<title>{escape(title)}</title>",
            f"<desc>{escape(description)}</desc>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
            *self._grid(),
            f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.1f}" y="{HEIGHT - 16}" text-anchor="middle">{escape(below)}</text>',
            *captions,
            *inside,
            "</svg>",
        )
        return "\n".join(parts) + "\n"

    def _grid(self) -> Iterator[str]:
        for tick in range(self.steps + 1):
            share, seconds = self.most_share * tick / self.steps, self.most_s * tick / self.steps
            x, bottom = self.place(share, 0.0)
            yield f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom:.1f}" stroke="#dddddd"/>'
            yield f'<text x="{x:.1f}" y="{bottom + 18:.1f}" text-anchor="middle">{self.share_text(share)}</text>'
            left, y = self.place(0.0, seconds)
            yield f'<line x1="{left:.1f}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#dddddd"/>'
            yield f'<text x="{left - 8:.1f}" y="{y + 4:.1f}" text-anchor="end">{self.seconds_text(seconds)}</text>'
