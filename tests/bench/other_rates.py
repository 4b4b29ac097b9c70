"""Speech rates found in another way, to compare those of `interlocutor eval measures` with.

`python -m tests.bench.other_rates --readers FOLDER --textgrids FOLDER > rates.json`. Nothing of the product is used: a
voice detector of its own (webrtcvad) says when readers speak, and intervals of TextGrids are read line by line.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import soundfile
import webrtcvad

FRAME_S = 0.03
# An interval that follows so closely belongs to the same utterance, as annotators split them.
JOIN_S = 0.15
LEAST_WORDS = 5


def reader(path: Path) -> float | None:
    """Return the words a minute of a sentence, from the first to the last stretch of three frames with a voice."""
    samples, rate_hz = soundfile.read(path, dtype="int16")
    detector: Any = webrtcvad.Vad(3)  # type: ignore[no-untyped-call]
    length = int(rate_hz * FRAME_S)
    count = len(samples) // length
    voiced = [detector.is_speech(samples[n * length : (n + 1) * length].tobytes(), rate_hz) for n in range(count)]
    sure = [n for n in range(1, count - 1) if voiced[n - 1] and voiced[n] and voiced[n + 1]]
    words = len(path.with_suffix(".txt").read_text(encoding="utf-8").split())
    return 60.0 * words / ((sure[-1] - sure[0] + 3) * FRAME_S) if sure else None


def doctor(path: Path) -> float:
    """Return the words a minute in the utterances of a TextGrid."""
    content = path.read_bytes()
    text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    said: list[tuple[float, float, int]] = []
    start = end = 0.0
    for line in text.splitlines():
        name, _, value = (part.strip() for part in line.partition("="))
        if name == "xmin":
            start = float(value)
        elif name == "xmax":
            end = float(value)
        elif name == "text":
            words = len(re.sub(r"<[^>]*>", "", value.strip('"')).split())
            if words and said and start - said[-1][1] < JOIN_S:
                said[-1] = (said[-1][0], end, said[-1][2] + words)
            elif words:
                said.append((start, end, words))
    long = [each for each in said if each[2] >= LEAST_WORDS]
    return 60.0 * sum(words for _, _, words in long) / sum(until - since for since, until, _ in long)


def main() -> None:
    """Print the rates by set and name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=Path, required=True)
    parser.add_argument("--textgrids", type=Path, required=True)
    asked = parser.parse_args()
    readers = {path.stem: reader(path) for path in sorted(asked.readers.glob("*.flac"))}
    doctors = {
        p.name.removesuffix("_doctor.TextGrid"): doctor(p) for p in sorted(asked.textgrids.glob("*_doctor.TextGrid"))
    }
    found = {"readers": {name: rate for name, rate in readers.items() if rate}, "doctors": doctors}
    json.dump(found, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
