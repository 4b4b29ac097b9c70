"""Makes turns of second-language speakers from single sentences: `python -m bench.second_language FOLDER TARGET`.

FOLDER holds sentences that people read, NAME.flac with its text in NAME.txt and all of them in speakers.tsv (a name and
a speaker in each line). A speaker's first two sentences become three turns of one recording: each alone, and both with
a pause between them, as somebody makes who has more to say. Pauses are log-normal (median 0.6 s, one in ten over 1.5 s,
none under 0.3 s) and come from a seed. TARGET gets a recording and a truth file for each speaker, for `eval pauses`.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml

from audio.files import mono_at, read_recording
from audio.frames import ANALYSIS_HZ, Pcm, samples_for
from bench.pauses_plan import PAUSE_AT_LEAST_MS, Span, find_pauses, find_utterances
from pipelines.truth import SUFFIX

PAUSE_MEDIAN_S, PAUSE_P90_S, PAUSE_LEAST_S = 0.6, 1.5, 0.3
# The standard deviation of the logarithm: one in ten lies 1.2816 of them above the median.
PAUSE_SPREAD = math.log(PAUSE_P90_S / PAUSE_MEDIAN_S) / 1.2816
# So much of a sentence's own room is kept before and after its voice.
EDGE_MS = 150.0
GAP_MS = 4_000.0  # between turns: longer than any wait
# The quietest stretch of this length tells how loud the room is.
QUIET_MS = 100.0


@dataclass(frozen=True, slots=True, eq=False)
class ReadSentence:
    """One sentence as it was read: int16 at 16 kHz, and in milliseconds where its voice is and pauses."""

    text: str
    samples: Pcm
    voice: Span
    pauses: tuple[Span, ...]


def read_sentence(path: Path) -> ReadSentence:
    """Read a recording of one sentence and its text; raises AudioError for a recording that can't be used."""
    samples = mono_at(read_recording(path), ANALYSIS_HZ)
    spans = find_utterances(samples, ANALYSIS_HZ)
    voice = (spans[0][0], spans[-1][1]) if spans else (0.0, 1000.0 * len(samples) / ANALYSIS_HZ)
    text = path.with_suffix(".txt").read_text(encoding="utf-8").strip()
    return ReadSentence(text, samples, voice, tuple(find_pauses(samples, voice, ANALYSIS_HZ)))


def pause_s(rng: random.Random) -> float:
    """Return a pause as people make them between two sentences, in seconds."""
    while True:
        drawn = PAUSE_MEDIAN_S * math.exp(rng.gauss(0.0, PAUSE_SPREAD))
        if drawn >= PAUSE_LEAST_S:
            return drawn


class Tape:
    """A recording in the making: sentences and room between them, and the truth of it."""

    def __init__(self, seed: int) -> None:
        self._noise = np.random.default_rng(seed)
        self._pieces: list[Pcm] = []
        self._length_ms = 0.0
        self.turns: list[dict[str, object]] = []

    def leave(self, length_ms: float, room: float) -> None:
        """Add so much of a room without a voice; `room` is its level (root mean square of int16)."""
        self._add(np.rint(self._noise.normal(0.0, room, samples_for(length_ms, ANALYSIS_HZ))).astype(np.int16))

    def say(self, sentences: Sequence[ReadSentence], pauses_ms: Sequence[float]) -> None:
        """Add a turn: the sentences with these pauses between their voices."""
        segments: list[dict[str, Any]] = []
        pauses: list[dict[str, int]] = []
        for number, sentence in enumerate(sentences):
            room = room_of(sentence.samples)
            if number:
                silent_ms = max(pauses_ms[number - 1] - 2 * EDGE_MS, 0.0)
                self.leave(silent_ms, room)
            from_ms = max(sentence.voice[0] - EDGE_MS, 0.0)
            to_ms = min(sentence.voice[1] + EDGE_MS, 1000.0 * len(sentence.samples) / ANALYSIS_HZ)
            moved_ms = self._length_ms - from_ms
            self._add(sentence.samples[samples_for(from_ms, ANALYSIS_HZ) : samples_for(to_ms, ANALYSIS_HZ)])
            segment = _span((sentence.voice[0] + moved_ms, sentence.voice[1] + moved_ms))
            if segments:
                pauses.append({"from_ms": segments[-1]["to_ms"], "to_ms": segment["from_ms"]})
            segments.append(segment | {"text": sentence.text})
            pauses += [_span((start + moved_ms, stop + moved_ms)) for start, stop in sentence.pauses]
        self.turns.append(
            {
                "from_ms": segments[0]["from_ms"],
                "to_ms": segments[-1]["to_ms"],
                "text": " ".join(sentence.text for sentence in sentences),
                "segments": segments,
                "pauses": sorted(pauses, key=lambda pause: pause["from_ms"]),
            }
            | ({"pause": "joined"} if len(sentences) > 1 else {})
        )

    def samples(self) -> Pcm:
        """Return all of it, int16 at 16 kHz."""
        return np.concatenate(self._pieces)

    def _add(self, samples: Pcm) -> None:
        self._pieces.append(samples)
        self._length_ms += 1000.0 * len(samples) / ANALYSIS_HZ


