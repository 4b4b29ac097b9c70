"""Conversations written down as data, on the real session driver under virtual time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.component.scripted import read_script
from tests.component.scripted_judge import judge_script
from tests.component.scripted_run import run_script

FOLDER = Path(__file__).parent / "scripts"
SCRIPTS = sorted(FOLDER.glob("*.script"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script(path: Path) -> None:
    wrong = judge_script(run_script(read_script(path)))
    assert not wrong, "\n".join(wrong)
