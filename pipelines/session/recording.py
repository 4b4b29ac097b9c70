"""The session's recorder: both voices onto one timeline, written by the disk thread every quarter of a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from audio.errors import AppError, StorageError
from audio.frames import WIRE_HZ, Frame, Pcm
from audio.recorder import SegmentWriter, TimelineMixer, join
from audio.resample import StreamResampler
from pipelines.log.disk import DiskThread

WRITE_MS = 250.0  # how often the disk thread is given sound
AHEAD_MS = 4_000.0  # playout is paced to well under a second ahead of the listener
UNREAD_MS = 2_000.0


class SessionRecorder:
    """Records one session into `folder`; a failure is told once, and writing is tried again with the next sound."""

    def __init__(
        self,
        folder: Path,
        disk: DiskThread,
        *,
        chores: DiskThread,
        rate_hz: int,
        failed: Callable[[StorageError], None],
    ) -> None:
        self._folder = folder
        self._disk = disk
        self._chores = chores
        self._failed = failed
        self._broken = False
        self._resampler = StreamResampler(rate_hz, WIRE_HZ)
        self._mixer = TimelineMixer(ahead_ms=AHEAD_MS, unread_ms=UNREAD_MS)
        self._writer = SegmentWriter(folder)
        self._written_ms = 0.0

    def candidate(self, frame: Frame) -> None:
        """Append a frame of the candidate's sound: this is what moves the recording on."""
        self._mixer.candidate(self._resampler.process(frame.samples))
        if self._mixer.now_ms - self._written_ms >= WRITE_MS:
            self._write()

    def patient(self, at_ms: float, samples: Pcm) -> None:
        """Place the patient's sound (int16 mono, 24 kHz) at a media time."""
        self._mixer.patient(at_ms, samples)

    def patient_cut(self, at_ms: float) -> None:
        """Drop the patient's sound from a media time on."""
        self._mixer.patient_cut(at_ms)

    def close(self) -> None:
        """Queue what is left and the joining of the segments; returns at once."""
        self._write()
        self._disk.submit(self._finish, self._report)

    def _write(self) -> None:
        stereo = self._mixer.take(self._mixer.now_ms)
        self._written_ms = self._mixer.now_ms
        if len(stereo):  # also after a failure: the writer keeps sound for a while and tries again
            self._disk.submit(lambda: self._writer.write(stereo), self._report)

    def _finish(self) -> None:
        self._writer.close()
        # Half a second of work for five minutes of sound: here, the logs of all other sessions would wait for it.
        self._chores.submit(self._join, self._report)

    def _join(self) -> None:
        join(self._folder)

    def _report(self, error: Exception) -> None:
        if not self._broken:
            self._broken = True
            message = error.message if isinstance(error, AppError) else type(error).__name__
            self._failed(StorageError(f"the recording has stopped: {message}"))
