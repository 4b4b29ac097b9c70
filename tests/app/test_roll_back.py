"""The way back, rehearsed: code, database and model, each by one command, and nothing that was finished is lost."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.models.model_store import FileRecord, ModelStore, Provenance, sha256_of
from tests.app.process import ROOT, plain_environment
from tests.app.tiny_models import write_whisper
from tests.unit.store.backed_up import MASTER

FOLDERS = ("common", "audio", "pipelines", "server", "bench", "static", "configs", "scripts", "requirements")
FIRST, SECOND = (f"sess_{number:020x}" for number in (1, 2))
HOLD = """
import asyncio, sys
from server.settings.tree import load_settings
from tests.unit.store.backed_up import opened_at

async def main():
    async with opened_at(load_settings()) as data:
        await data.held(sys.argv[1])

asyncio.run(main())
"""
MIGRATION = '''"""What the next version needs."""

import sqlalchemy as sa
from alembic import op

revision = "999"
down_revision = "{before}"


def upgrade() -> None:
    op.create_table("wishes", sa.Column("id", sa.String(32), primary_key=True))
'''


@dataclass(frozen=True, slots=True)
class Installation:
    """A checkout with two versions, of which the second has changed the database, and its data."""

    tree: Path
    data: Path
    shelf: Path
    old: str
    new: str

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the checkout."""
        environment = plain_environment() | {
            # The code of the checkout; what it does not have, the tests, comes from here.
            "PYTHONPATH": os.pathsep.join([str(self.tree), str(ROOT)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "APP_ENV": "test",
            "INTERLOCUTOR__DATA_PATH": str(self.data),
            "INTERLOCUTOR__MODELS__PATH": str(self.data / "models"),
            "INTERLOCUTOR__BACKUP__FOLDER": str(self.shelf),
            "INTERLOCUTOR__VAULT__KEY": MASTER,
        }
        return subprocess.run(
            words, cwd=self.tree, env=environment, capture_output=True, text=True, timeout=120, check=check
        )

    def interlocutor(self, *words: str) -> str:
        """Run a command of the version that is checked out; return what it says."""
        return self.run(str(self.tree / ".venv" / "bin" / "interlocutor"), *words).stdout

    @property
    def version(self) -> str:
        """The commit that is checked out."""
        return self.run("git", "rev-parse", "HEAD").stdout.strip()

    @property
    def form(self) -> str:
        """What the version that is checked out says of the database."""
        return self.run(str(self.tree / ".venv" / "bin" / "interlocutor"), "db", "check", check=False).stdout

    def hold(self, session_id: str) -> None:
        """Hold a role-play, as a server of the version that is checked out does."""
        self.run(sys.executable, "-c", HOLD, session_id)


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    tree = tmp_path / "tree"
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    (tree / ".gitignore").write_text("__pycache__/\n/.venv/\n")
    bare = Installation(tree, tmp_path / "data", tmp_path / "shelf", "", "")
    _pretend_environment(tree)
    bare.run("git", "init", "-q", "-b", "main")
    (tree / "README.md").write_text("The version of yesterday.\n")
    old = commit(bare, "yesterday")
    migrations = tree / "server" / "store" / "migrations" / "versions"
    (migrations / "v999_wishes.py").write_text(MIGRATION.format(before=max(_revisions(migrations))))
    new = commit(bare, "today")
    bare.run("git", "checkout", "-q", old)
    return Installation(tree, bare.data, bare.shelf, old, new)


def commit(installation: Installation, subject: str) -> str:
    """Commit all that was changed; return the commit."""
    installation.run("git", "add", "-A")
    installation.run("git", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", subject)
    return installation.version


def _revisions(folder: Path) -> list[str]:
    return [path.name[1:4] for path in folder.glob("v*.py")]


def _pretend_environment(tree: Path) -> None:
    """Give the checkout an environment that is up to date: this one, with the code of the checkout."""
    programs = tree / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, words in (("python", ""), ("interlocutor", "-m bench.cli")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (programs / name).chmod(0o755)
    parts = (tree / "requirements" / "base.lock", tree / "pyproject.toml")
    stamp = hashlib.sha256(b"".join(path.read_bytes() for path in parts)).hexdigest()[:16]
    (tree / ".venv" / ".made-from").write_text(f"base {stamp}\n")


def upgraded(installation: Installation) -> Path:
    """Hold a role-play, back up, upgrade to the second version, hold another; return the backup."""
    one = installation
    one.interlocutor("db", "upgrade")
    one.hold(FIRST)
    backup = Path(one.interlocutor("backup").splitlines()[0])
    one.run("git", "checkout", "-q", "main")
    assert "from form" in one.interlocutor("db", "upgrade")
    one.hold(SECOND)
    return backup


def test_code_and_database_go_back_over_a_migration_and_no_role_play_is_lost(installation: Installation) -> None:
    one = installation
    backup = upgraded(one)
    # Without the backup it says what it needs, and does nothing.
    done = one.run("scripts/roll-back", one.old, check=False)
    assert (done.returncode, one.version) == (3, one.new)
    assert "does not know form 999 of the database" in done.stderr
    assert "--backup BACKUP" in done.stderr
    assert "has form 999" in one.form

    done = one.run("scripts/roll-back", one.old, "--backup", str(backup), check=False)
    assert done.returncode == 0, done.stderr
    assert one.version == one.old
    assert f"The code is version {one.old[:7]}" in done.stdout
    assert "which this version works with" in one.form
    listed = json.loads(one.interlocutor("sessions", "list", "--json"))
    assert [row["id"] for row in listed] == [FIRST]

    (aside,) = (one.data / ".aside").iterdir()
    assert "1 role-play was taken over" in one.interlocutor("db", "import", "--from", str(aside))
    listed = json.loads(one.interlocutor("sessions", "list", "--json"))
    assert {row["id"] for row in listed} == {FIRST, SECOND}
    assert "2 logs are as they were" in one.interlocutor("audit", "verify")


def test_a_restore_that_is_refused_brings_the_code_back_too(installation: Installation) -> None:
    one = installation
    backup = upgraded(one)
    (one.shelf / "erasures.jsonl").unlink()
    done = one.run("scripts/roll-back", one.old, "--backup", str(backup), check=False)
    assert (done.returncode, one.version) == (2, one.new)
    assert "nothing was changed" in done.stderr
    assert one.run("git", "symbolic-ref", "--short", "HEAD").stdout.strip() == "main"
    assert "has form 999" in one.form
    assert {row["id"] for row in json.loads(one.interlocutor("sessions", "list", "--json"))} == {FIRST, SECOND}


def test_code_alone_goes_back_where_the_database_is_the_same(installation: Installation) -> None:
    one = installation
    one.run("git", "checkout", "-q", "main")
    (one.tree / "README.md").write_text("A version with a fault.\n")
    commit(one, "fault")
    one.interlocutor("db", "upgrade")
    one.hold(FIRST)
    done = one.run("scripts/roll-back", "HEAD~1")
    assert one.version == one.new
    assert "Start the server." in done.stdout
    assert [row["id"] for row in json.loads(one.interlocutor("sessions", "list", "--json"))] == [FIRST]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "usage: scripts/roll-back COMMIT [--backup BACKUP]"),
        (["moon"], "there is no version moon in this checkout"),
        (["HEAD", "--backup", "/no/such/backup"], "there is no backup /no/such/backup"),
    ],
)
def test_what_is_asked_for_wrongly_gets_a_clear_word(words: list[str], told: str, installation: Installation) -> None:
    done = installation.run("scripts/roll-back", *words, check=False)
    assert (done.returncode, done.stderr.strip(), installation.version) == (2, told, installation.old)


def test_changes_that_no_commit_has_are_not_lost(installation: Installation) -> None:
    (installation.tree / "README.md").write_text("mine\n")
    done = installation.run("scripts/roll-back", installation.new, check=False)
    assert (done.returncode, installation.version) == (2, installation.old)
    assert "commit them" in done.stderr
    assert (installation.tree / "README.md").read_text() == "mine\n"


def test_a_model_goes_back(installation: Installation, tmp_path: Path) -> None:
    store = ModelStore(installation.data / "models")
    digests = []
    for seed in (1, 2):
        folder = write_whisper(tmp_path / f"model-{seed}", seed=seed)
        files = tuple(FileRecord(path.name, path.stat().st_size, sha256_of(path)) for path in sorted(folder.iterdir()))
        Provenance("tiny.en", "recogniser", "the tests", f"revision {seed}", files, origin="folder").write(folder)
        store.install(folder, store.folder("tiny.en"))
        digests.append(sha256_of(store.folder("tiny.en") / "model.bin"))
    told = installation.interlocutor("models", "back", "tiny.en")
    assert told == "tiny.en is the one before again (the tests revision 1); restart the server\n"
    assert sha256_of(store.folder("tiny.en") / "model.bin") == digests[0]
    assert "is a sound recogniser" in installation.interlocutor("models", "verify", "tiny.en")
    installation.interlocutor("models", "back", "tiny.en")
    assert sha256_of(store.folder("tiny.en") / "model.bin") == digests[1]
    assert os.listdir(store.root / ".former") == ["tiny.en"]
