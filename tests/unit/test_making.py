"""What the scripts that make audio share: files with their truths, and one line for what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from common.errors import AudioError
from pipelines.truth import Truth, TruthTurn, load_truth
from tests.data.making import Made, resample, run_flite, truth_bytes, write_all

TONE = np.rint(8_000 * np.sin(np.arange(16_000) / 5)).astype(np.int16)
TRUTH = Truth(rate_hz=16_000, turns=(TruthTurn(from_ms=0, to_ms=1_000, text="aah"),))


def test_sounds_are_written_as_they_are_with_their_truths_and_sizes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "folder"
    made = [Made("a.flac", TONE, truth=truth_bytes(TRUTH, "make_x.py")), Made("b.wav", TONE[::2], 8_000)]
    assert write_all(made, folder) == 0
    for audio in made:
        samples, rate_hz = soundfile.read(folder / audio.name, dtype="int16")
        assert np.array_equal(samples, audio.samples)
        assert rate_hz == audio.rate_hz
    assert load_truth(folder / "a.flac") == TRUTH
    assert (folder / "a.truth.yaml").read_text().startswith("# Made by tests/data/make_x.py; don't edit by hand.\n")
    assert {path.name for path in folder.iterdir()} == {"a.flac", "a.truth.yaml", "b.wav"}
    total = sum((folder / audio.name).stat().st_size for audio in made)
    assert capsys.readouterr().out.splitlines()[-1].split() == ["all", f"{total / 1000:.1f}", "kB"]


def test_what_can_not_be_made_is_one_line_and_what_was_made_before_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def sounds() -> Iterator[Made]:
        yield Made("a.flac", TONE)
        raise AudioError("no voice today")

    assert write_all(sounds(), tmp_path) == 1
    printed = capsys.readouterr()
    assert printed.err == "no voice today\n"
    assert "all" not in printed.out
    assert [path.name for path in tmp_path.iterdir()] == ["a.flac"]


def test_what_flite_says_and_prints_is_returned_at_16_khz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "spoken.wav", TONE[::2], 8_000)
    # The program tells its arguments, and speaks the same whatever they are.
    program = tmp_path / "flite"
    program.write_text(f'#!/bin/sh\necho "$@"\nfor last; do :; done\n/bin/cp {tmp_path}/spoken.wav "$last"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    audio, printed = run_flite("-psdur", "-t", "aah", voice="slt", stretch=1.1)
    assert printed.startswith("-voice slt --setf duration_stretch=1.1 -psdur -t aah -o ")
    assert len(audio) == len(TONE)
    program.write_text("#!/bin/sh\necho no such voice >&2\nexit 3\n")
    with pytest.raises(AudioError, match="could not speak with the voice slt: no such voice"):
        run_flite("-t", "aah", voice="slt", stretch=1.0)


def test_a_sound_at_its_own_rate_is_not_touched() -> None:
    audio = TONE / 32_768
    assert resample(audio, 16_000, 16_000) is audio
    assert len(resample(audio, 16_000, 48_000)) == 3 * len(audio)
