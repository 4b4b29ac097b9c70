"""Takes up the sessions and exams of a server that ended: what can go on does, and the rest is put in order.

That is an earlier life of this server, or, among several, another one that died.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import structlog

from pipelines.patient.card import Card
from server.exams.sittings import Sittings
from server.records.holder import Holder
from server.records.housekeeping import session_folders
from server.records.records import Records
from server.records.taking_over import take_over
from server.sessions.folders import SessionFolders
from server.sessions.live_restoring import MakeLive, Restorer
from server.sessions.registry import SessionRegistry
from server.store.store import Store

logger = structlog.get_logger("server.instances")


def left_to(holder: Holder, root: Path, *, leads: bool) -> tuple[list[Path], Callable[[str], bool]]:
    """Return the folders of sessions that a server which starts is to put in order, and which exams are its own.

    What nobody holds is for the one that `leads`. Folders are listed before it is read what others hold, and those
    hold a session before it has a folder: so none that just begins is taken for left. Raises StorageError.
    """
    there = session_folders(root)
    if leads:
        elsewhere = holder.elsewhere()
        return [folder for folder in there if folder.name not in elsewhere], lambda exam: exam not in elsewhere
    own = holder.own()
    return [folder for folder in there if folder.name in own], own.__contains__


class TakingUp:
    """What it takes; `go_on` is for when the engines are ready."""

    def __init__(
        self,
        *,
        store: Store,
        records: Records,
        cards: Mapping[str, Card],
        registry: SessionRegistry,
        restorer: Restorer,
        sittings: Sittings,
        folders: SessionFolders,
    ) -> None:
        self._store = store
        self._records = records
        self._cards = cards
        self._registry = registry
        self._restorer = restorer
        self._sittings = sittings
        self._folders = folders

    async def take_up(self, there: list[Path], is_ours: Callable[[str], bool]) -> None:
        """Know the sessions in these folders again, and the exams that are ours by their ids."""
        going_on = await self._restorer.look(there)
        await self._sittings.look(is_ours)
        left = [folder for folder in there if folder.name not in going_on]
        self._store.ledger.then(partial(self._index, left))
        self._folders.recover(left)
        self._restorer.tell_when_kept(self._folders)

    async def adopt(self, held: set[str]) -> None:
        """Know again what another server held that died."""
        root = self._records.root
        there = [root / what for what in sorted(held) if (root / what).is_dir()]
        await self.take_up(there, held.__contains__)
        # It died before the session had a folder, or its exam had begun.
        for what in held - {folder.name for folder in there}:
            if not self._sittings.holds(what):
                self._folders.let_go(what)

    def go_on(self, make_live: MakeLive) -> None:
        """Go on with all that can be continued."""
        self._restorer.go_on(make_live)
        self._sittings.go_on()

    async def _index(self, left: list[Path]) -> None:
        """Index what a crash, or a version without an index, left behind; then it is anybody's to look at."""
        new = await take_over(self._store, left, self._cards, self._records.vault)
        if new.taken:
            logger.info("sessions_taken_over", sessions=len(new.taken))
        for folder in left:
            # Those that their candidates may still look at are let go with them.
            if self._registry.find(folder.name) is None:
                self._folders.let_go(folder.name)
