"""The session's recorder: both voices onto one timeline, written by the disk thread every quarter of a second."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np

from audio.frames import WIRE_HZ, Frame, FrameKind, Pcm, samples_for
from audio.recorder import SegmentWriter, join, recorded_ms
from audio.resample import StreamResampler
from audio.timeline_mixer import TimelineMixer
from common.errors import AppError, AudioError, StorageError
from common.seal import Seal
from pipelines.log.disk import DiskThread
from pipelines.session.relay import SoundRelay

WRITE_MS = 250.0  # how often the disk thread is given audio
# Whoever listens hears a piece once it is whole; smaller ones would be many messages for each listener.
HAND_ON_MS = 60.0
# Playout is paced to well under a second ahead of the listener.
AHEAD_MS = 4_000.0
# While a client sends nothing its media time stands still, and the patient may go on speaking: so much of that waits.
MOST_WAITING_MS = 120_000.0
UNREAD_MS = 2_000.0


class LateAudio:
    """Audio that came after its place was filled, in stretches of 24 kHz, until it is put there."""

    def __init__(self, rate_hz: int) -> None:
        self._resampler = StreamResampler(rate_hz, WIRE_HZ)
        self._pieces: list[tuple[int, Pcm]] = []  # (sample of the timeline, audio)
        self._at = 0  # where the next audio of the stretch under way goes
        self._until_ms: float | None = None  # media time of its end

    def add_frame(self, frame: Frame, at_ms: float) -> None:
        """Take a frame that begins at media time `at_ms`."""
        if self._until_ms is None or abs(at_ms - self._until_ms) > 1.0:
            self.end()
            self._at = samples_for(at_ms, WIRE_HZ)
        self._until_ms = at_ms + frame.duration_ms
        self._add(self._resampler.process(frame.samples))

    def end(self) -> None:
        """The stretch is over: what follows is another."""
        if self._until_ms is not None:
            self._until_ms = None
            self._add(self._resampler.process(np.zeros(0, dtype=np.int16), last=True))

    def take_stretches(self, until: int) -> list[tuple[int, Pcm]]:
        """Return what there is before sample `until`, each stretch in one piece with its place."""
        stretches: list[list[tuple[int, Pcm]]] = []
        left: list[tuple[int, Pcm]] = []
        for at, samples in self._pieces:
            room = max(0, until - at)
            if room < len(samples):
                left.append((at + room, samples[room:]))
            last = stretches[-1][-1] if stretches else None
            if last is not None and last[0] + len(last[1]) == at:
                stretches[-1].append((at, samples[:room]))
            elif room:
                stretches.append([(at, samples[:room])])
        self._pieces = left
        return [(pieces[0][0], np.concatenate([samples for _, samples in pieces])) for pieces in stretches]

    def _add(self, samples: Pcm) -> None:
        if len(samples):
            self._pieces.append((self._at, samples))
            self._at += len(samples)


class SessionRecorder:
    """Records one session into `folder`; a failure is told once, and writing is tried again with the next audio."""

    def __init__(
        self,
        folder: Path,
        disk: DiskThread,
        *,
        chores: DiskThread,
        rate_hz: int,
        failed: Callable[[StorageError], None],
        relay: SoundRelay | None = None,
        seal: Seal | None = None,
        from_ms: float = 0.0,
    ) -> None:
        self._relay = relay
        self._handed_on = 0  # samples of the timeline
        self._folder = folder
        self._seal = seal
        self._disk = disk
        self._chores = chores
        self._failed = failed
        self._broken = False
        self._resampler = StreamResampler(rate_hz, WIRE_HZ)
        self._late = LateAudio(rate_hz)
        self._mixer = TimelineMixer(ahead_ms=AHEAD_MS, unread_ms=UNREAD_MS)
        self._writer = SegmentWriter(folder, seal=seal)
        self._written_ms = 0.0
        self._waiting: deque[tuple[float, Pcm]] = deque()
        # The mixer begins there: what lies before it was recorded by an earlier server.
        self._from_ms = from_ms
        if from_ms:
            self._fill_gap(from_ms - recorded_ms(folder, seal=seal))

    def candidate(self, frame: Frame) -> None:
        """Append a frame of the candidate's audio: this is what moves the recording on."""
        if frame.kind is FrameKind.LIVE:
            self._late.end()
        self._mixer.candidate(self._resampler.process(frame.samples))
        self._place()
        if self._mixer.now_ms - 1000.0 * self._handed_on / WIRE_HZ >= HAND_ON_MS:
            self._hand_on()
        if self._mixer.now_ms - self._written_ms >= WRITE_MS:
            self._write()

    def candidate_late(self, frame: Frame) -> None:
        """Put a late frame where it was spoken; one that does not say when that was can't be recorded."""
        if frame.at_ms is not None:
            self._late.add_frame(frame, frame.at_ms - self._from_ms)

    def patient(self, at_ms: float, samples: Pcm) -> None:
        """Place the patient's audio (int16 mono, 24 kHz) at a media time, as soon as the recording comes near it."""
        at_ms -= self._from_ms
        if at_ms < self._mixer.now_ms + MOST_WAITING_MS:
            self._waiting.append((at_ms, samples))
        self._place()

    def patient_cut(self, at_ms: float) -> None:
        """Drop the patient's audio from a media time on."""
        at_ms -= self._from_ms
        self._mixer.patient_cut(at_ms)
        waiting, self._waiting = self._waiting, deque()
        for from_ms, samples in waiting:
            if from_ms < at_ms:
                self._waiting.append((from_ms, samples[: samples_for(at_ms - from_ms, WIRE_HZ)]))

    def close(self) -> None:
        """Queue what is left and the joining of the segments; returns at once."""
        self._late.end()
        self._write()
        self._disk.submit(self._finish, self._report)

    def _fill_gap(self, missing_ms: float) -> None:
        """Record silence for what died with an earlier server, so that what follows is in its place."""
        if missing_ms > 0:
            gap = np.zeros((samples_for(missing_ms, WIRE_HZ), 2), dtype=np.int16)
            self._disk.submit(lambda: self._writer.write(gap), self._report)

    def leave(self) -> None:
        """Write what is left, and leave the segments as they are: another server goes on with them."""
        self._late.end()
        self._write()
        self._disk.submit(self._writer.close, self._report)

    def _place(self) -> None:
        while self._waiting:
            at_ms, samples = self._waiting[0]
            if at_ms + 1000.0 * len(samples) / WIRE_HZ > self._mixer.now_ms + AHEAD_MS:
                return
            self._waiting.popleft()
            self._mixer.patient(at_ms, samples)

    def _hand_on(self) -> None:
        """Let those who listen have what is new; where late audio belongs is past for them."""
        if self._relay is None:
            return
        at, stereo = self._mixer.peek_stereo(self._handed_on)
        self._handed_on = at + len(stereo)
        if len(stereo):
            self._relay.put(1000.0 * at / WIRE_HZ, stereo)

    def _write(self) -> None:
        # What is taken to be written is not there to be heard any more.
        self._hand_on()
        for at, samples in self._late.take_stretches(samples_for(self._mixer.now_ms, WIRE_HZ)):
            self._write_late(at, self._mixer.late(at, samples))
        stereo = self._mixer.take_stereo(self._mixer.now_ms)
        self._written_ms = self._mixer.now_ms
        # After a failure too: the writer keeps audio for a while and tries again.
        if len(stereo):
            self._disk.submit(lambda: self._writer.write(stereo), self._report)

    def _write_late(self, at: int, samples: Pcm) -> None:
        if len(samples):
            self._disk.submit(lambda: self._writer.write_late(at, samples), self._report)

    def _finish(self) -> None:
        self._writer.close()
        # Half a second of work for five minutes of audio: here, the logs of all other sessions would wait for it.
        self._chores.submit(self._join, self._report)

    def _join(self) -> None:
        try:
            join(self._folder, seal=self._seal)
        except AudioError as error:
            # What ended before its first audio has no recording, and the disk is well.
            if error.code != "audio.empty":
                raise

    def _report(self, error: Exception) -> None:
        if not self._broken:
            self._broken = True
            message = error.message if isinstance(error, AppError) else type(error).__name__
            self._failed(StorageError(f"the recording has stopped: {message}"))
