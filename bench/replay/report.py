"""What a replay found: a table a turn, a summary, and the same as JSON.

Its figures are those of `server/reports/`, over the turns as they are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.replay.simulated_candidate import TurnResult
from server.measures import machine
from server.reports.comparison import Comparison
from server.reports.report_turns import ReadReport
from server.reports.summary import quantiles, summarise

WIDE = 160  # columns where there is no terminal
NARROW = 120  # columns below which the table would have no room for words
PARTS = ("endpoint", "recognise", "respond", "speak", "deliver")


def as_json(
    runs: Sequence[Sequence[TurnResult]],
    *,
    troubles: Sequence[str] = (),
    topics: Sequence[str] | None = None,
    final_text_ms: Sequence[float] = (),
    about: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the turns of the last run, and a summary over all runs.

    `topics` are those that a server's debrief says were told; None where the cues themselves are known. `about` says
    what was run: a later comparison needs it.
    """
    written = [[turn_as_json(turn) for turn in run] for run in runs]
    body: dict[str, Any] = {
        "machine": machine(),
        "about": dict(about or {}),
        "turns": written[-1],
        "summary": {},
        "troubles": list(troubles),
    }
    if topics is not None:
        body["topics_told"] = list(topics)
    if len(runs) > 1:
        body["runs"] = written
    body["summary"] = summarise(ReadReport.model_validate(body))
    if final_text_ms:
        body["summary"]["final_text_ms"] = quantiles(final_text_ms)
    return body


def turn_as_json(turn: TurnResult) -> dict[str, Any]:
    """Return one turn as plain data; milliseconds."""
    return {
        "source": turn.planned.source,
        "text": turn.planned.text,
        "expect": turn.planned.expect,
        "heard": " ".join(turn.heard),
        "said": " ".join(turn.said),
        "cues": list(turn.cues),
        "answers": len(turn.said),
        "cut": turn.cut,
        "voice_to_voice_ms": _rounded(turn.voice_to_voice_ms),
        "parts": {k: round(v, 3) for k, v in asdict(turn.parts).items()} if turn.parts is not None else None,
        "timeline": asdict(turn.timeline) if turn.timeline is not None else None,
        "waits": turn.waits,
        "voiced_end_ms": round(turn.voiced_end_ms, 3),
        "late_ms": round(turn.late_ms, 3),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def print_report(runs: Sequence[Sequence[TurnResult]], report: Mapping[str, Any]) -> None:
    """Print the last run's turns, and the rest of what `as_json` made of all runs."""
    console = Console(width=None if Console().is_terminal else WIDE)
    if console.width < NARROW:
        for number, turn in enumerate(runs[-1], start=1):
            console.print(_block(number, turn))
    else:
        console.print(_table(runs[-1]))
        for number, turn in enumerate(runs[-1], start=1):
            for line in _why(turn):
                console.print(f"{number:3}  {line}")
    for trouble in dict.fromkeys(report["troubles"]):
        console.print(f"[yellow]![/] {escape(trouble)}")
    console.print(summary_lines(report["summary"]))
    if "topics_told" in report:
        console.print(f"found out: {escape(', '.join(report['topics_told'])) or 'nothing'}")


def print_comparison(comparison: Comparison) -> None:
    """Print what changed against a baseline."""
    table = Table(title="against the baseline", title_justify="left")
    for title in ("figure", "before", "now", "difference", "interval"):
        table.add_column(title, justify="left" if title == "figure" else "right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for each in comparison.differences:
        table.add_row(f"{each.name}, {each.unit}", *each.cells(), each.verdict)
    console = Console(width=None if Console().is_terminal else WIDE)
    console.print(table)
    for line in (*comparison.caveats, comparison.method):
        console.print(escape(line), style="dim")


def _table(turns: Sequence[TurnResult]) -> Table:
    table = Table(show_lines=True)
    for title in ("", "heard", "reply", "cues"):
        table.add_column(title, overflow="fold")
    for title in ("wait", *PARTS, "voice to voice"):
        table.add_column(title, justify="right", no_wrap=True)
    for number, turn in enumerate(turns, start=1):
        parts = asdict(turn.parts) if turn.parts is not None else {}
        cells = [str(round(parts[name])) if name in parts else "-" for name in PARTS]
        cues, whole = ", ".join(turn.cues), _ms(turn.voice_to_voice_ms)
        table.add_row(str(number), _heard(turn), _said(turn), cues, _wait(turn), *cells, whole)
    return table


def _block(number: int, turn: TurnResult) -> str:
    """Return one turn as lines, for terminals too narrow for the table."""
    lines = [f"[bold]{number}[/]  heard: {_heard(turn)}", f"   reply: {_said(turn)}"]
    if turn.cues:
        lines.append(f"   cues:  {', '.join(turn.cues)}")
    if turn.parts is not None:
        parts = "  ".join(f"{name} {round(value)}" for name, value in asdict(turn.parts).items())
        lines.append(f"   {_ms(turn.voice_to_voice_ms)} = {parts}; wait asked {_wait(turn)}")
    lines += [f"   why:   {line}" for line in _why(turn)]
    return "\n".join(lines) + "\n"


def _why(turn: TurnResult) -> list[str]:
    """Return why it was waited, a line for each turn that it was taken for."""
    return [escape(wait["words"]) for wait in turn.waits or ()]


def _heard(turn: TurnResult) -> str:
    return escape(" | ".join(turn.heard)) + (" [bold red](cut)[/]" if turn.cut else "")


def _wait(turn: TurnResult) -> str:
    """Return the silence that was asked for, with a star where the reply was made before it was over."""
    timeline = turn.timeline
    return "-" if timeline is None else f"{round(timeline.wait_ms)}{'*' if timeline.reused else ''}"


def _said(turn: TurnResult) -> str:
    return escape(" / ".join(turn.said)) or "(no answer)"


def summary_lines(summary: dict[str, Any]) -> str:
    """Return the summary in words."""
    whole, after, rate = summary["voice_to_voice_ms"], summary["after_endpoint_ms"], summary["expected_cue_rate"]
    lines = [
        f"{summary['turns']} turns, {summary['answered_once']} answered once, {summary['cut']} cut",
        f"voice to voice   p50 {_ms(whole['p50'])}   p95 {_ms(whole['p95'])}",
        f"after endpoint   p50 {_ms(after['p50'])}   p95 {_ms(after['p95'])}",
    ]
    drafts = summary["drafts"]
    if drafts["made"]:
        lines.append(
            f"prepared ahead   {drafts['made']}: {drafts['reused']} became the reply, {drafts['discarded']} did not; "
            f"{drafts['discarded_s_per_turn']:.3f} s of computation in vain per turn"
        )
    if drafts["turns"]:
        lines.append(
            f"wait: the silence asked for, in ms; * the reply was made before it was over ({drafts['reused']})"
        )
    if rate is not None:
        lines.append(f"told as expected {100 * rate:.0f} %")
    if "runs" in summary:
        runs = summary["runs"]
        median_ms, spread_ms = _ms(runs["median_of_p50_ms"]), _ms(runs["spread_of_p50_ms"])
        lines.append(f"{runs['n']} runs: median of p50 {median_ms}, spread {spread_ms}")
    return "\n".join(lines)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{round(value)} ms"
