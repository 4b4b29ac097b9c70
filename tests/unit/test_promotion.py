"""Gates of a promotion: the file, one gate, the verdict. `tests/app/test_promote.py` proves them on real builds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.promotion.gate_run import EXIT_SKIPPED, GateOutcome, Outcome, run_gate
from bench.promotion.gates_file import GatesFile, ReleaseGate
from bench.promotion.promotion_report import Promotion
from bench.promotion.secret_scan import digest_of, secrets_in
from common.errors import SettingsError

ROOT = Path(__file__).resolve().parents[2]
GOOD: dict[str, Any] = {"says": "It is well.", "run": ["true"], "timeout_s": 9}
STAGES: dict[str, Any] = {"dev": {"gates": ["one"]}, "live": {"after": "dev", "gates": ["two"]}}


def gate(*words: str, **more: Any) -> ReleaseGate:
    return ReleaseGate.model_validate({"says": "It is well.", "run": words, "timeout_s": 30, **more})


def ran(one: ReleaseGate, folder: Path, *, timeout_s: float = 30.0) -> GateOutcome:
    return run_gate("one", one, stage="live", root=ROOT, folder=folder / "one", timeout_s=timeout_s)


# ------------------------------------------------------------------ the file


def test_our_own_file_is_good_and_each_stage_demands_more() -> None:
    file = GatesFile.load(ROOT / "deploy" / "gates.yaml")
    dev, staging, production = (file.demanded(stage) for stage in ("dev", "staging", "production"))
    assert set(dev) < set(staging) < set(production)
    assert sorted(production) == sorted(file.gates), "a gate that no stage demands"
    assert [name for name, one in file.gates.items() if one.waivable] == ["audit"]
    for one in file.gates.values():
        script = one.run[0]
        assert not script.startswith("./") or os.access(ROOT / script, os.X_OK)
        for word in one.run:
            assert not word.startswith(("tests/", "deploy/")) or (ROOT / word).exists(), word


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"gates": {"one": GOOD | {"run": []}}}, "gates.one.run"),
        ({"gates": {"one": GOOD | {"timeout_s": 0}}}, "gates.one.timeout_s"),
        ({"gates": {"one": GOOD | {"limit": 3}}}, "gates.one.limit"),
        ({"gates": {"one": GOOD | {"limits": [{"figure": "x", "at_most": 1}]}}}, "name the file"),
        ({"gates": {"one": GOOD | {"limits": [{"figure": "x"}], "figures": "a"}}}, "give at_least or at_most"),
        ({"stages": {"dev": {"gates": ["three"]}}}, "there is no gate three"),
        ({"stages": {"live": STAGES["live"], "dev": STAGES["dev"]}}, "dev is no stage before it"),
        ({"stages": STAGES | {"more": {"after": "live", "gates": ["one"]}}}, "one is demanded by a stage before it"),
    ],
)
def test_a_faulty_file_is_refused_with_the_place(change: dict[str, Any], told: str, tmp_path: Path) -> None:
    content = {"stages": STAGES, "gates": {"one": GOOD, "two": GOOD}}
    (tmp_path / "gates.yaml").write_text(yaml.safe_dump(content | change, sort_keys=False))
    with pytest.raises(SettingsError, match=told):
        GatesFile.load(tmp_path / "gates.yaml")
    with pytest.raises(SettingsError, match="can't be read"):
        GatesFile.load(tmp_path / "none.yaml")


# ------------------------------------------------------------------ one gate


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        (0, "pass", "said last"),
        (1, "fail", "exit status 1: said last"),
        (EXIT_SKIPPED, "skipped", "said last"),
    ],
)
def test_a_gate_is_what_its_exit_status_says(status: int, outcome: Outcome, reason: str, tmp_path: Path) -> None:
    done = ran(gate("bash", "-c", f"echo said first; echo said last; exit {status}"), tmp_path)
    assert (done.outcome, done.reason, done.exit_status) == (outcome, reason, status)
    assert (tmp_path / "one" / "output.txt").read_text() == "said first\nsaid last\n"


@pytest.mark.parametrize(
    ("written", "kept", "outcome"),
    [('{"tiny.en": "abc"}', {"tiny.en": "abc"}, "pass"), ("{", None, "fail"), (None, None, "fail")],
)
def test_what_a_gate_keeps_goes_into_the_report(
    written: str | None, kept: object, outcome: Outcome, tmp_path: Path
) -> None:
    command = "true" if written is None else f"echo '{written}' > {{out}}/models.json"
    done = ran(gate("bash", "-c", command, kept="models.json"), tmp_path)
    assert (done.outcome, done.kept) == (outcome, kept)
    assert done.as_json()["kept"] == kept


def test_a_gate_that_is_not_there_fails_and_the_others_go_on(tmp_path: Path) -> None:
    done = ran(gate("no-such-command-anywhere"), tmp_path)
    assert (done.outcome, done.reason) == ("fail", "no-such-command-anywhere can't be run: No such file or directory")


def test_a_gate_that_takes_too_long_is_ended_with_all_that_it_began(tmp_path: Path) -> None:
    began_s = time.monotonic()
    done = ran(gate("bash", "-c", f"sleep 600 & echo $! > {tmp_path}/child; wait"), tmp_path, timeout_s=5.0)
    assert (done.outcome, done.reason) == ("fail", "it took longer than 5 s and was ended")
    assert time.monotonic() - began_s < 300
    child = (tmp_path / "child").read_text().strip()
    state = subprocess.run(["ps", "-o", "stat=", "-p", child], capture_output=True, text=True, check=False).stdout
    assert state.strip()[:1] in ("", "Z"), "the gate's child goes on"


def test_placeholders_are_filled_in_and_our_own_programs_come_first(tmp_path: Path) -> None:
    done = ran(gate("bash", "-c", '{ echo {stage} {out}; }; command -v "$(basename {python})"'), tmp_path)
    assert done.tail == (f"live {tmp_path / 'one'}", str(Path(sys.executable).parent / Path(sys.executable).name))


@pytest.mark.parametrize(
    ("written", "outcome", "reason"),
    [
        ({"p95_ms": 900.0, "share": 0.95}, "pass", "p95_ms 900; share 0.95"),
        ({"p95_ms": 2400.0, "share": 0.95}, "fail", "p95_ms is 2400, at most 2000 is allowed"),
        ({"p95_ms": 900.0, "share": 0.5}, "fail", "share is 0.5, at least 0.9 is demanded"),
        ({"p95_ms": None, "share": 0.95}, "fail", "p95_ms was not measured"),
        ({"share": 0.95}, "fail", "p95_ms was not measured"),
        (None, "fail", "it wrote no figures to figures.json"),
    ],
)
def test_figures_are_held_to_their_limits(
    written: dict[str, float | None] | None, outcome: Outcome, reason: str, tmp_path: Path
) -> None:
    figures = [{"name": name, "value": value} for name, value in (written or {}).items()]
    (tmp_path / "made.json").write_text(json.dumps({"figures": figures}))
    copy = "true" if written is None else f"cp {tmp_path}/made.json {{out}}/figures.json"
    limits = [{"figure": "p95_ms", "at_most": 2000}, {"figure": "share", "at_least": 0.9}]
    one = gate("bash", "-c", copy, figures="figures.json", limits=limits)
    done = ran(one, tmp_path)
    assert (done.outcome, done.reason) == (outcome, reason)


def test_figures_of_an_earlier_run_do_not_stand_for_this_one(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "figures.json").write_text(json.dumps({"figures": [{"name": "x", "value": 1}]}))
    done = ran(gate("true", figures="figures.json", limits=[{"figure": "x", "at_most": 1}]), tmp_path)
    assert (done.outcome, done.reason) == ("fail", "it wrote no figures to figures.json")


# ------------------------------------------------------------------ the verdict


@pytest.mark.parametrize(
    ("outcomes", "status", "verdict"),
    [
        (["pass", "pass"], 0, "may go to live: all 2 gates passed"),
        (["pass", "waived"], 0, "may go to live: all 2 gates passed, 1 waived"),
        (["skipped", "pass"], 3, "may not go to live yet: 1 of 2 gates were not run"),
        (["skipped", "fail"], 1, "may not go to live: 1 of 2 gates failed"),
    ],
)
def test_the_verdict_follows_from_the_gates(outcomes: list[Outcome], status: int, verdict: str) -> None:
    gates = tuple(GateOutcome(f"gate-{n}", "It is well.", one, "why") for n, one in enumerate(outcomes))
    told = Promotion("live", "1.0", "abc", False, "2026-11-30T00:00:00Z", gates)
    assert (told.exit_status, told.verdict) == (status, verdict)
    assert told.as_json()["gates"][0]["outcome"] == outcomes[0]
    text = told.as_text()
    assert text.endswith(f"This build {verdict}.\n")
    assert all(one in text for one in outcomes)


def promote(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench.promotion", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_writes_its_report_and_exits_by_the_outcome(tmp_path: Path) -> None:
    content = {"stages": STAGES, "gates": {"one": GOOD, "two": GOOD | {"run": ["false"], "waivable": True}}}
    (tmp_path / "gates.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    given = ["live", "--gates", str(tmp_path / "gates.yaml"), "--to", str(tmp_path / "out")]
    for more, status in (([], 1), (["--only", "one"], 3), (["--waive", "two=nobody needs it"], 0)):
        done = promote(*given, *more)
        assert done.returncode == status, done.stdout + done.stderr
        report = json.loads((tmp_path / "out" / "report.json").read_text())
        assert (report["exit_status"], report["stage"]) == (status, "live")
        assert (tmp_path / "out" / "report.txt").read_text() == done.stdout
    assert report["gates"][1]["reason"] == "nobody needs it"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["moon"], "there is no stage moon; there are dev, staging, production"),
        (["dev", "--only", "audit"], "--only: audit is no gate of this stage; they are secrets, lint, config, tests"),
        (["dev", "--waive", "tests=late"], "--waive: tests can't be waived"),
        (["production", "--waive", "audit"], "--waive: say what of audit, after '='"),
        (["dev", "--timeout", "tests=soon"], "--timeout: tests=soon is no number of seconds"),
    ],
)
def test_a_wrong_option_gets_a_clear_word(words: list[str], told: str) -> None:
    done = promote(*words)
    assert (done.returncode, done.stderr.strip()) == (2, told)


# ------------------------------------------------------------------ secrets

HALF = "q7Zp2LxVn8Rk4TwYb6Mh"


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("notes.txt", "-----BEGIN PRIVATE " + f"KEY-----\n{HALF}", "notes.txt:1: a private key"),
        ("a.py", f"\nKEY = 'sk-ant-{HALF}{HALF}'", "a.py:2: a key of OpenAI or Anthropic"),
        ("a.py", f"hf_{HALF}{HALF[:10]}", "a.py:1: a token of Hugging Face"),
        ("a.sh", f"export GH=ghp_{HALF}{HALF}", "a.sh:1: a token of GitHub"),
        ("a.yaml", "key: AKIA" + "Q7ZP2LXVN8RK4TWY", "a.yaml:1: a key of AWS"),
        ("vault.txt", "A" + HALF + HALF + "+/=", "vault.txt:1: a master key"),
        ("a.env", f"DATABASE_URL=postgresql://app:{HALF}@db/app", "a.env:1: a password in an address"),
        ("a.yaml", f"secret_key: {HALF}{HALF}", "a.yaml:1: what a name calls secret, and chance made"),
        ("deploy/.env", "A=1", "deploy/.env: such a file holds secrets"),
        ("vault.key", "", "vault.key: such a file holds secrets"),
        ("a.yaml", "secret_key_file: /etc/interlocutor/secret-for-production", None),
        ("a.md", "postgresql://interlocutor:PASSWORD@db/interlocutor", None),
        ("a.py", 'secret = load_the_secret_of_the_session_from_its_folder("x")', None),
        ("a.md", "-----BEGIN PRIVATE KEY-----` begins such a file", None),
    ],
)
def test_a_secret_is_found_and_not_shown(name: str, text: str, found: str | None, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    told = list(secrets_in(tmp_path, Path(name)))
    assert [line.partition(" (")[0] for line in told] == ([] if found is None else [found])
    assert HALF not in "".join(told)


def test_what_is_known_to_be_none_is_let_pass(tmp_path: Path) -> None:
    value = HALF + HALF
    (tmp_path / "a.yaml").write_text(f"secret_key: {value}")
    assert list(secrets_in(tmp_path, Path("a.yaml"), {digest_of(value)})) == []
