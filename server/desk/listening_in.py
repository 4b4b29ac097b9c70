"""One observer's place in the sound: how far it has been sent, and whether it keeps up."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.session.relay import SoundPiece, SoundRelay

# Whoever is so far behind hears what helps nobody: words alone are small enough for such a connection.
TOO_FAR_MS = 2_000.0
# A machine that stood still for a moment makes everybody late at once; who only catches up is left alone.
GRACE_S = 2.0
# It is live from here on: one piece on its way and one being made.
LIVE_MS = 250.0
# For half a minute of sound, 3 MB.
CATCH_UP_S = 15.0


class Listening:
    """Takes pieces one by one; `now_s` is the loop's clock."""

    def __init__(self, relay: SoundRelay, *, back_ms: float, now_s: Callable[[], float]) -> None:
        self._relay = relay
        self._next = relay.first(back_ms)
        self._now_s = now_s
        self._live = back_ms == 0.0
        self._since_s = now_s()
        self._too_far_since_s: float | None = None

    @property
    def from_ms(self) -> float:
        """The media time at which it begins."""
        piece = self._relay.piece(self._next)
        return piece.at_ms if piece is not None else self._relay.until_ms

    @property
    def fell_behind(self) -> bool:
        """Whether the connection is too slow for sound."""
        if self._next < self._relay.oldest:
            if self._live:
                return True
            # The words of a long role-play come first: what went meanwhile is missing at the beginning, not in between.
            self._next = self._relay.oldest
        piece = self._relay.piece(self._next)
        behind_ms = self._relay.until_ms - piece.at_ms if piece is not None else 0.0
        self._live = self._live or behind_ms <= LIVE_MS
        if self._live:
            return self._is_too_far(behind_ms)
        return self._now_s() - self._since_s > CATCH_UP_S

    def _is_too_far(self, behind_ms: float) -> bool:
        if behind_ms <= TOO_FAR_MS:
            self._too_far_since_s = None
            return False
        if self._too_far_since_s is None:
            self._too_far_since_s = self._now_s()
        return self._now_s() - self._too_far_since_s > GRACE_S

    def take(self) -> SoundPiece | None:
        """Return the next piece, None until there is one."""
        piece = self._relay.piece(self._next)
        if piece is not None:
            self._next += 1
        return piece
