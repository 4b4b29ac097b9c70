"""`interlocutor sessions retain|hold|release|holds`: how long role-plays are kept, and which may not go."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.at_store import with_store
from server.cli.options import AsJson, ConfigFolder, Overrides

if TYPE_CHECKING:
    from server.records.retention import Run
    from server.settings.tree import Settings
    from server.store.holds import About, LegalHold
    from server.store.store import Store

_What = Annotated[str, typer.Argument(metavar="ID", help="A role-play's id, or with --person a log-in name.")]
_Person = Annotated[bool, typer.Option("--person", help="All that is a person's, by their log-in name.")]
_Reason = Annotated[str, typer.Option(help="Why; the audit keeps it.")]


def add_to(group: typer.Typer) -> None:
    """Add the commands to those of `sessions`."""
    group.command()(retain)
    group.command()(hold)
    group.command()(release)
    group.command()(holds)


def retain(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    clock_is_right: Annotated[
        bool, typer.Option("--clock-is-right", help="You compared the clock: do not wait a day after a jump.")
    ] = False,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Delete the role-plays that were kept long enough, as the server does every six hours."""
    from server.records.recordings import recordings_of
    from server.records.retention import Retention

    async def do(store: Store, settings: Settings) -> Run:
        recordings = recordings_of(settings.recordings)
        retention = Retention(store, settings.data_path / "sessions", settings.retention, recordings=recordings)
        return await (retention.look() if dry_run else retention.run(clock_is_right=clock_is_right))

    run = with_store(do, overrides=overrides, config=config)
    for due in run.due if dry_run else run.deleted:
        over = time.strftime("%Y-%m-%d", time.gmtime(due.over_ms / 1000))
        typer.echo(f"{due.id}  {due.mode}, over on {over}: {'due' if dry_run else 'deleted'}")
    for session_id in run.failed:
        typer.echo(f"{session_id}  could not be deleted; the log says why", err=True)
    if run.held:
        typer.echo(f"{run.held} more are held for legal reasons; see `interlocutor sessions holds`")
    if run.why_not is not None and (dry_run or not clock_is_right):
        typer.echo(f"nothing is deleted now: {run.why_not}", err=True)
        typer.echo("If you have compared the clock of this machine, add --clock-is-right.", err=True)
    typer.echo(f"{len(run.due)} due" if dry_run else f"{len(run.deleted)} deleted, {run.left} left for the next runs")
    if run.failed:
        raise typer.Exit(1)


def hold(
    held: _What, reason: _Reason, person: _Person = False, overrides: Overrides = None, config: ConfigFolder = None
) -> None:
    """Keep a role-play, or all of a person's, from being deleted by anybody until it is released."""
    from server.store.holds import LegalHold, hold
    from server.store.tokens import now_ms

    async def do(store: Store, settings: Settings) -> None:
        about, held_id = await _find(store, settings, held, person)
        async with store.database.writing() as connection:
            await hold(connection, LegalHold(about, held_id, reason, "command line", now_ms()))

    with_store(do, overrides=overrides, config=config)
    typer.echo(f"{held} is held: nobody can delete it until `interlocutor sessions release`")


def release(
    held: _What, reason: _Reason, person: _Person = False, overrides: Overrides = None, config: ConfigFolder = None
) -> None:
    """End a hold; what was kept long enough goes with the next run of the retention."""
    from server.store.holds import release

    async def do(store: Store, settings: Settings) -> None:
        about, held_id = await _find(store, settings, held, person)
        async with store.database.writing() as connection:
            await release(connection, about, held_id, reason=reason, by="command line")

    with_store(do, overrides=overrides, config=config)
    typer.echo(f"{held} is held no more")


def holds(as_json: AsJson = False, overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """List what is held, and why."""
    from server.store.holds import all_holds

    async def do(store: Store, _settings: Settings) -> list[LegalHold]:
        async with store.database.reading() as connection:
            return await all_holds(connection)

    found = with_store(do, overrides=overrides, config=config)
    if as_json:
        typer.echo(json.dumps([one.as_json() for one in found], indent=2))
        return
    for one in found:
        since = time.strftime("%Y-%m-%d", time.gmtime(one.made_ms / 1000))
        typer.echo(f"{one.about} {one.id}  since {since}: {one.reason}")
    if not found:
        typer.echo("nothing is held")


async def _find(store: Store, settings: Settings, held: str, is_person: bool) -> tuple[About, str]:
    from common.errors import ProtocolError
    from server.accounts.accounts import Accounts
    from server.store.sessions import by_id

    if is_person:
        return "person", (await Accounts(store, settings.auth, now_s=time.monotonic).find(held)).id
    async with store.database.reading() as connection:
        known = await by_id(connection, held)
    if known is None:
        raise ProtocolError(
            "there is no such role-play; see `interlocutor sessions list`", code="session.gone", http_status=404
        )
    return "session", held
