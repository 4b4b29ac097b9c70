"""Writes what a voice said as WAV files, one a line, with the words' times beside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import soundfile

from audio.frames import WIRE_HZ
from bench.voice.lines import SpokenLine
from common.errors import StorageError


def write_lines(folder: Path, voice: str, spoken: Sequence[SpokenLine]) -> None:
    """Write NN-CARD.wav, and NN-CARD.txt with a word and its times in each row; raises StorageError."""
    place = folder / voice.replace("/", "-")
    try:
        place.mkdir(parents=True, exist_ok=True)
        for index, line in enumerate(spoken):
            file = place / f"{index:02}-{line.line.card}.wav"
            soundfile.write(file, line.samples, WIRE_HZ)
            rows = [f"{word.start_ms}\t{word.end_ms}\t{word.text}" for word in line.words]
            file.with_suffix(".txt").write_text("\n".join([line.line.text, *rows]) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{place} can't be written ({error.strerror})") from error
