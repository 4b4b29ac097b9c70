"""`bench tts`: patients' voices measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.bench import JsonFile, group


def register(_app: typer.Typer) -> None:
    """Add `bench tts` to the commands of `bench`."""
    group.command("tts")(tts)


def tts(
    voice: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A voice, as joe or kokoro/jf_alpha; by default all here.")
    ] = None,
    ear: Annotated[str | None, typer.Option(metavar="ID", help="Have this Whisper read the lines back.")] = None,
    lines: Annotated[int, typer.Option(min=1, help="How many lines of the cards, spread over all of them.")] = 30,
    words: Annotated[int, typer.Option(min=0, help="How many word times to look at; 0: none.")] = 100,
    repeats: Annotated[int, typer.Option(min=1, help="How often each clause is made, for its median.")] = 15,
    listen: Annotated[Path | None, typer.Option(metavar="DIR", help="Write the lines there as WAV files.")] = None,
    mood: Annotated[str | None, typer.Option(metavar="TEXT", help="Have all patients in this mood.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Measure patients' voices: first sound, speed, word times, loudness, and how clear they are (--ear base).

    flite and espeak are voices too: --voice flite.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from bench.report_figures import print_figures, write_figures
    from bench.report_files import check_target
    from bench.voice.at_once import at_once_figures
    from bench.voice.ear import ear_figures
    from bench.voice.line_levels import level_figures
    from bench.voice.lines import lines_of, speak, spread
    from bench.voice.places import all_voices, decoder_of, named_voice
    from bench.voice.recorded import write_lines
    from bench.voice.speed import CLAUSES, speed_figures
    from bench.voice.word_places import place_figures
    from pipelines.patient.card_library import CardLibrary
    from server.settings.tree import load_settings

    if json_file is not None:
        check_target(json_file)
    settings = load_settings()
    chosen = [named_voice(name, settings.models) for name in voice or all_voices(settings.models)]
    decoder = decoder_of(ear, settings) if ear is not None else None
    cards = CardLibrary.load(settings.cards_folder)
    taken = spread(lines_of(cards.values(), mood=mood), lines)
    figures = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as bar:
        for one in chosen:
            task = bar.add_task(one.name, total=len(CLAUSES) * repeats + words + len(taken))

            def tick(task: object = task) -> None:
                bar.advance(task)  # type: ignore[arg-type]

            one.synthesiser.warm()
            figures += speed_figures(
                one.name, one.synthesiser, one.whole, voice=taken[0].voice, repeats=repeats, tick=tick
            )
            if one.one_core is not None:
                one.one_core.warm()
                figures += at_once_figures(one.name, one.one_core, voice=taken[0].voice)
            if words:
                figures += place_figures(one.name, one.synthesiser, taken, most=words, tick=tick)
            if decoder is not None:
                found, spoken = ear_figures(one.name, one.synthesiser, taken, decoder, tick=tick)
                figures += found
            else:
                spoken = [speak(one.synthesiser, line) for line in taken]
            figures += level_figures(one.name, spoken)
            if listen is not None:
                write_lines(listen, one.name, spoken)
            bar.remove_task(task)
    print_figures("voices", figures)
    if json_file is not None:
        write_figures(json_file, figures)
