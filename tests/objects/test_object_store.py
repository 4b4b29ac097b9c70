"""Role-plays whose recordings lie in a real object store that speaks S3 (moto's server, a process of its own).

Not part of the default run: `scripts/nightly-objects` makes the environment that it needs.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from obstore.store import S3Store
from pydantic import SecretStr

from audio.recorder import RECORDING_NAME
from server.records.folder import ELSEWHERE
from server.records.proof import prove_logs
from server.settings.recordings import RecordingsSettings
from server.settings.s3 import S3Settings
from server.settings.store import AuditSettings
from server.store import audit
from server.store.anchor_objects import anchor_objects
from server.store.anchors import prove
from tests.app.inside import KEY, serving, until
from tests.app.test_records import CONSENT, Person, talk

MOTO = os.environ.get("INTERLOCUTOR_MOTO_SERVER", "")

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(not MOTO, reason="scripts/nightly-objects brings the object store"),
]

BUCKET = "recordings"
BY_KEY = {"Authorization": f"Bearer {KEY}"}
STARTED_S = 30.0


class ObjectStore:
    """moto's server, and what is in its bucket."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._process = subprocess.Popen(
            [MOTO, "-H", "127.0.0.1", "-p", str(self.port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until_s = time.monotonic() + STARTED_S
        while True:
            try:
                request = urllib.request.Request(f"{self.url}/{BUCKET}", method="PUT")
                urllib.request.urlopen(request, timeout=5).close()
                break
            except urllib.error.URLError:
                assert time.monotonic() < until_s, "the object store did not start"
                time.sleep(0.1)
        self._client = S3Store(
            BUCKET, endpoint=self.url, access_key_id="x", secret_access_key="y", client_options={"allow_http": True}
        )

    @property
    def settings(self) -> RecordingsSettings:
        """Settings of a server whose recordings go here."""
        return RecordingsSettings(store="s3", s3=self.bucket)

    @property
    def bucket(self) -> S3Settings:
        return S3Settings(
            endpoint=self.url, bucket=BUCKET, access_key_id="x", secret_access_key=SecretStr("y"), timeout_s=2
        )

    @property
    def names(self) -> list[str]:
        return sorted(str(each["path"]) for batch in self._client.list() for each in batch)

    def content(self, name: str) -> bytes:
        return bytes(self._client.get(name).bytes())

    def change(self, name: str) -> None:
        content = bytearray(self.content(name))
        content[len(content) // 2] ^= 1
        self._client.put(name, bytes(content))

    def stand_still(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self.go_on()
        self._process.terminate()
        self._process.wait()


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    store = ObjectStore()
    try:
        yield store
    finally:
        store.stop()


async def held(address: str, folder: Path) -> tuple[Person, str]:
    candidate = Person(address)
    reserved = await candidate.opened(consent=CONSENT)
    await talk(reserved)
    session = folder / "sessions" / reserved.id
    await until(lambda: (session / RECORDING_NAME).is_file() or (session / ELSEWHERE).is_file())
    return candidate, reserved.id


async def test_a_role_plays_recording_is_kept_heard_proved_and_erased_there(tmp_path: Path) -> None:
    with object_store() as store:
        async with serving(tmp_path, recordings=store.settings) as (address, server):
            candidate, name = await held(address, tmp_path)
            folder, thing = tmp_path / "sessions" / name, f"{name}/{RECORDING_NAME}"
            await until(lambda: store.names == [thing] and not (folder / RECORDING_NAME).exists())
            assert b"fLaC" not in store.content(thing)
            path = f"http://{address}/api/sessions/{name}"
            async with httpx2.AsyncClient(headers=BY_KEY) as client:
                whole = await client.get(f"{path}/recording")
                assert whole.content.startswith(b"fLaC")
                record = (await client.get(f"{path}/record")).json()["recording"]
                assert (record["state"], record["size_bytes"]) == ("ready", len(whole.content))
                part = await client.get(f"{path}/recording", headers={"Range": "bytes=1000-70000"})
                assert (part.status_code, part.content) == (206, whole.content[1_000:70_001])
                assert (await client.get(f"{path}/measures")).status_code == 200
            assert await server.store.ledger.drained(30)
            assert await prove_logs(server.store, server.records) == (1, [])
            store.change(thing)
            assert await prove_logs(server.store, server.records) == (
                1,
                [f"{name}: its recording was changed, or is gone"],
            )
            assert (await candidate.ask("GET", f"/api/sessions/{name}/recording"))[0] in (200, 500)
            assert (await candidate.ask("DELETE", f"/api/sessions/{name}"))[0] == 200
            assert store.names == []
            assert not (folder / ELSEWHERE).exists()


async def test_a_store_that_stands_still_harms_nobody_and_is_caught_up_with(tmp_path: Path) -> None:
    with object_store() as store:
        async with serving(tmp_path, recordings=store.settings) as (address, server):
            _, first = await held(address, tmp_path)
            await until(lambda: not (server.records.root / first / RECORDING_NAME).exists())
            store.stand_still()
            candidate, second = await held(address, tmp_path)
            path = f"http://{address}/api/sessions"
            async with httpx2.AsyncClient(headers=BY_KEY, timeout=60) as client:
                # What is here can be heard, and what is there can't be for now.
                assert (await client.get(f"{path}/{second}/recording")).content.startswith(b"fLaC")
                answer = await client.get(f"{path}/{first}/recording")
                assert (answer.status_code, answer.json()["error"]["code"]) == (503, "storage.objects")
                assert (await client.delete(f"{path}/{first}")).status_code == 200
                assert (await client.get(f"{path}/{first}/recording")).status_code == 404
            store.go_on()
            records = server.records
            folders = [records.root / first, records.root / second]
            await until(lambda: (folders[1] / ELSEWHERE).exists())
            await asyncio.to_thread(records.recordings.move_left, folders, records.vault.open_session)
            assert store.names == [f"{second}/{RECORDING_NAME}"]
            assert (await candidate.ask("GET", f"/api/sessions/{second}/recording"))[1].startswith(b"fLaC")


async def test_the_audit_is_proved_by_heads_in_a_bucket(tmp_path: Path) -> None:
    with object_store() as store:
        settings = AuditSettings(s3=store.bucket)
        async with serving(tmp_path, audit=settings) as (address, server):
            await held(address, tmp_path)
            await until(lambda: len(store.names) > 0)
            anchors = anchor_objects(settings.s3)
            assert anchors is not None
            async with server.store.database.reading() as connection:
                proof = await prove(audit.lines(connection), anchors.read())
            assert (proof.faults, proof.proved > 0) == ([], True)
        heads = anchors.read()
        # A chain that somebody makes anew is not the one that was anchored.
        async with serving(tmp_path / "another", audit=settings) as (address, server):
            await held(address, tmp_path / "another")
            assert await server.store.ledger.drained(30)
            async with server.store.database.reading() as connection:
                assert (await prove(audit.lines(connection), heads)).faults != []


async def test_the_next_start_moves_what_was_left_here(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, _):
        _, name = await held(address, tmp_path)
    with object_store() as store:
        async with serving(tmp_path, recordings=store.settings):
            await until(lambda: store.names == [f"{name}/{RECORDING_NAME}"])
