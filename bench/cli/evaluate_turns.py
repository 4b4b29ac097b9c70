"""`interlocutor eval turns`: the endpointing on transcribed consultations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.cli.options import ConfigFolder, Overrides

# Consultations are assigned to folds so many times; the figures are means over that.
ASSIGNMENTS = 3


def turns(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Of NAME_doctor.TextGrid and NAME_patient.TextGrid.")
    ],
    folds: Annotated[
        int | None,
        typer.Option(
            min=2,
            max=50,
            show_default="5, or the shipped model as it is where it has seen none of them",
            help="Parts; each is judged by a model trained on the others.",
        ),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write machine and figures to this file.")] = None,
    svg_file: Annotated[Path | None, typer.Option("--svg", help="Draw the curves to this file.")] = None,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """How well the endpointing tells the end of a turn, on Praat TextGrids of consultations.

    A shift is an end of an utterance after which the other speaks, a hold one after which the same speaker goes on
    within 2 s. A cut-in is a wait shorter than a hold's pause; the delay is the wait at a shift.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from bench.consultations import load_consultations
    from bench.report_figures import print_figures, write_figures
    from bench.report_files import check_target, write_whole
    from bench.turns import FOLDS, measure
    from bench.turns_picture import draw
    from server.settings.tree import load_settings

    for target in filter(None, (json_file, svg_file)):
        check_target(target)
    settings = load_settings(config_folder=config, overrides=overrides or ()).conversation.endpointing
    talks = load_consultations(folder)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True, console=Console(stderr=True)) as bar:
        task = bar.add_task("folds", total=(folds or FOLDS) * ASSIGNMENTS)
        report = measure(
            talks, folds=folds, assignments=ASSIGNMENTS, settings=settings, progress=lambda: bar.advance(task)
        )
    figures = list(report.figures())
    print_figures(f"the endpointing on {len(talks)} consultations", figures)
    if json_file is not None:
        write_figures(json_file, figures)
    if svg_file is not None:
        write_whole(svg_file, draw(report))
