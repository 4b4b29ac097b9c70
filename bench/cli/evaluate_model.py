"""`interlocutor eval model`: a language model's real replies to hard questions, through the guard, into a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from server.cli.options import ConfigFolder, Overrides


def model(
    write: Annotated[Path, typer.Option(help="File for the replies, one a line; `eval leaks` reads it.")],
    most: Annotated[int, typer.Option(min=1, help="So many questions at most, spread over the cards.")] = 500,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write machine and figures to this file.")] = None,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """What a language model says to questions that want too much: twelve cards, forty questions each.

    The model is that of the settings, or `engines.language_model` where they ask for none.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from bench.guard.cases import load_questions
    from bench.guard.guard_measure import adversarial_turns
    from bench.guard.model_replies import figures_of, reply_to
    from bench.minds.minds import patiently
    from bench.report_figures import print_figures, write_figures
    from bench.report_files import check_target
    from pipelines.engine_choices import choose_engines
    from pipelines.engines import GuardedResponder, IndexRequest, Interpreter, PrepareRequest
    from pipelines.patient.card_library import CardLibrary
    from pipelines.patient.persona import persona_of
    from server.logs import quiet_logs
    from server.paths import ROOT
    from server.settings.tree import load_settings

    for target in (write, json_file):
        if target is not None:
            check_target(target)
    quiet_logs()
    settings = load_settings(config_folder=config, overrides=overrides or ())
    engines = settings.engines
    if engines.responder == "auto":
        engines = engines.model_copy(update={"responder": "language-model"})
    choices = choose_engines(engines, settings.models)
    cards = CardLibrary.load(settings.cards_folder)
    interpreter = cast("Interpreter", choices.interpreter.factory())
    interpreter.warm()
    free = choices.responder.speaks_freely
    responder = patiently(choices.responder).factory() if free else choices.responder.factory()
    if not isinstance(responder, GuardedResponder):
        raise typer.BadParameter(
            f"{choices.responder.name} generates no text: set engines.responder", param_hint="--set"
        )
    responder.warm()
    questions = load_questions(ROOT / "tests" / "data" / "guard" / "questions.yaml")
    turns = list(adversarial_turns(interpreter, cards, questions))
    # Spread over the cards, which have as many questions each.
    turns = turns[:: max(1, -(-len(turns) // most))]
    replies = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as bar, write.open("w", encoding="utf-8") as file:
        task = bar.add_task(choices.responder.name, total=len(turns))
        card = ""
        for number, turn in enumerate(turns):
            if turn.card.id != card:
                card = turn.card.id
                responder.index(IndexRequest(turn.card))
                responder.prepare(PrepareRequest(persona_of(turn.card)))
            replies.append(reply_to(responder, turn, number))
            file.write(replies[-1].as_line() + "\n")
            file.flush()
            bar.advance(task)
    figures = figures_of(replies)
    print_figures(f"{choices.responder.name} as the patient", figures)
    if json_file is not None:
        write_figures(json_file, figures)
