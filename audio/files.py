"""Recordings on disk: read with every fault named in one line, written so that no half file is ever seen."""

from __future__ import annotations

import errno
import io
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio.frames import Pcm, to_pcm
from audio.mono import to_mono
from audio.resample import resample_whole
from common.errors import AudioError, storage_error

LOWEST_HZ, HIGHEST_HZ = 8_000, 192_000  # a telephone, and the most a sound card makes
MOST_CHANNELS = 8
# A role-play is 5 minutes; this is room for a whole sub-test.
LONGEST_MS = 30 * 60_000.0

READ_BLOCK_FRAMES = 65_536
# libsndfile says such a number of a FLAC without a length, and then loses its last block.
UNKNOWN_FRAMES = 1 << 62
# MP3 headers tell a length that was estimated from the bit rate; only more than this is taken for a cut-off file.
MP3_SLACK_MS = 1_000.0
# A WAV written to a pipe can't know its length and says "as much as possible": 0xFFFFFFFF, or a little below 2 GiB.
STREAMED_WAV_SIZE = 0x7FFF_0000


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """Decoded audio: int16 of shape (n,) for one channel, (n, channels) for more."""

    samples: NDArray[np.int16]
    rate_hz: int
    channels: int

    @property
    def duration_ms(self) -> float:
        """Length in milliseconds."""
        return 1000.0 * len(self.samples) / self.rate_hz


def read_recording(path: Path | str, *, longest_ms: float = LONGEST_MS) -> Recording:
    """Read a WAV, FLAC, OGG or MP3 file as int16; floating-point audio is clipped at full scale.

    Raises AudioError with one line that names the file and the fault: missing, no file, unreadable, empty, not audio,
    no samples, no length, cut off (and how much there is), NaN or infinite samples, an odd rate, too many channels, or
    longer than `longest_ms` (refused before anything is decoded).
    """
    path = Path(path)
    name = path.name
    try:
        if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
            raise AudioError(f"'{name}' is a pipe or a device; save its sound to a file first", code="audio.unreadable")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if not size:
                raise AudioError(f"'{name}' is empty (0 bytes); record or export it again", code="audio.empty")
            _check_magic(file, name)
            cut_off = _is_cut_off_wav(file, size)
            file.seek(0)
            return _decode(file, name, cut_off=cut_off, longest_ms=longest_ms)
    except OSError as error:
        raise AudioError(_why_unreadable(path, error), code="audio.unreadable") from error


def mono_at(recording: Recording, rate_hz: int, channel: int | None = None) -> Pcm:
    """Return the recording as mono int16 (m,) at `rate_hz`: one channel (counted from 0), or the mean of all.

    Where the channels cancel each other, the loudest is taken instead (`audio/mono.py`).

    Raises AudioError when there is no such channel.
    """
    samples = recording.samples
    if channel is not None and not 0 <= channel < recording.channels:
        raise AudioError(
            f"channel {channel} was asked for, but the recording has {recording.channels} (counted from 0)",
            code="audio.channel",
        )
    if samples.ndim == 1:
        mono = samples
    elif channel is not None:
        mono = np.ascontiguousarray(samples[:, channel])
    else:
        mono = to_mono(samples, recording.rate_hz)
    return resample_whole(mono, from_hz=recording.rate_hz, to_hz=rate_hz)


def write_wav(path: Path | str, samples: NDArray[np.int16], rate_hz: int) -> None:
    """Write int16 (n,) or (n, channels) as a 16-bit WAV file, whole or not at all; raises StorageError."""
    data = io.BytesIO()
    soundfile.write(data, samples, rate_hz, format="WAV", subtype="PCM_16")
    replace_file(Path(path), data.getvalue())


def replace_file(path: Path, data: bytes, *, durable: bool = False, like: os.stat_result | None = None) -> None:
    """Put `data` at `path` in one step: readers, and whoever comes after a crash, see the old file or the new one.

    With `durable` it also survives a loss of power; `like` is whose owner and rights it gets. Raises StorageError.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        with open(temporary, "wb", opener=_for_owner if like is not None else None) as file:
            file.write(data)
            if like is not None:
                os.fchmod(file.fileno(), stat.S_IMODE(like.st_mode))
                # To give a file away is root's right; whoever else replaces it owned it before.
                with suppress(PermissionError):
                    os.fchown(file.fileno(), like.st_uid, like.st_gid)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise storage_error(path, error) from error


def append_lines(path: Path, lines: bytes, *, durable: bool = False) -> None:
    """Add whole lines to a file that only its owner may read; the first begins a line even behind one that was cut off.

    With `durable` they also survive a loss of power. Raises StorageError.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            write_all(descriptor, b"\n" + lines if torn else lines)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if durable and size == 0:
            sync_folder(path.parent)
    except OSError as error:
        raise storage_error(path, error) from error


