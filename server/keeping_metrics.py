"""What is counted of the keeping of records: backups, deletion, the clock, the disk, the database, the audit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from server.closed_labels import OTHER, closed
from server.records.keeping_health import KeepingHealth, Work

MODES = ("practice", "exam", OTHER)
WORKS = get_args(Work)

KEEPING_LABELS: dict[str, dict[str, tuple[str, ...]]] = {
    "voice_records_deleted_total": {"mode": MODES},
    "voice_keeping_failing": {"work": WORKS},
}


class Bookkeeping(Protocol):
    """What the database's side of a server tells of itself."""

    @property
    def waiting(self) -> int:
        """Entries that wait for the database."""

    @property
    def refused(self) -> int:
        """Entries that could not be written, since the start."""

    @property
    def unanchored(self) -> int:
        """Times that the audit's head could not be written down elsewhere, since the start."""


class KeepingMetrics:
    """The series about records; each attribute is a metric that may be used directly."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._deleted = Counter(
            "voice_records_deleted_total",
            "Records of role-plays that were deleted, since they were kept long enough.",
            ("mode",),
            registry=registry,
        )
        self.retention_due = Gauge(
            "voice_retention_due",
            "Records that were kept long enough and are still there after the last run of the retention.",
            registry=registry,
        )
        self.backup_every = Gauge(
            "voice_backup_every_seconds",
            "How often this server makes a backup by itself; 0: never.",
            registry=registry,
        )
        self.backup_made = Gauge(
            "voice_backup_made_timestamp_seconds",
            "Time of the newest backup where this server makes them, in seconds since 1970; 0: there is none.",
            registry=registry,
        )
        self.backup_size = Gauge(
            "voice_backup_size_bytes",
            "Size of the last backup that this server made by itself, files that it shares included.",
            registry=registry,
        )
        self.backup_failures = Counter(
            "voice_backup_failures_total", "Backups that the server could not make.", registry=registry
        )
        self.clock_doubts = Counter(
            "voice_clock_doubts_total",
            "Times that the clock was found to have jumped, so that nothing was deleted for a day.",
            registry=registry,
        )
        self.data_free = Gauge(
            "voice_data_free_bytes", "Space that is free where the data folder lies.", registry=registry
        )
        self._kept = _KeptCollector()
        registry.register(self._kept)

    def count_deleted(self, mode: str) -> None:
        """Count a record that was deleted, since it was kept long enough."""
        self._deleted.labels(closed(mode, MODES)).inc()

    def watch(self, *, store: Bookkeeping, health: KeepingHealth) -> None:
        """Show how the database and the work on records are whenever the series are read."""
        self._kept.store, self._kept.health = store, health


class _KeptCollector(Collector):
    """Asks the database's side when the series are read; all are zero before a server is there."""

    def __init__(self) -> None:
        self.store: Bookkeeping | None = None
        self.health = KeepingHealth()

    def collect(self) -> Iterable[Metric]:
        store = self.store
        failing = GaugeMetricFamily(
            "voice_keeping_failing",
            "1 while this work went wrong the last time: backups, the list of erasures, deletion; else 0.",
            labels=("work",),
        )
        for work in WORKS:
            failing.add_metric([work], float(work in self.health.faults))
        return [
            failing,
            GaugeMetricFamily(
                "voice_database_waiting",
                "Entries of role-plays that wait for the database.",
                value=store.waiting if store is not None else 0,
            ),
            CounterMetricFamily(
                "voice_database_refused",
                "Entries of role-plays that could not be written to the database.",
                value=store.refused if store is not None else 0,
            ),
            CounterMetricFamily(
                "voice_audit_unanchored",
                "Times that the audit's last line could not be written down elsewhere.",
                value=store.unanchored if store is not None else 0,
            ),
        ]
