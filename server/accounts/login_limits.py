"""What slows down whoever guesses: limits by the address, and longer waits after each wrong password for a name.

A guess counts as wrong before the password is compared, so that many guesses at once get no further than many in a row.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable

from common.errors import RateError
from server.sessions.rate_limit import RateLimit
from server.settings.reservations import ReservationSettings
from server.settings.store import AuthSettings

FIRST_WAIT_S, LONGEST_WAIT_S = 15.0, 900.0
# From everywhere together a name may be guessed at so many times as often: strangers are not to shut anybody out soon.
EVERYWHERE = 10
MOST_NAMES = 20_000
MOST_BURST = 10_000


class LoginLimits:
    """Counts tries and failures; `now_s` is a monotonic clock in seconds. What it knows ends with the process."""

    def __init__(self, settings: AuthSettings, *, now_s: Callable[[], float]) -> None:
        per_minute = settings.attempts_per_minute
        self._tries = RateLimit(
            ReservationSettings(burst=min(MOST_BURST, math.ceil(2 * per_minute)), per_minute=per_minute), now_s=now_s
        )
        self._failures = settings.failures
        self._now_s = now_s
        # By name and network, and by name alone: guesses in a row that were not right, and when the last one was.
        self._failed: OrderedDict[tuple[str, str | None], tuple[int, float]] = OrderedDict()

    def attempt(self, network: str) -> None:
        """Take note of a try from this address; raises RateError when it must wait."""
        if wait_s := self._tries.wait_s(network):
            raise _too_many(wait_s)
        self._tries.take_token(network)

    def guess(self, login: str, network: str) -> None:
        """Count a password that is about to be compared as a wrong one; raises RateError when it must wait."""
        self.attempt(network)
        waits = (
            self._wait_s((login, network), self._failures),
            self._wait_s((login, None), self._failures * EVERYWHERE),
        )
        if wait_s := math.ceil(max(waits)):
            raise _too_many(wait_s)
        for key in ((login, network), (login, None)):
            count, _ = self._failed.get(key, (0, 0.0))
            self._failed[key] = (count + 1, self._now_s())
            self._failed.move_to_end(key)
        while len(self._failed) > MOST_NAMES:
            self._failed.popitem(last=False)

    def withdraw(self, login: str, network: str) -> None:
        """Take back a guess that could not be compared."""
        for key in ((login, network), (login, None)):
            count, last_s = self._failed.get(key, (0, 0.0))
            if count > 1:
                self._failed[key] = (count - 1, last_s)
            else:
                self._failed.pop(key, None)

    def succeeded(self, login: str, network: str) -> None:
        """Forget the failures of a name from here: its owner is in."""
        for key in ((login, network), (login, None)):
            self._failed.pop(key, None)

    def _wait_s(self, key: tuple[str, str | None], allowed: int) -> float:
        count, last_s = self._failed.get(key, (0, 0.0))
        if count < allowed:
            return 0.0
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(20, count - allowed))
        return max(0.0, last_s + wait_s - self._now_s())


def _too_many(wait_s: int) -> RateError:
    return RateError(
        f"too many log-ins were tried; try again in {wait_s} seconds", retry_after_s=wait_s, code="account.too_many"
    )
