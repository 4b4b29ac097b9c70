"""How far ahead of the listener audio must be sent, learnt from the client's acknowledgements.

An acknowledgement "x ms played" that comes y ms after the reply's audio began to be sent is late by y - x: the way
there, the client's buffer and the way back. The smallest lateness of a reply is taken for the round trip, its spread
for the jitter (as the smoothed interarrival jitter of RFC 3550, section 6.4.1).
"""

from __future__ import annotations

MIN_LEAD_MS = 300.0  # rides out ordinary jitter
# Beyond this, an interruption would recall more audio than a bad network is worth.
MAX_LEAD_MS = 2_000.0
JITTER_GAIN = 1.0 / 16.0  # RFC 3550
# At this rate, the mean follows the round trips of about four replies.
CHANGE_GAIN = 0.25


class RoundTrip:
    """The lead for one client; times in milliseconds on one clock."""

    def __init__(self) -> None:
        self.round_trip_ms = 0.0
        self.jitter_ms = 0.0
        self._reply: int | None = None
        self._began_ms = 0.0
        self._least_ms: float | None = None
        self._last_ms: float | None = None
        self._forgotten: int | None = None

    def sent(self, reply: int, now_ms: float) -> None:
        """Note that audio of a reply was sent."""
        if reply == self._reply:
            return
        self._settle()
        self._reply, self._began_ms = reply, now_ms
        self._least_ms = self._last_ms = None

    def acknowledged(self, reply: int, played_ms: float, now_ms: float) -> None:
        """Note that the client has played so much of a reply."""
        if reply != self._reply or reply == self._forgotten or played_ms <= 0:
            return
        late_ms = max(0.0, now_ms - self._began_ms - played_ms)
        if self._last_ms is not None:
            self.jitter_ms += (abs(late_ms - self._last_ms) - self.jitter_ms) * JITTER_GAIN
        self._last_ms = late_ms
        self._least_ms = late_ms if self._least_ms is None else min(self._least_ms, late_ms)

    def forget(self, reply: int) -> None:
        """Take no more of a reply's acknowledgements into account: its audio was paused, so they come late."""
        if reply == self._reply:
            self._settle()
            self._least_ms, self._forgotten = None, reply

    def lead_ms(self) -> float:
        """Return max(300 ms, 2 x round trip + jitter), at most 2 s."""
        return min(MAX_LEAD_MS, max(MIN_LEAD_MS, 2.0 * self.round_trip_ms + self.jitter_ms))

    def _settle(self) -> None:
        """Take the round trip of the reply that is over."""
        if self._least_ms is not None:
            first = self.round_trip_ms == 0.0
            self.round_trip_ms += (self._least_ms - self.round_trip_ms) * (1.0 if first else CHANGE_GAIN)
