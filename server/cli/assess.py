"""`interlocutor assess`: a language model's second opinion on role-plays that are over, which is never a mark."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli.at_store import with_store
from server.cli.options import AsJson, ConfigFolder, Overrides

if TYPE_CHECKING:
    from pathlib import Path

    from common.seal import Seal
    from pipelines.patient.card import Card
    from server.opinions.opinion_run import OpinionRun
    from server.settings.tree import Settings
    from server.store.sessions import IndexedSession
    from server.store.store import Store


def register(app: typer.Typer) -> None:
    """Add `assess`."""
    app.command()(assess)


def assess(
    sessions: Annotated[
        list[str] | None, typer.Argument(metavar="[ID...]", help="Role-plays by their ids, as `sessions list` shows.")
    ] = None,
    mode: Annotated[str | None, typer.Option("--all", help="Instead of ids: all of practice, or of exam.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="With --all, how many at most, the newest first.")] = 1_000,
    check: Annotated[bool, typer.Option("--check", help="Have the model mark the reference passages anew.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Ask even what was asked in the same words before.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Only say what the log of evaluations tells.")] = False,
    as_json: AsJson = False,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Have a language model judge role-plays against references; off unless a model is named (MASTER_MODEL_NAME).

    First the model marks the reference passages. One that misses them is not usable, and judges nobody. What it says
    of a role-play is kept beside its log, for examiners, once all of them have signed. It is never a mark.
    """
    from server.cli.ended_sessions import wanted_sessions
    from server.logs import quiet_logs
    from server.opinions.opinion_log import report_of
    from server.opinions.opinion_run import log_of, opinion_run
    from server.settings.tree import load_settings

    if mode not in (None, "practice", "exam"):
        raise typer.BadParameter("write practice or exam", param_hint="--all")
    quiet_logs()
    settings = load_settings(config_folder=config, overrides=overrides or ())
    if report:
        told = report_of(log_of(settings).lines())
        typer.echo(json.dumps(told, indent=2)) if as_json else _print_report(told)
        return
    with opinion_run(settings) as run:
        if isinstance(run, str):
            typer.echo(f"There is no second opinion: {run}.")
            raise typer.Exit(1)
        found, moved = run.check(anew=check)
        typer.echo(f"{run.evaluator.model.where}: {found}.")
        if moved:
            typer.echo(
                f"It marks {len(moved)} of them otherwise than before, so it is another model: {', '.join(moved)}."
            )
        if not found.usable(settings.second_opinion):
            typer.echo("It is not usable for a second opinion; nothing else was asked. Name another model.")
            raise typer.Exit(1)
        if not sessions and mode is None:
            return

        async def do(store: Store, _settings: Settings) -> bool:
            return await _assess(run, store, await wanted_sessions(store, sessions or [], mode, limit), again=again)

        if not with_store(do, overrides=overrides, config=config):
            raise typer.Exit(1)


async def _assess(run: OpinionRun, store: Store, wanted: list[IndexedSession], *, again: bool) -> bool:
    """Have each session judged; return whether all were."""
    from server.cli.ended_sessions import read_each
    from server.opinions.model_alone import unanswered
    from server.opinions.opinion_models import ModelFailed
    from server.opinions.session_opinion import assess_session

    def read(folder: Path, seal: Seal | None, card: Card) -> tuple[str, bool]:
        try:
            made = assess_session(run.evaluator, folder, seal, card, again=again)
        except ModelFailed as failure:
            raise unanswered(failure) from None
        states = [each.state for each in made.evaluations]
        # The marks themselves are for examiners who have signed, and not for whoever runs this.
        return f"{states.count('made')} of {len(states)} criteria", set(states) == {"made"}

    return await read_each(store, run.settings, wanted, read, audited="opinion.made")


def _print_report(told: dict[str, Any]) -> None:
    if not told["models"]:
        typer.echo("Nothing was judged yet.")
    for model in told["models"]:
        typer.echo(
            f"{model['model']}: {model['evaluations']} evaluations, {model['cached']} of them known before, "
            f"{model['not_usable']} not usable, {model['failed']} failed; {model['tokens']} tokens, "
            f"cost {model['cost']}"
        )
        if model["tone"]:
            typer.echo("    tone: " + ", ".join(f"{name} {count}" for name, count in sorted(model["tone"].items())))
        for name, each in model["criteria"].items():
            if each["marks"] is None:
                typer.echo(f"    {name}: too few role-plays ({each['role_plays']})")
                continue
            marks = ", ".join(f"{mark}: {count}" for mark, count in each["marks"].items())
            line = f"    {name}: mean {each['mean']:.2f} of {each['role_plays']} ({marks})"
            if each["drift"] is not None:
                drift = "DRIFT" if each["drift"] else "no drift"
                line += f"; {each['before']:.2f} before, {each['recent']:.2f} lately: {drift}"
            typer.echo(line)
