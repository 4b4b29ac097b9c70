"""`interlocutor audit`: whether the audit and the sessions' logs are what they were, and the audit as a file."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.at_store import with_store
from server.cli.options import ConfigFolder, Overrides

if TYPE_CHECKING:
    from server.settings.tree import Settings
    from server.store.anchors import Proof
    from server.store.store import Store

group = typer.Typer(help="Prove and export what was done on this server.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `audit verify` and `audit export`."""
    app.add_typer(group, name="audit")


@group.command()
def verify(
    anchors: Annotated[
        list[Path] | None,
        typer.Option(
            "--anchors",
            help="File of anchors, or a server's log; may be repeated. Else those of audit.anchor and audit.s3.",
        ),
    ] = None,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Follow the audit line by line, compare it with the anchors and with the sessions' logs; exit 1 on a fault."""
    from common.errors import StorageError
    from server.records.proof import prove_logs
    from server.records.records import open_records
    from server.store.anchor_objects import anchor_objects
    from server.store.anchors import prove, read_anchors
    from server.store.audit import lines

    async def do(store: Store, settings: Settings) -> tuple[Proof, int]:
        own = [settings.audit.anchor] if settings.audit.anchor is not None and settings.audit.anchor.exists() else []
        heads = [head for path in anchors or own for head in read_anchors(path)]
        if not anchors and (objects := anchor_objects(settings.audit.s3)) is not None:
            heads += objects.read()
        async with store.database.reading() as connection:
            proof = await prove(lines(connection), heads)
        checked, faults = await prove_logs(store, open_records(settings))
        proof.faults += faults
        return proof, checked

    proof, checked = with_store(do, overrides=overrides, config=config)
    if proof.faults:
        raise StorageError("\n".join(proof.faults), code="audit.broken")
    typer.echo(f"{proof.lines} lines hold, the content of {proof.erased} was erased; {checked} logs are as they were")
    if proof.proved:
        typer.echo(f"anchors prove it up to line {proof.proved} of {proof.head.seq}")
    else:
        typer.echo(
            "no anchor proves it: whoever may write the database could have made it anew; set audit.anchor or audit.s3"
        )


@group.command()
def export(
    since: Annotated[str | None, typer.Option(metavar="DATE", help="From this day on (UTC), as 2026-11-30.")] = None,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Print the audit as JSON lines, the oldest first."""
    from datetime import UTC, datetime

    from common.errors import SettingsError
    from server.store.audit import lines

    try:
        begins_ms = 0 if since is None else round(datetime.fromisoformat(since).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        raise SettingsError("--since: is no date; write it as 2026-11-30") from None

    async def do(store: Store, _settings: Settings) -> None:
        async with store.database.reading() as connection:
            async for line in lines(connection, since_ms=begins_ms):
                await asyncio.to_thread(typer.echo, json.dumps(line.as_json(), ensure_ascii=False))
        await store.append("audit.exported", by="command line", since=since)

    with_store(do, overrides=overrides, config=config)
