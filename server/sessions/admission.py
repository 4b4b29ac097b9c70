"""Who may reserve a session, and who gives way: the server's places, and limits by the network that somebody asks from.

There are no accounts, so an address is all that is known of a stranger. Whole classes share one, and whoever wants to
do harm can send any number of requests from one. All that tells them apart is that those who mean it join.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from audio.clock import Clock
from common.errors import CapacityError, RateError
from server.metrics import Metrics
from server.sessions.rate_limit import RateLimit
from server.sessions.waiting_line import WaitingLine
from server.settings.tree import ServerSettings


@dataclass(frozen=True, slots=True)
class Reservation:
    """A place that nobody talks in yet; `network` is None for a developer's.

    `seen_ms` is when its page last said that somebody is there, None where it never does; `away`: the page was left.
    `joined_ms` is when a client connected to it, which has not begun.
    """

    session_id: str
    network: str | None
    made_ms: float
    seen_ms: float | None = None
    away: bool = False
    joined_ms: float | None = None

    def is_deserted(self, before_ms: float) -> bool:
        """Return whether its page was left, or has said nothing since `before_ms` though it used to."""
        return self.away or (self.seen_ms is not None and self.seen_ms < before_ms)

    def is_overdue(self, *, made_before_ms: float, joined_before_ms: float) -> bool:
        """Return whether somebody would have joined by now, or begun who has joined."""
        return self.made_ms < made_before_ms if self.joined_ms is None else self.joined_ms < joined_before_ms


def gives_way(
    reservations: Iterable[Reservation],
    asking: str | None,
    *,
    overdue_before_ms: float,
    silent_before_ms: float = -math.inf,
    joined_before_ms: float = -math.inf,
    firm: int = 1,
) -> str | None:
    """Return the session whose reservation gives way to somebody who asks when all places are taken; None: none does.

    The oldest whose page was left, or silent since `silent_before_ms`: nobody is there. Else the oldest of those made
    before `overdue_before_ms`, or joined before `joined_before_ms`, since their candidates would have come, or begun,
    by now. Else, of the network with the most reservations, the latest that nobody has joined, whose candidate has
    prepared least, or else the latest; but only where that network keeps `firm` of them, and as many as the one that
    asks then has: nobody is turned out by those who have more.
    """
    waiting = sorted(reservations, key=lambda one: one.made_ms)
    deserted = next((one for one in waiting if one.is_deserted(silent_before_ms)), None)
    if deserted is not None:
        return deserted.session_id
    for one in waiting:
        if one.is_overdue(made_before_ms=overdue_before_ms, joined_before_ms=joined_before_ms):
            return one.session_id
    held = Counter(one.network for one in waiting)
    strangers = [one for one in waiting if one.network is not None]
    if not strangers:
        return None
    most = max(held[one.network] for one in strangers)
    if most <= max(firm, (held[asking] if asking is not None else 0) + 1):
        return None
    theirs = [one for one in reversed(strangers) if held[one.network] == most]
    return next((one for one in theirs if one.joined_ms is None), theirs[0]).session_id


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
        self._silent_ms = 1000.0 * settings.reservations.silent_s
        self._begin_ms = 1000.0 * settings.reservations.begin_s
        self._line = WaitingLine(now_ms=clock.now_ms)
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

    def admit(
        self, network: str | None, *, taken: int, waiting: Iterable[Reservation], line: str | None = None
    ) -> str | None:
        """Return the session that must be let go for one more, None where there is room; raises CapacityError.

        `network` is whose limits hold, None: nobody's. `taken` sessions are there, of which those `waiting` have not
        begun. `line` is the ticket of somebody who waits, "" of somebody who would like one, None of a program
        that only asks. A refusal says how many speak and prepare, and where one stands.
        """
        self.check_open()
        self.check_rate(network)
        waiting = list(waiting)
        ahead = 0 if network is None else self._line.ahead(network, line)
        free = self.places - taken - self.taken_besides()
        if free > ahead:
            self._line.leave(line)
            return None
        going = None if free > 0 or ahead > 0 else self._gives_way(waiting, network)
        if going is None:
            self._metrics.count_admission("full")
            raise self._full(network, line, ahead=ahead, taken=taken, waiting=waiting)
        self._line.leave(line)
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

    def check_rate(self, network: str | None) -> None:
        """Raise RateError while too many sessions were opened from a network; nobody's limits hold for None."""
        if network is not None and (wait_s := self._limit.wait_s(network)):
            self._metrics.count_admission("limited")
            raise RateError(
                f"too many role-plays were opened from your network; try again in {wait_s} seconds",
                retry_after_s=wait_s,
            )

    def room(self, *, taken: int, waiting: Iterable[Reservation]) -> int:
        """Return how many more sessions would be let in, those that would give way to them counted."""
        if self.draining:
            return 0
        silent_ms = self._clock.now_ms() - self._silent_ms
        deserted = sum(one.is_deserted(silent_ms) for one in waiting)
        return max(0, math.floor(self.places - taken - self.taken_besides()) + deserted)

    def _gives_way(self, waiting: list[Reservation], network: str | None) -> str | None:
        now_ms = self._clock.now_ms()
        return gives_way(
            waiting,
            network,
            overdue_before_ms=now_ms - self._overdue_ms,
            silent_before_ms=now_ms - self._silent_ms,
            joined_before_ms=now_ms - self._begin_ms,
            firm=self._settings.reservations.firm,
        )

    def _full(
        self, network: str | None, line: str | None, *, ahead: int, taken: int, waiting: list[Reservation]
    ) -> CapacityError:
        told: dict[str, object] = {"speaking": taken - len(waiting), "preparing": len(waiting)}
        if network is not None and line is not None:
            told |= {"line": self._line.stand(network, line), "position": ahead + 1}
        retry_s = self._settings.retry_after_s
        return CapacityError(f"all places are taken; try again in {retry_s} seconds", retry_after_s=retry_s, told=told)

    def admitted(self, network: str | None) -> None:
        """Note that a session was opened for somebody of this network; None: nobody's limits hold."""
        self.admitted_elsewhere(network)
        self._metrics.count_admission("admitted")

    def admitted_elsewhere(self, network: str | None) -> None:
        """Note that another server opened a session for somebody of this network."""
        if network is not None:
            self._limit.take_token(network)
