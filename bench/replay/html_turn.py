"""One turn of the replay's page: its words and sound, and under them who waited for what, on one time axis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from html import escape

from bench.replay.html_views import Peaks, Spoken, TurnView

MEANINGS = {
    "endpoint": "making sure that the turn was over",
    "recognise": "the turn's final text",
    "respond": "the reply's first clause",
    "speak": "its first sound",
    "deliver": "its way to the ear",
}
WIDTH, GUTTER, MARGIN = 960, 132, 12
WORDS_Y, WORD_LINE = 12, 13
WAVE_TOP, WAVE_HEIGHT = 32, 48
ROWS_TOP, ROW = 92, 16
BAR = 10  # height of a bar in its row
LETTER = 6.1  # width of a letter at this size, for words that must not run into each other
LABEL_ROOM = 60  # right of a bar, for its value

Place = Callable[[float], float]
"""From milliseconds to x."""


def turn_article(view: TurnView, *, over_runs: Sequence[float] = ()) -> str:
    """Return a turn as HTML; `over_runs` are its voice-to-voice times where it was spoken several times."""
    result = view.result
    heading = "no answer" if result.voice_to_voice_ms is None else f"{result.voice_to_voice_ms:.0f} ms"
    notes = [f'<span class="quiet">{escape(note)}</span>' for note in _notes(view, over_runs)]
    if result.cut:
        notes.insert(0, '<span class="bad">cut in</span>')
    wanted = result.planned.text
    heard = " | ".join(result.heard) or "(nothing)"
    lines = [("you", "Candidate", heard), ("patient", "Patient", " / ".join(result.said) or "(no answer)")]
    if wanted is not None and _plain(wanted) != _plain(heard):
        lines.insert(0, ("wanted", "Said", wanted))
        lines[1] = ("you", "Heard", heard)
    said = "".join(f'<dt class="{kind}">{who}</dt><dd>{escape(text)}</dd>' for kind, who, text in lines)
    return (
        f'<article id="turn-{view.number}"><header><h3>Turn {view.number}: {heading}</h3>{"".join(notes)}</header>'
        f'<dl class="said">{said}</dl>'
        f'<div class="picture" tabindex="0" role="group" aria-label="Turn {view.number} in time">{_picture(view)}</div>'
        f'<p class="quiet">{escape(in_words(view))}</p></article>'
    )


def _plain(text: str) -> list[str]:
    return ["".join(c for c in word if c.isalnum()) for word in text.lower().split()]


def _notes(view: TurnView, over_runs: Sequence[float]) -> Iterator[str]:
    timeline = view.result.timeline
    if timeline is not None:
        yield "reply made ahead" if timeline.reused else "reply made after the end"
        if timeline.discarded:
            yield f"{timeline.discarded} of {timeline.speculated} drafts thrown away, {timeline.discarded_ms:.0f} ms"
    if len(over_runs) > 1:
        yield f"{min(over_runs):.0f} to {max(over_runs):.0f} ms in {len(over_runs)} runs"


def in_words(view: TurnView) -> str:
    """Return what the picture shows, for those who don't see it."""
    result, timeline = view.result, view.result.timeline
    if result.voice_to_voice_ms is None:
        return "The turn was not answered."
    if result.parts is None:
        return f"The patient was heard after {result.voice_to_voice_ms:.0f} ms; the server did not split the time."
    spent = [f"{value:.0f} ms {MEANINGS[name]}" for name, value in asdict(result.parts).items() if abs(value) >= 0.5]
    text = f"The patient was heard {result.voice_to_voice_ms:.0f} ms after the last sound: {', '.join(spent)}."
    if timeline is None:
        return text
    reached = [f"{name} at {at_ms:.0f} ms" for name, at_ms in _moments(view) if at_ms is not None]
    text += f" A silence of {timeline.wait_ms:.0f} ms was asked for. {', '.join(reached).capitalize()}."
    if view.drafts:
        vain = ", ".join(
            f"{draft.made_ms / 1000:.1f} s ({draft.reason}, {draft.cost_ms:.0f} ms of computation)"
            for draft in view.drafts
        )
        text += f" Drafts thrown away, made at {vain}."
    return text


