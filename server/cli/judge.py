"""`interlocutor judge`: a language model says afterwards which rules the patient's replies kept and broke."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.at_store import with_store
from server.cli.options import AsJson, ConfigFolder, Overrides

if TYPE_CHECKING:
    from pathlib import Path

    from common.seal import Seal
    from pipelines.patient.card import Card
    from server.judging.judge_run import JudgeRun
    from server.judging.judge_scores import SpeakerScores
    from server.judging.session_judgement import SessionJudgement
    from server.settings.tree import Settings
    from server.store.sessions import IndexedSession
    from server.store.store import Store


def register(app: typer.Typer) -> None:
    """Add `judge`."""
    app.command()(judge)


def judge(
    sessions: Annotated[
        list[str] | None, typer.Argument(metavar="[ID...]", help="Role-plays by their ids, as `sessions list` shows.")
    ] = None,
    mode: Annotated[str | None, typer.Option("--all", help="Instead of ids: all of practice, or of exam.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="With --all, how many at most, the newest first.")] = 1_000,
    every: Annotated[bool, typer.Option("--every", help="Judge the card's own words too, not only a model's.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Have the model judge the reference replies anew.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Ask even what was asked in the same words before.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Show each reply that breaks a rule, and why.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Only say what the verdicts come to, by model.")] = False,
    as_json: AsJson = False,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Have a language model judge what the patient said; off unless a model is named (MASTER_MODEL_NAME).

    First it judges reference replies. One that gets them wrong is not usable, and judges nothing. The verdicts are kept
    beside the log of the role-play, and their sums are shown in the server's metrics.
    """
    from server.cli.ended_sessions import wanted_sessions
    from server.judging.judge_run import judge_log, judge_run
    from server.judging.judge_scores import scores_of
    from server.logs import quiet_logs
    from server.settings.tree import load_settings

    if mode not in (None, "practice", "exam"):
        raise typer.BadParameter("write practice or exam", param_hint="--all")
    quiet_logs()
    settings = load_settings(config_folder=config, overrides=overrides or ())
    if report:
        scores = scores_of(judge_log(settings).lines())
        typer.echo(json.dumps([asdict(each) for each in scores], indent=2)) if as_json else _print_report(scores)
        return
    with judge_run(settings) as run:
        if isinstance(run, str):
            typer.echo(f"There is no judge: {run}.")
            raise typer.Exit(1)
        found, moved = run.check(anew=check)
        typer.echo(f"{run.judge.model.where}: {found}.")
        if moved:
            typer.echo(
                f"It judges {len(moved)} of them otherwise than before, so it is another model: {', '.join(moved)}."
            )
        if faults := found.faults(settings.judge):
            for fault in faults:
                typer.echo(f"    {fault}")
            typer.echo("It is not usable as a judge; nothing else was asked. Name another model.")
            raise typer.Exit(1)
        if not sessions and mode is None:
            return

        async def do(store: Store, _settings: Settings) -> bool:
            wanted = await wanted_sessions(store, sessions or [], mode, limit)
            try:
                return await _judge(run, store, wanted, again=again, every=every, show=show)
            finally:
                run.keep_scores()

        if not with_store(do, overrides=overrides, config=config):
            raise typer.Exit(1)


async def _judge(
    run: JudgeRun, store: Store, wanted: list[IndexedSession], *, again: bool, every: bool, show: bool
) -> bool:
    """Have each session judged; return whether all were."""
    from server.cli.ended_sessions import read_each
    from server.judging.judge_run import WHAT
    from server.judging.session_judgement import judge_session
    from server.opinions.model_alone import unanswered
    from server.opinions.opinion_models import ModelFailed

    def read(folder: Path, seal: Seal | None, card: Card) -> tuple[str, bool]:
        try:
            made = judge_session(run.judge, folder, seal, card, again=again, every=every)
        except ModelFailed as failure:
            raise unanswered(failure, WHAT) from None
        verdicts = [each.verdict for each in made.replies]
        judged = [verdict for verdict in verdicts if verdict.state == "made"]
        broken = sum(bool(verdict.broken) for verdict in judged)
        told = f"{len(judged)} of {len(verdicts)} replies judged, {broken} of them break a rule"
        return (told + _shown(made) if show else told), len(judged) == len(verdicts)

    return await read_each(store, run.settings, wanted, read, audited="judgement.made")


def _shown(made: SessionJudgement) -> str:
    return "".join(
        f'\n    reply {each.reply}: "{each.text}"\n        {", ".join(each.verdict.broken)}: {each.verdict.reason}'
        for each in made.replies
        if each.verdict.broken
    )


def _print_report(scores: list[SpeakerScores]) -> None:
    if not scores:
        typer.echo("Nothing was judged yet.")
    for each in scores:
        digest = f" ({each.speaker_digest[:12]})" if each.speaker_digest else ""
        broken = ", ".join(f"{name} {count}" for name, count in each.broken.items())
        typer.echo(f"{each.speaker}{digest}: {each.replies} replies judged; rules broken: {broken}")
