"""`interlocutor vault`: the master key: what it wraps, another one in its place, and records in the plain sealed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.at_store import with_store
from server.cli.options import AsJson, ConfigFolder, Overrides

if TYPE_CHECKING:
    from server.records.rekeying import Holdings
    from server.settings.tree import Settings
    from server.store.store import Store
    from server.vault.key_text import KeyFile
    from server.vault.vault import Vault

group = typer.Typer(help="Show, rotate and retire the master key, and seal old records.", no_args_is_help=True)

_DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


def register(app: typer.Typer) -> None:
    """Add `vault` with its commands."""
    app.add_typer(group, name="vault")


@group.command()
def status(as_json: AsJson = False, overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """Show which master keys there are, how many keys each wraps, and what lies in the plain."""
    from server.vault.opening import open_vault, protection

    async def do(store: Store, settings: Settings) -> tuple[list[str], Holdings, str]:
        return list(open_vault(settings).keys.known), await _holdings(store, settings), protection(settings)

    known, found, protects = with_store(do, overrides=overrides, config=config)
    keys = [{"key": key, "current": key == known[0], "wraps": found.wrapped[key]} for key in known]
    lost = {key: count for key, count in found.wrapped.items() if key not in known}
    if as_json:
        body = {"keys": keys, "missing": lost, "plain": len(found.plain), "erased": found.erased}
        typer.echo(json.dumps(body | {"faults": found.faults, "protects": protects}, indent=2))
        return
    for one in keys:
        typer.echo(f"{one['key']}  {'current' if one['current'] else 'former '}  wraps {one['wraps']} keys")
    for key, count in lost.items():
        typer.echo(f"{key}  missing  wraps {count} keys that nobody can open now")
    typer.echo(f"in the plain: {len(found.plain)} sessions; erased: {found.erased}")
    typer.echo(f"it protects {protects}")
    for fault in found.faults:
        typer.echo(fault, err=True)


@group.command()
def rotate(dry_run: _DryRun = False, overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """Put a new master key before the others, and have it wrap every key; what was cut off is continued.

    A server may run meanwhile. The former key stays until `vault retire`. With vault.key in a variable, put the new key
    before the old one there and start the server again first.
    """
    from server.records.rekeying import rewrap_sessions
    from server.store import audit, person_seals
    from server.vault.key_text import new_key_word

    async def do(store: Store, settings: Settings) -> None:
        vault, file = _vault(settings)
        found = await _holdings(store, settings)
        waiting = sum(count for key, count in found.wrapped.items() if key != vault.keys.current)
        if not waiting and file is None:
            typer.echo("the current key wraps every key: put a new one before it in vault.key, and call this again")
            return
        if dry_run:
            new = "" if waiting else "a new key would be made; "
            typer.echo(f"{new}{waiting or found.wrapped.total()} keys would be wrapped anew")
            return
        if not waiting and file is not None:
            file.put_first(new_key_word())
        current = vault.keys.current
        await store.append("vault.rotating", by="command line", key=current)
        counts: list[int] = []
        faults = rewrap_sessions(_folders(settings), vault, counts.append)
        async with store.database.writing() as connection:
            people = await person_seals.rewrap(connection, vault)
            done = {"key": current, "keys": max(counts, default=0) + people, "failed": len(faults)}
            await audit.append(connection, "vault.rotated", by="command line", **done)
        typer.echo(f"{current} wraps {done['keys']} keys anew; keep a copy of it apart from the data")
        _fail_if(faults)

    with_store(do, overrides=overrides, config=config)


@group.command()
def retire(dry_run: _DryRun = False, overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """Take former master keys that wrap nothing any more out of vault.key_file.

    Backups that were made before the rotation need them still: keep a copy for as long as you keep those.
    """
    from common.errors import StorageError
    from server.vault.key_service import parse_keys

    async def do(store: Store, settings: Settings) -> None:
        vault, file = _vault(settings)
        found = await _holdings(store, settings)
        former = list(vault.keys.known[1:])
        used = [key for key in former if found.wrapped[key]]
        if used or found.faults:
            why = f"{used[0]} still wraps {found.wrapped[used[0]]} keys" if used else found.faults[0]
            raise StorageError(f"{why}; run `interlocutor vault rotate` until nothing is left")
        if not former or file is None:
            typer.echo("there is no former key" if not former else "take them out of vault.key: they wrap nothing")
            return
        if not dry_run:
            words = [word for word in file.read().split() if parse_keys(word)[0].id == vault.keys.current]
            file.keep(words[:1])
            await store.append("vault.retired", by="command line", keys=former)
        typer.echo(f"{', '.join(former)}: {'would be' if dry_run else 'is'} taken out; older backups need it still")

    with_store(do, overrides=overrides, config=config)


@group.command("seal")
def seal_plain(dry_run: _DryRun = False, overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """Seal the records that an earlier version wrote in the plain; what was cut off is continued."""
    from common.errors import AppError
    from server.records.rekeying import check_over, seal_session
    from server.store import sessions

    async def do(store: Store, settings: Settings) -> None:
        vault, _ = _vault(settings)
        found = await _holdings(store, settings)
        if dry_run:
            typer.echo(f"{len(found.plain)} sessions would be sealed")
            return
        faults, done = list(found.faults), 0
        for folder in found.plain:
            async with store.database.reading() as connection:
                known = await sessions.by_id(connection, folder.name)
            if known is None or known.state == "running":
                faults.append(f"{folder.name}: it is not over, or the index does not know it; start the server first")
                continue
            try:
                check_over(folder)
                sealed = seal_session(folder, vault)
                # First the audit: it says what is to be there, and a run that was cut off is begun again.
                await store.append("session.sealed", by="command line", session=folder.name, **sealed.digests)
                sealed.put()
                done += 1
            except AppError as error:
                faults.append(error.message)
        typer.echo(f"{done} sessions were sealed")
        _fail_if(faults)

    with_store(do, overrides=overrides, config=config)


def _vault(settings: Settings) -> tuple[Vault, KeyFile | None]:
    from server.vault.opening import key_file, open_vault

    return open_vault(settings), key_file(settings)


def _folders(settings: Settings) -> list[Path]:
    from server.records.housekeeping import session_folders

    return session_folders(settings.data_path / "sessions")


async def _holdings(store: Store, settings: Settings) -> Holdings:
    from server.records.rekeying import holdings
    from server.store.person_seals import wrapped_keys
    from server.vault.key_service import WrappedKey

    found = holdings(_folders(settings))
    async with store.database.reading() as connection:
        found.wrapped.update(WrappedKey.from_text(text).master for text in await wrapped_keys(connection))
    return found


def _fail_if(faults: list[str]) -> None:
    from common.errors import StorageError

    if faults:
        raise StorageError("\n".join(faults))
