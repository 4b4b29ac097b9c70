"""`interlocutor eval pauses`: the live endpointing on audio."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from server.cli.options import ConfigFolder, Overrides
from server.measures import percentile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console
    from rich.progress import Progress

    from bench.pauses import HeardUtterance
    from bench.pauses_curve import Curves
    from bench.pauses_plan import PausesPlan
    from pipelines.conversation.settings import ConversationSettings
    from pipelines.endpointing.policy import EndpointPolicy
    from pipelines.patient.card_library import CardLibrary
    from server.settings.tree import Settings


def pauses(
    recordings: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[AUDIO...]", help="WAV, FLAC or OGG recordings, or folders of them; by default the committed ones."
        ),
    ] = None,
    wait: Annotated[
        float | None, typer.Option(metavar="MS", min=120, max=10_000, help="Also with this fixed silence, beside it.")
    ] = None,
    style: Annotated[str | None, typer.Option(help="practice, exam or slow_speaker; by default the settings'.")] = None,
    card: Annotated[str | None, typer.Option(help="Card for recordings whose truth file names none.")] = None,
    folds: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            max=20,
            help="Judge each recording by evidence that was weighed on the others, in N parts; 0: as it is shipped.",
        ),
    ] = 0,
    picture: Annotated[
        Path | None, typer.Option(help="With --folds: draw cuts against delay for every price of patience, as SVG.")
    ] = None,
    failures: Annotated[bool, typer.Option(help="Show every cut-in and what was understood.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write machine, figures and utterances.")] = None,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Speak recordings to the live path under virtual time: cut-ins in their pauses, delay after their ends.

    Utterances come from the truth file (NAME.truth.yaml); without one they are what 2 s of silence separate. A cut-in
    is any judgement, before an utterance's last voiced sample, that the turn is over.
    """
    from audio.recording_files import find_recordings, names_of
    from bench.pauses import as_rows, figures_of, run_pauses
    from bench.pauses_curve import draw, interval
    from bench.pauses_plan import plan_pauses
    from bench.report_figures import write_json
    from bench.report_files import check_target
    from common.errors import SettingsError
    from pipelines.endpointing.settings import Style
    from pipelines.patient.card_library import CardLibrary
    from server.logs import quiet_logs
    from server.measures import machine
    from server.paths import ROOT
    from server.settings.tree import load_settings

    if style is not None and style not in get_args(Style):
        raise SettingsError(f"--style is one of {', '.join(get_args(Style))}")
    if picture is not None and not folds:
        raise SettingsError("--picture draws what --folds measures: give both")
    for target in (json_file, picture):
        if target is not None:
            check_target(target)
    quiet_logs()
    settings = load_settings(config_folder=config, overrides=overrides or ())
    cards = CardLibrary.load(settings.cards_folder)
    data = ROOT / "tests" / "data"
    paths = find_recordings(recordings or ()) or [
        *sorted((data / "pauses").glob("*.flac")),
        *sorted(data.glob("consultation*.flac")),
        data / "explanation-40s.flac",
        data / "thinking-pause.flac",
    ]
    plans = [plan_pauses(path, name) for path, name in zip(paths, names_of(paths), strict=True)]
    judged = settings.conversation
    if style is not None:
        endpointing = judged.endpointing.model_copy(update={"style": style})
        judged = judged.model_copy(update={"endpointing": endpointing})
    policies: dict[str, EndpointPolicy] = {}
    if folds:
        curves, policies = _judge_by_others(plans, folds, settings=settings, judged=judged, cards=cards, card=card)
        _print_curves(curves)
        if picture is not None:
            picture.write_text(draw(curves), encoding="utf-8")
    conversations = [judged] + ([judged.model_copy(update={"fixed_wait_ms": wait})] if wait is not None else [])
    with _bar() as bar:
        task = bar.add_task("utterances", total=len(conversations) * sum(len(plan.utterances) for plan in plans))
        runs = [
            run_pauses(
                plans,
                settings=settings,
                conversation=conversation,
                cards=cards,
                card=card,
                policy_of=lambda plan: policies.get(plan.source),
                progress=lambda count: bar.advance(task, count),
            )
            for conversation in conversations
        ]
    for name, cut, of in _cuts(runs[0]):
        low, high = interval(cut, of)
        typer.echo(
            f"{name}: {cut} of {of} ({100 * cut / of:.1f} %, with 95 % certainty {100 * low:.1f} to {100 * high:.1f} %)"
        )
    heard, fixed = runs[0], runs[1] if wait is not None else []
    if any(plan.found for plan in plans):
        names = ", ".join(plan.source for plan in plans if plan.found)
        typer.echo(f"no truth file, so utterances were found by voice activity: {names}", err=True)
    _print_tables(heard, fixed, f"fixed {wait:g} ms" if wait is not None else "")
    if failures:
        _print_failures(heard)
    if json_file is not None:
        content = {"machine": machine(), "figures": [figure.as_json() for figure in figures_of(heard, fixed)]}
        write_json(json_file, content | {"utterances": as_rows(heard), "fixed": as_rows(fixed)})


