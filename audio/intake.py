"""Where audio enters the house: arrivals of any length become 20 ms frames on the media timeline.

Media time must never stop and never run away. Where nothing came for 100 ms, silence is inserted and marked missing.
Audio that arrives after its place was filled is *late*: it is handed on, but does not move media time. A client that
simply sends faster than real time is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from audio.clock import MediaClock
from audio.frames import ACCEPTED_HZ, FRAME_MS, Frame, FrameKind, Pcm, samples_for, silence
from common.errors import AudioError

# Shorter gaps are ordinary jitter of network and scheduling.
MISSING_AFTER_MS = 100.0
# Audio may run so far ahead of its time before it is late (if there was a gap) or counted as too fast.
LEAD_MS = 200.0
# A stalled sender's own buffer coming at once is no abuse; twice this is.
BURST_MS = 2_000.0
# Late audio whose time says that so little is missing before it follows without a gap: the network took so long, and
# a hole of a few milliseconds within a word would be heard.
SEAM_MS = 200.0


class Intake:
    """Cuts arrivals into 20 ms frames at one rate and keeps media time beside session time."""

    def __init__(self, *, rate_hz: int, paced: bool = True) -> None:
        if rate_hz not in ACCEPTED_HZ:
            raise AudioError(
                f"{rate_hz} Hz is not accepted; send PCM at one of {', '.join(map(str, ACCEPTED_HZ))} Hz",
                code="audio.rate",
            )
        self.rate_hz = rate_hz
        self.clock = MediaClock(rate_hz)
        self.missing_ms = 0.0  # silence inserted in all
        self.late_ms = 0.0
        self.refused_ms = 0.0
        self._paced = paced
        self._frame_samples = samples_for(FRAME_MS, rate_hz)
        self._rest: Pcm = np.zeros(0, dtype=np.int16)
        self._gap_ms = 0.0  # inserted and not yet made good by late audio
        # The hole is the part of the last inserted silence that late audio has not filled yet; both ends are media
        # times.
        self._hole_from_ms = 0.0
        self._hole_until_ms = 0.0
        self._piece: tuple[float, float, float] | None = None  # the last late one: media times of its ends, how late

    def go_on(self, media_ms: float, session_ms: float) -> None:
        """Let media time go on from `media_ms`, at `session_ms`: what came before went to an earlier server."""
        samples = samples_for(media_ms, self.rate_hz)
        self.clock.advance(samples - samples % self._frame_samples)
        self.clock.start(session_ms - self.clock.now_ms)

    @property
    def inserted_ms(self) -> float:
        """How far media time is ahead of what the client sent: silence inserted, less what came late."""
        return self.missing_ms - self.late_ms

    def receive_audio(self, samples: Pcm, session_ms: float, *, late_ms: float | None = None) -> Iterator[Frame]:
        """Take int16 mono of any length that arrived at `session_ms`; yield whole frames, live or late.

        `late_ms`: the client says that it was captured so long ago. It is late then as far as its place was filled.

        Raises AudioError("audio.too_fast") for what is further ahead of real time than a stalled buffer explains; the
        audio that was refused is dropped, the rest of the session goes on.
        """
        self.clock.start(session_ms)
        at_ms = None
        if late_ms is not None:
            rest_ms = 1000.0 * len(self._rest) / self.rate_hz
            at_ms = self._captured(session_ms, late_ms, 1000.0 * len(samples) / self.rate_hz) - rest_ms
        self._rest = np.concatenate((self._rest, samples))
        while len(self._rest) >= self._frame_samples:
            ahead_ms = -self.clock.behind_ms(session_ms)
            if at_ms is None:
                place_ms, late = None, self._gap_ms >= FRAME_MS and ahead_ms > LEAD_MS
            else:
                place_ms = self._place(at_ms)
                late = place_ms is not None or (self._gap_ms >= FRAME_MS and self._hole_until_ms < self.clock.now_ms)
            if self._paced and not late and ahead_ms > BURST_MS:
                refused_ms = 1000.0 * len(self._rest) / self.rate_hz
                self.refused_ms += refused_ms
                self._rest = self._rest[:0]
                raise AudioError(
                    f"audio comes faster than real time ({ahead_ms / 1000:.1f} s ahead): {refused_ms:.0f} ms dropped; "
                    "send it at the pace it was spoken",
                    code="audio.too_fast",
                )
            cut, self._rest = self._rest[: self._frame_samples], self._rest[self._frame_samples :]
            if late:
                self._gap_ms = max(0.0, self._gap_ms - FRAME_MS)
                self.late_ms += FRAME_MS
                yield Frame(cut, self.rate_hz, FrameKind.LATE, place_ms)
            else:
                self.clock.advance(len(cut))
                if at_ms is not None:  # what follows it is live too
                    self._hole_from_ms = self._hole_until_ms = self.clock.now_ms
                yield Frame(cut, self.rate_hz)
            if at_ms is not None:
                at_ms = (at_ms if place_ms is None else place_ms) + FRAME_MS

    def _captured(self, session_ms: float, late_ms: float, length_ms: float) -> float:
        """Return the media time at which late audio was captured.

        `late_ms` counts until it was sent. Much audio takes seconds over a slow network, which are not to be counted:
        what was sent with the last piece was captured as much later as it is less late, and no sooner than that ended.
        """
        at_ms = self.clock.now_ms + self.clock.behind_ms(session_ms) - late_ms
        if self._piece is not None:
            began_ms, ended_ms, before_ms = self._piece
            at_ms = min(at_ms, max(ended_ms, began_ms + before_ms - late_ms))
        self._piece = (at_ms, at_ms + length_ms, late_ms)
        return at_ms

    def _place(self, at_ms: float) -> float | None:
        """Return where late audio belongs, in what is left of the last hole; it begins there where little is missing.

        None where there is no room: either it is not past yet, or what came since is live already.
        """
        place_ms = self._hole_from_ms if at_ms < self._hole_from_ms + SEAM_MS else at_ms
        if place_ms + FRAME_MS > self._hole_until_ms:
            return None
        self._hole_from_ms = place_ms + FRAME_MS
        return place_ms

    def fill(self, session_ms: float) -> Iterator[Frame]:
        """Yield missing frames until media time is no more than 100 ms behind `session_ms`."""
        self.clock.start(session_ms)
        while self.clock.behind_ms(session_ms) >= MISSING_AFTER_MS + FRAME_MS:
            if self._hole_until_ms < self.clock.now_ms:
                self._hole_from_ms = self.clock.now_ms
                self._piece = None
            self.clock.advance(self._frame_samples)
            self._hole_until_ms = self.clock.now_ms
            self.missing_ms += FRAME_MS
            self._gap_ms = min(self._gap_ms + FRAME_MS, BURST_MS * 5)
            yield Frame(silence(FRAME_MS, self.rate_hz), self.rate_hz, FrameKind.MISSING)
