"""How often a client may ask to be connected: offers and join tokens cost work before anybody is known to speak."""

from __future__ import annotations

from collections.abc import Callable

from common.errors import RateError
from server.sessions.rate_limit import RateLimit
from server.settings.reservations import ReservationSettings

# On a network that fails every few seconds, a client asks twice for each time that it comes back.
BY_SESSION = ReservationSettings(burst=30, per_minute=30)
# A class that shares an address starts together, and each of its candidates asks some times.
BY_NETWORK = ReservationSettings(burst=300, per_minute=300)


class AskingLimits:
    """Counts what is asked for by session and by network; `now_s` is a monotonic clock in seconds.

    `what` is asked for, in the words of a refusal.
    """

    def __init__(self, what: str, *, now_s: Callable[[], float]) -> None:
        self._what = what
        self._by_session = RateLimit(BY_SESSION, now_s=now_s)
        self._by_network = RateLimit(BY_NETWORK, now_s=now_s)

    def ask(self, session_id: str, network: str | None) -> None:
        """Count one more for a session and for whose limits hold (None: nobody's); raises RateError, uncounted."""
        wait_s = self._by_session.wait_s(session_id)
        if network is not None:
            wait_s = max(wait_s, self._by_network.wait_s(network))
        if wait_s:
            raise RateError(
                f"too many {self._what} were asked for in a short time; try again in {wait_s} seconds",
                retry_after_s=wait_s,
                code="session.asked_too_often",
            )
        self._by_session.take_token(session_id)
        if network is not None:
            self._by_network.take_token(network)
