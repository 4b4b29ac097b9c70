"""`interlocutor eval tasks`: how surely a task of the card that is called heard was done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.cli.options import ConfigFolder, Overrides

HELD_OUT = "heldout"


def tasks(
    dialogues: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DIALOGUES.yaml ...]", help="By default tests/data/tasks/dialogues*.yaml."),
    ] = None,
    failures: Annotated[
        bool,
        typer.Option(help="Show the tasks that were taken for something else (of held-out files the number only)."),
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write machine and figures to this file.")] = None,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """How often a task that is called heard was done, and one that was done is called heard, in written role-plays."""
    from bench.heard_tasks import figures_of, judge, load_dialogues
    from bench.report_figures import print_figures, write_figures
    from bench.report_files import check_target
    from common.errors import SettingsError
    from pipelines.engine_choices import choose_engines
    from pipelines.intent.learned import LearnedInterpreter
    from pipelines.patient.card_library import CardLibrary
    from server.paths import ROOT
    from server.settings.tree import load_settings

    if json_file is not None:
        check_target(json_file)
    settings = load_settings(config_folder=config, overrides=overrides or ())
    interpreter = choose_engines(settings.engines, settings.models).interpreter.factory()
    if not isinstance(interpreter, LearnedInterpreter) or interpreter.info.demonstration:
        raise SettingsError("tasks are matched by the text encoder; bring it with `interlocutor models setup`")
    interpreter.warm()
    data = ROOT / "tests" / "data"
    libraries = (CardLibrary.load(data / "guard" / "cards"), CardLibrary.load(settings.cards_folder))
    cards = {name: library[name] for library in libraries for name in library}
    figures = []
    for path in dialogues or sorted((data / "tasks").glob("dialogues*.yaml")):
        judged = list(judge(load_dialogues(path), cards, interpreter, interpreter.vectoriser))
        figures += figures_of(path.stem, judged)
        wrong = [each for each in judged if not each.is_fair]
        if failures and HELD_OUT in path.stem:
            typer.echo(f"{path.stem}: {len(wrong)} tasks failed; held out, so none is shown")
        elif failures:
            for each in wrong:
                typer.echo(f"{each.dialogue}: {each.done}, called {each.heard}: {each.task}")
                for quote in each.quotes:
                    typer.echo(f"    {quote}")
    print_figures("tasks of the card", figures)
    if json_file is not None:
        write_figures(json_file, figures)
