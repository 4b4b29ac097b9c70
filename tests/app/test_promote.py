"""`scripts/promote`, proved: one good build and six bad ones go from dev to production through real gates.

The builds are copies of this checkout with one thing wrong. The gates are those of `deploy/gates.yaml`; those that take
long are made shorter, and stay real: one file of the tests, one candidate with scripted engines.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.models.model_store import FileRecord, Provenance, sha256_of
from tests.app.process import ROOT, plain_environment

MODEL = ROOT / "tests" / "models" / "proof-whisper"
FOLDERS = ("common", "audio", "pipelines", "server", "bench", "static", "configs", "deploy")
FILES = ("pyproject.toml", "tests/__init__.py", "tests/unit/__init__.py", "tests/unit/test_numerals.py")
SOUND = "tests/data/consultation"
SHORT: dict[str, list[str]] = {
    "tests": ["{python}", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/test_numerals.py"],
    "load": ["interlocutor", "bench", "load", "--backend", "mock", "--sessions", "1", "--turns", "1"],
}
# They take minutes each; what they are is asked of `deploy/gates.yaml` by hand.
LEFT_OUT = {"lint", "scenarios", "guard"}


@dataclass(frozen=True, slots=True)
class Build:
    """A checkout, the models and the data of the machine that it goes to."""

    tree: Path
    models: Path
    data: Path

    def commit(self) -> None:
        """Commit all that was changed."""
        self.run("git", "add", "-A")
        self.run("git", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "A build")

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in this build, with production's secrets."""
        environment = plain_environment() | {
            "PYTHONPATH": str(self.tree),
            "PYTHONDONTWRITEBYTECODE": "1",
            "SECRET_KEY": secrets.token_urlsafe(40),
            "INTERLOCUTOR__VAULT__KEY": self._master_key(),
            "INTERLOCUTOR__SERVER__ALLOW_EMBEDDED_IN_PRODUCTION": "true",
            "INTERLOCUTOR__MODELS__PATH": str(self.models),
            "INTERLOCUTOR__DATA_PATH": str(self.data),
        }
        return subprocess.run(
            words, cwd=self.tree, env=environment, capture_output=True, text=True, timeout=300, check=check
        )

    def _master_key(self) -> str:
        file = self.data.parent / "master-key"
        if not file.exists():
            file.write_text(base64.b64encode(os.urandom(32)).decode())
        return file.read_text()


@pytest.fixture
def build(tmp_path: Path) -> Build:
    one = Build(tmp_path / "tree", tmp_path / "models", tmp_path / "data")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, one.tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (*FILES, f"{SOUND}.flac", f"{SOUND}.truth.yaml"):
        (one.tree / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, one.tree / file)
    (one.tree / ".gitignore").write_text("__pycache__/\n/.cache/\n")
    model = shutil.copytree(MODEL, one.models / MODEL.name)
    records = tuple(FileRecord(path.name, path.stat().st_size, sha256_of(path)) for path in sorted(model.iterdir()))
    Provenance(MODEL.name, "recogniser", "the tests", "1", records, origin="folder").write(model)
    one.run("git", "init", "-q")
    one.commit()
    # An installation that somebody has used: its audit has a line.
    one.run(
        "interlocutor", "setup", "anna@example.org", "--name", "Anna", "--set", "auth.public_url=https://oet.example"
    )
    return one


def gates_for(tree: Path, folder: Path) -> Path:
    """Write the gates of a build with the long ones shorter."""
    file: dict[str, Any] = yaml.safe_load((tree / "deploy" / "gates.yaml").read_text())
    for name, command in SHORT.items():
        json_file = ["--json", "{out}/figures.json"] if "figures" in file["gates"][name] else []
        file["gates"][name]["run"] = command + json_file
    for stage in file["stages"].values():
        stage["gates"] = [name for name in stage["gates"] if name not in LEFT_OUT]
    (folder / "gates.yaml").write_text(yaml.safe_dump(file, sort_keys=False))
    return folder / "gates.yaml"


def fault_in_the_product(build: Build) -> None:
    file = build.tree / "pipelines" / "endpointing" / "numerals.py"
    text = file.read_text()
    assert '" over "' in text
    file.write_text(text.replace('" over "', '" under "'))


def fault_in_the_settings(build: Build) -> None:
    """Production would start with scripted engines."""
    file = build.tree / "configs" / "production.yaml"
    file.write_text(file.read_text() + "engines:\n  backend: mock\n")


def secret_in_the_tree(build: Build) -> None:
    (build.tree / "deploy" / "notes.md").write_text(f"Token for the models: hf_{secrets.token_hex(20)}\n")


def another_model(build: Build) -> None:
    file = build.models / MODEL.name / "model.bin"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))


def slow_patient(build: Build) -> None:
    file = build.tree / "configs" / "base.yaml"
    file.write_text(file.read_text() + "conversation:\n  endpointing:\n    patience_s: 100\n")


def forged_audit(build: Build) -> None:
    with sqlite3.connect(build.data / "interlocutor.db") as database:
        (trigger,) = database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit' AND sql LIKE '%UPDATE%'"
        ).fetchone()
        database.execute(f'DROP TRIGGER "{trigger}"')
        assert database.execute("UPDATE audit SET action = 'nothing'").rowcount >= 1


def promote(build: Build, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    places = ["--gates", str(gates_for(build.tree, folder)), "--tree", str(build.tree), "--to", str(folder / "report")]
    return build.run(sys.executable, "-m", "bench.promotion", *words, *places, check=False)


GATES = ["secrets", "config", "tests", "committed", "models", "load", "audit"]


@pytest.mark.parametrize(
    ("wrong", "gate", "reason"),
    [
        (None, None, ""),
        (fault_in_the_product, "tests", "failed"),
        (fault_in_the_settings, "config", "mock"),
        (secret_in_the_tree, "secrets", "hold 1 secret"),
        (another_model, "models", "sha256 differs"),
        (slow_patient, "load", "at most 2000 is allowed"),
        (forged_audit, "audit", "line 1"),
    ],
    ids=lambda value: getattr(value, "__name__", None) or "",
)
def test_each_build_is_told_right(
    wrong: Callable[[Build], None] | None, gate: str | None, reason: str, build: Build, tmp_path: Path
) -> None:
    if wrong is not None:
        wrong(build)
        if build.run("git", "status", "--porcelain").stdout:
            build.commit()
    done = promote(build, tmp_path, "production")
    assert (tmp_path / "report" / "report.json").exists(), done.stderr
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    outcomes = {one["name"]: one["outcome"] for one in report["gates"]}
    told = {one["name"]: one["reason"] for one in report["gates"]}
    assert outcomes == {name: "fail" if name == gate else "pass" for name in GATES}, told
    assert done.returncode == (0 if gate is None else 1)
    assert gate is None or reason in told[gate]
    assert report["changed"] is False
    text = (tmp_path / "report" / "report.txt").read_text()
    assert ("may go to production" if gate is None else "may not go to production: 1 of 7") in text


def test_what_is_not_committed_is_told(build: Build, tmp_path: Path) -> None:
    (build.tree / "README.md").write_text("changed\n")
    done = promote(build, tmp_path, "staging", "--only", "committed")
    assert (done.returncode, done.stdout) == (1, (tmp_path / "report" / "report.txt").read_text())
    assert "README.md" in done.stdout
