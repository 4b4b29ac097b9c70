"""Secrets as files: those that scripts/deploy-secrets makes, and a PostgreSQL whose password is in one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from server.settings.secrets import weakness
from server.vault.key_service import parse_keys
from tests import postgres
from tests.app.process import plain_environment
from tests.deploy.manifests import ROOT, compose

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="files are given to other users")


def command(*words: str, environ: dict[str, str]) -> tuple[int, str]:
    """Run a command of ours; return its status and all that it says."""
    done = subprocess.run(
        [sys.executable, "-m", "server.cli", *words],
        env={**plain_environment(), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout


def make(folder: Path) -> str:
    done = subprocess.run([ROOT / "scripts" / "deploy-secrets", folder], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@as_root
def test_each_secret_is_strong_and_of_who_reads_it(tmp_path: Path) -> None:
    said = make(tmp_path / "secrets")
    made = {path.name: path for path in (tmp_path / "secrets").iterdir()}
    whole = compose()
    assert set(made) == set(whole["secrets"]) - {"tls_certificate", "tls_key"}
    assert all(f"{name} is missing" in said for name in ("tls_certificate", "tls_key"))
    for name, path in made.items():
        assert path.stat().st_mode & 0o777 == 0o400, name
        users = {
            service.get("user", "10001:10001")
            for service in whole["services"].values()
            if name in service.get("secrets", ())
        }
        assert users == {f"{path.stat().st_uid}:{path.stat().st_gid}"}, name
    for name in ("secret_key", "turn_secret"):
        assert weakness(made[name].read_text().strip()) is None
    assert len(parse_keys(made["vault_key"].read_text())) == 1


@as_root
def test_what_is_there_stays(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    make(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "turn_secret").unlink()
    assert "turn_secret is new" in make(folder)
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert after.pop("turn_secret") != before.pop("turn_secret")
    assert after == before


@pytest.mark.skipif(postgres.lacking() is not None, reason=str(postgres.lacking()))
def test_the_password_of_a_database_may_be_in_a_file(tmp_path: Path) -> None:
    password = "a-password-of-this-test"
    with postgres.cluster(password) as address:
        url = address.format(name="postgres")
        port = re.findall(r":(\d+)/", url)[0]
        kept = tmp_path / "database_passfile"
        kept.write_text(f"127.0.0.1:{port}:*:tests:{password}\n")
        kept.chmod(0o400)
        environ = {"DATABASE_URL": url, "PGPASSFILE": str(kept), "INTERLOCUTOR__DATA_PATH": str(tmp_path / "data")}
        assert command("db", "upgrade", environ=environ)[0] == 0
        assert command("db", "check", environ=environ)[0] == 0
        status, said = command("backup", "--to", str(tmp_path / "backups"), environ=environ)
        assert status == 0, said
        assert list((tmp_path / "backups").glob("backup-*/interlocutor.dump"))

        kept.chmod(0o600)
        kept.write_text(f"127.0.0.1:{port}:*:tests:another\n")
        status, said = command("db", "check", environ=environ)
        assert status != 0
        assert "password" in said
        assert password not in said
