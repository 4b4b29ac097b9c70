"""A second opinion by a real language model on this machine, the smallest there is."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from bench.cli import app as command_line
from server.marking.criteria import BY_ID
from server.opinions.references import SUPPLIED


def test_the_smallest_real_model_says_nothing_that_can_be_used(tmp_path: Path, real_language_model: Path) -> None:
    plain = json.loads(SUPPLIED.read_text())
    # Two passages are enough to show it; all of them take it minutes.
    giving = plain["criteria"]["giving"] | {"passages": plain["criteria"]["giving"]["passages"][::2]}
    plain["criteria"] = {"giving": giving}
    plain["not_judged"] = {name: "Not in this test." for name in BY_ID if name != "giving"}
    (tmp_path / "references.json").write_text(json.dumps(plain))
    sets = (
        f"data_path={tmp_path}",
        "second_opinion.by=language-model",
        f"engines.language_model.model={real_language_model}",
        "second_opinion.max_tokens=64",
        f"second_opinion.references={tmp_path / 'references.json'}",
    )
    done = CliRunner().invoke(command_line, ["assess", *(part for one in sets for part in ("--set", one))])
    assert done.exit_code == 1
    assert "0 of 2 reference passages get their very mark" in done.output
    assert "It is not usable for a second opinion" in done.output
