"""`bench llm`: the language model that speaks for the patient, measured."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli.bench import JsonFile, group
from server.cli.options import ConfigFolder, Overrides


def register(_app: typer.Typer) -> None:
    """Add `bench llm` to the commands of `bench`."""
    group.command("llm")(llm)


def llm(
    model: Annotated[
        str | None, typer.Option(metavar="ID", help="Its id or folder; by default the one that is set.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="How often each time is taken, for its median.")] = 9,
    cards: Annotated[int, typer.Option(min=0, help="How many patients come one after the other; 0: none.")] = 100,
    sessions: Annotated[list[int] | None, typer.Option(min=1, help="So many ask at once; may be repeated.")] = None,
    json_file: JsonFile = None,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Measure the language model: first token with and without a kept beginning, pace, how soon it stops, memory.

    All prompts have a beginning of 600 tokens and 60 more.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from bench.llm import generation_speed
    from bench.report_figures import print_figures, write_figures
    from bench.report_files import check_target
    from pipelines.models.devices import choose_device
    from pipelines.models.model_folders import locate
    from pipelines.responder_choice import minds_of
    from pipelines.responders.language_model.model import LanguageModel
    from server.settings.tree import load_settings

    if json_file is not None:
        check_target(json_file)
    settings = load_settings(config_folder=config, overrides=overrides or ())
    chosen = settings.engines.language_model
    place = locate(model or chosen.model, settings.models, "responder")
    place.require()
    at_once = tuple(sessions or (1, 2, 8))
    device = choose_device(chosen.device, chosen.compute)
    made = LanguageModel(
        place.folder,
        device=device,
        parallel=minds_of(settings.engines),
        cached_cards=max(1, chosen.cached_cards),
        # Patients come faster here than in life.
        forget_after_s=0.0,
    )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task(place.id, total=(2 + len(at_once)) * repeats + cards + 5)

        def tick() -> None:
            bar.advance(task)

        figures = generation_speed.first_token_figures(made, repeats=repeats, tick=tick)
        figures += generation_speed.pace_figures(made, repeats=repeats, tick=tick)
        figures += generation_speed.cancel_figures(made, tick=tick)
        figures += generation_speed.together_figures(made, at_once, repeats=repeats, tick=tick)
        if cards:
            figures += generation_speed.memory_figures(made, cards=cards, tick=tick)
    print_figures(f"{place.id} on {device.label} ({device.compute_type})", figures)
    if json_file is not None:
        write_figures(json_file, figures)
