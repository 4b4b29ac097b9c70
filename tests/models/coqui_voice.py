"""Speaks with models of coqui-tts that are made at random, in the worker's own process: `scripts/test-coqui` runs it.

    python -m tests.models.coqui_voice --python .coqui-env/bin/python

Prints for each model how long it took to load and to speak a clause. Ends with status 1 when a model makes no sound,
when its words are not all there in order, or when its process does not come back after it was killed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from audio.frames import WIRE_HZ
from pipelines.engines import SpeakRequest, Voice
from pipelines.tts.coqui import CoquiProcess, CoquiSynthesiser

CLAUSE = "It hurts here, when I breathe in."
MAKER = Path(__file__).with_name("coqui_models.py")


def prove(kind: str, folder: Path, python: Path) -> str:
    """Make a model and speak with it; return a line of what it took. Raises SystemExit when something is wrong."""
    subprocess.run([python, MAKER, kind, folder], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    began = time.perf_counter()
    made = CoquiSynthesiser(folder, python=python)
    made.warm()
    loaded = time.perf_counter()
    chunks = list(made.speak(SpeakRequest("", CLAUSE, Voice())))
    spoken = time.perf_counter()
    words = [word for chunk in chunks for word in chunk.words]
    samples = np.concatenate([chunk.samples for chunk in chunks])
    if not np.any(samples):
        raise SystemExit(f"{kind}: no sound")
    starts = [word.start_ms for word in words]
    if [word.text for word in words] != CLAUSE.split() or starts != sorted(starts):
        raise SystemExit(f"{kind}: the words are {words}")
    sound_s = len(samples) / WIRE_HZ
    took = f"loaded in {loaded - began:.1f} s, {sound_s:.2f} s of sound in {spoken - loaded:.2f} s"
    return f"{kind}: {took}, {len(words)} words"


def comes_back(folder: Path, python: Path) -> str:
    """Kill a model's process; return a line once it speaks again."""
    process = CoquiProcess(python, folder)
    first = process.pid
    if first is None:
        raise SystemExit("there is no process")
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    if not len(process.speak("Hello.", "")) or process.pid == first:
        raise SystemExit("the process did not come back")
    process.close()
    return "killed, and speaks again"


def main() -> None:
    """Prove both kinds of models."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--python", type=Path, required=True)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        for kind in ("vits", "tacotron2"):
            sys.stdout.write(prove(kind, Path(place, kind), told.python) + "\n")
            sys.stdout.flush()
        sys.stdout.write(comes_back(Path(place, "vits"), told.python) + "\n")


if __name__ == "__main__":
    main()
