"""What is counted of several servers: how many live, which leads, and what was taken over of dead ones."""

from __future__ import annotations

from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge


class Fellowship(Protocol):
    """What a server knows of itself among others."""

    @property
    def leads(self) -> bool:
        """Whether it leads."""

    @property
    def others_alive(self) -> int:
        """How many others gave a sign of life lately."""


class InstanceMetrics:
    """The series about several servers; all are 0 for one that is alone, but that it leads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.others = Gauge(
            "voice_instances_others",
            "Other servers of the same data folder and database that gave a sign of life lately.",
            registry=registry,
        )
        self.leads = Gauge(
            "voice_instance_leads",
            "1 where this server does what one does for all: deletion, backups, moving recordings.",
            registry=registry,
        )
        self.taken = Gauge(
            "voice_places_taken",
            "Places of this server that are taken, by role-plays that go on or are prepared for.",
            registry=registry,
        )
        self.adopted = Counter(
            "voice_sessions_adopted_total",
            "Sessions and exams that this server took over of one that died.",
            registry=registry,
        )
        self.leads.set(1)

    def watch(self, fellowship: Fellowship) -> None:
        """Show what a server knows of itself among others whenever the series are read."""
        self.others.set_function(lambda: fellowship.others_alive)
        self.leads.set_function(lambda: float(fellowship.leads))