def _judge_by_others(
    plans: Sequence[PausesPlan],
    folds: int,
    *,
    settings: Settings,
    judged: ConversationSettings,
    cards: CardLibrary,
    card: str | None,
) -> tuple[Curves, dict[str, EndpointPolicy]]:
    """Return the curves over the price of patience, and each recording's endpointing, which has not seen it."""
    from bench.pauses_curve import curves_of, tables_of
    from bench.seen_pauses import observe
    from pipelines.endpointing.policy import EndpointPolicy

    with _bar() as bar:
        task = bar.add_task("pauses", total=sum(len(plan.utterances) for plan in plans))
        pauses = observe(
            plans, settings=settings, cards=cards, card=card, progress=lambda count: bar.advance(task, count)
        )
    tables = tables_of(pauses, judged.endpointing, folds)
    policies = {source: EndpointPolicy(judged.endpointing, table=table) for source, table in tables.items()}
    return curves_of(pauses, judged.endpointing, folds), policies


def _print_curves(curves: Curves) -> None:
    """Print how long each way to judge waits where it cuts so many turns."""
    from rich.table import Table

    from bench.pauses_curve import at_most

    shares = (0.02, 0.03, 0.05, 0.08, 0.1)
    table = Table(title="mean wait (s) where at most so many turns are cut in their own pauses", title_justify="left")
    table.add_column("judged by")
    for share in shares:
        table.add_column(f"{100 * share:.0f} %", justify="right")
    for name, curve in curves.items():
        points = [at_most(curve, share) for share in shares]
        table.add_row(name, *("-" if point is None else f"{point.delay_mean_s:.2f}" for point in points))
    _console().print(table)


def _cuts(heard: Sequence[HeardUtterance]) -> Iterator[tuple[str, int, int]]:
    """Yield what share of turns was cut where, if any turn was joined of two sentences."""
    joined = [each for each in heard if each.utterance.joined]
    if joined:
        yield "turns cut in a pause of their own", sum(each.cut_in_own for each in heard), len(heard)
        yield "joined turns cut between their sentences", sum(each.cut_in_joined for each in joined), len(joined)


def _bar() -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, transient=True)


def _console() -> Console:
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=140)


def _print_tables(heard: Sequence[HeardUtterance], fixed: Sequence[HeardUtterance], name: str) -> None:
    """Print a line for each kind and one for each recording; delays in ms from the last voiced sample."""
    from rich.table import Table

    console = _console()
    kinds = {each.utterance.kind for each in heard}
    rows = [(kind, "", [_of(run, kind=kind) for run in (heard, fixed)]) for kind in sorted(kinds)]
    sources = dict.fromkeys((each.utterance.planned.source, each.utterance.kind) for each in heard)
    rows += [(kind, source, [_of(run, source=source) for run in (heard, fixed)]) for source, kind in sources]
    table = Table(title="pauses in speech, and delay after its end (ms)", title_justify="left")
    table.add_column("kind")
    table.add_column("recording")
    for title in ("utterances", "pauses", "cut-ins", "heard", "p50", "p95", "mean"):
        table.add_column(title, justify="right")
    for title in (f"cut-ins {name}", f"p50 {name}") if fixed else ():
        table.add_column(title, justify="right")
    for kind, source, (mine, theirs) in rows:
        delays = _delays(mine)
        cells: list[float | None] = [
            len(mine),
            sum(len(each.utterance.pauses) for each in mine),
            sum(len(each.cut_ins) for each in mine),
            sum(each.cut_ins_heard for each in mine),
            percentile(delays, 0.5),
            percentile(delays, 0.95),
            sum(delays) / len(delays) if delays else None,
        ]
        if fixed:
            cells += [sum(len(each.cut_ins) for each in theirs), percentile(_delays(theirs), 0.5)]
        table.add_row(kind, source, *("-" if cell is None else f"{cell:.0f}" for cell in cells))
    console.print(table)


def _of(heard: Sequence[HeardUtterance], *, kind: str | None = None, source: str | None = None) -> list[HeardUtterance]:
    return [
        each
        for each in heard
        if kind in (None, each.utterance.kind) and source in (None, each.utterance.planned.source)
    ]


def _delays(heard: Sequence[HeardUtterance]) -> list[float]:
    return [each.delay_ms for each in heard if each.delay_ms is not None]


def _print_failures(heard: Sequence[HeardUtterance]) -> None:
    for each in heard:
        for cut_in in each.cut_ins:
            span = each.pause_of(cut_in)
            where = f"in a pause of {span[1] - span[0]:.0f} ms" if span is not None else "in the middle of sound"
            typer.echo(
                f"{each.utterance.planned.source} {each.utterance.number} {each.utterance.made}: "
                f"{each.utterance.planned.text or '(no text)'}"
            )
            typer.echo(f"    cut in {where} after a wait of {cut_in.wait_ms:.0f} ms, understood: {cut_in.text!r}")