def _moments(view: TurnView) -> list[tuple[str, float | None]]:
    timeline, shift_ms = view.result.timeline, view.shift_ms
    if timeline is None:
        return []
    moments = [
        ("pause noticed", timeline.pause_ms),
        ("all of the text there", timeline.transcript_ms),
        ("reply asked for ahead", timeline.draft_ms),
        ("first clause", timeline.clause_ms),
        ("first sound", timeline.sound_ms),
        ("turn over", timeline.endpoint_ms),
        ("final text", timeline.committed_ms),
        ("released", timeline.released_ms),
    ]
    return [(name, None if at_ms is None else at_ms + shift_ms) for name, at_ms in moments]


# ---------------------------------------------------------------- picture


def _picture(view: TurnView) -> str:
    span_ms = view.to_ms - view.from_ms

    def x(ms: float) -> float:
        return GUTTER + (ms - view.from_ms) / span_ms * (WIDTH - GUTTER - MARGIN)

    rows = [*_marks(view, x), *_ahead(view, x), *_bars(view, x)]
    bottom = ROWS_TOP + ROW * len(rows)
    body = [
        *_axis(view, x, bottom),
        *_words(view.words, x, "voice-you"),
        *_words(view.reply_words, x, "voice-patient"),
        _wave(view.candidate, view, x, "voice-you"),
        _wave(view.patient, view, x, "voice-patient"),
    ]
    for index, (label, drawn) in enumerate(rows):
        y = ROWS_TOP + ROW * index
        body.append(f'<text class="label" x="{GUTTER - 10}" y="{y + 9}" text-anchor="end">{label}</text>')
        body.append(f'<g transform="translate(0 {y})">{drawn}</g>')
    return (
        f'<svg viewBox="0 0 {WIDTH} {bottom + 22}" role="img" aria-label="described in the text below">'
        f"{''.join(body)}</svg>"
    )


