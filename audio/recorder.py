"""A session's recording: candidate on the left, patient on the right, one media timeline, whole after any crash.

    frames ─► TimelineMixer ─► take() ─► SegmentWriter ─► segment-000000.flac ... ─► join() ─► recording.flac

A segment is rewritten each second while it fills, always as a complete file: a killed server loses at most that much.
Nothing here starts a thread; encoding happens where SegmentWriter is called. Raises StorageError.
"""

from __future__ import annotations

import io
import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio.errors import AudioError, StorageError
from audio.files import replace_file, storage_error, sync_folder
from audio.frames import WIRE_HZ, Pcm, samples_for

Stereo = NDArray[np.int16]
"""int16 (n, 2): candidate, patient."""

SEGMENT_MS = 2_000  # a lost or broken file is no more than a sentence
REFRESH_MS = 1_000  # what a crash may cost; each refresh encodes up to a segment, a few ms of work
AHEAD_MS = 15_000  # playout is paced well below a second ahead; this also holds a whole reply
UNREAD_MS = 15_000  # a disk that stalls longer loses sound, never the session's memory
BACKLOG_MS = 30_000  # what a writer keeps while the disk refuses; what comes later becomes silence

RECORDING_NAME = "recording.flac"
_SEGMENT_GLOB = "segment-[0-9][0-9][0-9][0-9][0-9][0-9].flac"


class TimelineMixer:
    """Places both voices on one timeline, in memory of a fixed size: 24 kHz, about 3 MB.

    The candidate's sound is the clock: what is appended moves media time on. The patient's is placed at media times,
    also ahead of it, and can be cut. What was taken is past. Not thread-safe.
    """

    def __init__(self, *, ahead_ms: float = AHEAD_MS, unread_ms: float = UNREAD_MS, rate_hz: int = WIRE_HZ) -> None:
        self.rate_hz = rate_hz
        self._ahead = samples_for(ahead_ms, rate_hz)
        self._unread = samples_for(unread_ms, rate_hz)
        self._ring: Stereo = np.zeros((self._ahead + self._unread, 2), dtype=np.int16)
        self._taken = 0  # samples handed out
        self._kept_from = 0  # first sample that is still in the ring: later than _taken where sound was lost
        self._now = 0  # samples of the candidate so far
        self._lost = 0

    @property
    def now_ms(self) -> float:
        """Media time: the end of the candidate's sound."""
        return 1000.0 * self._now / self.rate_hz

    @property
    def lost_ms(self) -> float:
        """How much was overwritten by silence because nobody took it in time."""
        return 1000.0 * self._lost / self.rate_hz

    def candidate(self, samples: Pcm) -> None:
        """Append int16 (n,) at 24 kHz."""
        for start in range(0, len(samples), self._unread):
            piece = samples[start : start + self._unread]
            self._make_room(self._now + len(piece))
            self._write(self._now, 0, piece)
            self._now += len(piece)

    def patient(self, at_ms: float, samples: Pcm) -> None:
        """Place int16 (n,) at 24 kHz at media time `at_ms`, over what was there; what comes too late is left out.

        Raises AudioError when it ends further ahead than the mixer holds.
        """
        start = samples_for(at_ms, self.rate_hz)
        if start + len(samples) > self._now + self._ahead:
            raise AudioError(
                f"patient sound up to {at_ms + 1000 * len(samples) / self.rate_hz:.0f} ms is too far ahead of "
                f"{self.now_ms:.0f} ms; place it when it is sent",
                code="audio.too_far_ahead",
            )
        skipped = max(0, self._kept_from - start)
        self._write(start + skipped, 1, samples[skipped:])

    def patient_cut(self, at_ms: float) -> None:
        """Silence the patient from media time `at_ms` on, as when the candidate interrupts."""
        start = max(samples_for(at_ms, self.rate_hz), self._kept_from)
        end = self._now + self._ahead
        if start < end:
            self._write(start, 1, np.zeros(end - start, dtype=np.int16))

    def take(self, until_ms: float) -> Stereo:
        """Return what was not yet taken up to `until_ms`, int16 (n, 2); never beyond the candidate's sound."""
        end = min(samples_for(until_ms, self.rate_hz), self._now)
        if end <= self._taken:
            return np.zeros((0, 2), dtype=np.int16)
        out = np.zeros((end - self._taken, 2), dtype=np.int16)
        if end > self._kept_from:
            places = np.arange(self._kept_from, end) % len(self._ring)
            out[self._kept_from - self._taken :] = self._ring[places]
            self._ring[places] = 0
            self._kept_from = end
        self._taken = end
        return out

    def _make_room(self, now: int) -> None:
        """Give up the oldest sound that nobody took, so that the ring has room up to `now` and ahead of it."""
        overdue = now - self._unread - self._kept_from
        if overdue > 0:
            self._ring[np.arange(self._kept_from, self._kept_from + overdue) % len(self._ring)] = 0
            self._kept_from += overdue
            self._lost += overdue

    def _write(self, start: int, track: int, samples: Pcm) -> None:
        at = start % len(self._ring)
        first = min(len(samples), len(self._ring) - at)
        self._ring[at : at + first, track] = samples[:first]
        self._ring[: len(samples) - first, track] = samples[first:]


