"""`interlocutor replay`: recordings played as the candidate, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.cli.options import ConfigFolder, Overrides


def register(app: typer.Typer) -> None:
    """Add `replay`."""
    app.command("replay")(replay)


def replay(
    recordings: Annotated[
        list[Path], typer.Argument(metavar="AUDIO...", help="WAV, FLAC or OGG recordings, or folders of them.")
    ],
    card: Annotated[str | None, typer.Option(help="Card to play; by default the one its truth file names.")] = None,
    url: Annotated[str | None, typer.Option(help="Replay against this server, e.g. http://127.0.0.1:8000.")] = None,
    transport: Annotated[str, typer.Option(help="How to reach --url: websocket, or webrtc by UDP.")] = "websocket",
    pace: Annotated[str, typer.Option(help="real, or fast: virtual time, the same decisions.")] = "real",
    channel: Annotated[
        str | None, typer.Option(help="left or right: the channel with the candidate, in a recording of two voices.")
    ] = None,
    as_recorded: Annotated[
        bool, typer.Option("--as-recorded", help="Keep the recording's own timing (and so interrupt).")
    ] = False,
    spoken_ahead: Annotated[
        bool,
        typer.Option(
            "--spoken-ahead",
            help="Have the patient's lines begun ahead, as a server does while nobody talks.",
        ),
    ] = False,
    repeat: Annotated[
        int, typer.Option("--repeat", "--repeats", min=1, max=1000, help="Run so many times; median and spread.")
    ] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write turns and summary to this file.")] = None,
    html_file: Annotated[
        Path | None,
        typer.Option("--html", help="Write a page: summary, and each turn with its sound, words and times."),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="Compare with what an earlier --json wrote: differences with 95 % intervals.")
    ] = None,
    record: Annotated[Path | None, typer.Option(help="Write both voices as a stereo WAV.")] = None,
    budget_p95_ms: Annotated[
        float | None, typer.Option(help="Exit with 1 when the p95 of voice to voice is over this.")
    ] = None,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Play recordings as the candidate and show each turn: what was heard, the reply, and the latency in five parts.

    Turns come from the recording's truth file (NAME.truth.yaml), or are found by voice activity. Each starts when the
    patient has finished, after a natural gap.
    """
    from datetime import UTC, datetime
    from importlib.metadata import version

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from audio.files import write_wav
    from audio.frames import WIRE_HZ
    from audio.recording_files import find_recordings, names_of
    from bench.replay.baseline import read_report
    from bench.replay.both_voices import voices_of
    from bench.replay.page import replay_page
    from bench.replay.plan import plan_replay
    from bench.replay.report import as_json, print_comparison, print_report
    from bench.replay.run import card_of, final_text_ms, replay_here, replay_there
    from bench.replay.transports import named_transport
    from bench.replay.views import views_of
    from bench.report_figures import write_json
    from bench.report_files import check_target, write_whole
    from common.errors import SettingsError
    from pipelines.patient.card_library import CardLibrary
    from server.logs import quiet_logs
    from server.reports.comparison import compare
    from server.reports.report_turns import ReadReport
    from server.settings.tree import load_settings

    way = named_transport(transport)
    if url is None and way != "websocket":
        raise SettingsError("--transport is for a server; give its address with --url")
    if pace not in ("real", "fast"):
        raise SettingsError("--pace is 'real' or 'fast'")
    if channel not in (None, "left", "right"):
        raise SettingsError("--channel is 'left' or 'right'")
    if url is not None and spoken_ahead:
        raise SettingsError("--spoken-ahead is for replays in this process; a server decides itself. Leave one out")
    if url is not None and pace == "fast":
        raise SettingsError("--pace fast is virtual time, which a server over --url does not have; leave one out")
    earlier = read_report(baseline) if baseline is not None else None
    for target in filter(None, (json_file, html_file, record)):
        check_target(target)
    quiet_logs()
    settings = load_settings(config_folder=config, overrides=overrides or ())
    paths = find_recordings(recordings)
    plan = plan_replay(paths, channel={"left": 0, "right": 1}.get(channel or ""))
    card_id = card_of(plan, card)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("turns", total=len(plan.turns) * repeat)
        if url is not None:
            outcome = replay_there(
                plan,
                card_id,
                url=url,
                transport=way,
                repeat=repeat,
                as_recorded=as_recorded,
                progress=lambda _turns: bar.advance(task),
            )
        else:
            outcome = replay_here(
                plan,
                card_id,
                settings=settings,
                cards=CardLibrary.load(settings.cards_folder),
                pace="fast" if pace == "fast" else "real",
                repeat=repeat,
                as_recorded=as_recorded,
                spoken_ahead=spoken_ahead,
                progress=lambda _turns: bar.advance(task),
            )
    about = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": version("interlocutor"),
        "card": card_id,
        "recordings": names_of(paths),
        "pace": pace,
        "as_recorded": as_recorded,
        "spoken_ahead": spoken_ahead,
        "url": url,
        "transport": way if url is not None else None,
        "engines": outcome.engines,
        "untold": list(outcome.untold),
        "settings_digest": settings.digest() if url is None else None,  # a server has its own
    }
    report = as_json(
        outcome.runs,
        troubles=outcome.troubles,
        topics=outcome.topics,
        final_text_ms=final_text_ms(outcome),
        about=about,
    )
    print_report(outcome.runs, report)
    if report["summary"]["turns"] and not report["summary"]["answered_once"]:
        typer.echo("nothing was answered: check the card, and which channel has the candidate (--channel)", err=True)
    if (final := report["summary"].get("final_text_ms")) is not None:
        typer.echo(f"final text after its pause   p50 {final['p50']:.0f} ms   p95 {final['p95']:.0f} ms")
    comparison = None
    if earlier is not None:
        comparison = compare(ReadReport.model_validate(report), earlier)
        print_comparison(comparison)
        report["comparison"] = comparison.as_json()
    if json_file is not None:
        write_json(json_file, report)
    if html_file is not None and outcome.stereo is not None:
        views = views_of(
            outcome.runs[-1],
            stereo=outcome.stereo,
            log=outcome.logs[-1] if outcome.logs else (),
            heard=outcome.heard,
            reply_words=outcome.reply_words,
        )
        voices = voices_of(
            outcome.runs[-1],
            stereo=outcome.stereo,
            log=outcome.logs[-1] if outcome.logs else (),
            heard=outcome.heard,
        )
        write_whole(html_file, replay_page(report, views, baseline=earlier, voices=voices))
    if record is not None and outcome.stereo is not None:
        write_wav(record, outcome.stereo, WIRE_HZ)
    p95 = report["summary"]["voice_to_voice_ms"]["p95"]
    if budget_p95_ms is not None and (p95 is None or p95 > budget_p95_ms):
        typer.echo(f"over budget: p95 of voice to voice is {p95} ms, allowed are {budget_p95_ms:g} ms", err=True)
        raise typer.Exit(1)
