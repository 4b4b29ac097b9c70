"""What one server does for all of a data folder: deletion of what was kept long enough, backups, moving recordings."""

from __future__ import annotations

from server.background import Background
from server.backups.job import back_up_for_ever, tell_erasures_for_ever
from server.keeping_metrics import KeepingMetrics
from server.records.holder import Holder
from server.records.keeping_health import KeepingHealth
from server.records.moving import move_for_ever
from server.records.person_erasing import finish_erasing_people
from server.records.records import Records
from server.records.retention import Retention
from server.sessions.retention_job import retain_for_ever
from server.settings.tree import Settings
from server.store.store import Store


class HouseKeeping:
    """Begun by a server that is alone, or that leads."""

    def __init__(
        self,
        settings: Settings,
        *,
        store: Store,
        records: Records,
        holder: Holder,
        health: KeepingHealth,
        metrics: KeepingMetrics,
        background: Background,
    ) -> None:
        self._settings = settings
        self._store = store
        self._records = records
        self._holder = holder
        self._health = health
        self._metrics = metrics
        self._background = background

    def begin(self) -> None:
        """Begin, for as long as the server runs; what deletes, once the index knows what lies in the folders."""
        self._store.ledger.then(self._begin_deleting)
        self._background.begin(move_for_ever(self._records, self._holder))

    async def _begin_deleting(self) -> None:
        settings, records = self._settings, self._records
        await finish_erasing_people(self._store, records.root, exams=settings.retention.exams_of_erased)
        retention = Retention(self._store, records.root, settings.retention, recordings=records.recordings)
        self._background.begin(retain_for_ever(retention, self._metrics, self._health))
        self._background.begin(tell_erasures_for_ever(self._store, settings, self._health))
        self._background.begin(back_up_for_ever(self._store, settings, self._metrics, self._health))
