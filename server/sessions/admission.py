"""Who may reserve a session, and who gives way: the server's places, and limits by the network that somebody asks from.

There are no accounts, so an address is all that is known of a stranger. Whole classes share one, and whoever wants to
do harm can send any number of requests from one. All that tells them apart is that those who mean it join.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from audio.clock import Clock
from common.errors import CapacityError, RateError
from server.metrics import Metrics
from server.sessions.rate_limit import RateLimit
from server.settings.tree import ServerSettings


@dataclass(frozen=True, slots=True)
class Reservation:
    """A place that nobody has joined yet; `network` is None for a developer's."""

    session_id: str
    network: str | None
    made_ms: float


def gives_way(
    reservations: Iterable[Reservation], asking: str | None, *, overdue_before_ms: float, firm: int = 1
) -> str | None:
    """Return the session whose reservation gives way to somebody who asks when all places are taken; None: none does.

    The oldest of those made before `overdue_before_ms`, since their candidates would have come by now. Else, of the
    network with the most reservations, the latest, whose candidate has prepared least; but only where that network
    keeps `firm` of them, and as many as the one that asks then has: nobody is turned out by those who have more.
    """
    waiting = sorted(reservations, key=lambda one: one.made_ms)
    if waiting and waiting[0].made_ms < overdue_before_ms:
        return waiting[0].session_id
    held = Counter(one.network for one in waiting)
    strangers = [one for one in waiting if one.network is not None]
    if not strangers:
        return None
    most = max(held[one.network] for one in strangers)
    if most <= max(firm, (held[asking] if asking is not None else 0) + 1):
        return None
    return next(one.session_id for one in reversed(strangers) if held[one.network] == most)


class Admission:
    """Decides about each session that is asked for, and counts what became of the asking.

    `prepare_s` is how long candidates read their card before they join.
    """

    def __init__(self, settings: ServerSettings, *, prepare_s: float, clock: Clock, metrics: Metrics) -> None:
        self.draining = False  # the server is about to stop
        self.taken_besides: Callable[[], float] = lambda: 0.0  # places that sessions take beyond one each
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._overdue_ms = 1000.0 * (prepare_s + settings.reservations.spare_s)
        self._limit = RateLimit(settings.reservations, now_s=lambda: clock.now_ms() / 1000.0)
        self.places = settings.max_sessions

    @property
    def places(self) -> int:
        """How many sessions may be reserved or running at once."""
        return self._places

    @places.setter
    def places(self, places: int) -> None:
        self._places = places
        self._metrics.session_capacity.set(places)

    def admit(self, network: str | None, *, taken: int, waiting: Iterable[Reservation]) -> str | None:
        """Return the session that must be let go for one more, None where there is room; raises CapacityError.

        `network` is whose limits hold, None: nobody's. `taken` sessions are there, of which those `waiting` are joined
        by nobody yet.
        """
        self.check_open()
        retry_s = self._settings.retry_after_s
        if network is not None and (wait_s := self._limit.wait_s(network)):
            self._metrics.count_admission("limited")
            raise RateError(
                f"too many role-plays were opened from your network; try again in {wait_s} seconds",
                retry_after_s=wait_s,
            )
        if taken + self.taken_besides() < self.places:
            return None
        overdue_before_ms = self._clock.now_ms() - self._overdue_ms
        firm = self._settings.reservations.firm
        going = gives_way(waiting, network, overdue_before_ms=overdue_before_ms, firm=firm)
        if going is None:
            self._metrics.count_admission("full")
            raise CapacityError(f"all places are taken; try again in {retry_s} seconds", retry_after_s=retry_s)
        return going

    def check_open(self) -> None:
        """Raise CapacityError when the server is about to stop: whoever begins now might not finish."""
        if not self.draining:
            return
        self._metrics.count_admission("draining")
        raise CapacityError(
            f"the server is about to restart, so no role-play can begin; try again in {self._settings.retry_after_s} "
            "seconds",
            retry_after_s=self._settings.retry_after_s,
            code="capacity.draining",
        )

    def admitted(self, network: str | None) -> None:
        """Note that a session was opened for somebody of this network; None: nobody's limits hold."""
        if network is not None:
            self._limit.take_token(network)
        self._metrics.count_admission("admitted")
