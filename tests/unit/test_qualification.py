"""What was found of a model is kept with it, and counts for that model alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.models.model_store import QUALIFIED
from pipelines.stt.qualification import Qualification, WayFigures, is_qualified, read_qualification, write_qualification
from pipelines.stt.window import WindowRule

RULE = WindowRule()
GOOD = Qualification(
    WayFigures(0.05, 0, 20.0), WayFigures(0.05, 0, 4.0), sentences=31, silences=4, voice="espeak", rule=RULE
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.bin").write_bytes(b"weights")
    return tmp_path


def test_a_model_that_was_not_tried_is_not_qualified(folder: Path) -> None:
    assert read_qualification(folder) is None
    assert not is_qualified(folder, RULE)


def test_what_was_found_is_kept(folder: Path) -> None:
    write_qualification(folder, GOOD)
    assert read_qualification(folder) == GOOD
    assert is_qualified(folder, RULE)


@pytest.mark.parametrize("worse", [{"word_error_rate": 0.081}, {"repeats": 3}, {"invented": 1}, {"seconds": 21.0}])
def test_true_length_has_to_cost_nothing(folder: Path, worse: dict[str, float]) -> None:
    found = replace(GOOD, true_length=replace(GOOD.true_length, **worse))  # type: ignore[arg-type]
    assert not found.passed
    assert "padded to 30 s" in found.summary
    write_qualification(folder, found)
    assert not is_qualified(folder, RULE)


def test_a_few_words_and_repeats_are_noise() -> None:
    assert replace(GOOD, true_length=replace(GOOD.true_length, word_error_rate=0.079, repeats=2)).passed


def test_it_counts_for_the_windows_that_it_was_tried_with(folder: Path) -> None:
    write_qualification(folder, GOOD)
    assert not is_qualified(folder, WindowRule(floor_s=0.0, margin_s=2.5))


def test_what_was_found_before_windows_had_a_rule_is_found_anew(folder: Path) -> None:
    write_qualification(folder, GOOD)
    content = json.loads((folder / QUALIFIED).read_text())
    del content["rule"]
    (folder / QUALIFIED).write_text(json.dumps(content))
    assert read_qualification(folder) is None


def test_another_model_in_the_folder_is_not_qualified(folder: Path) -> None:
    write_qualification(folder, GOOD)
    (folder / "model.bin").write_bytes(b"other weights")
    assert not is_qualified(folder, RULE)


@pytest.mark.parametrize("content", ["", "{}", "[]", "no json", '{"model_bytes": 7, "padded": 1, "true_length": 2}'])
def test_a_broken_file_qualifies_nothing(folder: Path, content: str) -> None:
    (folder / QUALIFIED).write_text(content)
    assert not is_qualified(folder, RULE)
