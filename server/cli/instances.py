"""`interlocutor instances`: the servers that share this data folder and database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from server.cli.at_store import with_store
from server.cli.options import AsJson, ConfigFolder, Overrides

if TYPE_CHECKING:
    from server.settings.tree import Settings
    from server.store.store import Store


def register(app: typer.Typer) -> None:
    """Add `instances`."""
    app.command()(instances)


def instances(as_json: AsJson = False, overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """List the servers that work together: their places, who leads, and what each holds.

    A server that has given no sign of life for some seconds is sent no new role-play. What it holds goes to another as
    soon as its process is gone.
    """
    import json

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    found = with_store(_read, overrides=overrides, config=config)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    if not found:
        typer.echo("No server works together with others here; see instances.name in the settings.")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("Name", "Address", "State", "Free", "Places", "Holds", "Sign of life", "Version"):
        table.add_column(title, overflow="fold", no_wrap=title == "Name")
    for one in found:
        name = f"{one['name']} (leads)" if one["leads"] else one["name"]
        silent = f"{one['silent_s']:.0f} s ago"
        rest = (str(one["free"]), str(one["places"]), str(one["holds"]), silent, one["version"])
        table.add_row(name, Text(one["address"]), Text(one["state"]), *rest)
    Console().print(table)


async def _read(store: Store, settings: Settings) -> list[dict[str, Any]]:
    from dataclasses import asdict

    from common.errors import SettingsError
    from server.records.holder import SharedHolder
    from server.store.instances import all_instances

    if store.database.is_sqlite:
        raise SettingsError("database.url: only servers that share a PostgreSQL database work together; name it here")
    async with store.database.reading() as connection:
        known = await all_instances(connection)
    shown = []
    for one in known:
        told = {name: value for name, value in asdict(one).items() if name not in ("silent_ms", "engines")}
        held = len(SharedHolder.held_by(settings.data_path, one.name))
        shown.append(told | {"silent_s": round(one.silent_ms / 1000.0, 1), "holds": held})
    return shown
