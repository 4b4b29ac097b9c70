"""Speaks with a model of the package coqui-tts, which lives in an environment and a process of its own.

The package needs torch, which this server never imports; `scripts/setup-coqui` makes the environment. A model speaks by
whole clauses and says nothing of word times, so words are spread over what is heard by the number of their letters.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from audio.frames import WIRE_HZ
from audio.resample import resample_whole
from common.errors import EngineError
from pipelines.engines import EngineInfo, SpeakRequest, SpeechChunk
from pipelines.tts.neural.levels import Wave, factor_of, gain_for, loudness_of, to_pcm
from pipelines.tts.neural.shared import Shared
from pipelines.tts.spoken.say import joined, say
from pipelines.tts.word_times import chunks, place, trim

_WORKER = Path(__file__).with_name("coqui_worker.py")
# A line of its own answers is short; a longer one is not from it.
_LONGEST_LINE = 65_536


class CoquiProcess:
    """The worker's process: one model, one text after another; it ends with this object, and begins anew if it died."""

    def __init__(self, python: Path, folder: Path) -> None:
        """Start it and wait until the model is loaded; raises EngineError."""
        self._python, self._folder = python, folder
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self.rate_hz = 0
        self._start()

    @property
    def pid(self) -> int | None:
        """The process id, for tests."""
        return self._process.pid if self._process is not None else None

    def speak(self, text: str, speaker: str) -> Wave:
        """Return a text as float32 (n,) at `rate_hz`; raises EngineError."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self.close()
                self._start()
            asked = json.dumps({"text": text, "speaker": speaker}).encode("ascii") + b"\n"
            try:
                self._pipe("stdin").write(asked)
                self._pipe("stdin").flush()
            except OSError as error:
                raise self._gone() from error
            count = int(self._answer()["samples"])
            content = self._pipe("stdout").read(4 * count)
            if len(content) < 4 * count:
                raise self._gone()
        return np.frombuffer(content, dtype="<f4")

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def __del__(self) -> None:
        if getattr(self, "_process", None) is not None:
            self.close()

    def _start(self) -> None:
        # The program and its argument are ours, and there is no shell.
        self._process = subprocess.Popen(  # noqa: S603
            [self._python, _WORKER, self._folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.rate_hz = int(self._answer()["rate_hz"])

    def _pipe(self, name: str) -> Any:
        return getattr(self._process, name)

    def _answer(self) -> Mapping[str, Any]:
        line = self._pipe("stdout").readline(_LONGEST_LINE)
        if not line:
            raise self._gone()
        found: Mapping[str, Any] = json.loads(line)
        if "error" in found:
            said = " ".join(str(found["error"]).split())[:300]
            raise EngineError(
                f"the Coqui model in {self._folder} can't speak ({said})",
                code="model.format",
            )
        return found

    def _gone(self) -> EngineError:
        return EngineError(f"the process of the Coqui model in {self._folder} has ended; the next clause starts it")


_processes: Shared[CoquiProcess] = Shared()


class CoquiSynthesiser:
    """Speaks with one speaker of a model at the model's own pace, by whole clauses."""

    def __init__(self, folder: Path, *, python: Path, speaker: str = "") -> None:
        self.info = EngineInfo("synthesiser", folder.name, demonstration=False, isolation="thread")
        self._folder, self._python, self._speaker = folder, python, speaker
        self._process: CoquiProcess | None = None

    def warm(self) -> None:
        """Start the process, which loads the model, and speak a word; raises EngineError."""
        self._running().speak("Ready.", self._speaker)

    def speak(self, request: SpeakRequest) -> Iterator[SpeechChunk]:
        """Yield the clause at 24 kHz in pieces of 200 ms, silence around it trimmed; raises EngineError."""
        said = say(request.text, request.pronunciations)
        if not joined(said):
            yield from chunks(np.zeros(0, dtype=np.int16), ())
            return
        process = self._running()
        wave = process.speak(joined(said), self._speaker)
        gain = gain_for(loudness_of(wave, process.rate_hz)) * factor_of(request.voice.level_db)
        samples, _ = trim(
            resample_whole(to_pcm(wave, gain), from_hz=process.rate_hz, to_hz=WIRE_HZ),
            (),
        )
        starts = _spread([len(one.spoken) for one in said], len(samples))
        yield from chunks(samples, place([one.word for one in said], starts, samples))

    def _running(self) -> CoquiProcess:
        if self._process is None:
            key = (self._python, self._folder)
            self._process = _processes.get(key, lambda: CoquiProcess(self._python, self._folder))
        return self._process


def coqui_fault(python: Path, folder: Path) -> str:
    """Return what a model lacks before it can speak, and what to do; empty if nothing."""
    if not python.is_file():
        return f"coqui-tts is not set up, {python} is not there; run ./scripts/setup-coqui"
    if not (folder / "config.json").is_file() or not (folder / "model_file.pth").is_file():
        return f"{folder} has no config.json and model_file.pth; download the model, or correct the name"
    return ""


def coqui_folder(model: str) -> Path:
    """Return where a model lies: a folder, or where the package keeps one of a name such as `tts_models/en/X/Y`."""
    if Path(model).expanduser().is_dir():
        return Path(model).expanduser()
    home = os.environ.get("TTS_HOME") or os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "tts" / model.replace("/", "--")


def _spread(lengths: list[int], samples: int) -> list[int]:
    """Return where each word begins, by the letters before it."""
    total = max(1, sum(length + 1 for length in lengths))
    return [samples * sum(length + 1 for length in lengths[:index]) // total for index in range(len(lengths))]
