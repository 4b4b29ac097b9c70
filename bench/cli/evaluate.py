"""`interlocutor eval`: how good the engines are at their task, measured on labelled data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.evaluate_guard import guard, leaks
from bench.cli.evaluate_measures import measures
from bench.cli.evaluate_model import model
from bench.cli.evaluate_patient import off_cues, patient
from bench.cli.evaluate_pauses import pauses
from bench.cli.evaluate_sound import sound
from bench.cli.evaluate_tasks import tasks
from bench.cli.evaluate_turns import turns
from bench.cli.measured import measured_mind
from server.cli.options import ConfigFolder, Overrides

if TYPE_CHECKING:
    from bench.cues import CueResult

group = typer.Typer(help="Measure how well the engines do their task.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `eval` with its commands."""
    app.add_typer(group, name="eval")
    group.command("guard")(guard)
    group.command("leaks")(leaks)
    group.command("measures")(measures)
    group.command("model")(model)
    group.command("off-cues")(off_cues)
    group.command("patient")(patient)
    group.command("pauses")(pauses)
    group.command("sound")(sound)
    group.command("tasks")(tasks)
    group.command("turns")(turns)


@group.command("cues")
def cues(
    sentences: Annotated[
        list[Path] | None, typer.Argument(metavar="[SENTENCES.yaml ...]", help="By default tests/data/sentences*.yaml.")
    ] = None,
    spoken: Annotated[bool, typer.Option(help="Also as the embedded recogniser hears it.")] = False,
    heard_by: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Also as this Whisper model hears the sentences in noise.")
    ] = None,
    voice: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Who says them then; again for more. By default all here.")
    ] = None,
    noise_below_db: Annotated[float, typer.Option(help="How far the noise lies below the voice then.")] = 15.0,
    failures: Annotated[
        bool, typer.Option(help="Show what was taken for something else (of held-out files the number only).")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write machine and figures to this file.")] = None,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """How often the patient takes a turn for what it is: the committed consultations, labelled sentences."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from bench.cues import (
        FLITE_VOICES,
        consultation_turns,
        load_sentences,
        measure,
        recognised,
        spoken_sentences,
    )
    from bench.report_figures import print_figures, write_figures
    from bench.report_files import check_target
    from pipelines.engines import Voice
    from pipelines.tts import flite
    from server.paths import ROOT

    if json_file is not None:
        check_target(json_file)
    settings, cards, interpreter = measured_mind(config, overrides)
    data = ROOT / "tests" / "data"
    turns = consultation_turns(data, cards)
    sets = {path.stem: load_sentences(path, cards) for path in sentences or sorted(data.glob("sentences*.yaml"))}
    results = [measure(interpreter, "true_text", "consultations", [turn.case for turn in turns], cards)]
    results += [measure(interpreter, "true_text", name, cases, cards) for name, cases in sets.items()]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    if spoken:
        from pipelines.stt.pocketsphinx import PocketSphinxRecogniser

        recogniser = PocketSphinxRecogniser()
        recogniser.warm()
        voices = FLITE_VOICES if flite.available() else ()
        with Progress(*columns, transient=True) as bar:
            total = len(turns) + len(voices) * sum(len(cases) for cases in sets.values())
            task = bar.add_task("recognising", total=total)

            def advance() -> None:
                bar.advance(task)

            heard = recognised(turns, cards, recogniser, advance)
            results.append(measure(interpreter, "spoken", "consultations", heard, cards))
            for name, cases in sets.items():
                for flite_voice in voices:
                    said = spoken_sentences(cases, flite_voice, flite.FliteSynthesiser())
                    heard = recognised(said, cards, recogniser, advance)
                    results.append(measure(interpreter, "spoken", f"{name}/{flite_voice[0]}", heard, cards))
        if not voices:
            typer.echo("flite is not installed, so the sentences were not spoken; the consultations were.", err=True)
    if heard_by is not None:
        from bench.cues import heard_in_noise
        from bench.voice.places import all_voices, decoder_of, named_voice

        decoder = decoder_of(heard_by, settings)
        names = voice or all_voices(settings.models)
        with Progress(*columns, transient=True) as bar:
            task = bar.add_task("hearing", total=len(names) * sum(map(len, sets.values())))
            for name, cases in sets.items():
                for said_by in names:
                    engine = named_voice(said_by, settings.models).synthesiser
                    said = spoken_sentences(cases, (said_by, Voice()), engine)
                    heard = heard_in_noise(said, decoder, noise_below_db, lambda: bar.advance(task))
                    results.append(measure(interpreter, "heard", f"{name}/{said_by}", heard, cards))
    figures = [figure for result in results for figure in result.figures]
    print_figures("the patient's understanding", figures)
    if failures:
        for result in results:
            _show_failures(result)
    if json_file is not None:
        write_figures(json_file, figures)


def _show_failures(result: CueResult) -> None:
    failures = result.report.failures
    if result.held_out and failures:
        typer.echo(f"{result.kind}/{result.name}: {len(failures)} rows failed; held out, so none is shown")
        return
    for failed in failures:
        case = failed.case
        typer.echo(f"{result.kind}/{result.name}, {case.card_id}: {case.text}")
        typer.echo(f"    expected {case.expected}, got {failed.cue or failed.intent.value}: {failed.reason}")
