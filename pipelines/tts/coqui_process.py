"""Runs a model of the package coqui-tts in a process of its own, in the environment of `scripts/setup-coqui`."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import EngineError
from pipelines.stopping import stoppable
from pipelines.tts.neural.levels import Wave

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
        self._asked = 0
        self.rate_hz = 0
        self.streams = False
        self._start()

    @property
    def pid(self) -> int | None:
        """The process id, for tests."""
        return self._process.pid if self._process is not None else None

    def speak(self, text: str, speaker: str) -> Generator[Wave, None, None]:
        """Yield a text's pieces as they are made, float32 (n,) at `rate_hz`; raises EngineError and Stopped.

        Close the generator when nobody waits for the rest: until then no other text is spoken. What is made of it
        afterwards is dropped.
        """
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self.close()
                self._start()
            self._asked += 1
            number, ended = self._asked, False
            try:
                self._tell({"id": number, "text": text, "speaker": speaker})
                while not ended:
                    with stoppable(lambda: self._stop(number)):
                        wave = self._piece(number)
                    if wave is not None:
                        yield wave
                    ended = wave is None
            finally:
                if not ended:
                    self._stop(number)

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
        loaded = self._answer()
        self._check(loaded)
        self.rate_hz, self.streams = int(loaded["rate_hz"]), bool(loaded["streams"])

    def _pipe(self, name: str) -> Any:
        return getattr(self._process, name)

    def _tell(self, said: Mapping[str, object]) -> None:
        try:
            self._pipe("stdin").write(json.dumps(said).encode("ascii") + b"\n")
            self._pipe("stdin").flush()
        except OSError as error:
            raise self._gone() from error

    def _stop(self, number: int) -> None:
        # Where it has ended already there is nothing to stop.
        with contextlib.suppress(EngineError, ValueError, AttributeError):
            self._tell({"stop": number})

    def _piece(self, number: int) -> Wave | None:
        """Return the next piece of a text, None at its end; what is left of those before is dropped."""
        while True:
            found = self._answer()
            size = 4 * int(found.get("samples", 0))
            content = self._pipe("stdout").read(size)
            if len(content) < size:
                raise self._gone()
            if found.get("id") == number:
                self._check(found)
                return None if "end" in found else np.frombuffer(content, dtype="<f4")

    def _answer(self) -> Mapping[str, Any]:
        line = self._pipe("stdout").readline(_LONGEST_LINE)
        if not line:
            raise self._gone()
        found: Mapping[str, Any] = json.loads(line)
        return found

    def _check(self, found: Mapping[str, Any]) -> None:
        if "error" in found:
            said = " ".join(str(found["error"]).split())[:300]
            raise EngineError(
                f"the Coqui model in {self._folder} can't speak ({said})", code=str(found.get("code", "model.format"))
            )

    def _gone(self) -> EngineError:
        return EngineError(f"the process of the Coqui model in {self._folder} has ended; the next clause starts it")
