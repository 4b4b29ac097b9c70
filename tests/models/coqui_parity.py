"""Compares Coqui voices as this server speaks them with torch: `scripts/test-coqui` runs it.

    python -m tests.models.coqui_parity --python .coqui-env/bin/python

Small VITS are made at random, converted by `pipelines/models/export_coqui.py`, and speak a clause: here by the graphs
that are cut in two, as a whole and in windows, and there by torch, both with the same random numbers. Ends with status
1 when samples differ by more than 1e-3, when lengths, durations or the ids of the phonemes differ, when the sound is
faint, or when the comparison would not notice other random numbers.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.models.export import conversion
from pipelines.models.verify import verify_folder
from pipelines.tts.neural.phonemes import sounds_of
from pipelines.tts.neural.script import scripts_of
from pipelines.tts.neural.vits_model import VitsModel
from pipelines.tts.neural.voice_file import read_voice

CLAUSE = "It hurts here, when I breathe in, and it has been worse since Tuesday."
KINDS = ("vits-ipa", "vits-ipa-ends", "vits-ipa-speakers")
# Noise, length and noise of length: the voice's own, without any noise, and slower.
SCALES = {"own": (0.667, 1.0, 1.0), "without noise": (0.0, 1.0, 0.0), "slower": (0.5, 1.4, 0.8)}
LARGEST_DIFFERENCE = 1e-3
# What is compared must be a sound that such a difference is small in.
LEAST_PEAK = 0.1
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, eq=False)
class ClauseHere:
    """A clause as this server makes it: its ids, the frames of each, the audio as a whole and from windows."""

    name: str
    ids: NDArray[np.int64]
    frames: NDArray[np.int64]
    whole: NDArray[np.float32]
    windows: NDArray[np.float32]
    pieces: int


def spoken_here(name: str, model: VitsModel, speaker: str) -> ClauseHere:
    """Speak the clause with the graphs of a voice."""
    (script,) = scripts_of(CLAUSE.split(), model.voice)
    number = model.voice.speaker(speaker)
    model.probe(script.ids, number)
    if model.why_whole:
        raise SystemExit(f"{name} would not be streamed: {model.why_whole}")
    passage = model.passage(script.ids, number, length=1.0)
    whole = list(model.windows(passage, 0, passage.length, whole=True))
    windows = list(model.windows(passage, 0, passage.length))
    return ClauseHere(name, script.ids, passage.frames, np.concatenate(whole), np.concatenate(windows), len(windows))


def give(place: Path, spoken: ClauseHere, model: VitsModel, speaker: str, *, other_noise: bool = False) -> None:
    """Write down what torch is to speak."""
    number = model.voice.speaker(speaker)
    noises = {name: noise[:, ::-1] if other_noise else noise for name, noise in model.noises.items()}
    np.savez(
        place / f"{spoken.name}.given.npz",
        ids=spoken.ids,
        letters=np.array(sounds_of(CLAUSE.split(), voice=model.voice.espeak_voice).letters),
        scales=np.array(model.voice.scales),
        speaker=np.array(-1 if number is None else number),
        **{name: np.ascontiguousarray(noise) for name, noise in noises.items()},  # type: ignore[arg-type]
    )


def compare(spoken: ClauseHere, made: dict[str, Any]) -> float:
    """Return the greatest difference of a sample from torch's; raises SystemExit when something else differs."""
    if made["ids"].tolist() != spoken.ids.tolist():
        raise SystemExit(f"{spoken.name}: the ids are {spoken.ids.tolist()}, the package's {made['ids'].tolist()}")
    if np.rint(made["durations"]).astype(np.int64).tolist() != spoken.frames.tolist():
        raise SystemExit(f"{spoken.name}: the durations are {spoken.frames}, torch's {made['durations']}")
    theirs = made["wave"]
    if not len(theirs) == len(spoken.whole) == len(spoken.windows):
        raise SystemExit(f"{spoken.name}: {len(spoken.whole)} and {len(spoken.windows)} samples, torch's {len(theirs)}")
    if spoken.pieces < 2 or not np.max(np.abs(theirs)) >= LEAST_PEAK:
        raise SystemExit(f"{spoken.name}: {spoken.pieces} pieces, a peak of {np.max(np.abs(theirs))}")
    return float(max(np.max(np.abs(spoken.whole - theirs)), np.max(np.abs(spoken.windows - theirs))))


def prove(kind: str, place: Path, python: Path) -> dict[str, float]:
    """Make and convert a voice; return the greatest difference for each of its cases."""
    source, target, cases = place / "source", place / "voice", place / "cases"
    cases.mkdir(parents=True)
    _run(python, _HERE / "coqui_models.py", kind, source)
    _run(*conversion("onnx", python, source, target, quantization=""))
    if faults := verify_folder(target, "synthesiser"):
        raise SystemExit(f"{kind}: {faults[0].message}")
    voice = read_voice(target)
    speaker = list(voice.speakers)[-1] if voice.speakers else ""
    spoken: list[ClauseHere] = []
    for name, scales in SCALES.items():
        model = VitsModel(replace(voice, scales=scales))
        spoken.append(spoken_here(name, model, speaker))
        give(cases, spoken[-1], model, speaker)
    # Torch is given other random numbers too, without those of length, so that both last alike: that must be noticed.
    wrong_model = VitsModel(replace(voice, scales=(0.667, 1.0, 0.0)))
    wrong = spoken_here("other noise", wrong_model, speaker)
    give(cases, wrong, wrong_model, speaker, other_noise=True)
    _run(python, _HERE / "coqui_reference.py", source, cases)
    found = {one.name: compare(one, dict(np.load(cases / f"{one.name}.made.npz"))) for one in spoken}
    _notices(wrong, dict(np.load(cases / f"{wrong.name}.made.npz")))
    return found


def _notices(spoken: ClauseHere, made: dict[str, Any]) -> None:
    if (found := compare(spoken, made)) <= 10 * LARGEST_DIFFERENCE:
        raise SystemExit(f"with other random numbers the sound differs by {found} only: this comparison proves nothing")


def _run(*command: object) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[1]}: {done.stderr[-2000:]}")


def main() -> None:
    """Prove each kind of voice."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--python", type=Path, required=True)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    told = parser.parse_args()
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as place:
        for kind in KINDS:
            for name, difference in prove(kind, Path(place, kind), told.python).items():
                figures[f"largest_difference/{kind}/{name}"] = {"value": difference}
                sys.stdout.write(f"{kind}, {name}: the greatest difference from torch is {difference:.1e}\n")
                sys.stdout.flush()
    if told.json:
        told.json.write_text(json.dumps({"figures": figures}, indent=1) + "\n", encoding="utf-8")
    if max(figure["value"] for figure in figures.values()) > LARGEST_DIFFERENCE:
        raise SystemExit(f"more than {LARGEST_DIFFERENCE}")


if __name__ == "__main__":
    main()
