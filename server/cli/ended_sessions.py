"""Role-plays that are over, for commands that have a model read them one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from common.seal import Seal
    from pipelines.patient.card import Card
    from server.settings.tree import Settings
    from server.store.sessions import IndexedSession
    from server.store.store import Store

    ReadSession = Callable[[Path, Seal | None, Card], tuple[str, bool]]


async def wanted_sessions(store: Store, ids: Sequence[str], mode: str | None, limit: int) -> list[IndexedSession]:
    """Return the role-plays of those ids, or the newest of a mode; raises ProtocolError for an id that there is not."""
    from common.errors import ProtocolError
    from server.store.sessions import Wanted, by_ids, find

    async with store.database.reading() as connection:
        if mode is not None:
            return await find(connection, Wanted(mode=mode, state="ended", limit=limit))
        known = await by_ids(connection, list(ids))
    for one in ids:
        if one not in known:
            raise ProtocolError(
                f"there is no role-play '{one}'; see `interlocutor sessions list`",
                code="session.gone",
                http_status=404,
            )
    return [known[one] for one in ids]


async def read_each(
    store: Store, settings: Settings, wanted: Sequence[IndexedSession], read: ReadSession, *, audited: str
) -> bool:
    """Have each session read; return whether all were, whole.

    `read` takes folder, seal and card, and returns what to say of it and whether it was read whole. It raises AppError
    where it can't be, with the code `engine.unavailable` where no other can be either: that is raised.
    """
    from common.errors import AppError, ProtocolError
    from pipelines.patient.card_library import CardLibrary
    from server.records.records import open_records

    cards = CardLibrary.load(settings.cards_folder)
    records = open_records(settings)
    all_whole = True
    for index, one in enumerate(wanted):
        folder = records.root / one.id
        try:
            if one.state != "ended":
                raise ProtocolError(f"it is {one.state}", code="session.running", http_status=409)
            told, whole = read(folder, records.vault.open_session(folder), cards.get_card(one.card_id))
        except AppError as error:
            if error.code == "engine.unavailable":
                typer.echo(f"{len(wanted) - index} role-plays are left.")
                raise
            typer.echo(f"{one.id}: not judged: {error.message}")
            all_whole = False
            continue
        await store.append(audited, by="command line", session=one.id)
        all_whole = all_whole and whole
        typer.echo(f"{one.id}: {told}")
    return all_whole
