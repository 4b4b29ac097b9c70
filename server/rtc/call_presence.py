"""Whether a call's other end is there: by what comes of it, looked at at a steady pace.

Looks are counted, not seconds: a loop that stood still takes no look, and what waited for it is read before the next
but one. So a stall of our own is not taken for a cut of the network.
"""

from __future__ import annotations

LOOK_S = 0.05
# Somebody is absent when nothing had come at so many looks in a row; 12 packets lost in a row are a cut, not a loss.
ABSENT_LOOKS = 5
# Where other packets come without audio for so long, the other end sends none, as when it is muted by stopping.
SILENT_S = 1.0


class CallPresence:
    """Told at each look when something last came of the peer, and when audio did; all times are the loop's."""

    def __init__(self) -> None:
        self.silent = False  # packets come, but none of audio
        self._received_s: float | None = None
        self._audio_s: float | None = None
        self._missed = 0  # looks at which nothing new had come
        self._flowed = False  # audio has come since the last absence

    def look(self, received_s: float | None, audio_s: float | None) -> bool:
        """Return whether the peer was there and is not any more; once for each absence.

        It is there again with its next audio. One that sends none comes too rarely to be missed.
        """
        self._missed = 0 if received_s != self._received_s else self._missed + 1
        self._flowed = self._flowed or audio_s != self._audio_s
        self._received_s, self._audio_s = received_s, audio_s
        self.silent = received_s is not None and audio_s is not None and received_s - audio_s > SILENT_S
        if self._missed < ABSENT_LOOKS or not self._flowed:
            return False
        self._flowed = False
        return True

    def alive_s(self, now_s: float) -> float | None:
        """Return when the peer last was there for sure; None where nothing tells."""
        return now_s if self.silent else self._received_s
