"""Each alert as Prometheus takes it: it fires on what it should, and on nothing else (`scripts/check-alerts`)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.alerts.alert_rules import FOLDER, RULES, cases, promtool_file

pytestmark = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here: scripts/check-alerts")


def promtool(*words: str) -> str:
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_and_the_jobs_are_good() -> None:
    assert "SUCCESS" in promtool("check", "rules", str(RULES))
    assert "SUCCESS" in promtool("check", "config", str(FOLDER / "prometheus.yml"))


@pytest.mark.parametrize("alert", cases())
def test_an_alert_fires_when_it_should_and_only_then(alert: str, tmp_path: Path) -> None:
    files = []
    for number, text in enumerate(promtool_file(alert)):
        files.append(tmp_path / f"{alert}-{number}.yml")
        files[-1].write_text(text)
    promtool("test", "rules", *map(str, files))


@pytest.mark.parametrize("kind", [0, 1], ids=["told to be quiet", "told to fire"])
def test_a_case_that_is_wrong_is_found(kind: int, tmp_path: Path) -> None:
    """The proof can fail: what fires is told to be quiet, and the other way round."""
    both = [yaml.safe_load(text) for text in promtool_file("InterlocutorDown")][:2]
    expectations = [file["tests"][0]["alert_rule_test"][0] for file in both]
    expectations[0]["exp_alerts"], expectations[1]["exp_alerts"] = (one["exp_alerts"] for one in reversed(expectations))
    (tmp_path / "wrong.yml").write_text(yaml.safe_dump(both[kind]))
    done = subprocess.run(
        ["promtool", "test", "rules", str(tmp_path / "wrong.yml")], capture_output=True, timeout=60, check=False
    )
    assert b"FAILED" in done.stdout + done.stderr
    assert done.returncode != 0
