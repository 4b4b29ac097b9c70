"""A session's recording: candidate on the left, patient on the right, one media timeline, whole after any crash.

    frames ─► TimelineMixer ─► take() ─► SegmentWriter ─► segment-000000.flac ... ─► join() ─► recording.flac

The mixer is in `timeline_mixer.py`. A segment is rewritten each second while it fills, and once more when audio comes
late that belongs in it, always as a complete file: a killed server loses at most a second. With a seal these files
are sealed (`common/sealed_files.py`), the recording as it is encoded: no sound ever lies in the plain. Nothing here
starts a thread; encoding happens where SegmentWriter is called. Raises StorageError.
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

from audio.files import replace_file, sync_folder
from audio.frames import WIRE_HZ, Pcm, samples_for
from audio.timeline_mixer import Stereo
from common.errors import AudioError, StorageError, storage_error
from common.seal import Seal
from common.sealed_files import SealedWriter, open_file, read_file, sealed_bytes

SEGMENT_MS = 2_000  # a lost or broken file is no more than a sentence
# A crash may cost so much; each refresh encodes up to a segment, a few ms of work.
REFRESH_MS = 1_000
# A writer keeps so much while the disk refuses; what comes later becomes silence.
BACKLOG_MS = 30_000

RECORDING_NAME = "recording.flac"
# The marker of a FLAC and its first block, which has the length and the rate.
_HEADER_BYTES = 42
_SEGMENT_GLOB = "segment-[0-9][0-9][0-9][0-9][0-9][0-9].flac"


class SegmentWriter:
    """Writes stereo audio as numbered FLAC segments; continues after those that are already in the folder.

    When the disk refuses, StorageError is raised and the audio is kept and tried again with the next call; beyond
    30 s it becomes silence, so that what is written later is still in its place. Late audio of the candidate is put
    into the segments that it belongs in; each is replaced as a whole. Not thread-safe.
    """

    def __init__(
        self,
        folder: Path,
        *,
        segment_ms: float = SEGMENT_MS,
        refresh_ms: float = REFRESH_MS,
        rate_hz: int = WIRE_HZ,
        seal: Seal | None = None,
    ) -> None:
        self._folder = folder
        self._seal = seal
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
        self._index = self._first = _index(existing[-1]) + 1 if existing else 0
        self._filling: Stereo = np.zeros((self._segment, 2), dtype=np.int16)
        self._filled = 0
        self._safe = 0  # of those, on disk
        self._waiting: deque[Stereo] = deque()
        self._backlog = samples_for(BACKLOG_MS, rate_hz)
        # Samples that came while the backlog was full are owed: they are written as silence after it.
        self._owed = 0
        # Each is a place and the audio that is to be put there into what was written.
        self._late: deque[tuple[int, Pcm]] = deque()

    def write(self, stereo: Stereo) -> None:
        """Append int16 (n, 2)."""
        if self._owed or sum(map(len, self._waiting)) + len(stereo) > max(self._backlog, len(stereo)):
            self._owed += len(stereo)
        else:
            self._waiting.append(stereo)
        self._drain()

    def write_late(self, at: int, samples: Pcm) -> None:
        """Put the candidate's audio, int16 (n,), at sample `at` of all that was given to `write`.

        What lies beyond that is left out, and so is what belongs in a segment that can't be read any more.
        """
        if sum(len(late) for _, late in self._late) + len(samples) <= self._backlog:
            self._late.append((at, samples))
        self._drain()

    def close(self) -> None:
        """Write what is not yet on disk; may be called again."""
        self._drain()
        if self._filled > self._safe:
            self._save()

    def _drain(self) -> None:
        while self._late:
            self._place_late(*self._late[0])
            self._late.popleft()
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
        # Only whole segments are worth a sync: a crash of the server loses no page that was written, only power does.
        self._put(self._index, self._filling[: self._filled], self._rate_hz, durable=whole)
        self._safe = self._filled
        if whole:
            self._index += 1
            self._filled = self._safe = 0

    def _put(self, index: int, stereo: Stereo, rate_hz: int, *, durable: bool) -> None:
        path = self._folder / _name(index)
        data = _encoded(stereo, rate_hz)
        replace_file(path, data if self._seal is None else sealed_bytes(data, self._seal, path.name), durable=durable)

    def _place_late(self, at: int, samples: Pcm) -> None:
        """Put late audio where it belongs; harmless when it is done again after a failure."""
        start = 0
        for index in range(self._first, self._index):
            if at < start + self._segment and start < at + len(samples):
                self._replace(index, at - start, samples)
            start += self._segment
        filled = self._filled
        if _overlay(self._filling[:filled], at - start, samples) and at - start < self._safe:
            self._save()
        start += filled
        for waiting in self._waiting:
            _overlay(waiting, at - start, samples)
            start += len(waiting)

    def _replace(self, index: int, at: int, samples: Pcm) -> None:
        try:
            stereo, rate_hz = _decoded(self._folder / _name(index), self._seal)
        except _UNREADABLE:
            return  # whoever joins the segments says so
        if stereo.shape[1] == 2 and _overlay(stereo, at, samples):
            self._put(index, stereo, rate_hz, durable=True)


def _overlay(stereo: Stereo, at: int, samples: Pcm) -> bool:
    """Put the candidate's audio at sample `at` of a stretch, which may be before it; return whether it reaches in."""
    part = samples[max(0, -at) : max(0, len(stereo) - at)]
    stereo[max(0, at) : max(0, at) + len(part), 0] = part
    return len(part) > 0


