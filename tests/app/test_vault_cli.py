"""The commands of the vault: what it holds, another master key, and records of earlier versions sealed."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from audio.recorder import RECORDING_NAME
from bench import cli
from common.seal import Seal
from common.sealed_files import is_sealed, read_file
from pipelines.log.jsonl import PAYLOADS, is_intact, read_jsonl
from server.records.log_facts import log_head, recording_digest
from server.settings.tree import Settings
from server.store import audit, people, sessions
from server.store.people import Person
from server.store.sessions import IndexedSession
from server.store.store import Store
from server.vault.key_text import KeyFile, new_key_word
from server.vault.opening import OWN_NAME, open_vault
from server.vault.session_keys import destroy_key, key_is_destroyed, read_key
from server.vault.vault import Vault
from tests.sealed import vault_in
from tests.unit.store.test_proof import write_session

ANNA = Person("per_1", "anna@example.org", "Anna Berg", "candidate", "active", None, 5)
NAMES = [f"sess_{number}" for number in range(6)]


def held(data: Path, *, plain: bool = False) -> None:
    """Have six role-plays in a data folder, known to the index and the audit, and somebody in the database."""
    settings = Settings(data_path=data)
    data.mkdir()
    vault = open_vault(settings)

    async def do() -> None:
        store = Store(settings.database, settings.audit, data, vault)
        await store.open()
        for name in NAMES:
            folder = data / "sessions" / name
            await asyncio.to_thread(write_session, folder, None if plain else vault)
            head = log_head(folder)
            assert head is not None
            async with store.database.writing() as connection:
                await sessions.begin(connection, IndexedSession(name, "card", "Card", "practice", None, "ended", 1))
                told = {"events": head.events, "head": head.digest, "payloads": head.payloads}
                await audit.append(connection, "session.ended", session=name, **told)
                recorded = {"recording": recording_digest(folder)}
                await audit.append(connection, "session.recorded", session=name, **recorded)
        async with store.database.writing() as connection:
            await people.add(connection, ANNA)
        await store.stop()

    asyncio.run(do())


def call(data: Path, *words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main([*words, "--set", f"data_path={data}"])
    return int(ended.value.code or 0)


def status(data: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    capsys.readouterr()
    assert call(data, "vault", "status", "--json") == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def masters(data: Path) -> set[str]:
    kept = [read_key(data / "sessions" / name) for name in NAMES]
    return {one.master for one in kept if one is not None}


def test_a_rotation_leaves_nothing_to_the_former_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    held(data)
    running = vault_in(data)
    (former,) = running.keys.known
    assert status(data, capsys)["keys"] == [{"key": former, "current": True, "wraps": 8}]
    assert call(data, "vault", "rotate", "--dry-run") == 0
    assert "8 keys would be wrapped anew" in capsys.readouterr().out
    assert masters(data) == {former}
    before = {name: (data / "sessions" / name / PAYLOADS).read_bytes() for name in NAMES}
    assert call(data, "vault", "rotate") == 0
    current = vault_in(data).keys.current
    assert status(data, capsys)["keys"] == [
        {"key": current, "current": True, "wraps": 8},
        {"key": former, "current": False, "wraps": 0},
    ]
    assert {name: (data / "sessions" / name / PAYLOADS).read_bytes() for name in NAMES} == before
    # A server that runs has seen the file change.
    for name in NAMES:
        folder = data / "sessions" / name
        assert all(is_intact(entry) for entry in read_jsonl(folder, running.open_session(folder)))
    assert call(data, "vault", "retire") == 0
    assert (data / OWN_NAME).read_text().count("\n") == 1
    assert [one["key"] for one in status(data, capsys)["keys"]] == [current]  # type: ignore[attr-defined]
    assert call(data, "audit", "verify") == 0
    assert call(data, "users", "list") == 0
    assert "anna@example.org" in capsys.readouterr().out


KILLED = """
import os, signal, sys
from server.vault import vault
really, left = vault.Vault.rewrap_session, [3]
def die(self, folder):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return really(self, folder)
vault.Vault.rewrap_session = die
from server.cli import main
main(["vault", "rotate", "--set", f"data_path={sys.argv[1]}"])
"""


def test_a_rotation_that_was_killed_is_gone_on_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    held(data)
    (former,) = vault_in(data).keys.known
    killed = subprocess.run([sys.executable, "-c", KILLED, str(data)], capture_output=True, timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    current = vault_in(data).keys.current
    assert masters(data) == {former, current}
    # What is not done keeps the former key.
    assert call(data, "vault", "retire") == 1
    assert f"{former} still wraps 6 keys" in capsys.readouterr().err
    assert call(data, "vault", "rotate") == 0
    assert vault_in(data).keys.known == (current, former)  # no third one was made
    assert masters(data) == {current}
    assert call(data, "vault", "retire") == 0
    assert call(data, "audit", "verify") == 0


def test_a_rotation_brings_no_destroyed_key_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    held(data)
    folder = data / "sessions" / NAMES[0]
    really = Vault.open_session
    assert really(vault_in(data), folder) is not None
    KeyFile(data / OWN_NAME, strict=True).put_first(new_key_word())
    vault = vault_in(data)
    unwrap = type(vault.keys).unwrap

    def meanwhile(keys: object, wrapped: object, *, about: str) -> Seal:
        seal: Seal = unwrap(keys, wrapped, about=about)  # type: ignore[arg-type]
        destroy_key(folder)
        return seal

    monkeypatch.setattr(type(vault.keys), "unwrap", meanwhile)
    assert not vault.rewrap_session(folder)
    assert key_is_destroyed(folder)


def test_a_variables_keys_are_rotated_by_whoever_sets_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, first, second = tmp_path / "data", new_key_word(), new_key_word()
    held(data)
    (data / OWN_NAME).write_text(f"{first}\n")
    # Sealed by another key than this one: refused, and the key is named.
    assert call(data, "vault", "rotate") == 2
    assert "another master key" in capsys.readouterr().err
    (data / OWN_NAME).unlink()
    data = tmp_path / "other"
    monkeypatch.setenv("INTERLOCUTOR__VAULT__KEY", first)
    assert call(data, "vault", "rotate") == 0
    assert "put a new one before it" in capsys.readouterr().out
    monkeypatch.setenv("INTERLOCUTOR__VAULT__KEY", f"{second} {first}")
    assert call(data, "vault", "rotate") == 0
    assert call(data, "vault", "retire") == 0
    assert "take them out of vault.key" in capsys.readouterr().out
    monkeypatch.setenv("INTERLOCUTOR__VAULT__KEY", second)
    assert call(data, "vault", "status") == 0


def test_records_of_an_earlier_version_are_sealed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    held(data, plain=True)
    folders = [data / "sessions" / name for name in NAMES]
    said = {folder: [entry.payload for entry in read_jsonl(folder)] for folder in folders}
    sound = {folder: (folder / RECORDING_NAME).read_bytes() for folder in folders}
    (folders[0] / "segment-000000.flac").write_bytes(b"fLaC")
    assert status(data, capsys)["plain"] == 6
    assert call(data, "vault", "seal", "--dry-run") == 0
    assert "6 sessions would be sealed" in capsys.readouterr().out
    assert call(data, "vault", "seal") == 1
    assert "sess_0: its recording is not put together yet" in capsys.readouterr().err
    (folders[0] / "segment-000000.flac").unlink()
    assert call(data, "vault", "seal") == 0
    assert status(data, capsys)["plain"] == 0
    vault = vault_in(data)
    for folder in folders:
        seal = vault.open_session(folder)
        assert seal is not None
        assert is_sealed(folder / RECORDING_NAME)
        assert b"said by" not in (folder / PAYLOADS).read_bytes()
        assert [entry.payload for entry in read_jsonl(folder, seal)] == said[folder]
        assert read_file(folder / RECORDING_NAME, seal) == sound[folder]
    assert call(data, "audit", "verify") == 0