def _span(span: Span) -> dict[str, int]:
    return {"from_ms": round(span[0]), "to_ms": round(span[1])}


def room_of(samples: Pcm) -> float:
    """Return how loud a recording is where it is quietest: the root mean square of int16."""
    size = samples_for(QUIET_MS, ANALYSIS_HZ)
    starts = range(0, max(len(samples) - size, 1), size // 2)
    return float(min(np.sqrt(np.mean(samples[start : start + size].astype(np.float64) ** 2)) for start in starts))


def speakers_of(folder: Path) -> dict[str, list[Path]]:
    """Return the recordings of each speaker, in order of their names."""
    speakers: dict[str, list[Path]] = {}
    for line in (folder / "speakers.tsv").read_text(encoding="utf-8").splitlines():
        name, speaker = line.split("\t")[:2]
        speakers.setdefault(speaker.removeprefix("speaker "), []).append(folder / f"{name}.flac")
    return {speaker: sorted(paths) for speaker, paths in sorted(speakers.items())}


def make(folder: Path, target: Path, *, seed: int = 1) -> int:
    """Write a recording and a truth file for each speaker who read two sentences; return how many there are."""
    target.mkdir(parents=True, exist_ok=True)
    made = 0
    for speaker, paths in speakers_of(folder).items():
        if len(paths) < 2:
            continue
        first, second = (read_sentence(path) for path in paths[:2])
        rng = random.Random(f"{seed} {speaker}")  # noqa: S311  repeatable, no secret
        tape = Tape(seed + made)
        for sentences, pauses_ms in (([first], []), ([second], []), ([first, second], [1000.0 * pause_s(rng)])):
            tape.leave(GAP_MS, room_of(sentences[0].samples))
            tape.say(sentences, pauses_ms)
        tape.leave(GAP_MS, room_of(second.samples))
        stem = target / f"second-language-{speaker}"
        soundfile.write(stem.with_suffix(".flac"), tape.samples(), ANALYSIS_HZ, subtype="PCM_16")
        truth = {"rate_hz": ANALYSIS_HZ, "voices": [f"speaker {speaker}"], "turns": tape.turns}
        text = yaml.safe_dump(truth, sort_keys=False, allow_unicode=True)
        stem.with_name(stem.name + SUFFIX).write_text(text, encoding="utf-8")
        made += 1
    return made


def main(arguments: Sequence[str]) -> None:
    """Make the turns of a folder's speakers."""
    if len(arguments) not in (2, 3):
        raise SystemExit("usage: python -m bench.second_language FOLDER TARGET [SEED]")
    seed = int(arguments[2]) if len(arguments) == 3 else 1
    made = make(Path(arguments[0]), Path(arguments[1]), seed=seed)
    least = f"pauses inside a sentence count from {PAUSE_AT_LEAST_MS:.0f} ms"
    sys.stdout.write(f"{arguments[1]}: {made} speakers, 3 turns each; {least}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