class SegmentWriter:
    """Writes stereo sound as numbered FLAC segments; continues after those that are already in the folder.

    When the disk refuses, StorageError is raised and the sound is kept and tried again with the next call; beyond
    30 s it becomes silence, so that what is written later is still in its place. Not thread-safe.
    """

    def __init__(
        self,
        folder: Path,
        *,
        segment_ms: float = SEGMENT_MS,
        refresh_ms: float = REFRESH_MS,
        rate_hz: int = WIRE_HZ,
    ) -> None:
        self._folder = folder
        self._rate_hz = rate_hz
        self._segment = samples_for(segment_ms, rate_hz)
        self._refresh = samples_for(refresh_ms, rate_hz)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(folder, error) from error
        if (folder / RECORDING_NAME).exists():
            raise StorageError(
                "this session's recording is already joined; record into a new session", code="storage.recording_closed"
            )
        existing = _segment_paths(folder)
        self._index = _index(existing[-1]) + 1 if existing else 0
        self._filling: Stereo = np.zeros((self._segment, 2), dtype=np.int16)
        self._filled = 0
        self._safe = 0  # of those, on disk
        self._waiting: deque[Stereo] = deque()
        self._backlog = samples_for(BACKLOG_MS, rate_hz)
        self._owed = 0  # samples that came while the backlog was full: to be written as silence after it

    def write(self, stereo: Stereo) -> None:
        """Append int16 (n, 2)."""
        if self._owed or sum(map(len, self._waiting)) + len(stereo) > max(self._backlog, len(stereo)):
            self._owed += len(stereo)
        else:
            self._waiting.append(stereo)
        self._drain()

    def close(self) -> None:
        """Write what is not yet on disk; may be called again."""
        self._drain()
        if self._filled > self._safe:
            self._save()

    def _drain(self) -> None:
        while True:
            if self._filled == self._segment or self._filled - self._safe >= self._refresh:
                self._save()
            if not self._waiting:
                if not self._owed:
                    return
                piece = min(self._owed, self._segment)
                self._owed -= piece
                self._waiting.append(np.zeros((piece, 2), dtype=np.int16))
            stereo = self._waiting.popleft()
            part = stereo[: self._segment - self._filled]
            self._filling[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            if len(part) < len(stereo):
                self._waiting.appendleft(stereo[len(part) :])

    def _save(self) -> None:
        whole = self._filled == self._segment
        data = io.BytesIO()
        soundfile.write(data, self._filling[: self._filled], self._rate_hz, format="FLAC", subtype="PCM_16")
        # Only whole segments are worth a sync: a crash of the server loses no page that was written, only power does.
        replace_file(self._folder / f"segment-{self._index:06d}.flac", data.getvalue(), durable=whole)
        self._safe = self._filled
        if whole:
            self._index += 1
            self._filled = self._safe = 0


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """One segment as found on disk; `problem` says in words why it has no sound."""

    index: int
    path: Path
    samples: Stereo
    rate_hz: int
    problem: str | None = None


def read_segments(folder: Path) -> Iterator[Segment]:
    """Yield the segments in order, decoded one at a time; missing numbers and broken files come with a `problem`."""
    expected = 0
    nothing: Stereo = np.zeros((0, 2), dtype=np.int16)
    for path in _segment_paths(folder):
        index = _index(path)
        for missing in range(expected, index):
            name = f"segment-{missing:06d}.flac"
            yield Segment(missing, folder / name, nothing, WIRE_HZ, f"{name} is missing")
        expected = index + 1
        try:
            decoded, rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
        except (soundfile.LibsndfileError, OSError):
            yield Segment(index, path, nothing, WIRE_HZ, f"{path.name} can't be decoded")
            continue
        samples = cast(Stereo, decoded)
        if samples.shape[1] != 2:
            yield Segment(index, path, nothing, rate_hz, f"{path.name} has {samples.shape[1]} channels instead of 2")
            continue
        yield Segment(index, path, samples, rate_hz)


@dataclass(frozen=True, slots=True)
class Joined:
    """The joined recording, its length, and in words what was not as it should be."""

    path: Path
    duration_ms: float
    problems: tuple[str, ...] = ()


def join(folder: Path, *, segment_ms: float = SEGMENT_MS, rate_hz: int = WIRE_HZ) -> Joined:
    """Make one `recording.flac` of a folder's segments, in constant memory, then remove the segments.

    They are removed only once the recording is on disk under its name; broken ones are renamed `*.broken` and kept. A
    missing or broken segment becomes silence of `segment_ms`, so that what follows stays in its place; at the end it
    is left out. Joining twice is harmless. Raises AudioError when nothing was recorded, StorageError.
    """
    target = folder / RECORDING_NAME
    paths = _segment_paths(folder)
    if target.exists() and _frames(target) >= sum(_frames(path) for path in paths):
        _remove(paths)  # an earlier call got as far as here
        return Joined(target, 1000.0 * _frames(target) / rate_hz)
    if not paths:
        raise AudioError("nothing was recorded in this session", code="audio.empty")
    temporary = target.with_name(f".{target.name}.part")
    try:
        with temporary.open("wb+", buffering=0) as file:  # a buffer would hide where a write failed
            frames, problems, used = _concatenate(
                folder, file, segment=samples_for(segment_ms, rate_hz), rate_hz=rate_hz
            )
            os.fsync(file.fileno())
        if not frames:
            temporary.unlink()
            raise AudioError("no segment of this recording can be read", code="audio.empty")
        os.replace(temporary, target)
        sync_folder(folder)
    except (OSError, StorageError) as error:
        with suppress(OSError):
            temporary.unlink()
        raise error if isinstance(error, StorageError) else storage_error(target, error) from error
    _remove(used)
    for path in set(_segment_paths(folder)) - set(used):
        with suppress(OSError):  # the recording is safe; a name that stays is only untidy
            path.rename(path.with_name(path.name + ".broken"))
    return Joined(target, 1000.0 * frames / rate_hz, tuple(problems))


def _concatenate(folder: Path, file: io.FileIO, *, segment: int, rate_hz: int) -> tuple[int, list[str], list[Path]]:
    """Encode all segments into `file`; return the number of frames, the problems, and the segments that are in it."""
    sink = _Sink(file)
    frames = silence = 0
    problems: list[str] = []
    used: list[Path] = []
    try:
        with soundfile.SoundFile(cast(BinaryIO, sink), "w", rate_hz, 2, format="FLAC", subtype="PCM_16") as out:
            for found in read_segments(folder):
                problem = found.problem
                if problem is None and found.rate_hz != rate_hz:
                    problem = f"{found.path.name} has {found.rate_hz} Hz instead of {rate_hz} Hz"
                if problem is not None:
                    problems.append(problem)
                    silence += segment
                    continue
                for part in (np.zeros((silence, 2), dtype=np.int16), found.samples):
                    out.write(part)
                    frames += len(part)
                silence = 0
                used.append(found.path)
                sink.check()
    except (soundfile.LibsndfileError, AssertionError) as error:  # soundfile asserts that all was written
        sink.check()
        raise StorageError(f"'{RECORDING_NAME}' can't be encoded; its segments are kept") from error
    sink.check()
    return frames, problems, used


class _Sink:
    """A file for libsndfile that remembers why a write failed: an error can't pass through its C callbacks."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._error: OSError | None = None

    def check(self) -> None:
        """Raise the OSError of the write that failed, if one did."""
        if self._error is not None:
            raise self._error

    def write(self, data: bytes) -> int:
        written = 0
        try:
            while written < len(data):
                written += self._file.write(data[written:])
        except OSError as error:
            self._error = self._error or error
        return written

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _segment_paths(folder: Path) -> list[Path]:
    return sorted(folder.glob(_SEGMENT_GLOB))


def _index(path: Path) -> int:
    return int(path.stem.removeprefix("segment-"))


def _frames(path: Path) -> int:
    try:
        return int(soundfile.info(path).frames)
    except (soundfile.LibsndfileError, OSError):
        return 0


def _remove(paths: list[Path]) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(path, error) from error