def _axis(view: TurnView, x: Place, bottom: float) -> Iterator[str]:
    step_ms = next(step for step in (200, 500, 1_000, 2_000, 5_000) if (view.to_ms - view.from_ms) / step <= 20)
    tick = -(-(view.from_ms + step_ms / 10) // step_ms) * step_ms  # not one that would stand in the gutter
    while tick <= view.to_ms:
        kind = "zero" if tick == 0 else "grid"
        yield f'<line class="{kind}" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{WAVE_TOP - 4}" y2="{bottom + 4}"/>'
        anchor = "end" if x(tick) > WIDTH - 30 else "middle"
        unit = " ms" if tick == 0 else ""
        yield f'<text class="label" x="{x(tick):.1f}" y="{bottom + 17}" text-anchor="{anchor}">{tick:.0f}{unit}</text>'
        tick += step_ms
    yield f'<text class="label" x="{GUTTER - 10}" y="{bottom + 17}" text-anchor="end">since the last sound</text>'


def _words(words: Iterable[Spoken], x: Place, kind: str) -> Iterator[str]:
    """Yield each word at its beginning, in the first of two lines that has room; the third to want one goes without."""
    free = [float("-inf")] * 2
    for word in words:
        at = x(word.from_ms)
        end = at + LETTER * (len(word.text) + 1)
        line = next((line for line in (0, 1) if free[line] <= at), None)
        if line is None or end > WIDTH:
            continue
        free[line] = end
        yield f'<text class="{kind}" x="{at:.1f}" y="{WORDS_Y + WORD_LINE * line}">{escape(word.text)}</text>'


def _wave(peaks: Peaks, view: TurnView, x: Place, kind: str) -> str:
    loudest = float(peaks.max())
    if loudest <= 0:
        return ""
    step_ms = (view.to_ms - view.from_ms) / len(peaks)
    middle = WAVE_TOP + WAVE_HEIGHT / 2
    # The root shows soft endings of words, which are what an endpoint hangs on.
    points = [
        (x(view.from_ms + (index + 0.5) * step_ms), (float(peak) / loudest) ** 0.5 * WAVE_HEIGHT / 2)
        for index, peak in enumerate(peaks)
    ]
    upper = " ".join(f"{at:.1f},{middle - tall:.1f}" for at, tall in points)
    lower = " ".join(f"{at:.1f},{middle + tall:.1f}" for at, tall in reversed(points))
    return f'<polygon class="{kind}" points="{upper} {lower}"/>'


Row = tuple[str, str]
"""A label, and what is drawn beside it."""


def _marks(view: TurnView, x: Place) -> Iterator[Row]:
    timeline = view.result.timeline
    if timeline is None:
        return
    for label, at_ms in (("pause noticed", timeline.pause_ms), ("text of all of it", timeline.transcript_ms)):
        if at_ms is not None:
            at = x(at_ms + view.shift_ms)
            yield label, _diamond(at) + _value(at + 5, f"{at_ms + view.shift_ms:.0f}")


def _ahead(view: TurnView, x: Place) -> Iterator[Row]:
    """Yield what was prepared before the turn was known to be over, kept and thrown away."""
    drawn = []
    earlier = [draft for draft in view.drafts if draft.discarded_ms < view.from_ms]
    if earlier:
        drawn.append(f'<text class="label" x="{x(view.from_ms) + 4:.1f}" y="{BAR}">‹ {len(earlier)} thrown away</text>')
    for draft in view.drafts[len(earlier) :]:
        title = f"thrown away ({draft.reason}) after {draft.cost_ms:.0f} ms of computation"
        from_ms, to_ms = max(draft.made_ms, view.from_ms), min(draft.discarded_ms, view.to_ms)
        drawn.append(_bar(x(from_ms), x(to_ms), "discarded", title))
    timeline = view.result.timeline
    if timeline is not None and timeline.draft_ms is not None:
        moments = [at_ms for at_ms in (timeline.clause_ms, timeline.sound_ms) if at_ms is not None]
        ends = [x(at_ms + view.shift_ms) for at_ms in (timeline.draft_ms, *moments)]
        drawn.append(
            _bar(ends[0], ends[-1], "ahead", "the reply, prepared ahead: asked for, first clause, first sound")
        )
        drawn += [f'<line class="zero" x1="{at:.1f}" x2="{at:.1f}" y1="1" y2="{BAR + 1}"/>' for at in ends[1:-1]]
        took_ms = (moments[-1] if moments else timeline.draft_ms) - timeline.draft_ms
        drawn.append(_value(max(ends) + 5, f"{took_ms:.0f} ms"))
    if drawn:
        yield "prepared ahead", "".join(drawn)


def _bars(view: TurnView, x: Place) -> Iterator[Row]:
    """Yield the five parts, each from where the one before it ended."""
    if view.result.parts is None:
        return
    from_ms = 0.0
    for name, length_ms in asdict(view.result.parts).items():
        ends = sorted((x(from_ms), x(from_ms + length_ms)))
        drawn = _bar(ends[0], ends[1], name, f"{name}: {MEANINGS[name]}, {length_ms:.0f} ms")
        edge = ends[1]
        if name == "endpoint" and view.result.timeline is not None:
            asked = x(view.result.timeline.wait_ms + view.shift_ms)
            drawn += f'<line class="asked" x1="{asked:.1f}" x2="{asked:.1f}" y1="-1" y2="{BAR + 3}"/>'
            edge = max(edge, asked)
        yield name, drawn + _value(edge + 5, f"{length_ms:.0f} ms")
        from_ms += length_ms


def _bar(left: float, right: float, kind: str, title: str) -> str:
    width = max(1.5, right - left)
    return (
        f'<rect class="{kind}" x="{left:.1f}" y="1" width="{width:.1f}" height="{BAR}" rx="1.5">'
        f"<title>{escape(title)}</title></rect>"
    )


def _diamond(at: float) -> str:
    return f'<path class="mark" d="M{at:.1f} 1l4.5 5l-4.5 5l-4.5 -5z"/>'


def _value(at: float, text: str) -> str:
    if at > WIDTH - LABEL_ROOM:
        return ""  # the text below says it
    return f'<text x="{at:.1f}" y="{BAR}">{text}</text>'
