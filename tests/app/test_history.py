"""Role-plays that are kept: whose they are, found again after a restart, proved, erased for good."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bench import cli
from bench.replay.remote import Reserved, reserve
from common.seal import Seal
from common.sealed_files import sealed_bytes
from pipelines.log import stored_events
from pipelines.log.jsonl import EVENTS, PAYLOADS, StoredEntry, read_jsonl
from server.host import Server
from server.records.folder import ERASED
from server.store import audit, exams, sessions
from server.store.exams import Exam, ExamSession
from server.store.sessions import IndexedSession
from server.store.tokens import new_id
from tests.app.accounts import PASSWORD
from tests.app.inside import KEY, serving, until
from tests.app.test_records import talk
from tests.app.wire import CARD
from tests.sealed import copy_session, recording_of

pytestmark = pytest.mark.asyncio


async def browser(address: str, server: Server, login: str, role: str = "candidate") -> httpx2.AsyncClient:
    """Return the browser of somebody who is logged in, and known from an earlier start or not."""
    client = httpx2.AsyncClient(base_url=f"http://{address}", timeout=60)
    if login in {person.login for person in await server.accounts.everybody()}:
        answer = await client.post("/api/login", json={"login": login, "password": PASSWORD})
    else:
        _, token = await server.accounts.invite("a test", login=login, name=login, role=role)
        answer = await client.post("/api/invitation/accept", json={"token": token, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    client.headers["X-CSRF-Token"] = answer.json()["csrf"]
    return client


async def held(client: httpx2.AsyncClient, address: str, server: Server) -> str:
    """Hold a role-play as this person; return its id once the index has it."""
    opened = (
        await client.post("/api/sessions", json={"card": CARD, "consent": {"version": "1", "text": "Yes."}})
    ).json()
    await talk(Reserved(opened["id"], opened["token"], opened["url"], f"http://{address}"))
    await server.index.settled()
    assert await server.store.ledger.drained(60)
    return str(opened["id"])


async def test_a_strangers_token_opens_their_own_role_play_after_a_restart(tmp_path: Path) -> None:
    kept: list[Reserved] = []
    for _ in range(2):
        async with serving(tmp_path) as (address, server):
            reserved = await reserve(f"http://{address}", CARD)
            await talk(reserved)
            await server.index.settled()
            assert await server.store.ledger.drained(60)
            kept.append(reserved)
    mine, other = kept
    async with (
        serving(tmp_path) as (address, _),
        httpx2.AsyncClient(base_url=f"http://{address}", timeout=60) as client,
    ):

        async def asks(method: str, path: str, token: str) -> httpx2.Response:
            return await client.request(method, path, headers={"Authorization": f"Bearer {token}"})

        record = f"/api/sessions/{mine.id}/record"
        assert (await asks("GET", record, mine.token)).json()["turns"]
        assert (await asks("GET", record, other.token)).status_code == 401
        assert (await asks("GET", "/api/sessions", mine.token)).status_code == 401  # it opens this role-play alone
        assert (await asks("DELETE", f"/api/sessions/{mine.id}", mine.token)).status_code == 200
        assert (await asks("GET", record, mine.token)).json()["recording"]["state"] == "deleted"


async def told(server: Server) -> list[tuple[str, dict[str, Any]]]:
    assert await server.store.ledger.drained(60)
    async with server.store.database.reading() as connection:
        return [(line.action, line.content or {}) async for line in audit.lines(connection)]


def command(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(list(words))
    return int(ended.value.code or 0)


async def test_a_candidate_finds_their_role_play_again_after_a_restart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path, auth="accounts") as (address, server):
        anna, bert = await browser(address, server, "anna"), await browser(address, server, "bert")
        session_id = await held(anna, address, server)
        (mine,) = (await anna.get("/api/sessions")).json()["sessions"]
        assert (mine["id"], mine["state"], mine["mode"], mine["turns"]) == (session_id, "ended", "practice", 2)
        assert mine["events"] > 10
        assert (await bert.get("/api/sessions")).json() == {"sessions": [], "next": None}
        first = (await anna.get(f"/api/sessions/{session_id}/record")).json()
        assert (mine["cues"], mine["cues_told"]) == (len(first["cues"]), sum(cue["told"] for cue in first["cues"]))
        for client in (anna, bert):
            await client.aclose()

    async with serving(tmp_path, auth="accounts") as (address, server):
        anna, bert = await browser(address, server, "anna"), await browser(address, server, "bert")
        read: list[Path] = []

        def reading(folder: Path, seal: Seal | None) -> Iterator[StoredEntry]:
            assert seal is not None
            read.append(folder)
            return read_jsonl(folder, seal)

        monkeypatch.setattr(stored_events, "read_jsonl", reading)
        for what in ("", "/record", "/recording", "/log"):
            assert (await bert.get(f"/api/sessions/{session_id}{what}")).status_code == 403
        assert read == []
        record = (await anna.get(f"/api/sessions/{session_id}/record")).json()
        assert record == first
        assert len(read) == 1
        debrief = (await anna.get(f"/api/sessions/{session_id}")).json()
        assert len(read) == 2
        assert {name: record[name] for name in ("cues", "talk", "latency")}.items() <= debrief.items()
        assert [turn["role"] for turn in record["turns"]][:2] == ["candidate", "patient"]
        assert (await anna.get(f"/api/sessions/{session_id}/recording")).content[:4] == b"fLaC"
        mine = await anna.get("/api/me/export")
        assert (mine.status_code, mine.headers["content-type"]) == (200, "application/zip")
        with zipfile.ZipFile(io.BytesIO(mine.content)) as archive:
            assert f"recordings/{session_id}.flac" in archive.namelist()
        log = (await anna.get(f"/api/sessions/{session_id}/log")).text
        assert {json.loads(line)["audience"] for line in log.splitlines()} == {"candidate"}
        developer = httpx2.AsyncClient(base_url=f"http://{address}", headers={"Authorization": f"Bearer {KEY}"})
        for what in ("", "/record", "/recording", "/log"):
            assert (await developer.get(f"/api/sessions/{session_id}{what}")).status_code == 200
        found = [(action, content["by"]) for action, content in await told(server) if "by" in content]
        seen = [action for action, by in found if by == "developer key"]
        assert seen == ["record.read", "record.read", "recording.heard", "log.read"]
        for client in (anna, bert, developer):
            await client.aclose()

    place = ("--set", f"data_path={tmp_path}")
    log_path = tmp_path / "sessions" / session_id / EVENTS
    whole = log_path.read_bytes()

    def from_the_command_line() -> None:
        assert command("audit", "verify", *place) == 0
        assert command("sessions", "list", *place) == 0
        assert command("sessions", "show", session_id, *place) == 0
        assert command("sessions", "export", session_id, "--to", str(tmp_path / "x.zip"), *place) == 0
        with zipfile.ZipFile(tmp_path / "x.zip") as archive:
            around = {"index.json", "database.json", "manifest.json"}
            assert set(archive.namelist()) == around | {EVENTS, PAYLOADS, "recording.flac"}
            digests = json.loads(archive.read("manifest.json"))["sha256"]
            assert digests.keys() == set(archive.namelist()) - {"manifest.json"}
            for name, digest in digests.items():
                assert hashlib.sha256(archive.read(name)).hexdigest() == digest
            more = json.loads(archive.read("database.json"))
            assert [one["version"] for one in more["consent"]] == ["1"]
            assert {"session.began", "session.ended", "log.read"} <= {line["action"] for line in more["audit"]}
        cut, other = whole[: whole[:-1].rfind(b"\n") + 1], whole[:-5] + b"X" + whole[-4:]
        for changed, says in ((cut, "events where it had"), (other, "was changed")):
            log_path.write_bytes(changed)
            capsys.readouterr()
            assert command("audit", "verify", *place) == 1
            assert says in capsys.readouterr().err
        log_path.write_bytes(whole)
        why = ("--reason", "complaint 7")
        assert command("sessions", "hold", session_id, *why, *place) == 0
        assert command("sessions", "hold", "--person", "anna", *why, *place) == 0
        capsys.readouterr()
        assert command("sessions", "holds", "--json", *place) == 0
        assert [one["about"] for one in json.loads(capsys.readouterr().out)] == ["session", "person"]
        for held in ((session_id,), ("--person", "anna")):
            assert command("sessions", "delete", session_id, "--yes", *place) == 1
            assert "held for a legal reason" in capsys.readouterr().err
            assert command("sessions", "release", *held, *why, *place) == 0
        assert command("sessions", "retain", "--dry-run", *place) == 0
        assert command("sessions", "retain", "--clock-is-right", *place) == 0
        assert capsys.readouterr().out.endswith("0 deleted, 0 left for the next runs\n")
        assert log_path.exists()
        capsys.readouterr()
        assert command("backup", "--to", str(tmp_path / "shelf"), *place) == 0
        made = capsys.readouterr().out.strip()
        assert command("backup", "--check", made) == 0
        back = ("--set", f"data_path={tmp_path / 'back'}")
        # The master key is in no backup: it is put back by hand.
        (tmp_path / "back").mkdir()
        shutil.copy(tmp_path / "vault.key", tmp_path / "back")
        assert command("restore", made, *back) == 0
        assert command("restore", made, *back) == 1
        assert "is not empty" in capsys.readouterr().err
        assert command("audit", "verify", *back) == 0
        assert (tmp_path / "back" / "sessions" / session_id / EVENTS).read_bytes() == whole
        words = (log_path.parent / PAYLOADS).read_bytes()
        assert command("users", "export", "anna", "--to", str(tmp_path / "anna.zip"), *place) == 0
        with zipfile.ZipFile(tmp_path / "anna.zip") as archive:
            assert {f"recordings/{session_id}.flac", f"logs/{session_id}.jsonl"} <= set(archive.namelist())
            assert archive.read(f"recordings/{session_id}.flac")[:4] == b"fLaC"
            (one,) = json.loads(archive.read("data.json"))["sessions"]
            assert (one["consent_text"], one["consent"]["version"]) == ("Yes.", "1")
            assert [turn["role"] for turn in one["turns"]][:2] == ["candidate", "patient"]
        assert command("users", "erase", "anna", "--yes", *back) == 0
        assert command("audit", "verify", *back) == 0
        assert (tmp_path / "back" / "sessions" / session_id / PAYLOADS).read_bytes() == b""
        assert command("sessions", "delete", session_id, "--yes", *place) == 0
        assert command("audit", "verify", *place) == 0
        assert (log_path.parent / PAYLOADS).read_bytes() == b""
        # As an erasure that was cut off leaves it: the marker is there, and so are the words.
        (log_path.parent / PAYLOADS).write_bytes(words)
        assert command("audit", "verify", *place) == 1
        assert command("sessions", "export", session_id, "--to", str(tmp_path / "y.zip"), *place) == 0
        capsys.readouterr()
        assert command("sessions", "show", session_id, *place) == 0
        shown = capsys.readouterr().out
        with zipfile.ZipFile(tmp_path / "y.zip") as archive:
            assert set(archive.namelist()) == around | {EVENTS, ERASED}
            for told_of in (json.loads(shown), json.loads(archive.read("index.json"))):
                assert (told_of["state"], told_of["mode"], told_of["events"] > 10) == ("erased", "practice", True)
                assert told_of.keys() & {"card_id", "card_title", "turns"} == set()

    await asyncio.to_thread(from_the_command_line)


async def test_examiners_see_exams_and_pages_follow_each_other(tmp_path: Path) -> None:
    async with serving(tmp_path, auth="accounts") as (address, server):
        examiner = await browser(address, server, "eve", "examiner")
        own = (await server.accounts.find("eve")).id
        async with server.store.database.writing() as connection:
            for number in range(9):
                mode, whose = ("exam", None) if number % 2 else ("practice", own if number == 4 else None)
                row = IndexedSession(f"sess_{number}", CARD, "<b>Card</b>", mode, whose, "ended", 1_000 + number)
                await sessions.begin(connection, row)
            exam = Exam("exam_1", "Exam", None, 1, 2, "closed", 1, examiners=frozenset({own}))
            await exams.add(connection, exam)
            for number in (3, 5, 7):  # the other exam is for others to examine
                await exams.add_session(connection, exam.id, ExamSession(f"sess_{number}", 1, 1))
        seen: list[str] = []
        after: str | None = ""
        while after is not None:
            answer = (await examiner.get(f"/api/sessions?limit=2{after and '&after=' + after}")).json()
            seen += [one["id"][-1] for one in answer["sessions"]]
            after = answer["next"]
        assert seen == list("7543")
        practice = (await examiner.get("/api/sessions?mode=practice")).json()["sessions"]
        assert [one["id"][-1] for one in practice] == ["4"]
        for wrong in ("colour=red", "after=x", "since_ms=-1", "until_ms=1e9", "limit=%C2%B2"):
            answer = await examiner.get(f"/api/sessions?{wrong}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "session.filter"), wrong
        injected = await examiner.get(
            "/api/sessions", params={"card": "x' OR '1'='1", "state": "x'; DROP TABLE sessions"}
        )
        assert injected.json()["sessions"] == []
        await examiner.aclose()


async def test_what_a_crash_cut_off_is_finished_by_the_next_start(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, server):
        client = httpx2.AsyncClient(base_url=f"http://{address}", timeout=60)
        whole = await held(client, address, server)
        await client.aclose()
    root = tmp_path / "sessions"
    half, announced, unknown, cut = (new_id("sess_") for _ in range(4))
    for name in (half, announced, unknown, cut):
        seal = copy_session(root / whole, root / name)
        sound = recording_of(root / whole).read()
        (root / name / "segment-000000.flac").write_bytes(sealed_bytes(sound, seal, "segment-000000.flac"))
    never = new_id("sess_")
    (root / never).mkdir()
    # Of erasures one was cut off after its marker, one before it; of role-plays one was not indexed, one died running,
    # one before it had begun.
    states: dict[str, sessions.SessionState] = {half: "ended", announced: "erasing", cut: "running"}
    async with serving(tmp_path) as (_, server):
        assert await server.store.ledger.drained(60)
        async with server.store.database.writing() as connection:
            row = IndexedSession(never, CARD, "Card", "practice", None, "running", 1)
            await sessions.begin(connection, row)
            for name, state in states.items():
                await sessions.set_state(connection, name, state)
    (root / half / ERASED).write_text('{"erased": "2026-01-01T00:00:00Z"}')
    for name in (half, announced):
        shutil.copy(root / whole / PAYLOADS, root / name / PAYLOADS)
        shutil.copy(root / whole / "recording.flac", root / name / "recording.flac")

    async with serving(tmp_path) as (_, server):
        assert await server.store.ledger.drained(60)
        await until(lambda: server.chores._jobs.empty())
        async with server.store.database.reading() as connection:
            found = {one.id: one for one in await sessions.find(connection, sessions.Wanted())}
        assert {name: found[name].state for name in (whole, half, announced, unknown, cut, never)} == {
            whole: "ended", half: "erased", announced: "erased", unknown: "ended", cut: "ended", never: "ended",
        }  # fmt: skip
        assert (found[unknown].card_id, found[unknown].mode, found[unknown].head) == (
            CARD,
            "practice",
            found[whole].head,
        )
        erased = [content for action, content in await told(server) if action == "session.erased"]
        assert sorted(one["session"] for one in erased) == sorted([half, announced])
        for name in (half, announced):
            assert (root / name / PAYLOADS).read_bytes() == b""
            assert not list((root / name).glob("*.flac"))
    assert await asyncio.to_thread(command, "audit", "verify", "--set", f"data_path={tmp_path}") == 0
