"""What a client that comes back keeps of its own audio: the last ten seconds, by their place in all that it sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from audio.frames import WIRE_HZ, Pcm

KEPT_MS = 10_000.0
# These are fewer and larger messages: a burst of frames would look like a flood.
PIECE_MS = 500.0


class PlayedAudio:
    """Keeps audio at 24 kHz as it is captured."""

    def __init__(self) -> None:
        self._kept: deque[tuple[int, float, Pcm]] = deque()  # (samples before it, seconds at its begin, int16 mono)
        self._total = 0
        self._skipped = 0  # never sent, as it was not kept so long

    def keep_audio(self, samples: Pcm, now_s: float) -> None:
        """Keep int16 mono that was captured until now."""
        self._kept.append((self._total, now_s - len(samples) / WIRE_HZ, samples))
        self._total += len(samples)
        while self._total - self._kept[0][0] > KEPT_MS * WIRE_HZ / 1000.0:
            self._kept.popleft()

    def align(self, received_ms: float) -> None:
        """So much of all has come, as is known now: what was sent and is not counted there is no loss."""
        self._skipped = max(0, self._total - round(received_ms * WIRE_HZ / 1000.0))

    def since(self, received_ms: float) -> Iterator[tuple[float, Pcm]]:
        """Yield what came after so much of all that was sent, as far as it is kept: (seconds at its begin, audio).

        All of it counts as sent then.
        """
        received = round(received_ms * WIRE_HZ / 1000.0) + self._skipped
        left = [kept for kept in self._kept if kept[0] + len(kept[2]) > received]
        if left and left[0][0] > received:
            self._skipped += left[0][0] - received
        elif left:
            before, at_s, samples = left[0]
            left[0] = (received, at_s + (received - before) / WIRE_HZ, samples[received - before :])
        while left:
            piece: list[tuple[int, float, Pcm]] = []
            while left and sum(len(samples) for _, _, samples in piece) < PIECE_MS * WIRE_HZ / 1000.0:
                piece.append(left.pop(0))
            yield piece[0][1], np.concatenate([samples for _, _, samples in piece])
