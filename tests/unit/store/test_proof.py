"""Every byte of a log or a recording that was changed or cut is found, once the audit knows what they were."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from audio.recorder import RECORDING_NAME
from common.sealed_files import sealed_bytes
from pipelines import events as e
from pipelines.log.disk import DiskThread
from pipelines.log.jsonl import EVENTS, PAYLOADS, JsonlStore
from pipelines.log.session_log import SessionLog
from server.records.folder import RecordFolder
from server.records.log_facts import log_facts, log_head, recording_digest
from server.records.proof import prove_logs
from server.records.records import Records
from server.settings.store import AuditSettings, DatabaseSettings
from server.store.erasures import note_erasure
from server.store.store import Store
from server.vault.session_keys import KEY_NAME
from server.vault.vault import Vault
from tests.sealed import new_vault

pytestmark = pytest.mark.asyncio

TRIES = 300


def write_session(folder: Path, vault: Vault | None = None) -> None:
    """Write the log of a short role-play, and something in place of its recording."""
    folder.mkdir(parents=True)
    seal = vault.make_session(folder) if vault is not None else None
    disk = DiskThread()
    salts = iter(range(1_000))
    log = SessionLog(
        now_ms=lambda: 0.0,
        media_ms=lambda: 0.0,
        salt=lambda: f"{next(salts):032x}",
        store=JsonlStore(folder, disk, failed=lambda error: pytest.fail(str(error)), seal=seal),
    )
    log.append(e.SessionStarted(folder.name, "practice", 300))
    for turn in range(5):
        log.append(e.TurnCommitted(turn, f"Sentence {turn}, said by somebody.", 0.0, 1.0))
    log.append(e.SessionEnded("ended"))
    log.close()
    disk.close()
    sound = random.Random(1).randbytes(5_000)
    (folder / RECORDING_NAME).write_bytes(sound if seal is None else sealed_bytes(sound, seal, RECORDING_NAME))


@asynccontextmanager
async def proved(folder: Path, vault: Vault) -> AsyncIterator[Store]:
    """Keep a sealed session below `folder`, and tell the audit of it."""
    write_session(folder / "sess_1", vault)
    head = log_head(folder / "sess_1")
    assert head is not None
    store = Store(DatabaseSettings(), AuditSettings(), folder, vault)
    await store.start()
    told = {"events": head.events, "head": head.digest, "payloads": head.payloads}
    await store.append("session.ended", session="sess_1", **told)
    await store.append("session.recorded", session="sess_1", recording=recording_digest(folder / "sess_1"))
    try:
        assert await prove_logs(store, Records(folder, vault)) == (1, [])
        yield store
    finally:
        await store.stop()


async def test_every_changed_or_cut_byte_is_found(tmp_path: Path) -> None:
    drawn, vault = random.Random(7), new_vault()
    async with proved(tmp_path, vault) as store:
        missed = []
        for _ in range(TRIES):
            path = tmp_path / "sess_1" / drawn.choice((EVENTS, PAYLOADS, RECORDING_NAME, KEY_NAME))
            whole = path.read_bytes()
            place = drawn.randrange(len(whole))
            changed = bytes([whole[place] ^ 1 << drawn.randrange(8)])
            damaged = drawn.choice(
                (whole[:place] + changed + whole[place + 1 :], whole[:place], whole[:place] + whole[place + 1 :])
            )
            path.write_bytes(damaged)
            if (await prove_logs(store, Records(tmp_path, vault)))[1] == []:
                missed.append((path.name, place, len(damaged) - len(whole)))
            path.write_bytes(whole)
        assert missed == []
        path = tmp_path / "sess_1" / EVENTS
        first, second, *rest = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join((second, first, *rest)))
        assert (await prove_logs(store, Records(tmp_path, vault)))[1] == ["sess_1: its log was changed"]
        path.unlink()
        assert (await prove_logs(store, Records(tmp_path, vault)))[1] == ["sess_1: its log is gone"]


async def test_what_was_erased_or_let_go_is_not_missed_and_its_log_still_proved(tmp_path: Path) -> None:
    vault = new_vault()
    async with proved(tmp_path, vault) as store:
        words = (tmp_path / "sess_1" / PAYLOADS).read_bytes()
        RecordFolder(tmp_path / "sess_1").erase()
        # Whoever may write the folder could have marked it: the audit is asked.
        (fault,) = (await prove_logs(store, Records(tmp_path, vault)))[1]
        assert "marked as erased" in fault
        async with store.database.writing() as connection:
            await note_erasure(connection, "sess_1", by="a test")
        assert await prove_logs(store, Records(tmp_path, vault)) == (1, [])
        (tmp_path / "sess_1" / PAYLOADS).write_bytes(words)
        assert (await prove_logs(store, Records(tmp_path, vault)))[1] == [
            "sess_1: it was erased, and what was said is there again"
        ]
        RecordFolder(tmp_path / "sess_1").erase()
        path = tmp_path / "sess_1" / EVENTS
        path.write_bytes(path.read_bytes()[:-10])
        assert len((await prove_logs(store, Records(tmp_path, vault)))[1]) == 1
        await store.append("session.deleted", session="sess_1", by="retention")
        assert await prove_logs(store, Records(tmp_path, vault)) == (0, [])


async def test_what_a_log_says_of_itself(tmp_path: Path) -> None:
    write_session(tmp_path / "sess_1")
    facts = log_facts(tmp_path / "sess_1")
    assert facts is not None
    assert (facts.head.events, facts.turns, facts.over, facts.card_id, facts.consent) == (7, 5, True, None, None)
    with (tmp_path / "sess_1" / EVENTS).open("ab") as file:
        file.write(b'{"torn": ')
    assert log_facts(tmp_path / "sess_1") == facts
    (tmp_path / "sess_1" / PAYLOADS).write_bytes(b"not JSON\n")
    assert log_facts(tmp_path / "sess_1") is None
    assert log_facts(tmp_path / "nothing") is None
