"""Both voices for those who listen: pieces of the recorder's timeline, each encoded once however many there are.

It reads the timeline that is recorded and makes none of its own. The last half minute is kept for whoever comes late.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from audio.frames import WIRE_HZ
from audio.timeline_mixer import Stereo

# Half a minute is offered; the rest is for the time until whoever comes late has begun to take it.
KEEP_MS = 40_000.0


@dataclass(frozen=True, slots=True)
class SoundPiece:
    """A piece of both voices, ready to be sent; `at_ms` and `until_ms` are media times."""

    number: int
    at_ms: float
    until_ms: float
    data: bytes


class SoundRelay:
    """Keeps the last pieces and tells who waits for the next; it waits for nobody. All calls on the event loop.

    `encode` makes what is sent of a media time in milliseconds and int16 (n, 2) at 24 kHz.
    """

    def __init__(self, encode: Callable[[float, Stereo], bytes]) -> None:
        self._encode = encode
        self._pieces: deque[SoundPiece] = deque()
        self._next = 0
        self._listeners: list[Callable[[], None]] = []

    @property
    def until_ms(self) -> float:
        """The media time up to which there is sound."""
        return self._pieces[-1].until_ms if self._pieces else 0.0

    def put(self, at_ms: float, stereo: Stereo) -> None:
        """Take the next piece of the timeline."""
        until_ms = at_ms + 1000.0 * len(stereo) / WIRE_HZ
        self._pieces.append(SoundPiece(self._next, at_ms, until_ms, self._encode(at_ms, stereo)))
        self._next += 1
        while self._pieces[0].until_ms < until_ms - KEEP_MS:
            self._pieces.popleft()
        for listener in self._listeners:
            listener()

    def piece(self, number: int) -> SoundPiece | None:
        """Return a piece, None where it has not come yet or is not kept any more."""
        at = number - self.oldest
        return self._pieces[at] if 0 <= at < len(self._pieces) else None

    def first(self, back_ms: float) -> int:
        """Return the number of the piece that was heard so long ago, or of the first that is kept."""
        since_ms = self.until_ms - back_ms
        return next((piece.number for piece in self._pieces if piece.until_ms > since_ms), self._next)

    @property
    def oldest(self) -> int:
        """The number of the first piece that is kept, or of the next if there is none."""
        return self._next - len(self._pieces)

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after each piece, until what is returned is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)
