"""The hosts of a remote mind: how busy each is, whether it works, and which is asked next."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Collection, Iterator, Sequence

from pipelines.responders.remote.allowed_addresses import Address
from pipelines.responders.remote.failures import RemoteFailure
from pipelines.responders.remote.settings import RemoteWaits

# A host that refuses the key or the model will not change its mind soon.
_REFUSED_S = 60.0


class RemoteHost:
    """One host: its requests under way, and a circuit breaker.

    The breaker is closed while the host works. After some failures in a row it opens: nothing is sent for a while. Then
    it lets one request through; that one closes it, or opens it again for twice as long.
    """

    def __init__(self, address: Address, *, waits: RemoteWaits, now_s: Callable[[], float], key: str = "") -> None:
        self.address = address
        self.key = key
        self.outstanding = 0
        self.failures = 0  # in a row
        self.last_failure: RemoteFailure | None = None
        self._waits = waits
        self._now_s = now_s
        self._until_s = 0.0  # nothing is sent before
        self._opened = 0  # times in a row
        self._trying = False
        self._refuses = False  # the key, or what is asked for

    def __str__(self) -> str:
        return f"{self.address.origin.host}:{self.address.origin.port}"

    @property
    def state(self) -> str:
        """`closed` (it works), `open` (left alone) or `half-open` (about to be tried)."""
        if self._until_s > self._now_s():
            return "open"
        return "half-open" if self._opened else "closed"

    @property
    def may_be_asked(self) -> bool:
        """Whether a request may go there now."""
        return self.state == "closed" or (self.state == "half-open" and not self._trying)

    @property
    def is_last_resort(self) -> bool:
        """Whether it failed, but may work again for all that is known."""
        return self._opened > 0 and not self._refuses

    @property
    def free_in_s(self) -> float:
        """Seconds until a host that works wants to be asked again; infinity for one that failed."""
        return math.inf if self._opened else max(0.0, self._until_s - self._now_s())

    @property
    def left_alone_for_s(self) -> float:
        """Seconds until it may be asked again, whether it works or not; infinity for one that refuses the key."""
        return math.inf if self._refuses else max(0.0, self._until_s - self._now_s())

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """Count a request from its beginning to its end."""
        probe = self._opened > 0
        self.outstanding += 1
        self._trying = self._trying or probe
        try:
            yield
        finally:
            self.outstanding -= 1
            if probe:
                self._trying = False

    def succeeded(self) -> None:
        """Note that it answered."""
        self.failures = self._opened = 0
        self._refuses = False
        self._until_s = 0.0

    def failed(self, failure: RemoteFailure) -> None:
        """Note that it failed; it may be left alone from now on."""
        now_s = self._now_s()
        self.failures += 1
        self.last_failure = failure
        if failure.code == "remote.busy":
            # It works, and said when it wants to be asked again.
            self._until_s = max(self._until_s, now_s + (failure.retry_after_s or 0.0))
        elif failure.code in ("remote.key", "remote.refused"):
            self._refuses = True
            self._open(now_s, max(_REFUSED_S, failure.retry_after_s or 0.0))
        elif self._opened or self.failures >= self._waits.open_after:
            self._open(now_s, max(self._waits.open_s * 2 ** min(self._opened, 4), failure.retry_after_s or 0.0))
        elif failure.retry_after_s:
            self._until_s = max(self._until_s, now_s + failure.retry_after_s)

    def _open(self, now_s: float, seconds: float) -> None:
        self._opened += 1
        self._until_s = now_s + seconds

    def found_well(self) -> None:
        """Note that it answered a question after its health: the next request may go there."""
        self._until_s = min(self._until_s, self._now_s())


class Hosts:
    """All hosts of a remote mind; the one with the fewest requests under way is asked."""

    def __init__(self, hosts: Sequence[RemoteHost]) -> None:
        self.all = tuple(hosts)
        self._turn = 0

    def choose(self, avoid: Collection[RemoteHost] = ()) -> RemoteHost | None:
        """Return whom to ask: of those that may be asked the least busy, by turns where that is equal.

        Those to avoid have failed in this reply. They are chosen only if there is no other, and before them those that
        are left alone: a reply that was begun is worth a try. None if nobody may be asked.
        """
        may = [host for host in self.all if host.may_be_asked]
        candidates = [host for host in may if host not in avoid]
        if not candidates and avoid:
            candidates = [host for host in self.all if host not in avoid and host.is_last_resort]
        candidates = candidates or may
        if not candidates:
            return None
        self._turn += 1
        start = self._turn % len(self.all)
        order = {host: (self.all.index(host) - start) % len(self.all) for host in candidates}
        return min(candidates, key=lambda host: (host.outstanding, order[host]))

    def free_in_s(self) -> float:
        """Return the seconds until one that works wants to be asked."""
        return min(host.free_in_s for host in self.all)

    def left_alone_for_s(self) -> float:
        """Return the seconds until one may be asked, for those who can wait for one that failed."""
        return min(host.left_alone_for_s for host in self.all)
