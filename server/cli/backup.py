"""`interlocutor backup` and `interlocutor restore`: a copy of everything, and the way back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.at_store import with_store
from server.cli.options import ConfigFolder, Overrides

if TYPE_CHECKING:
    from server.backups.making import Made
    from server.settings.tree import Settings
    from server.store.store import Store


def register(app: typer.Typer) -> None:
    """Add `backup` and `restore`."""
    app.command("backup")(backup)
    app.command("restore")(restore)


def backup(
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="Folder for backups; else backup.folder's.")
    ] = None,
    check: Annotated[
        Path | None, typer.Option("--check", metavar="BACKUP", help="Make none: compare this one with its manifest.")
    ] = None,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Copy the database and the data folder, check the copy, and let the oldest go; a server may run meanwhile."""
    from server.backups.making import make_backup, shelf_of
    from server.backups.manifest import check as compare
    from server.backups.manifest import read_manifest
    from server.backups.shelf import Shelf

    if check is not None:
        manifest = read_manifest(check)
        compare(check, manifest)
        typer.echo(f"{check.name}: all {len(manifest.files)} files are as they were ({_size(manifest.size_bytes)})")
        return

    async def do(store: Store, settings: Settings) -> Made:
        shelf = shelf_of(settings) if to is None else Shelf(to.absolute())
        return await make_backup(store, settings, shelf, by="command line")

    made = with_store(do, overrides=overrides, config=config)
    typer.echo(f"{made.folder}")
    typer.echo(
        f"{len(made.manifest.files)} files, {_size(made.manifest.size_bytes)}, checked, in {made.seconds:.1f} s; "
        f"{made.linked} are shared with the backup before",
        err=True,
    )
    for name in made.gone:
        typer.echo(f"{name} went, since only the newest are kept (backup.keep)", err=True)
    typer.echo("The master key is not in it: keep a copy of vault.key elsewhere.", err=True)


def restore(
    folder: Annotated[Path, typer.Argument(metavar="BACKUP", help="The folder of one backup.")],
    erasures: Annotated[
        list[Path] | None,
        typer.Option(
            "--erasures", metavar="FILE", help="List of what was erased since, or a server's log; may repeat."
        ),
    ] = None,
    without_erasures: Annotated[
        bool, typer.Option("--without-erasures", help="Go on though nobody knows what was erased since.")
    ] = False,
    aside: Annotated[
        bool, typer.Option("--aside", help="Move what is in the data folder away first; it stays there, whole.")
    ] = False,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Bring a backup back into an empty data folder and an empty database, and erase again what was erased since."""
    import asyncio

    from server.backups.restoring import restore
    from server.logs import quiet_logs
    from server.settings.tree import load_settings

    quiet_logs()
    settings = load_settings(config_folder=config, overrides=overrides or ())
    done = asyncio.run(restore(folder, settings, lists=erasures or (), without_lists=without_erasures, aside=aside))
    made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(done.manifest.made_ms / 1000))
    typer.echo(f"{len(done.manifest.files)} files and {done.state.rows} rows are as they were on {made}")
    gone = f"{len(done.again.sessions)} role-plays and {len(done.again.people)} people"
    typer.echo(f"{gone} that were erased since are erased again, by {len(done.lists)} lists")
    typer.echo("What happened after that time is not in it. Now run `interlocutor audit verify`.", err=True)
    if done.aside is not None:
        typer.echo(
            f"What was here is in {done.aside}. Role-plays that were held after the backup come back with\n"
            f"`interlocutor db import --from {done.aside}`. Then delete that folder: nothing else does.",
            err=True,
        )
    if settings.audit.anchor is not None and settings.audit.anchor.exists():
        typer.echo("Name a new file as audit.anchor: the old one tells of lines that came after the backup.", err=True)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"
