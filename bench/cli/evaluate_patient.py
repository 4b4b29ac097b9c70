"""`interlocutor eval patient` and `eval off-cues`: who speaks for the patient best, and what judges found fit."""

from __future__ import annotations

import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from server.cli.options import ConfigFolder, Overrides

if TYPE_CHECKING:
    from bench.minds.mind_reply import MindReply
    from bench.minds.on_topic import TopicJudge
    from bench.report_figures import Figure
    from pipelines.engines import Interpreter
    from pipelines.patient.card_library import CardLibrary


def patient(
    questions: Annotated[
        Path | None, typer.Argument(metavar="[QUESTIONS.yaml]", help="By default tests/data/patient_questions.yaml.")
    ] = None,
    cards: Annotated[int, typer.Option(min=1, help="So many cards at most, in the order of their ids.")] = 12,
    model: Annotated[
        bool, typer.Option("--model/--no-model", help="Also the language model of engines.language_model.")
    ] = True,
    endpoint: Annotated[
        str, typer.Option(metavar="URL", help="Also an OpenAI-compatible server at this address, with /v1.")
    ] = "",
    endpoint_model: Annotated[str, typer.Option(metavar="NAME", help="The name of its model.")] = "",
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Keep each reply there; the next run goes on with it. `eval leaks` reads it."
        ),
    ] = None,
    evidence: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what `auto` goes by (engines.language_model.evidence).")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Show the replies that are not faithful.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write machine and figures to this file.")] = None,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Who speaks for the patient best: forty questions to each of twelve cards, of six kinds, put to each mind.

    Nobody reads the replies: scripts and the text encoder judge them (docs/engines.md, "Who speaks").
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from bench.guard.unreleased import Finder
    from bench.minds.mind_table import figures_of_minds, print_minds, sums_by_kind, told_of
    from bench.minds.minds import CARD, MODEL, ask_all, judge_all, minds_to_measure
    from bench.minds.patient_questions import load_patient_questions, patient_turns
    from bench.minds.weighing import weigh
    from bench.report_figures import write_figures, write_json
    from bench.report_files import check_target
    from pipelines.engine_choices import choose_engines
    from pipelines.patient.card_library import CardLibrary
    from pipelines.responder_choice import guard_encoder
    from server.logs import quiet_logs
    from server.paths import ROOT
    from server.settings.tree import load_settings

    if bool(endpoint) != bool(endpoint_model):
        raise typer.BadParameter("give an address and the name of a model", param_hint="--endpoint, --endpoint-model")
    if evidence is not None and not model:
        raise typer.BadParameter(
            "evidence is of the language model here: leave out --no-model", param_hint="--evidence"
        )
    for file in (json_file, evidence):
        if file is not None:
            check_target(file)
    quiet_logs()
    settings = load_settings(config_folder=config, overrides=overrides or ())
    library = CardLibrary.load(settings.cards_folder)
    source = questions or ROOT / "tests" / "data" / "patient_questions.yaml"
    asked = dict(islice(load_patient_questions(source, library).items(), cards))
    minds = minds_to_measure(
        settings.engines, settings.models, model=model, endpoint=endpoint, endpoint_model=endpoint_model
    )
    encoder, how = guard_encoder(settings.engines, settings.models)
    if encoder is None:
        raise typer.BadParameter(f"what is on topic is judged by meaning, and the encoder is not here ({how})")
    interpreter = cast("Interpreter", choose_engines(settings.engines, settings.models).interpreter.factory())
    interpreter.warm()
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    replies: dict[str, list[MindReply]] = {}
    with Progress(*columns, transient=True) as bar:
        turns = [turn for name, of_card in asked.items() for turn in patient_turns(interpreter, library[name], of_card)]
        for mind in minds:
            task = bar.add_task(mind.name, total=len(turns))
            kept = keep / f"{mind.kind}.jsonl" if keep is not None else None
            replies[mind.kind] = ask_all(mind, turns, kept=kept, advance=lambda task=task: bar.advance(task))  # type: ignore[misc]
    topics = _topic_judge(encoder, {name: [(each.kind, each.ask) for each in of] for name, of in asked.items()})
    finder = Finder(library)
    judged = {kind: judge_all(each, library, finder, topics) for kind, each in replies.items()}
    sums = {kind: sums_by_kind(each) for kind, each in judged.items()}
    print_minds({mind.kind: mind.name for mind in minds}, sums)
    for each in (each for kind in judged if show for each in judged[kind] if each.faults):
        typer.echo(f"{each.reply.card}, {each.reply.kind}: {each.reply.question} -> {each.reply.reply}")
        typer.echo(f"    {'; '.join(each.faults)}")
    agreed = _agreed_with_judges(interpreter, library, encoder)
    typer.echo(
        f"of {agreed.n} replies that two people judged, the encoder called {agreed.value:.0%} as both of them did "
        f"({agreed.note})"
    )
    if MODEL in sums:
        name = next(mind.name for mind in minds if mind.kind == MODEL)
        today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
        found = weigh(judged[CARD], judged[MODEL], name=name, date=today)
        for line in told_of(found):
            typer.echo(line)
        if evidence is not None:
            write_json(evidence, found.model_dump(mode="json"))
    if json_file is not None:
        write_figures(json_file, [*figures_of_minds(sums), agreed])


