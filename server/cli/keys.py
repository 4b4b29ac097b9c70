"""`interlocutor keys`: the keys by which programs use this server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.at_store import with_store
from server.cli.options import ConfigFolder, Overrides

if TYPE_CHECKING:
    from server.settings.tree import Settings
    from server.store.keys import Key
    from server.store.store import Store

group = typer.Typer(help="Make, rotate and revoke the keys of programs; no restart is needed.", no_args_is_help=True)

_KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `keys list` shows it.")]
_Scopes = Annotated[
    list[str] | None,
    typer.Option("--scope", metavar="SCOPE", help="What the key may do; may be repeated. * is all of a developer's."),
]


def register(app: typer.Typer) -> None:
    """Add `keys` with its commands."""
    app.add_typer(group, name="keys")


@group.command()
def make(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scopes: _Scopes = None,
    days: Annotated[float | None, typer.Option(min=0.001, help="Days until it ends; without, it does not.")] = None,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Make a key and print its secret, which is shown this once."""
    from server.accounts.key_ring import KeyRing

    async def do(store: Store, _settings: Settings) -> tuple[Key, str]:
        return await KeyRing(store).make("command line", name=name, scopes=scopes or (), days=days)

    key, token = with_store(do, overrides=overrides, config=config)
    typer.echo(token)
    typer.echo(f"This is key {key.id}. Keep its secret well: it can't be shown again.", err=True)


@group.command("list")
def list_keys(overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """List the keys, without their secrets."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from server.accounts.key_ring import KeyRing
    from server.store.tokens import now_ms

    async def do(store: Store, _settings: Settings) -> list[Key]:
        return await KeyRing(store).everything()

    table = Table(box=None, pad_edge=False)
    for title in ("Id", "Name", "Scopes", "State"):
        table.add_column(title, overflow="fold", no_wrap=title == "Id")
    at_ms = now_ms()
    for key in with_store(do, overrides=overrides, config=config):
        ended = key.expires_ms is not None and key.expires_ms <= at_ms
        state = "revoked" if key.revoked_ms is not None else "ended" if ended else "good"
        table.add_row(key.id, Text(key.name), " ".join(sorted(key.scopes)), state)
    Console().print(table)


@group.command()
def rotate(key_id: _KeyId, overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """Give a key a new secret and print it; the old one is good no more."""
    from server.accounts.key_ring import KeyRing

    async def do(store: Store, _settings: Settings) -> str:
        return await KeyRing(store).rotate("command line", key_id)

    typer.echo(with_store(do, overrides=overrides, config=config))


@group.command()
def revoke(key_id: _KeyId, overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """Revoke a key for good."""
    from server.accounts.key_ring import KeyRing

    async def do(store: Store, _settings: Settings) -> None:
        await KeyRing(store).revoke("command line", key_id)

    with_store(do, overrides=overrides, config=config)
    typer.echo(f"{key_id} is revoked")
