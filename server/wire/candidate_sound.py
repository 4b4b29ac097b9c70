"""How much of the candidate's audio has come, when it last did, and how much came faster than real time."""

from __future__ import annotations

from server.protocol.wire_session import WireSession

# After so much audio faster than real time, it is no accident any more.
MAX_REFUSED_MS = 10_000.0
TOO_FAST_EVERY_S = 1.0  # at most so often is the client told


class CandidateAudio:
    """Counts the candidate's audio at the session's input rate; times are seconds on the loop's clock."""

    def __init__(self, wire: WireSession) -> None:
        self.last_s = 0.0  # when some last came
        self._wire = wire
        self._received = 0  # samples
        self._refused_ms = 0.0
        self._told_s = float("-inf")

    def go_on(self, received_ms: float) -> None:
        """Count on from what an earlier server had received."""
        self._received = round(received_ms * self._wire.input_hz / 1000.0)

    def count_received(self, samples: int, now_s: float) -> None:
        """Count audio that came."""
        self._received += samples
        self.last_s = now_s

    def received_ms(self) -> float:
        """Return how much has come, whether it was taken or not."""
        return round(self._ms(self._received), 3)

    def refuse(self, samples: int, now_s: float) -> bool:
        """Count audio that came too fast; return whether the client is to be told."""
        self._refused_ms += self._ms(samples)
        due = now_s - self._told_s >= TOO_FAST_EVERY_S
        if due:
            self._told_s = now_s
        return due

    @property
    def hopeless(self) -> bool:
        """Whether the client never slows down."""
        return self._refused_ms > MAX_REFUSED_MS

    def _ms(self, samples: int) -> float:
        return 1000.0 * samples / self._wire.input_hz
