"""Speaks with models of coqui-tts that are made at random, in the worker's own process: `scripts/test-coqui` runs it.

    python -m tests.models.coqui_voice --python .coqui-env/bin/python

Prints for each model how long it took to load and to speak a clause. Ends with status 1 when a model makes no sound,
when its words are not all there in order, when XTTS is not heard before it has made all, when it goes on with a clause
that nobody waits for, or when a process does not come back after it was killed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from audio.frames import WIRE_HZ
from common.errors import EngineError
from pipelines.engines import SpeakRequest, Voice
from pipelines.tts.coqui import CoquiSynthesiser, coqui_fault
from pipelines.tts.coqui_fetch import AGREED
from pipelines.tts.coqui_process import CoquiProcess

CLAUSE = "It hurts here, when I breathe in."
MAKER = Path(__file__).with_name("coqui_models.py")
SPEAKER = "Bob"


def make(kind: str, folder: Path, python: Path) -> None:
    """Make a model at random; raises SystemExit with what the package says."""
    done = subprocess.run([python, MAKER, kind, folder], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{kind} can't be made: {done.stderr[-2000:]}")


def prove(kind: str, folder: Path, python: Path, speaker: str = "") -> str:
    """Speak with a model; return a line of what it took. Raises SystemExit when something is wrong."""
    began = time.perf_counter()
    made = CoquiSynthesiser(folder, python=python, speaker=speaker)
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
    if not sum(map(len, process.speak("Hello.", ""))) or process.pid == first:
        raise SystemExit("the process did not come back")
    process.close()
    return "killed, and speaks again"


def streams(folder: Path, python: Path) -> str:
    """Hear an XTTS piece by piece, then leave it in the middle of a clause; return a line of what it took."""
    if "licence" not in coqui_fault(python, folder):
        raise SystemExit("xtts: nobody agreed to its licence, and it would speak")
    (folder / AGREED).write_text("A model made at random has none.", encoding="utf-8")
    if fault := coqui_fault(python, folder):
        raise SystemExit(f"xtts: {fault}")
    process = CoquiProcess(python, folder)
    began, heard = time.perf_counter(), []
    lengths = []
    for wave in process.speak(CLAUSE, SPEAKER):
        heard.append(time.perf_counter() - began)
        lengths.append(len(wave))
    if not process.streams or len(heard) < 3 or not heard[0] < heard[-1] / 2:
        raise SystemExit(f"xtts: pieces of {lengths} samples came after {heard} s")
    first = process.pid
    with closing(process.speak(CLAUSE, SPEAKER)) as pieces:
        next(pieces)
    began = time.perf_counter()
    after = next(iter(process.speak(CLAUSE, SPEAKER)))
    if not len(after) or process.pid != first:
        raise SystemExit("xtts: a clause that nobody waited for took the process with it")
    next_s = time.perf_counter() - began
    process.close()
    named = _refused(folder, python)
    return (
        f"xtts: {len(heard)} pieces, the first after {heard[0]:.2f} s, the last after {heard[-1]:.2f} s; left in the "
        f"middle, and the next clause begins after {next_s:.2f} s; {named}"
    )


def _refused(folder: Path, python: Path) -> str:
    """Ask for a speaker that is not there; return what is said."""
    try:
        CoquiSynthesiser(folder, python=python, speaker="Zoe").warm()
    except EngineError as error:
        if SPEAKER in error.message:
            return error.message.partition("(")[2].rstrip(")")
    raise SystemExit("xtts: a speaker that is not there is not told of")


def main() -> None:
    """Prove each kind of model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--python", type=Path, required=True)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        for kind in ("vits", "tacotron2", "xtts"):
            folder = Path(place, kind)
            make(kind, folder, told.python)
            if kind == "xtts":
                _say(streams(folder, told.python))
            _say(prove(kind, folder, told.python, SPEAKER if kind == "xtts" else ""))
        _say(comes_back(Path(place, "vits"), told.python))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
