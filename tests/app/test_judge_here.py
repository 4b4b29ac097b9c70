"""A real language model on this machine as the judge, the smallest there is: it is not believed, and says so."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from bench.cli import app as command_line
from server.judging.judge_log import JudgeLog
from server.judging.judge_references import SUPPLIED


def test_the_smallest_real_model_is_no_judge(tmp_path: Path, real_language_model: Path) -> None:
    plain = json.loads(SUPPLIED.read_text())
    # A reply for each rule and one that keeps all are enough to show it; all of them take it minutes.
    ids = ("kept-asked", "false-side", "role-assistant", "leak-wine", "advice-cold")
    plain["replies"] = [reply for reply in plain["replies"] if reply["id"] in ids]
    (tmp_path / "references.json").write_text(json.dumps(plain))
    sets = (
        f"data_path={tmp_path}",
        "judge.by=language-model",
        f"engines.language_model.model={real_language_model}",
        "judge.max_tokens=64",
        f"judge.references={tmp_path / 'references.json'}",
    )
    done = CliRunner().invoke(command_line, ["judge", *(part for one in sets for part in ("--set", one))])
    assert done.exit_code == 1, done.output
    assert "It is not usable as a judge" in done.output
    lines = JudgeLog(tmp_path / "judge" / "log.jsonl").lines()
    assert len(lines) == len(ids)
    # Whose verdict a line is stands in it to the last digit.
    assert {len(line.judge_digest) for line in lines} == {64}
