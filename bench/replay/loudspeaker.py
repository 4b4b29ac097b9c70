"""The simulated candidate's loudspeaker: plays, holds, seeks and clears as a browser's, and keeps what was heard."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from audio.frames import WIRE_HZ, Pcm

SAMPLES_PER_MS = WIRE_HZ / 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class HeardStretch:
    """Audio that was heard without a break: from `at_ms` on, `place` samples into a reply; int16 mono at 24 kHz."""

    at_ms: float
    reply: int
    place: int
    samples: Pcm

    @property
    def to_ms(self) -> float:
        """When it ended."""
        return self.at_ms + len(self.samples) / SAMPLES_PER_MS


@dataclass(slots=True)
class _ReplyTrack:
    reply: int
    chunks: list[Pcm] = field(default_factory=list)
    received: int = 0  # samples
    played: int = 0  # samples: the place that is heard next
    held: bool = False
    # Whether it was told to begin anew, and no audio has come since: that is no gap.
    anew: bool = False

    def cut(self, start: int, end: int) -> Pcm:
        """Return samples of the reply by their place."""
        parts, place = [], 0
        for chunk in self.chunks:
            if place < end and place + len(chunk) > start:
                parts.append(chunk[max(0, start - place) : end - place])
            place += len(chunk)
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int16)


class Loudspeaker:
    """Plays replies one after the other, each from its arrival on; all times are milliseconds on the caller's clock."""

    def __init__(self) -> None:
        self.gaps_ms: list[float] = []  # how late audio of a reply came that had begun to play
        self._spans: list[tuple[float, int, int, int]] = []  # (at_ms, reply, first place, end place)
        self._tracks: dict[int, _ReplyTrack] = {}  # what may still be heard
        self._audio: dict[int, _ReplyTrack] = {}  # everything that came
        self._cleared: set[int] = set()
        self._now_ms = 0.0  # up to here playing is accounted for

    def add_reply_audio(self, reply: int, samples: Pcm, now_ms: float) -> float:
        """Take audio that arrived; return when it will be heard if nothing holds it, infinity if never."""
        self.advance(now_ms)
        if reply in self._cleared:
            return float("inf")
        track = self._tracks.setdefault(reply, _ReplyTrack(reply))
        self._audio[reply] = track
        due_ms = self.plays_until_ms(now_ms)
        if track.received and track.played == track.received and not track.held and not track.anew:
            late_ms = now_ms - self._ended_ms(reply)
            if late_ms > 1.0:
                self.gaps_ms.append(late_ms)
        track.anew = False
        track.chunks.append(samples)
        track.received += len(samples)
        return due_ms

    def hold(self, reply: int, now_ms: float) -> float | None:
        """Fall silent; return how much of the reply was played, None if there is no such reply."""
        self.advance(now_ms)
        track = self._tracks.get(reply)
        if track is None:
            return None
        track.held = True
        return track.played / SAMPLES_PER_MS

    def resume(self, reply: int, from_ms: float, now_ms: float) -> None:
        """Go on from a place, never beyond the one that was reached."""
        self.advance(now_ms)
        track = self._tracks.get(reply)
        if track is not None and track.held:
            track.held = False
            track.played = max(0, min(track.played, round(from_ms * SAMPLES_PER_MS)))

    def restart(self, reply: int, from_ms: float, now_ms: float) -> None:
        """Drop what there is of a reply from a place on: what comes next begins there."""
        self.advance(now_ms)
        track = self._tracks.setdefault(reply, _ReplyTrack(reply))
        self._audio[reply] = track
        place = min(round(from_ms * SAMPLES_PER_MS), track.received)
        track.chunks = [track.cut(0, place)]
        track.received = track.played = place
        track.held, track.anew = False, True

    def clear(self, reply: int, now_ms: float) -> None:
        """Drop what was not heard of a reply, and what may still come."""
        self.advance(now_ms)
        self._cleared.add(reply)
        self._tracks.pop(reply, None)

    def played_ms(self, reply: int) -> float | None:
        """Return the place of a reply that is heard next, None if there is no such reply."""
        track = self._tracks.get(reply)
        return track.played / SAMPLES_PER_MS if track is not None and track.received else None

    def plays_until_ms(self, now_ms: float) -> float:
        """Return when everything that is there will have been heard."""
        self.advance(now_ms)
        left = sum(track.received - track.played for track in self._tracks.values())
        return now_ms if left == 0 else self._now_ms + left / SAMPLES_PER_MS

    def sounding(self, now_ms: float) -> bool:
        """Whether audio is being heard."""
        return self.plays_until_ms(now_ms) > now_ms and not any(track.held for track in self._tracks.values())

    def advance(self, now_ms: float) -> None:
        """Let time pass."""
        for track in tuple(self._tracks.values()):
            left = track.received - track.played
            if track.held:
                break  # what comes after it waits as well
            count = min(left, int((now_ms - self._now_ms) * SAMPLES_PER_MS + 1e-6))
            if count > 0:
                self._note(track, count)
                self._now_ms += count / SAMPLES_PER_MS
            if count < left:
                # The rest of a sample is not lost: it is accounted for with the next call.
                return
        self._now_ms = max(self._now_ms, now_ms)

    @property
    def heard(self) -> list[HeardStretch]:
        """What was heard so far, in order."""
        return [
            HeardStretch(at_ms, reply, start, self._audio[reply].cut(start, end))
            for at_ms, reply, start, end in self._spans
        ]

    def between(self, from_ms: float, to_ms: float) -> Pcm:
        """Return what was heard from one time to another, silence where nothing was; up to now, nothing later."""
        audio = np.zeros(round((to_ms - from_ms) * SAMPLES_PER_MS), dtype=np.int16)
        for at_ms, reply, start, end in reversed(self._spans):
            if at_ms + (end - start) / SAMPLES_PER_MS <= from_ms:
                break
            offset = round((at_ms - from_ms) * SAMPLES_PER_MS)
            first, last = max(start, start - offset), min(end, start - offset + len(audio))
            if first < last:
                audio[first - start + offset : last - start + offset] = self._audio[reply].cut(first, last)
        return audio

    def _ended_ms(self, reply: int) -> float:
        return next(
            (at + (end - start) / SAMPLES_PER_MS for at, of, start, end in reversed(self._spans) if of == reply),
            self._now_ms,
        )

    def _note(self, track: _ReplyTrack, count: int) -> None:
        start, end = track.played, track.played + count
        track.played = end
        if self._spans:
            at_ms, reply, first, last = self._spans[-1]
            ends_ms = at_ms + (last - first) / SAMPLES_PER_MS
            if reply == track.reply and last == start and abs(ends_ms - self._now_ms) < 0.5 / SAMPLES_PER_MS:
                self._spans[-1] = (at_ms, reply, first, end)
                return
        self._spans.append((self._now_ms, track.reply, start, end))
