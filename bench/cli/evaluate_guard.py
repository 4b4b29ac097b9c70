"""`interlocutor eval guard` and `eval leaks`: what the guard lets through, and what a file of replies tells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from server.cli.options import ConfigFolder, Overrides

if TYPE_CHECKING:
    from bench.guard.guard_measure import Bench, GuardTally
    from bench.report_figures import Figure
    from pipelines.engines import Interpreter

SETS = {"tuning": (("leaks.yaml", "leaks_more.yaml"), ("lines.yaml", "lines_more.yaml"), "misconduct.yaml")} | {
    "held_out": (("leaks_heldout.yaml",), ("lines_heldout.yaml",), "misconduct_heldout.yaml")
}


def guard(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="By default tests/data/guard; its README names the files.")
    ] = None,
    by_words: Annotated[
        bool, typer.Option("--by-words", help="Read by words alone, without the text encoder.")
    ] = False,
    failures: Annotated[bool, typer.Option(help="Show what went wrong (of held-out files the number only).")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write machine and figures to this file.")] = None,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """What of a model that leaks reaches the voice, and what of a good one is blocked."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from bench.guard import guard_measure
    from bench.guard.cases import load_leaks, load_lines, load_misconduct, load_questions
    from bench.report_figures import Figure, print_figures, write_figures
    from bench.report_files import check_target
    from pipelines.engine_choices import choose_engines
    from pipelines.patient.card_library import CardLibrary
    from pipelines.responder_choice import guard_encoder
    from pipelines.responders.guarded import make_guard
    from server.measures import percentile
    from server.paths import ROOT
    from server.settings.tree import load_settings

    if json_file is not None:
        check_target(json_file)
    data = folder or ROOT / "tests" / "data" / "guard"
    settings = load_settings(config_folder=config, overrides=overrides or ())
    cards = CardLibrary.load(settings.cards_folder)
    interpreter = cast("Interpreter", choose_engines(settings.engines, settings.models).interpreter.factory())
    interpreter.warm()
    encoder, how = (None, "by words alone") if by_words else guard_encoder(settings.engines, settings.models)
    typer.echo(f"the guard reads {how}", err=True)
    bench = guard_measure.Bench(make_guard(rules=settings.engines.guard_rules, encoder=encoder))
    bench.guard.warm()
    turns = list(guard_measure.adversarial_turns(interpreter, cards, load_questions(data / "questions.yaml")))
    figures: list[Figure] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as bar:
        sets = {
            name: [x for file in lines for x in load_lines(data / file, cards)] for name, (_, lines, _) in SETS.items()
        }
        task = bar.add_task("reading", total=3 * len(turns) + sum(map(len, sets.values())))

        def advance() -> None:
            bar.advance(task)

        told = guard_measure.verbatim(bench, turns, advance)
        figures.append(guard_measure.share("guard_verbatim_spoken", told))
        _show(told, failures=failures)
        for name, (leak_files, _, misconduct_file) in SETS.items():
            shown = failures and name != "held_out"
            leaks = [leak for file in leak_files for leak in load_leaks(data / file, cards)]
            told, ever = guard_measure.paraphrased(bench, turns, leaks, advance)
            note = f"{len(ever)} of {len(leaks)} leaks were spoken at some question"
            figures.append(guard_measure.share(f"guard_paraphrases_spoken_{name}", told, partly=True, note=note))
            figures.append(guard_measure.share(f"guard_paraphrases_half_spoken_{name}", told))
            _show(told, failures=shown)
            told = guard_measure.blocked_lines(bench, sets[name], advance)
            by_rule = ", ".join(f"{rule} {count}" for rule, count in told.by_rule.most_common())
            figures.append(guard_measure.share(f"guard_lines_blocked_{name}", told, note=by_rule))
            _show(told, failures=shown)
            for rule, tally in guard_measure.misconduct(bench, load_misconduct(data / misconduct_file), cards).items():
                figures.append(guard_measure.share(f"guard_{rule}_spoken_{name}", tally))
                _show(tally, failures=shown)
    for part, short in ((0.5, "p50"), (0.95, "p95")):
        value = percentile(bench.took_ms, part)
        figures.append(Figure(f"guard_clause_{short}", value, "ms", n=len(bench.took_ms)))
    figures += _unseen(bench, data)
    print_figures("the guard", figures)
    if json_file is not None:
        write_figures(json_file, figures)


def _unseen(bench: Bench, data: Path) -> list[Figure]:
    """Return the figures of the cards that nobody tuned on."""
    from bench.guard import guard_measure
    from bench.guard.cases import load_leaks, load_lines, release_of
    from pipelines.patient.card_library import CardLibrary

    cards = CardLibrary.load(data / "cards")
    leaks = load_leaks(data / "leaks_unseen.yaml", cards)
    turns = [
        guard_measure.GuardQuestion(
            leak.card, "What else should I ask you?", release_of(leak.card, "not_on_card"), (), (leak.item,)
        )
        for leak in leaks
    ]
    told, _ = guard_measure.paraphrased(bench, turns, leaks, lambda: None)
    blocked = guard_measure.blocked_lines(bench, load_lines(data / "lines_unseen.yaml", cards), lambda: None)
    return [
        guard_measure.share("guard_paraphrases_spoken_unseen_cards", told, partly=True),
        guard_measure.share("guard_lines_blocked_unseen_cards", blocked),
    ]


def _show(tally: GuardTally, *, failures: bool) -> None:
    if failures:
        for line in tally.shown:
            typer.echo(line)


def leaks(
    replies: Annotated[
        Path, typer.Argument(metavar="REPLIES.jsonl", help="One reply a line: card, reply, release, ...")
    ],
    show: Annotated[bool, typer.Option("--show", help="Show each finding, single words too.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write machine and figures to this file.")] = None,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Which replies name a word, number or name of what the card may not tell; it does not use the guard."""
    from bench.guard.unreleased import Finder, load_replies, summary
    from bench.report_figures import Figure, print_figures, write_figures
    from bench.report_files import check_target
    from pipelines.patient.card_library import CardLibrary
    from server.settings.tree import load_settings

    if json_file is not None:
        check_target(json_file)
    settings = load_settings(config_folder=config, overrides=overrides or ())
    finder = Finder(CardLibrary.load(settings.cards_folder))
    rows = list(load_replies(replies))
    found = [finder.find(row) for row in rows]
    if show:
        for row, findings in zip(rows, found, strict=True):
            for each in findings:
                typer.echo(f"{row.card}, {each.item} ({each.kind}: {', '.join(each.words)}): {row.reply}")
    counts = summary(found)
    figures = [
        Figure(f"replies_with_unreleased_{kind}", float(counts[kind]), "count", n=counts["replies"])
        for kind in ("any", "number", "name", "words", "word")
    ]
    print_figures("unreleased facts in replies", figures)
    if json_file is not None:
        write_figures(json_file, figures)
