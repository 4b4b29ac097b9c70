"""Truth files: what is read, what is refused and how it is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import AudioError
from pipelines.truth import load_truth, truth_path

GOOD = """\
card: nursing-leg-wound
voices: [rms]
rate_hz: 16000
turns:
  - {from_ms: 100, to_ms: 900, text: Good morning., expect: greeting, voice: rms,
     segments: [{from_ms: 100, to_ms: 900, text: Good morning.}], pauses: [{from_ms: 300, to_ms: 520}]}
  - {from_ms: 2000, to_ms: 2600, text: "How are you?"}
"""


def write(folder: Path, content: str) -> Path:
    path = folder / "visit.flac"
    truth_path(path).write_text(content, encoding="utf-8")
    return path


def test_truth_is_found_beside_the_sound(tmp_path: Path) -> None:
    truth = load_truth(write(tmp_path, GOOD))
    assert truth is not None
    assert [turn.text for turn in truth.turns] == ["Good morning.", "How are you?"]
    assert truth.turns[0].pauses[0].duration_ms == 220
    assert truth.speech_in == "mono"


def test_truth_file_may_be_named_itself(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    assert load_truth(truth_path(path)) == load_truth(path)


def test_path_keeps_dots_of_the_stem() -> None:
    assert truth_path(Path("a/visit.2.flac")) == Path("a/visit.2.truth.yaml")


def test_no_truth_file_is_none(tmp_path: Path) -> None:
    assert load_truth(tmp_path / "visit.flac") is None


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (GOOD + "colour: red\n", "colour"),
        (GOOD.replace("rate_hz: 16000", "rate_hz: 0"), "rate_hz"),
        (GOOD.replace("to_ms: 2600", "to_ms: 2000"), "turns.1"),
        (GOOD.replace("from_ms: 2000", "from_ms: 800"), "turns: number 2 starts at 800 ms"),
        (GOOD.replace("to_ms: 900, text: Good morning.}", "to_ms: 950, text: Good morning.}"), "leaves its turn"),
        (GOOD.replace("to_ms: 520", "to_ms: 920"), "leaves its turn"),
        (GOOD + "speech_in: none\n", "yet there are turns"),
        ("- a list\n", "the whole file"),
        ("", "the whole file"),
        ("card: x\nturns: [\n", "visit.truth.yaml can't be used (line 3"),
    ],
)
def test_broken_truth_is_refused_with_its_place(tmp_path: Path, content: str, place: str) -> None:
    with pytest.raises(AudioError, match="correct it, or remove it") as caught:
        load_truth(write(tmp_path, content))
    assert place in caught.value.message
    assert caught.value.code == "audio.truth"


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "visit.flac"
    truth_path(path).write_bytes(b"\xff\xfe\x00card")
    with pytest.raises(AudioError, match=r"visit\.truth\.yaml"):
        load_truth(path)