def write_all(descriptor: int, data: bytes) -> None:
    """Write to the last byte, however little the system takes at a time; raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def sync_folder(folder: Path) -> None:
    """Make the folder's names survive a loss of power; raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_magic(file: BinaryIO, name: str) -> None:
    """Refuse what no decoder of ours reads, before a decoder guesses: headerless data would pass for MP3."""
    head = file.read(12)
    wav = head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE"
    mp3 = head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2)  # sync bits, layer III
    if not (wav or mp3 or head[:4] in (b"fLaC", b"OggS")):
        raise AudioError(f"'{name}' is not audio this server reads; use WAV, FLAC, OGG or MP3", code="audio.format")


def _is_cut_off_wav(file: BinaryIO, size: int) -> bool:
    """Return whether a WAV header promises more bytes of audio than the file has: libsndfile would keep silent."""
    file.seek(0)
    if file.read(4) != b"RIFF":
        # RF64 keeps sizes elsewhere; other formats are checked by decoding.
        return False
    position = 12
    while position + 8 <= size:
        file.seek(position)
        header = file.read(8)
        length = int.from_bytes(header[4:], "little")
        if header[:4] == b"data":
            return position + 8 + length > size and length < STREAMED_WAV_SIZE
        position += 8 + length + length % 2
    return False


def _decode(file: BinaryIO, name: str, *, cut_off: bool, longest_ms: float) -> Recording:
    try:
        audio = soundfile.SoundFile(file)
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"'{name}' has a broken header ({error.error_string.rstrip('.')}); export it again", code="audio.format"
        ) from error
    with audio:
        rate_hz, channels, promised = audio.samplerate, audio.channels, audio.frames
        if promised >= UNKNOWN_FRAMES:
            raise AudioError(
                f"'{name}' was streamed and its header tells no length; convert it once to a new file",
                code="audio.no_length",
            )
        if not LOWEST_HZ <= rate_hz <= HIGHEST_HZ:
            raise AudioError(
                f"'{name}' has a sample rate of {rate_hz} Hz; use {LOWEST_HZ} to {HIGHEST_HZ} Hz", code="audio.rate"
            )
        if channels > MOST_CHANNELS:
            raise AudioError(f"'{name}' has {channels} channels; use at most {MOST_CHANNELS}", code="audio.channels")
        if 1000.0 * promised / rate_hz > longest_ms:
            raise AudioError(
                f"'{name}' is {promised / rate_hz:.0f} s long; at most {longest_ms / 1000:.0f} s are taken",
                code="audio.too_long",
            )
        samples = _read_blocks(audio, name)
        slack = round(MP3_SLACK_MS * rate_hz / 1000) if audio.format == "MP3" else 0
    here_s = len(samples) / rate_hz
    if cut_off or len(samples) + slack < promised:
        raise AudioError(
            f"'{name}' is cut off or damaged after {here_s:.2f} s, its header promises more; copy it again",
            code="audio.truncated",
        )
    if not len(samples):
        raise AudioError(
            f"'{name}' holds no samples, or not enough to decode any; record or export it again", code="audio.empty"
        )
    return Recording(samples[:, 0].copy() if channels == 1 else samples, rate_hz, channels)


def _read_blocks(audio: soundfile.SoundFile, name: str) -> NDArray[np.int16]:
    """Return what can be decoded, int16 (n, channels): fewer frames than promised where the file breaks off."""
    # libsndfile doesn't scale floating-point files to int16, and compressed ones may overshoot: those are clipped here.
    as_float = audio.subtype in ("FLOAT", "DOUBLE") or audio.format in ("OGG", "MP3")
    blocks: list[NDArray[np.int16]] = []
    while True:
        try:
            block = audio.read(READ_BLOCK_FRAMES, dtype="float32" if as_float else "int16", always_2d=True)
        except soundfile.LibsndfileError:
            break
        if not len(block):
            break
        if as_float:
            if not np.isfinite(block).all():
                raise AudioError(
                    f"'{name}' contains samples that are not numbers (NaN or infinite); export it again as 16-bit",
                    code="audio.not_finite",
                )
            block = to_pcm(cast(NDArray[np.float32], block))
        blocks.append(cast(NDArray[np.int16], block))
    return np.concatenate(blocks) if blocks else np.zeros((0, audio.channels), dtype=np.int16)


def _why_unreadable(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"there is no file '{path.name}'; check its name and folder"
    if isinstance(error, IsADirectoryError):
        return f"'{path.name}' is a folder; name a recording in it"
    if isinstance(error, PermissionError):
        return f"'{path.name}' may not be read by this user; change its permissions"
    return f"'{path.name}' can't be read: {os.strerror(error.errno or errno.EIO)}"
