"""Everything about one person in one zip: what they said, who opened it, and nothing of anybody else."""

from __future__ import annotations

import asyncio
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from common.errors import StorageError
from pipelines.log.jsonl import PAYLOADS
from server.records.folder import RecordFolder
from server.records.person_export import write_person
from server.records.person_facts import OTHERS, facts_of
from server.records.records import Records
from server.store import audit, notes, people, sessions
from server.store.erasures import note_erasure
from server.store.notes import Note
from server.vault.opening import open_vault
from tests.unit.store.backed_up import Data, opened_at, settings_of
from tests.unit.store.conftest import MakeDatabase

pytestmark = pytest.mark.asyncio

SAID = "<script>alert('bees & honey')</script>"


async def held(data: Data) -> None:
    await data.person("per_1", "Anna <b>Ångström</b>")
    await data.person("per_2", "Bert")
    await data.held("sess_a", person="per_1", words=SAID)
    await data.held("sess_gone", person="per_1", words="Forget this.")
    await data.held("sess_bert", person="per_2", words="Bert's own.")
    RecordFolder(data.root / "sess_gone").erase()
    async with data.store.database.writing() as connection:
        await note_erasure(connection, "sess_gone", by="per_1")
        await audit.append(connection, "recording.heard", session="sess_a", by="per_2")
        await audit.append(connection, "recording.heard", session="sess_bert", by="per_2")
        await audit.append(connection, "login.succeeded", person="per_1", network="203.0.113.7")
        for session_id, text in (("sess_a", "Anna was calm."), ("sess_bert", "Bert was late.")):
            await notes.add(connection, Note(session_id, "note_1", "per_2", "Bert", "note", 1, text, 1))


async def exported(data: Data, path: Path, *, with_notes: bool = False) -> zipfile.ZipFile:
    async with data.store.database.reading() as connection:
        person = await people.by_id(connection, "per_1")
    assert person is not None
    facts = await facts_of(data.store, person, with_notes=with_notes)
    vault = open_vault(data.settings)
    await asyncio.to_thread(write_person, facts, path, Records(data.root, vault), {})
    return zipfile.ZipFile(path)


async def test_all_of_a_person_and_nothing_of_others(make_database: MakeDatabase, tmp_path: Path) -> None:
    async with opened_at(settings_of(tmp_path / "data", make_database(), tmp_path / "shelf")) as data:
        await held(data)
        with await exported(data, tmp_path / "anna.zip") as archive:
            assert archive.testzip() is None
            assert set(archive.namelist()) == {
                "index.html",
                "data.json",
                "recordings/sess_a.flac",
                "logs/sess_a.jsonl",
            }
            assert archive.read("recordings/sess_a.flac") == (data.root / "sess_a" / "recording.flac").read_bytes()
            told: dict[str, Any] = json.loads(archive.read("data.json"))
            page = archive.read("index.html").decode()
            everything = b"".join(archive.read(name) for name in archive.namelist()).decode(errors="replace")
        assert told["person"]["login"] == "anna <b>ångström</b>"
        assert [one["id"] for one in told["sessions"]] == ["sess_gone", "sess_a"]
        said = told["sessions"][1]["turns"]
        assert [turn["text"] for turn in said] == [f"Sentence {turn} of sess_a. {SAID}" for turn in range(5)]
        assert (told["sessions"][0]["turns"], told["sessions"][0]["state"]) == ([], "erased")
        heard = [line for line in told["audit"] if line["action"] == "recording.heard"]
        assert [(line["session"], line["by"]) for line in heard] == [("sess_a", OTHERS)]
        assert [line["network"] for line in told["audit"] if "network" in line] == ["203.0.113.7"]
        # What was said, and a name, stay words on the page.
        assert "<script>" not in page
        assert "Anna &lt;b&gt;" in page
        assert "What was said was deleted." in page
        for others in ("Bert", "sess_bert", "calm", "hash", "Forget this"):
            assert others not in everything
        with await exported(data, tmp_path / "more.zip", with_notes=True) as archive:
            about = json.loads(archive.read("data.json"))["notes_about"]
        assert [(one["text"], "author" in one) for one in about] == [("Anna was calm.", False)]


async def test_what_the_audit_has_of_an_exam_is_for_the_operator_alone(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    async with opened_at(settings_of(tmp_path / "data", make_database(), tmp_path / "shelf")) as data:
        await held(data)
        async with data.store.database.writing() as connection:
            planned = {"exam": "exam_1", "cards": ["nursing-leg-wound"], "examiners": ["per_2"], "opens_ms": 7}
            await audit.append(connection, "exam.created", by="per_admin", person="per_1", **planned)
            wrong = {"exam": "exam_1", "session": "sess_a", "what": "noise", "reason": "Bert sneezed."}
            await audit.append(connection, "exam.incident", by="per_2", **wrong)
            await audit.append(connection, "session.voided", by="per_2", session="sess_a", reason="Bert left.")
        with await exported(data, tmp_path / "anna.zip") as archive:
            text = archive.read("data.json").decode()
        lines = {line["action"]: line for line in json.loads(text)["audit"]}
        created = {name: lines["exam.created"][name] for name in ("person", "exam", "by", "opens_ms")}
        assert created == {"person": "per_1", "exam": "exam_1", "by": OTHERS, "opens_ms": 7}
        assert (lines["exam.incident"]["session"], lines["exam.incident"]["by"]) == ("sess_a", OTHERS)
        for hidden in ("nursing-leg-wound", "per_2", "noise", "Bert"):
            assert hidden not in text
        with await exported(data, tmp_path / "more.zip", with_notes=True) as archive:
            lines = {line["action"]: line for line in json.loads(archive.read("data.json"))["audit"]}
        assert lines["exam.created"]["cards"] == ["nursing-leg-wound"]
        assert (lines["exam.incident"]["what"], lines["session.voided"]["reason"]) == ("noise", "Bert left.")


async def test_a_role_play_that_is_not_over_is_not_read_in_its_export(tmp_path: Path) -> None:
    from server.settings.store import DatabaseSettings

    async with opened_at(settings_of(tmp_path / "data", DatabaseSettings(), tmp_path / "shelf")) as data:
        await held(data)
        async with data.store.database.writing() as connection:
            await sessions.set_state(connection, "sess_a", "running")
        with await exported(data, tmp_path / "anna.zip") as archive:
            assert set(archive.namelist()) == {"index.html", "data.json"}
            told = {one["id"]: one for one in json.loads(archive.read("data.json"))["sessions"]}
            page = archive.read("index.html").decode()
        running = told["sess_a"]
        assert (running["state"], running["turns"], running["log"], running["recording"]) == ("running", [], None, None)
        assert "This role-play is not over yet. Download everything again when it is over" in page
        assert "There is no recording." not in page


async def test_one_record_that_does_not_open_does_not_keep_the_others_back(tmp_path: Path) -> None:
    from server.settings.store import DatabaseSettings

    async with opened_at(settings_of(tmp_path / "data", DatabaseSettings(), tmp_path / "shelf")) as data:
        await held(data)
        (data.root / "sess_a" / PAYLOADS).unlink()
        (data.root / "sess_a" / PAYLOADS).mkdir()
        await data.held("sess_b", person="per_1", words="Still here.")
        with await exported(data, tmp_path / "anna.zip") as archive:
            told = {one["id"]: one for one in json.loads(archive.read("data.json"))["sessions"]}
        assert told["sess_a"]["fault"]
        assert len(told["sess_b"]["turns"]) == 5
        with pytest.raises(StorageError):
            await exported(data, tmp_path / "anna.zip")
