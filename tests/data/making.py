"""What the scripts that make audio share: flite's speech, and files with a line for each."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml
from numpy.typing import NDArray

from audio.frames import ANALYSIS_HZ, to_float, to_pcm
from audio.resample import resample_whole
from common.errors import AudioError
from pipelines.truth import Truth, truth_path
from tests.data.sound import Sound

PATIENCE_S = 60.0  # flite takes a fraction of a second for a sentence


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """An audio file's name and content: int16 (samples,) or (samples, 2), and its truth file where it has one."""

    name: str
    samples: NDArray[np.int16]
    rate_hz: int = ANALYSIS_HZ
    truth: bytes | None = None


def run_flite(*said: str, voice: str, stretch: float) -> tuple[Sound, str]:
    """Return what flite speaks for the options `said`, at 16 kHz, and what it prints.

    A stretch of 1.1 is ten per cent slower. Raises AudioError when flite is missing or fails.
    """
    program = shutil.which("flite")
    if program is None:
        raise AudioError("flite is not installed, and the fixtures' speech comes from it: apt-get install flite")
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        command = [program, "-voice", voice, "--setf", f"duration_stretch={stretch}", *said, "-o", str(wav)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise AudioError(f"flite was not done after {PATIENCE_S:g} s; try again") from None
        if done.returncode or not wav.exists():
            raise AudioError(f"flite could not speak with the voice {voice}: {done.stderr.strip() or done.returncode}")
        samples, rate_hz = soundfile.read(wav, dtype="float64")
    return resample(np.asarray(samples, dtype=np.float64), rate_hz, ANALYSIS_HZ), done.stdout


def resample(sound: Sound, from_hz: int, to_hz: int) -> Sound:
    """Return the audio (samples,) or (samples, channels) at another rate; at its own it is not touched."""
    if from_hz == to_hz:
        return sound
    channels = to_pcm(np.atleast_2d(sound.T))
    resampled = [to_float(resample_whole(channel, from_hz=from_hz, to_hz=to_hz)) for channel in channels]
    return np.squeeze(np.stack(resampled, axis=1).astype(np.float64))


def truth_bytes(truth: Truth, maker: str) -> bytes:
    """Return a truth file's content; `maker` is the script to name in it."""
    content = truth.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    header = f"# Made by tests/data/{maker}; don't edit by hand.\n"
    body = yaml.safe_dump({"rate_hz": truth.rate_hz} | content, sort_keys=False, allow_unicode=True, width=110)
    return (header + body).encode()


def write_all(sounds: Iterable[Made], folder: Path) -> int:
    """Write audio files, and their truth files beside them, as they are made; tell their sizes; return the exit status.

    What ends the making with an AudioError is told in one line, and the status is 1.
    """
    folder.mkdir(parents=True, exist_ok=True)
    total = 0
    try:
        for made in sounds:
            path = folder / made.name
            options: dict[str, Any] = {"compression_level": 1.0} if path.suffix == ".flac" else {}
            soundfile.write(path, made.samples, made.rate_hz, subtype="PCM_16", **options)
            if made.truth is not None:
                truth_path(path).write_bytes(made.truth)
            size = path.stat().st_size
            total += size
            sys.stdout.write(f"{made.name:28} {size / 1000:8.1f} kB\n")
    except AudioError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    sys.stdout.write(f"{'all':28} {total / 1000:8.1f} kB\n")
    return 0