def _topic_judge(encoder: Path, asked: dict[str, list[tuple[str, str]]]) -> TopicJudge:
    from bench.minds.on_topic import TopicJudge
    from pipelines.intent.encoder import shared_encoder

    return TopicJudge(shared_encoder(encoder), asked)


def _agreed_with_judges(interpreter: Interpreter, cards: CardLibrary, encoder: Path) -> Figure:
    """Return how often the encoder calls a reply on topic that both judges found fit, and off it where neither did."""
    from bench.minds.judged_before import agreement, judged_replies
    from bench.patient_replies import load_rows, replies
    from server.paths import ROOT

    replied = replies(interpreter, load_rows(ROOT / "tests" / "data" / "off_the_cues.yaml"), cards)
    asked: dict[str, list[tuple[str, str]]] = {}
    for each in replied:
        asked.setdefault(each.row.card, []).append((each.row.kind, each.row.text))
    return agreement(judged_replies(replied), _topic_judge(encoder, asked))


def off_cues(
    rows: Annotated[
        Path | None, typer.Argument(metavar="[ROWS.yaml]", help="By default tests/data/off_the_cues.yaml.")
    ] = None,
    write: Annotated[
        Path | None, typer.Option(help="Write the rows with today's replies to this file, for judges to fill in.")
    ] = None,
    unfit: Annotated[bool, typer.Option(help="Show the replies that a judge found unfit.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write machine and figures to this file.")] = None,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """How fit the patient's replies are to what lies off the cues, by two judges; a changed reply is not judged."""
    from bench.cli.measured import measured_mind
    from bench.patient_replies import as_yaml, figures_of, load_rows, replies
    from bench.report_figures import print_figures, write_figures
    from bench.report_files import check_target
    from server.paths import ROOT

    for file in (json_file, write):
        if file is not None:
            check_target(file)
    _, cards, interpreter = measured_mind(config, overrides)
    replied = replies(interpreter, load_rows(rows or ROOT / "tests" / "data" / "off_the_cues.yaml"), cards)
    figures = figures_of(replied)
    print_figures("the patient off the cues", figures)
    for each in replied:
        if unfit and each.fit and not all(each.fit):
            typer.echo(f"{each.row.card}, {each.row.kind}: {each.row.text}\n    {each.reply}")
    if write is not None:
        write.write_text(as_yaml(replied), encoding="utf-8")
    if json_file is not None:
        write_figures(json_file, figures)
