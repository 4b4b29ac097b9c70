"""`interlocutor bench`: figures of this machine, measured again by anyone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

group = typer.Typer(help="Measure this machine: load, recogniser, interruptions.", no_args_is_help=True)

JsonFile = Annotated[Path | None, typer.Option("--json", help="Write machine and figures to this file.")]


def register(app: typer.Typer) -> None:
    """Add `bench load`, `bench stt` and `bench interruptions`."""
    app.add_typer(group, name="bench")


@group.command("load")
def load(
    sessions: Annotated[int, typer.Option(min=1, max=1000, help="Candidates at once.")] = 16,
    recordings: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[AUDIO...]", help="What each says: recordings, or folders of them; by default a consultation."
        ),
    ] = None,
    url: Annotated[str | None, typer.Option(help="A server that runs; by default one is started.")] = None,
    card: Annotated[str | None, typer.Option(help="Card to play; by default the one the recording names.")] = None,
    turns: Annotated[int, typer.Option(min=0, help="Only the first so many turns; 0: all.")] = 0,
    backend: Annotated[str, typer.Option(help="Engines of the server that is started: mock, embedded, auto.")] = "mock",
    base64: Annotated[bool, typer.Option("--base64", help="Sound as stock clients send it, not binary.")] = False,
    transport: Annotated[str, typer.Option(help="websocket, or webrtc by UDP.")] = "websocket",
    spread: Annotated[
        float | None, typer.Option(metavar="S", min=0, help="They begin within so long; by default 0.25 s apart.")
    ] = None,
    overrides: Annotated[list[str] | None, typer.Option("--set", help="A setting of that server, a.b=value.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Hold many conversations at once at real pace, the server in a process of its own.

    With the mock backend (scripted engines that cost nothing) it measures our own code.
    """
    import asyncio
    import dataclasses
    import tempfile

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from audio.recording_files import find_recordings
    from bench.load import LoadResult, bytes_in, figures_of, run_load, server_process
    from bench.replay.plan import plan_replay
    from bench.replay.run import card_of
    from bench.replay.transports import named_transport
    from bench.report_figures import print_figures, write_figures
    from bench.report_files import check_target
    from server.paths import ROOT

    way = named_transport(transport)
    if json_file is not None:
        check_target(json_file)
    plan = plan_replay(find_recordings(recordings or ()) or [ROOT / "tests" / "data" / "consultation.flac"])
    if turns:
        plan = dataclasses.replace(plan, turns=plan.turns[:turns])
    card_id = card_of(plan, card)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())

    async def main(data: Path) -> LoadResult:
        with Progress(*columns, transient=True) as bar:
            task = bar.add_task("turns", total=sessions * len(plan.turns))

            def progress() -> None:
                bar.advance(task)

            if url is not None:
                return await run_load(
                    url,
                    plan,
                    card_id,
                    sessions=sessions,
                    server=None,
                    transport=way,
                    spread_s=spread,
                    binary=not base64,
                    progress=progress,
                )
            settings = [
                f"engines.backend={backend}",
                f"server.max_sessions={sessions + 1}",
                "server.reservations.per_minute=0",
                "session.session_s=3600",
                *(overrides or ()),
            ]
            arguments = [word for setting in settings for word in ("--set", setting)]
            async with server_process(arguments, data=data) as (address, process):
                return await run_load(
                    address,
                    plan,
                    card_id,
                    sessions=sessions,
                    server=process,
                    transport=way,
                    spread_s=spread,
                    binary=not base64,
                    progress=progress,
                )

    with tempfile.TemporaryDirectory(prefix="interlocutor-bench-") as folder:
        result = asyncio.run(main(Path(folder)))
        result.kept_bytes = bytes_in(Path(folder) / "sessions")
    figures = figures_of(result)
    print_figures(f"{sessions} sessions, {backend if url is None else url}, {way}", figures)
    if json_file is not None:
        write_figures(json_file, figures)
    if result.failed or not result.candidates:
        raise typer.Exit(1)