def _encoded(stereo: Stereo, rate_hz: int) -> bytes:
    data = io.BytesIO()
    soundfile.write(data, stereo, rate_hz, format="FLAC", subtype="PCM_16")
    return data.getvalue()


_UNREADABLE = (soundfile.LibsndfileError, OSError, StorageError)


def _decoded(path: Path, seal: Seal | None) -> tuple[Stereo, int]:
    # Read first: no error could pass through the decoder's callbacks.
    decoded, rate_hz = soundfile.read(io.BytesIO(read_file(path, seal)), dtype="int16", always_2d=True)
    return cast(Stereo, decoded), rate_hz


@dataclass(frozen=True, slots=True, eq=False)
class RecordedSegment:
    """One segment as found on disk; `problem` says in words why it has no audio."""

    index: int
    path: Path
    samples: Stereo
    rate_hz: int
    problem: str | None = None


def recorded_ms(folder: Path, *, rate_hz: int = WIRE_HZ, seal: Seal | None = None) -> float:
    """Return how much audio lies in a folder's segments."""
    return 1000.0 * sum(_frames(path, seal) for path in _segment_paths(folder)) / rate_hz


def read_segments(folder: Path, seal: Seal | None = None) -> Iterator[RecordedSegment]:
    """Yield the segments in order, decoded one at a time; missing numbers and broken files come with a `problem`."""
    expected = 0
    nothing: Stereo = np.zeros((0, 2), dtype=np.int16)
    for path in _segment_paths(folder):
        index = _index(path)
        for missing in range(expected, index):
            name = _name(missing)
            yield RecordedSegment(missing, folder / name, nothing, WIRE_HZ, f"{name} is missing")
        expected = index + 1
        try:
            samples, rate_hz = _decoded(path, seal)
        except _UNREADABLE:
            yield RecordedSegment(index, path, nothing, WIRE_HZ, f"{path.name} can't be decoded")
            continue
        if samples.shape[1] != 2:
            yield RecordedSegment(
                index, path, nothing, rate_hz, f"{path.name} has {samples.shape[1]} channels instead of 2"
            )
            continue
        yield RecordedSegment(index, path, samples, rate_hz)


@dataclass(frozen=True, slots=True)
class Joined:
    """The joined recording, its length, and in words what was not as it should be."""

    path: Path
    duration_ms: float
    problems: tuple[str, ...] = ()


def join(folder: Path, *, segment_ms: float = SEGMENT_MS, rate_hz: int = WIRE_HZ, seal: Seal | None = None) -> Joined:
    """Make one `recording.flac` of a folder's segments, in constant memory, then remove the segments.

    They are removed only once the recording is on disk under its name; broken ones are renamed `*.broken` and kept. A
    missing or broken segment becomes silence of `segment_ms`, so that what follows stays in its place; at the end it
    is left out. Joining twice is harmless. Raises AudioError when nothing was recorded, StorageError.
    """
    target = folder / RECORDING_NAME
    paths = _segment_paths(folder)
    joined = _frames(target, seal) if target.exists() else 0
    if joined and joined >= sum(_frames(path, seal) for path in paths):
        _remove(paths)  # an earlier call got as far as here
        return Joined(target, 1000.0 * joined / rate_hz)
    if not paths:
        raise AudioError("nothing was recorded in this session", code="audio.empty")
    temporary = target.with_name(f".{target.name}.part")
    try:
        with temporary.open("wb+", buffering=0) as file:  # a buffer would hide where a write failed
            frames, problems, used = _concatenate(
                folder, file, segment=samples_for(segment_ms, rate_hz), rate_hz=rate_hz, seal=seal
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
        # The recording is safe; a name that stays is only untidy.
        with suppress(OSError):
            path.rename(path.with_name(path.name + ".broken"))
    return Joined(target, 1000.0 * frames / rate_hz, tuple(problems))


def _concatenate(
    folder: Path, file: io.FileIO, *, segment: int, rate_hz: int, seal: Seal | None
) -> tuple[int, list[str], list[Path]]:
    """Encode all segments into `file`; return the number of frames, the problems, and the segments that are in it."""
    sealed = SealedWriter(file, seal, RECORDING_NAME) if seal is not None else None
    sink = _Sink(sealed or file)
    frames = silence = 0
    problems: list[str] = []
    used: list[Path] = []
    try:
        with soundfile.SoundFile(cast(BinaryIO, sink), "w", rate_hz, 2, format="FLAC", subtype="PCM_16") as out:
            for found in read_segments(folder, seal):
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
    if sealed is not None:
        sealed.finish()
    return frames, problems, used


class _Sink:
    """A file for libsndfile that remembers why a write failed: an error can't pass through its C callbacks."""

    def __init__(self, file: io.FileIO | SealedWriter) -> None:
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


def _name(index: int) -> str:
    return f"segment-{index:06d}.flac"


def _frames(path: Path, seal: Seal | None) -> int:
    try:
        return recording_info(path, seal)[0]
    except _UNREADABLE:
        return 0


def recording_info(path: Path, seal: Seal | None = None) -> tuple[int, int]:
    """Return how many frames a FLAC has, sealed or not, and its rate in Hz.

    Raises OSError, soundfile.LibsndfileError, and StorageError when it does not open.
    """
    with open_file(path, seal) as file:
        return flac_info(file)


def flac_info(file: BinaryIO) -> tuple[int, int]:
    """Return how many frames a FLAC has that is open at its beginning, and its rate in Hz.

    Raises OSError, soundfile.LibsndfileError.
    """
    info = soundfile.info(io.BytesIO(file.read(_HEADER_BYTES)))
    return int(info.frames), int(info.samplerate)


def _remove(paths: list[Path]) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(path, error) from error
