"""What a replay takes as its baseline, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.replay.baseline import read_report
from common.errors import SettingsError


def test_a_report_is_read_with_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"turns": [{"text": "a", "voice_to_voice_ms": 250.0, "network": {"lost": 1}}]}))
    (turn,) = read_report(path).turns
    assert (turn.text, turn.voice_to_voice_ms, turn.parts) == ("a", 250.0, None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "can't be read"),
        ("{", "not JSON"),
        ("[1]", "is no report"),
        ("[" * 100_000, "is no report"),
        ("{}", "'turns'"),
        ('{"turns": [{"voice_to_voice_ms": "soon"}]}', "'turns.0.voice_to_voice_ms'"),
    ],
)
def test_what_is_no_report_is_refused_with_the_reason(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "report.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match="--baseline") as refused:
        read_report(path)
    assert said in refused.value.message


def test_a_baseline_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="not JSON"):
        read_report(path)
