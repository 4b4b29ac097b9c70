"""What lies on the disk of a role-play: sealed, played from any place, and refused once it was changed."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from pathlib import Path

import httpx2
import pytest

from audio.recorder import RECORDING_NAME
from bench import cli
from common.errors import SettingsError
from pipelines.engine_settings import EngineSettings
from pipelines.log.jsonl import EVENTS, PAYLOADS
from pipelines.scripted import instant
from server.host import Server
from server.records.proof import prove_logs
from server.settings.tree import Settings
from server.vault.key_text import new_key_word
from server.vault.opening import OWN_NAME
from server.vault.session_keys import KEY_NAME, key_is_destroyed
from tests.app.inside import KEY, serving, until
from tests.app.test_records import CONSENT, Person, talk
from tests.sealed import recording_of

pytestmark = pytest.mark.asyncio

SAID = "three weeks ago and stayed."
BY_KEY = {"Authorization": f"Bearer {KEY}"}


async def held(address: str, folder: Path) -> str:
    """Hold a role-play and wait until its recording is one file; return its id."""
    candidate = Person(address)
    reserved = await candidate.opened(consent=CONSENT)
    await talk(reserved)
    session = folder / "sessions" / reserved.id
    await until(lambda: (session / RECORDING_NAME).is_file() and not list(session.glob("segment-*")))
    return reserved.id


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def command(*words: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 0


async def test_nothing_that_was_said_lies_in_the_plain_and_all_of_it_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instant, "REPLY", ("It began about", SAID))
    async with serving(tmp_path) as (address, _):
        name = await held(address, tmp_path)
        async with httpx2.AsyncClient(base_url=f"http://{address}/api/sessions/{name}", headers=BY_KEY) as client:
            record = (await client.get("/record")).json()
            log = (await client.get("/log")).text
            sound = (await client.get("/recording")).content
    assert SAID.split()[0] in json.dumps(record["turns"])
    assert CONSENT["text"] in log
    # Whatever the database and its log hold is searched too.
    for path, content in contents(tmp_path).items():
        for word in (SAID.encode(), CONSENT["text"].encode(), b"Could you say that again", b"fLaC"):
            assert word not in content, (path, word)
    folder = tmp_path / "sessions" / name
    assert sound == recording_of(folder).read()
    assert record["recording"]["size_bytes"] == len(sound)
    to = tmp_path / "export.zip"
    await asyncio.to_thread(command, "sessions", "export", name, "--to", str(to), "--set", f"data_path={tmp_path}")
    with zipfile.ZipFile(to) as archive:
        assert sorted(archive.namelist()) == [
            "database.json",
            EVENTS,
            "index.json",
            "manifest.json",
            PAYLOADS,
            RECORDING_NAME,
        ]
        assert archive.read(RECORDING_NAME) == sound
        assert CONSENT["text"] in archive.read(PAYLOADS).decode()


async def test_a_player_gets_the_range_that_it_asks_for(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, _):
        name = await held(address, tmp_path)
        sound = recording_of(tmp_path / "sessions" / name).read()
        size, path = len(sound), f"/api/sessions/{name}/recording"
        async with httpx2.AsyncClient(base_url=f"http://{address}", headers=BY_KEY) as client:
            whole = await client.get(path)
            assert (whole.status_code, whole.content) == (200, sound)
            told = whole.headers
            assert (told["accept-ranges"], told["content-length"]) == ("bytes", str(size))
            assert (told["content-type"], told["cache-control"]) == ("audio/flac", "no-store")
            cases = {
                "bytes=0-": (0, size),
                "bytes=0-0": (0, 1),
                "bytes=100-199": (100, 200),
                f"bytes={size // 2}-": (size // 2, size),
                f"bytes={size - 1}-{size + 100}": (size - 1, size),
                "bytes=-50": (size - 50, size),
                f"bytes=-{size + 1}": (0, size),
            }
            for asked, (first, end) in cases.items():
                part = await client.get(path, headers={"Range": asked})
                assert part.content == sound[first:end], asked
                if (first, end) != (0, size):
                    assert (part.status_code, part.headers["content-range"]) == (206, f"bytes {first}-{end - 1}/{size}")
                assert part.headers["content-length"] == str(end - first)
            for asked in (f"bytes={size}-", "bytes=-0"):
                none = await client.get(path, headers={"Range": asked})
                assert (none.status_code, none.headers["content-range"]) == (416, f"bytes */{size}")
            # Not understood, or of a file that is another by now: the whole.
            for odd in ("bytes=5-2", "bytes=0-1,4-5", "lines=1-2", "bytes=a-b", "bytes=-"):
                assert (await client.get(path, headers={"Range": odd})).content == sound, odd
            for tag, status in ((told["etag"], 206), ('"another"', 200)):
                answer = await client.get(path, headers={"Range": "bytes=1-2", "If-Range": tag})
                assert answer.status_code == status
            head = await client.head(path)
            assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(size))


async def test_what_was_changed_is_refused_and_can_still_be_erased(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, _):
        name = await held(address, tmp_path)
        folder = tmp_path / "sessions" / name
        async with httpx2.AsyncClient(base_url=f"http://{address}/api/sessions/{name}", headers=BY_KEY) as client:
            for file, path in ((RECORDING_NAME, "/recording"), (PAYLOADS, "/log"), (PAYLOADS, "/record")):
                whole = (folder / file).read_bytes()
                for damaged in (whole[:-40] + b"x" + whole[-39:], b"x" + whole[1:]):
                    (folder / file).write_bytes(damaged)
                    answer = await client.get(path)
                    # Without its magic a recording is no sealed one, so that it is sent as it is, and is no sound.
                    if answer.status_code != 200 or file != RECORDING_NAME:
                        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "storage.damaged")
                (folder / file).write_bytes(whole)
            key = (folder / KEY_NAME).read_bytes()
            (folder / KEY_NAME).unlink()
            for path in ("/recording", "/log", "/record"):
                answer = await client.get(path)
                assert (answer.status_code, answer.json()["error"]["code"]) == (503, "storage.no_key")
            (folder / KEY_NAME).write_bytes(key.replace(b"v1", b"v2"))
            assert (await client.delete(str(client.base_url).rstrip("/"))).status_code == 200
        left = sorted(path.name for path in folder.iterdir() if path.name != "bearer")
        assert left == ["erased.json", EVENTS, KEY_NAME, PAYLOADS]
        assert (folder / PAYLOADS).read_bytes() == b""


async def test_two_who_delete_one_role_play_at_once_leave_one_tombstone(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, server):
        name = await held(address, tmp_path)
        folder = tmp_path / "sessions" / name
        async with httpx2.AsyncClient(base_url=f"http://{address}/api/sessions", headers=BY_KEY) as client:
            answers = await asyncio.gather(*(client.delete(f"/{name}") for _ in range(4)))
            assert [answer.status_code for answer in answers] == [200] * 4
            assert (await client.get(f"/{name}/recording")).status_code == 404
        assert key_is_destroyed(folder)
        assert {EVENTS, PAYLOADS, KEY_NAME, "erased.json"} >= {path.name for path in folder.iterdir()} - {"bearer"}
        assert await server.store.ledger.drained(60)
        checked, faults = await prove_logs(server.store, server.records)
        assert (checked, faults) == (1, [])


async def test_a_server_does_not_start_with_another_master_key(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, _):
        await held(address, tmp_path)
    kept = (tmp_path / OWN_NAME).read_text()
    (tmp_path / OWN_NAME).write_text(f"{new_key_word()}\n")
    with pytest.raises(SettingsError, match="another master key than the one that sess_"):
        await Server(Settings(data_path=tmp_path, engines=EngineSettings(backend="mock"))).start()
    # Rotated while the server runs: what it has, and what comes, can be read.
    (tmp_path / OWN_NAME).write_text(kept)
    async with serving(tmp_path) as (address, server):
        (tmp_path / OWN_NAME).write_text(f"{new_key_word()}\n{kept}")
        name = await held(address, tmp_path)
        assert server.vault.keys.current != server.vault.keys.known[-1]
        (first, second) = server.vault.keys.known
        content = (tmp_path / "sessions" / name / KEY_NAME).read_text()
        assert first in content
        assert second not in content
        async with httpx2.AsyncClient(base_url=f"http://{address}/api/sessions", headers=BY_KEY) as client:
            for session in (tmp_path / "sessions").iterdir():
                sound = (await client.get(f"/{session.name}/recording")).content
                assert sound == recording_of(session).read()
                assert io.BytesIO(sound).read(4) == b"fLaC"
