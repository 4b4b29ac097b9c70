"""Recordings on disk: what is good is read right, what is bad is refused in one clear line."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from audio.files import Recording, append_lines, mono_at, read_recording, replace_file, write_wav
from common.errors import AudioError, StorageError

Sound = NDArray[np.int16] | NDArray[np.floating]


def tone(seconds: float = 1.0, rate_hz: int = 24_000, channels: int = 1) -> NDArray[np.int16]:
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    tracks = [8000 * np.sin(2 * np.pi * 300 * (i + 1) * t) for i in range(channels)]
    return np.asarray(np.rint(np.stack(tracks, axis=1) if channels > 1 else tracks[0]), dtype=np.int16)


def encoded(samples: Sound, rate_hz: int = 24_000, kind: str = "WAV", subtype: str | None = None) -> bytes:
    data = io.BytesIO()
    soundfile.write(data, samples, rate_hz, format=kind, subtype=subtype)
    return data.getvalue()


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
@pytest.mark.parametrize(("rate_hz", "channels"), [(8_000, 1), (44_100, 2), (48_000, 2), (16_000, 4)])
def test_lossless_files_are_read_exactly(tmp_path: Path, kind: str, rate_hz: int, channels: int) -> None:
    samples = tone(0.5, rate_hz, channels)
    (tmp_path / "a").write_bytes(encoded(samples, rate_hz, kind))
    recording = read_recording(tmp_path / "a")
    assert np.array_equal(recording.samples, samples)
    assert (recording.rate_hz, recording.channels, recording.duration_ms) == (rate_hz, channels, 500)


@pytest.mark.parametrize("kind", ["OGG", "MP3"])
def test_compressed_files_are_read(tmp_path: Path, kind: str) -> None:
    samples = tone(1.0, 44_100)
    (tmp_path / "a").write_bytes(encoded(samples, 44_100, kind))
    recording = read_recording(tmp_path / "a")
    assert recording.duration_ms == pytest.approx(1000, abs=60)
    assert recording.samples.std() == pytest.approx(samples.std(), rel=0.1)


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE", "PCM_24", "PCM_32", "PCM_U8"])
def test_other_sample_formats_are_scaled_to_16_bit(tmp_path: Path, subtype: str) -> None:
    samples = tone(0.1)
    (tmp_path / "a.wav").write_bytes(encoded(samples.astype(np.float32) / 32768, subtype=subtype))
    worst = np.abs(read_recording(tmp_path / "a.wav").samples.astype(int) - samples).max()
    assert worst <= (256 if subtype == "PCM_U8" else 1)


def test_floating_point_beyond_full_scale_is_clipped(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(encoded(np.array([2.0, -3.0, 0.5], dtype=np.float32), subtype="FLOAT"))
    assert read_recording(tmp_path / "a.wav").samples.tolist() == [32767, -32767, 16383]


def test_a_wav_written_to_a_pipe_has_no_length_and_is_read(tmp_path: Path) -> None:
    data = bytearray(encoded(tone()))
    data[4:8] = data[40:44] = b"\xff" * 4
    (tmp_path / "a.wav").write_bytes(data)
    assert read_recording(tmp_path / "a.wav").duration_ms == 1000


def broken_middle() -> bytes:
    data = encoded(tone(2.0), kind="FLAC")
    return data[: len(data) // 2] + bytes(3000) + data[len(data) // 2 + 3000 :]


def with_nan(value: float) -> bytes:
    samples = np.zeros(1000, dtype=np.float32)
    samples[500] = value
    return encoded(samples, 16_000, subtype="FLOAT")


@pytest.mark.parametrize(
    ("make", "code", "message"),
    [
        (lambda: b"", "audio.empty", "is empty"),
        (lambda: b"hello world, this is a text\n" * 20, "audio.format", "not audio this server reads; use WAV"),
        (lambda: b"RIFF", "audio.format", "not audio"),
        (lambda: encoded(tone())[:30], "audio.format", "broken header"),
        (lambda: encoded(tone()[:0]), "audio.empty", "no samples"),
        (lambda: encoded(tone())[: 44 + 24_000], "audio.truncated", r"cut off or damaged after 0\.50 s"),
        (lambda: encoded(tone())[: 44 + 24_001], "audio.truncated", r"after 0\.50 s"),
        (lambda: encoded(tone(2.0), kind="FLAC")[:-9000], "audio.truncated", r"cut off or damaged after \d"),
        (broken_middle, "audio.truncated", "cut off or damaged"),
        (lambda: encoded(tone(8.0), kind="MP3")[:6000], "audio.truncated", "cut off or damaged"),
        (lambda: encoded(tone(4.0), kind="OGG")[:3000], "audio.", "'bad"),
        (lambda: with_nan(float("nan")), "audio.not_finite", "not numbers"),
        (lambda: with_nan(float("inf")), "audio.not_finite", "not numbers"),
        (lambda: encoded(tone(), 4_000), "audio.rate", "4000 Hz; use 8000 to 192000"),
        (lambda: encoded(tone(), 384_000), "audio.rate", "384000 Hz"),
        (lambda: encoded(np.zeros((100, 9), dtype=np.int16)), "audio.channels", "9 channels"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, make: Callable[[], bytes], code: str, message: str) -> None:
    (tmp_path / "bad.wav").write_bytes(make())
    with pytest.raises(AudioError, match=message) as caught:
        read_recording(tmp_path / "bad.wav")
    assert caught.value.code.startswith(code)
    assert "'bad.wav'" in caught.value.message
    assert "\n" not in caught.value.message
    assert str(tmp_path) not in caught.value.message


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"there is no file 'none\.wav'"):
        read_recording(tmp_path / "none.wav")
    with pytest.raises(AudioError, match="is a folder"):
        read_recording(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(AudioError, match="pipe or a device"):
        read_recording(tmp_path / "pipe")


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(13, "no")

    (tmp_path / "a.wav").write_bytes(encoded(tone()))
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(AudioError, match="may not be read") as caught:
        read_recording(tmp_path / "a.wav")
    assert caught.value.code == "audio.unreadable"


def test_a_too_long_file_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.flac").write_bytes(encoded(np.zeros(8_000 * 3600, dtype=np.int16), 8_000, "FLAC"))

    def decode(*args: object, **options: object) -> None:
        pytest.fail("an hour was decoded")

    monkeypatch.setattr(soundfile.SoundFile, "read", decode)
    with pytest.raises(AudioError, match="3600 s long; at most 1800 s"):
        read_recording(tmp_path / "a.flac")


def test_a_file_that_hides_its_length_is_refused(tmp_path: Path) -> None:
    data = bytearray(encoded(np.zeros(8_000 * 60, dtype=np.int16), 8_000, "FLAC"))
    # A FLAC header holds the number of samples in 36 bits from here: 0 means "unknown".
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    (tmp_path / "a.flac").write_bytes(data)
    with pytest.raises(AudioError, match="tells no length; convert it"):
        read_recording(tmp_path / "a.flac")


def test_a_channel_is_chosen_or_all_are_mixed(tmp_path: Path) -> None:
    left, right = tone(0.5, 44_100), np.full(22_050, 1000, dtype=np.int16)
    recording = Recording(np.stack([left, right], axis=1), 44_100, 2)
    assert np.array_equal(mono_at(recording, 44_100, 0), left)
    assert np.array_equal(mono_at(recording, 44_100, 1), right)
    assert np.abs(mono_at(recording, 44_100) - (left.astype(float) + right) / 2).max() <= 0.5
    assert len(mono_at(recording, 16_000)) == 8_000
    with pytest.raises(AudioError, match="channel 2 was asked for, but the recording has 2"):
        mono_at(recording, 16_000, 2)
    with pytest.raises(AudioError, match="has 1"):
        mono_at(Recording(left, 44_100, 1), 16_000, 1)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_wav_is_written_whole(tmp_path: Path, channels: int) -> None:
    samples = tone(0.2, 44_100, channels)
    write_wav(tmp_path / "out.wav", samples, 44_100)
    assert np.array_equal(read_recording(tmp_path / "out.wav").samples, samples)
    assert [path.name for path in tmp_path.iterdir()] == ["out.wav"]


@pytest.mark.parametrize(
    ("number", "code", "advice"),
    [
        (28, "storage.full", "free space"),
        (122, "storage.full", "free space"),
        (30, "storage.read_only", "make it writable"),
        (13, "storage.read_only", "make it writable"),
        (5, "storage.failed", "check the disk"),
    ],
)
def test_a_disk_that_refuses_leaves_the_old_file_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str, advice: str
) -> None:
    def refuse(*paths: object) -> None:
        raise OSError(number, "no")

    replace_file(tmp_path / "a", b"old")
    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(StorageError, match=advice) as caught:
        replace_file(tmp_path / "a", b"new")
    assert caught.value.code == code
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "none", tmp_path / "file"):
        with pytest.raises(StorageError, match="folder is not there"):
            replace_file(folder / "a", b"x", durable=True)


@pytest.mark.parametrize("durable", [False, True])
def test_lines_begin_anew_behind_one_that_a_crash_cut_off(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "lines.jsonl"
    append_lines(path, b"1\n", durable=durable)
    append_lines(path, b"2\n3\n", durable=durable)
    assert path.read_bytes() == b"1\n2\n3\n"
    assert path.stat().st_mode & 0o077 == 0
    path.write_bytes(b"1\n2")
    append_lines(path, b"4\n", durable=durable)
    assert path.read_bytes() == b"1\n2\n4\n"
    with pytest.raises(StorageError, match="lines"):
        append_lines(path / "lines", b"5\n", durable=durable)
