"""The replay's report as one page that needs nothing else: for a look, to print, and to send on.

Whatever was said, heard or named is escaped, since a transcript may be anything; the page's own policy forbids scripts
and requests besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from statistics import fmean
from typing import Any

from bench.replay.compare import Comparison, ReadReport
from bench.replay.html_charts import comparison_table, histogram, key_items, shares
from bench.replay.html_style import STYLE
from bench.replay.html_turn import MEANINGS, turn_article
from bench.replay.html_views import TurnView

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
HATCH = (
    '<svg class="defs" aria-hidden="true"><defs><pattern id="hatch" width="5" height="5" '
    'patternUnits="userSpaceOnUse"><path d="M-1 6L6 -1M-1 1L1 -1M4 6L6 4"/></pattern></defs></svg>'
)
KEY = (
    *((name, f"{name}: {meaning}") for name, meaning in MEANINGS.items()),
    ("ahead", "prepared ahead, and used"),
    ("discarded", "prepared ahead, and thrown away"),
)
FACTS = {
    "date": "date",
    "version": "version",
    "card": "card",
    "recordings": "recordings",
    "pace": "pace",
    "as_recorded": "timing as recorded",
    "url": "server",
    "engines": "engines",
    "settings_digest": "settings",
    "machine": "machine",
}


def replay_page(
    report: Mapping[str, Any],
    views: Sequence[TurnView],
    *,
    baseline: ReadReport | None = None,
    comparison: Comparison | None = None,
) -> str:
    """Return the page for a report of `as_json` and the views of its last run."""
    read = ReadReport.model_validate(report)
    names = ", ".join(report.get("about", {}).get("recordings", ())) or "recordings"
    title = f"Replay of {names}"
    body = [
        HATCH,
        f"<main><h1>{escape(title)}</h1>",
        f'<p class="quiet">{escape(_subtitle(report, read))}</p>',
        _figures(report["summary"]),
        *_parts(read),
        "<h2>Voice to voice</h2>",
        f'<div class="box">{histogram(_answered(read), _answered(baseline))}</div>',
        *_outline(baseline),
        *_compared(comparison),
        *_troubles(report.get("troubles", ())),
        "<h2>Turn by turn</h2>",
        f'<p class="quiet">{escape(_shown(len(read.all_runs)))}</p>',
        *_untold(report.get("about", {})),
        f'<ul class="key">{"".join(key_items(KEY))}</ul>',
        *(turn_article(view, over_runs=_over_runs(read, view.number - 1)) for view in views),
        "<h2>What was run</h2>",
        _facts(report),
        "</main>",
    ]
    return (
        '<!doctype html>\n<html lang="en-GB"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _subtitle(report: Mapping[str, Any], read: ReadReport) -> str:
    about, runs = report.get("about", {}), len(read.all_runs)
    facts = [
        str(about.get("date", ""))[:16].replace("T", " "),
        f"card {about['card']}" if "card" in about else "",
        f"{runs} runs of {len(read.turns)} turns" if runs > 1 else f"{len(read.turns)} turns",
        {"real": "real pace", "fast": "virtual time"}.get(about.get("pace", ""), ""),
    ]
    return " · ".join(fact for fact in facts if fact)


def _figures(summary: Mapping[str, Any]) -> str:
    whole, after, drafts = summary["voice_to_voice_ms"], summary["after_endpoint_ms"], summary["drafts"]
    figures = [
        ("voice to voice, p50", _ms(whole["p50"])),
        ("voice to voice, p95", _ms(whole["p95"])),
        ("after endpoint, p50", _ms(after["p50"])),
        ("answered once", f"{summary['answered_once']} of {summary['turns']}"),
        ("cut in", f"{summary['cut']} of {summary['turns']}"),
    ]
    if summary["expected_cue_rate"] is not None:
        figures.append(("told as expected", f"{100 * summary['expected_cue_rate']:.0f} %"))
    if drafts["discarded_s_per_turn"] is not None:
        figures.append(("replies made ahead", f"{drafts['reused']} of {drafts['turns']}"))
        figures.append(("drafts thrown away", f"{drafts['discarded']} of {drafts['made']}"))
        figures.append(("computed in vain, a turn", _ms(1000 * drafts["discarded_s_per_turn"])))
    items = "".join(f"<li><b>{escape(value)}</b>{escape(name)}</li>" for name, value in figures)
    return f'<ul class="figures">{items}</ul>'


def _parts(read: ReadReport) -> Iterator[str]:
    split = [turn.parts for run in read.all_runs for turn in run if turn.parts is not None]
    if split:
        means = [(name, fmean(parts.get(name, 0.0) for parts in split)) for name in MEANINGS]
        yield f"<h2>Where the time went, on average</h2><div class='box'>{shares(means, MEANINGS)}</div>"


def _answered(read: ReadReport | None) -> list[float]:
    if read is None:
        return []
    waits = [turn.voice_to_voice_ms for run in read.all_runs for turn in run]
    return [wait_ms for wait_ms in waits if wait_ms is not None]


def _outline(baseline: ReadReport | None) -> Iterator[str]:
    if baseline is not None and _answered(baseline):
        yield '<p class="quiet">Dashed outline: the baseline, scaled to as many turns.</p>'


def _compared(comparison: Comparison | None) -> Iterator[str]:
    if comparison is None:
        return
    yield "<h2>Against the baseline</h2>"
    yield from (f"<p>{escape(caveat)}</p>" for caveat in comparison.caveats)
    yield comparison_table(comparison)
    yield f'<p class="quiet" style="margin-top: .6rem">{escape(comparison.method)}</p>'


def _troubles(troubles: Sequence[str]) -> Iterator[str]:
    if troubles:
        items = "".join(f"<li>{escape(trouble)}</li>" for trouble in dict.fromkeys(troubles))
        yield f"<h2>Troubles</h2><ul>{items}</ul>"


def _shown(runs: int) -> str:
    which = "The last run is shown. " if runs > 1 else ""
    return (
        f"{which}Times are milliseconds since the candidate's last sound. The dashed line beside the endpoint is the "
        "silence that was asked for; what took no time after the end had been done before it."
    )


def _untold(about: Mapping[str, Any]) -> Iterator[str]:
    """Say why something is missing below that the page of a replay in one process has."""
    if missing := [str(what) for what in about.get("untold", ())]:
        text = (
            f"Not shown: {' and '.join(missing)}. To a server over --url a replay is a candidate, and candidates are "
            "told neither. How many drafts were thrown away, and what they had cost, is beside each turn's heading."
        )
        yield f'<p class="quiet">{escape(text)}</p>'


def _over_runs(read: ReadReport, index: int) -> list[float]:
    waits = [run[index].voice_to_voice_ms for run in read.all_runs if index < len(run)]
    return [wait_ms for wait_ms in waits if wait_ms is not None]


def _facts(report: Mapping[str, Any]) -> str:
    facts = {**report.get("about", {}), "machine": report.get("machine", {})}
    rows = "".join(
        f'<tr><th scope="row">{name}</th><td>{escape(_plain(facts[key]))}</td></tr>'
        for key, name in FACTS.items()
        if facts.get(key) not in (None, {}, [], False)
    )
    return f'<div class="box"><table class="facts"><tbody>{rows}</tbody></table></div>'


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {text}" for key, text in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "yes" if value is True else str(value)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"
