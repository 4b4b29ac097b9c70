"""`interlocutor eval sound`: voices in audio as bad microphones send it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.cli.options import ConfigFolder, Overrides


def sound(
    recordings: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[AUDIO...]", help="Recordings, or folders of them; by default the committed ones."),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write machine and figures to this file.")] = None,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Whether voices are found in sound that is faint, clipped, hums, is offset or cancels itself.

    Each recording is said twice, so that the gain is unknown at first and known later. Shares are of what is found in
    the recording as it is; the baseline is without conditioning.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from audio.recording_files import find_recordings
    from bench.report_figures import print_figures, write_figures
    from bench.report_files import check_target
    from bench.sound import figures_of, run_sound
    from server.paths import ROOT
    from server.settings.tree import load_settings

    if json_file is not None:
        check_target(json_file)
    settings = load_settings(config_folder=config, overrides=overrides or ())
    paths = find_recordings(recordings or sorted((ROOT / "tests" / "data").glob("consultation*.flac")))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("listening", total=len(paths))
        results = run_sound(paths, settings.audio, lambda: bar.advance(task), vad=settings.vad)
    figures = figures_of(results)
    print_figures(f"{len(paths)} recordings; the ratio is to no conditioning", figures)
    if json_file is not None:
        write_figures(json_file, figures)
