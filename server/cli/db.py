"""`interlocutor db`: the form of the database, and taking over what earlier versions left in the data folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.at_store import with_store
from server.cli.options import ConfigFolder, Overrides

if TYPE_CHECKING:
    from server.settings.tree import Settings
    from server.store.store import Store

group = typer.Typer(help="Bring the database to this version's form, check it, and fill it.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `db upgrade`, `db check` and `db import`."""
    app.add_typer(group, name="db")


@group.command()
def upgrade(overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """Bring the database to the form that this version works with; the server does so too, if database.migrate."""
    from server.store import migrating

    async def do(store: Store, _settings: Settings) -> tuple[str | None, str]:
        return await migrating.upgrade(store.database)

    had, has = with_store(do, overrides=overrides, config=config, as_it_is=True)
    done = (
        f"the database has form {has} already"
        if had == has
        else f"the database went from form {had or 'none'} to {has}"
    )
    typer.echo(done)


@group.command()
def check(overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """Say whether this version works with the database; exit 1 if not. Nothing is changed in it."""
    from server.store import migrating

    async def do(store: Store, _settings: Settings) -> str:
        await migrating.check(store.database)
        return migrating.newest()

    has = with_store(do, overrides=overrides, config=config, as_it_is=True)
    typer.echo(f"the database has form {has}, which this version works with")


@group.command("import")
def import_folders(
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FOLDER", help="Data folder of another installation, to copy from.")
    ] = None,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Take role-plays over that are not in the index: those in the data folder, and with --from those of another one.

    No server may run on these folders meanwhile. A server takes over at its start what lies in its own.
    """
    from pipelines.patient.card_library import CardLibrary
    from server.records.importing import Imported, import_folders
    from server.vault.opening import open_vault

    async def do(store: Store, settings: Settings) -> Imported:
        cards = CardLibrary.load(settings.cards_folder)
        return await import_folders(store, settings.data_path / "sessions", cards, open_vault(settings), source=source)

    done = with_store(do, overrides=overrides, config=config)
    typer.echo(f"{len(done.taken)} role-play{'s were' if len(done.taken) != 1 else ' was'} taken over")
    if done.here:
        typer.echo(f"{len(done.here)} were here already")
    for name, why in done.left.items():
        typer.echo(f"{name} is left as it is: {why}", err=True)
    if done.taken:
        typer.echo(
            "What is older than the days that records are kept goes after a day: see `sessions retain --dry-run`."
        )
