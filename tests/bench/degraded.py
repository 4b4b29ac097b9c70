"""What the patient tells when the candidate's sound is bad: the committed consultations as bad microphones send them.

    python -m tests.bench.degraded --set engines.whisper.model=tiny.en

Each condition of `bench/degradations.py` is given to each consultation, which is then replayed under virtual
time. Prints the share of turns that told what was expected, over all consultations, and what differs from clean sound.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import soundfile

from audio.files import mono_at, read_recording
from bench.degradations import CONDITIONS
from tests.app.wire import DATA

RECORDINGS = tuple(DATA / f"consultation{name}.flac" for name in ("", "-medicine", "-pharmacy", "-veterinary"))


def degrade(recording: Path, condition: str, folder: Path) -> Path:
    """Write a recording as a bad microphone sends it, with its truth file; return its path."""
    audio = read_recording(recording)
    found = CONDITIONS[condition](mono_at(audio, audio.rate_hz), audio.rate_hz)
    path = folder / recording.name
    soundfile.write(path, found, audio.rate_hz, subtype="PCM_16")
    truth = recording.with_suffix(".truth.yaml")
    shutil.copy(truth, folder / truth.name)
    return path


def told(recording: Path, settings: list[str], *, report: Path) -> tuple[int, int]:
    """Replay a recording; return how many turns told what was expected, and how many there are."""
    chosen = [word for setting in settings for word in ("--set", setting)]
    command = [sys.executable, "-m", "bench.cli", "replay", str(recording), "--pace", "fast", "--json", str(report)]
    subprocess.run([*command, *chosen], check=True, stdout=subprocess.DEVNULL)
    summary = json.loads(report.read_text())["summary"]
    return round(summary["expected_cue_rate"] * summary["turns"]), summary["turns"]


def main() -> None:
    """Replay everything, and print a line for each condition."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="*", type=Path, default=RECORDINGS, help="with truth files")
    parser.add_argument("--conditions", nargs="+", choices=list(CONDITIONS), default=list(CONDITIONS))
    parser.add_argument("--set", action="append", default=[], metavar="A.B=VALUE", help="a setting")
    arguments = parser.parse_args()
    clean: float | None = None
    for condition in arguments.conditions:
        with tempfile.TemporaryDirectory(prefix="interlocutor-degraded-") as name:
            folder = Path(name)
            counts = [
                told(degrade(recording, condition, folder), arguments.set, report=folder / "report.json")
                for recording in arguments.recordings
            ]
        right, turns = (sum(column) for column in zip(*counts, strict=True))
        share = 100.0 * right / turns
        clean = share if condition == "clean" else clean
        apart = "" if clean is None else f"  {share - clean:+5.1f} points"
        each = " ".join(f"{a}/{b}" for a, b in counts)
        sys.stdout.write(f"{condition:18s} {right:3d} of {turns} told as expected, {share:5.1f} %{apart}  ({each})\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