@group.command("stt")
def stt(
    real: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also real speech: WAV, FLAC or OGG files, the text beside as .txt."),
    ] = None,
    whisper: Annotated[
        str | None, typer.Option(metavar="ID", help="Measure this Whisper instead: its id, or a folder.")
    ] = None,
    shape: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Measure a Whisper of this size with random weights instead.")
    ] = None,
    threads: Annotated[int, typer.Option(min=0, max=256, help="Of a Whisper; 0: as the server would.")] = 0,
    json_file: JsonFile = None,
) -> None:
    """Measure the embedded recogniser on the committed sound, stock decoder settings beside ours.

    Word error rate, time from a segment's end to its final text, processor time per second of sound; per voice.
    A Whisper (--whisper tiny.en) reads the same, the sentences it is qualified with, and what --real names: at its own
    length beside padded to 30 s, whole and streamed. --shape base.en times one beside faster-whisper's own way, which
    takes no weights.
    """
    if whisper is not None or shape is not None:
        from bench.cli.bench_whisper import bench_whisper, read_whisper

        if shape is None and whisper is not None:
            read_whisper(whisper, real=real, threads=threads, json_file=json_file)
        else:
            bench_whisper(whisper, shape=shape, threads=threads, json_file=json_file)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from bench.report_figures import print_figures, write_figures
    from bench.report_files import check_target
    from bench.stt import STOCK, fixture_clips, real_clips, run_bench
    from pipelines.patient.card_library import CardLibrary
    from pipelines.stt.pocketsphinx import PocketSphinxRecogniser
    from server.paths import ROOT
    from server.settings.tree import load_settings

    if json_file is not None:
        check_target(json_file)
    cards = CardLibrary.load(load_settings().cards_folder)
    data = ROOT / "tests" / "data"
    spoken = real_clips(real) if real is not None else []
    ours = [*fixture_clips(data, cards, vocabulary=True), *spoken]
    plain = [*fixture_clips(data, cards, vocabulary=False), *spoken]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("recognising", total=len(ours) + len(plain))

        def advance() -> None:
            bar.advance(task)

        adapted = run_bench(PocketSphinxRecogniser(), ours, advance)
        stock = run_bench(PocketSphinxRecogniser(STOCK), plain, advance)
    figures = [figure for group, result in adapted.items() for figure in result.figures(group, stock.get(group))]
    print_figures("PocketSphinx with our settings; the ratio is to stock settings", figures)
    if json_file is not None:
        write_figures(json_file, figures)


@group.command("interruptions")
def interruptions(
    sounds: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[SOUND...]", help="Recordings named by kind, or folders of them; by default the fixtures."
        ),
    ] = None,
    pace: Annotated[str, typer.Option(help="real, or fast: virtual time with the engines' measured costs.")] = "fast",
    first: Annotated[int, typer.Option(min=0, help="Only the first so many sounds; 0: all.")] = 0,
    echo_db: Annotated[
        float | None, typer.Option(metavar="DB", min=-60, max=0, help="Let the patient's sound come back so loud.")
    ] = None,
    echo_delay: Annotated[float, typer.Option(metavar="MS", min=0, max=2_000, help="And so much later.")] = 150.0,
    cancelled: Annotated[bool, typer.Option(help="The client says that it cancels its echo, nevertheless.")] = False,
    overrides: Annotated[list[str] | None, typer.Option("--set", help="A setting, a.b=value.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Measure what sounds over the patient's speech do: backchannels, noises, turns that take the floor, answers to a
    question of the patient's, corrections, and requests to wait.

    Files are named `backchannel-...`, `noise-...`, `floor-...`, `answer-...`, `correction-...` or `hold-...`. Times are
    the client's, from the sound's first voiced sample (hold, yield) or after its last (resume); words are counted by
    the samples that were heard.
    """
    from typing import cast

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from bench.interruptions import Echo, figures_of, load_interruptions, run_interruptions
    from bench.replay.plan import plan_replay
    from bench.replay.run import Pace
    from bench.report_figures import print_figures, write_figures
    from bench.report_files import check_target
    from pipelines.patient.card_library import CardLibrary
    from server.paths import ROOT
    from server.settings.tree import load_settings

    if json_file is not None:
        check_target(json_file)
    if pace not in ("real", "fast"):
        raise typer.BadParameter("choose real or fast", param_hint="--pace")
    settings = load_settings(overrides=overrides or ())
    data = ROOT / "tests" / "data"
    made = load_interruptions(sounds or [data / "interruptions"])[: first or None]
    plans = [plan_replay([path]) for path in sorted(data.glob("consultation*.flac"))]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("interruptions", total=len(made))
        result = run_interruptions(
            plans,
            made,
            settings=settings,
            cards=CardLibrary.load(settings.cards_folder),
            pace=cast(Pace, pace),
            echo=Echo(echo_db, echo_delay, cancelled) if echo_db is not None else None,
            progress=lambda count: bar.advance(task, count),
        )
    figures = figures_of(result)
    print_figures(f"{len(result.outcomes)} sounds over the patient's speech, {pace} pace", figures)
    if json_file is not None:
        write_figures(json_file, figures)
