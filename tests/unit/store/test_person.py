"""A person who is erased: no byte of theirs is found, the audit still holds, and no backup brings them back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from common.errors import ProtocolError, StorageError
from server.accounts.accounts import Accounts
from server.backups.erasure_list import Erasure, read_list
from server.backups.making import make_backup, shelf_of, tell_erasures
from server.backups.manifest import NAME
from server.backups.restoring import restore
from server.exams.schedule import Schedule
from server.records.folder import RecordFolder
from server.records.person_erasing import erase_person, finish_erasing_people, rows_of_people
from server.records.proof import prove_logs
from server.records.records import Records
from server.settings.store import AuthSettings, DatabaseSettings
from server.store import audit, notes, people, sessions
from server.store import exams as exams_store
from server.store.anchors import prove
from server.store.exams import Exam, ExamPart, ExamSession
from server.store.holds import LegalHold, hold
from server.store.notes import Note
from server.store.tables import identities, metadata
from tests.sealed import new_vault
from tests.unit.store.backed_up import Data, opened_at, settings_of
from tests.unit.store.conftest import MakeDatabase

pytestmark = pytest.mark.asyncio

NAME_OF, LOGIN, ADDRESS = "Wilhelmina Featherstonehaugh", "wilhelmina@hospital.example", "203.0.113.77"
SUBJECT = "subject-4711-of-the-hospital"
SAID = "My grandmother kept bees in Ballyvaughan."
THEIRS = (NAME_OF, LOGIN, ADDRESS, SUBJECT, "Ballyvaughan")
PASSWORD = "correct horse battery staple"


def found(folder: Path, *, but: tuple[Path, ...] = ()) -> set[tuple[str, str]]:
    """Return where in a folder one of the person's words lies as it is."""
    files = [path for path in folder.rglob("*") if path.is_file() and not any(one in path.parents for one in but)]
    return {
        (str(path.relative_to(folder)), word) for path in files for word in THEIRS if word.encode() in path.read_bytes()
    }


async def somebody(data: Data) -> str:
    """Make a person who logged in, failed to, practised twice and sat an exam; return their id."""
    accounts = Accounts(data.store, AuthSettings(), now_s=lambda: 0.0)
    person, token = await accounts.invite("command line", login=LOGIN, name=NAME_OF, role="candidate")
    await accounts.accept(token, PASSWORD, ADDRESS)
    with pytest.raises(Exception, match="wrong"):
        await accounts.log_in(LOGIN, "not this one, surely", ADDRESS)
    for name, mode in (("sess_a", "practice"), ("sess_b", "practice"), ("sess_exam", "exam")):
        await data.held(name, person=person.id, mode=mode, words=SAID)
    await data.held("sess_other", words="Somebody else.")
    row = {"issuer": "https://sso.example", "subject": SUBJECT, "person_id": person.id, "made_ms": 1}
    async with data.store.database.writing() as connection:
        await connection.execute(insert(identities).values(row))
    exam = Exam("exam_1", f"Exam of {NAME_OF}", person.id, 1, 2, "closed", 1, parts=(ExamPart(1, "card", "Card"),))
    async with data.store.database.writing() as connection:
        await exams_store.add(connection, exam)
        await exams_store.add_session(connection, exam.id, ExamSession("sess_exam", 1, 1))
    schedule = Schedule(data.store, {})
    why = f"{NAME_OF} fell ill"
    await schedule.note_incident("per_eve", exam.id, what="illness", reason=why, session_id="sess_exam")
    await schedule.void_session("per_eve", exam.id, "sess_exam", why)
    await schedule.void("per_eve", exam.id, why)
    about = Note("sess_a", "note_1", "per_eve", "Eve", "note", 1, f"{NAME_OF} was calm.", 1)
    by = Note("sess_other", "note_2", person.id, NAME_OF, "note", 1, "I listened.", 1)
    async with data.store.database.writing() as connection:
        assert [await notes.add(connection, one) for one in (about, by)] == [True, True]
    return person.id


async def states(data: Data) -> dict[str, tuple[str, str | None]]:
    names = ("sess_a", "sess_b", "sess_exam", "sess_other")
    async with data.store.database.reading() as connection:
        known = await sessions.by_ids(connection, names)
    return {name: (row.state, row.person_id) for name, row in known.items()}


async def proved(data: Data) -> list[tuple[str, dict[str, Any]]]:
    """Return the audit, which must hold, as all logs must."""
    async with data.store.database.reading() as connection:
        assert (await prove(audit.lines(connection))).faults == []
        told = [(line.action, line.content or {}) async for line in audit.lines(connection)]
    assert (await prove_logs(data.store, Records(data.root, new_vault())))[1] == []
    return told


async def test_no_byte_of_a_person_is_left(tmp_path: Path) -> None:
    place = tmp_path / "place"
    settings = settings_of(place / "data", DatabaseSettings(), place / "shelf")
    async with opened_at(settings) as data:
        person_id = await somebody(data)
        folder = (await make_backup(data.store, settings, shelf_of(settings), by="a test")).folder
        before = await asyncio.to_thread(found, place)
        # The log-in name lies under the person's own key.
        assert {word for _, word in before} == set(THEIRS) - {LOGIN}
        done = await erase_person(data.store, data.root, person_id, exams="erase", by="per_admin")
        await tell_erasures(data.store, settings, shelf_of(settings))
        assert (done.sessions, done.kept) == (["sess_a", "sess_b", "sess_exam"], [])
        # While the database is open, with its log beside it; the backup's own files go with the backup.
        assert await asyncio.to_thread(lambda: found(place, but=(folder,))) == set()
        assert not [word for word in THEIRS if word.encode() in (folder / NAME).read_bytes()]
        assert (await states(data))["sess_other"] == ("ended", None)
        told = await proved(data)
        assert told[-1] == ("person.erased", {"person": person_id, "by": "per_admin", "exams": "erase"})
        # That something went wrong stays; what it was went.
        assert [(action, content) for action, content in told if action.endswith((".incident", ".voided"))] == [
            ("exam.incident", {}),
            ("session.voided", {}),
            ("exam.voided", {}),
        ]
    assert await asyncio.to_thread(lambda: found(place, but=(folder,))) == set()


async def test_exams_stay_without_a_name_where_the_setting_says_so(make_database: MakeDatabase, tmp_path: Path) -> None:
    async with opened_at(settings_of(tmp_path / "data", make_database(), tmp_path / "shelf")) as data:
        person_id = await somebody(data)
        done = await erase_person(data.store, data.root, person_id, exams="keep", by="command line")
        assert (done.sessions, done.kept) == (["sess_a", "sess_b"], ["sess_exam"])
        assert await states(data) == {
            "sess_a": ("erased", None),
            "sess_b": ("erased", None),
            "sess_exam": ("ended", person_id),
            "sess_other": ("ended", None),
        }
        async with data.store.database.reading() as connection:
            assert await people.by_login(connection, LOGIN) is None
            assert await people.everybody(connection) == []
            assert await people.names(connection, [person_id]) == {person_id: ""}
        accounts = Accounts(data.store, AuthSettings(), now_s=lambda: 0.0)
        for refused in (accounts.reset("x", person_id), accounts.change("x", person_id, enabled=True)):
            with pytest.raises(ProtocolError, match="no such person"):
                await refused
        contents = [content for _, content in await proved(data)]
        assert [content["reason"] for content in contents if "reason" in content] == [f"{NAME_OF} fell ill"] * 3
        assert not any("network" in content for content in contents)
        # Once more does no harm, and says nothing twice.
        await erase_person(data.store, data.root, person_id, exams="keep", by="command line")
        assert [action for action, _ in await proved(data)].count("person.erased") == 1
        # A role-play that had begun before, and came after.
        await data.held("sess_late", person=person_id, words=SAID)
        await finish_erasing_people(data.store, data.root, exams="keep")
        assert not [path for path, _ in await asyncio.to_thread(found, data.root) if "late" in path]
        # The name is free again.
        await accounts.invite("command line", login=LOGIN, name=NAME_OF, role="candidate")


async def test_an_erasure_that_was_cut_off_is_finished_by_the_next_start(
    make_database: MakeDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: RecordFolder) -> None:
        if self.folder.name == "sess_b":
            raise StorageError("the disk is full", code="storage.full")
        really(self)

    settings = settings_of(tmp_path / "data", make_database(), tmp_path / "shelf")
    async with opened_at(settings) as data:
        person_id = await somebody(data)
        really = RecordFolder.erase
        monkeypatch.setattr(RecordFolder, "erase", full)
        with pytest.raises(StorageError):
            await erase_person(data.store, data.root, person_id, exams="keep", by="command line")
        monkeypatch.undo()
        with pytest.raises(Exception, match="wrong"):
            await Accounts(data.store, AuthSettings(), now_s=lambda: 0.0).log_in(LOGIN, PASSWORD, ADDRESS)
    async with opened_at(settings) as data:
        await finish_erasing_people(data.store, data.root, exams="keep")
        assert {name for name, (state, _) in (await states(data)).items() if state == "erased"} == {"sess_a", "sess_b"}
        assert (await proved(data))[-1][1]["by"] == "the server, at its start"
        assert await asyncio.to_thread(found, data.root) == {("sess_exam/payloads.jsonl", "Ballyvaughan")}


async def test_two_who_erase_at_once_do_it_once(make_database: MakeDatabase, tmp_path: Path) -> None:
    async with opened_at(settings_of(tmp_path / "data", make_database(), tmp_path / "shelf")) as data:
        person_id = await somebody(data)
        both = (erase_person(data.store, data.root, person_id, exams="erase", by=by) for by in ("per_a", "per_b"))
        await asyncio.gather(*both)
        told = [action for action, _ in await proved(data)]
        assert (told.count("person.erased"), told.count("session.erased")) == (1, 3)


async def test_who_is_held_in_a_role_play_or_the_last_admin_is_not_erased(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    async with opened_at(settings_of(tmp_path / "data", make_database(), tmp_path / "shelf")) as data:
        person_id = await somebody(data)

        async def refused(words: str) -> None:
            with pytest.raises(ProtocolError, match=words):
                await erase_person(data.store, data.root, person_id, exams="keep", by="command line")
            assert (await states(data))["sess_a"][0] in ("ended", "running")

        async with data.store.database.writing() as connection:
            await hold(connection, LegalHold("session", "sess_a", "complaint", "command line", 1))
        await refused("held for a legal reason")
        async with data.store.database.writing() as connection:
            await hold(connection, LegalHold("person", person_id, "complaint", "command line", 1))
        await refused("held for a legal reason")
        async with data.store.database.writing() as connection:
            await connection.exec_driver_sql("DELETE FROM holds")
            await sessions.set_state(connection, "sess_a", "running")
        await refused("in a role-play now")
        async with data.store.database.writing() as connection:
            await sessions.set_state(connection, "sess_a", "ended")
            await people.change(connection, person_id, role="admin")
        await refused("last admin")
        with pytest.raises(ProtocolError, match="no such person"):
            await erase_person(data.store, data.root, "per_none", exams="keep", by="command line")


async def test_no_backup_brings_a_person_back(make_database: MakeDatabase, tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data", make_database(), tmp_path / "shelf")
    async with opened_at(settings) as data:
        person_id = await somebody(data)
        folder = (await make_backup(data.store, settings, shelf_of(settings), by="a test")).folder
        await erase_person(data.store, data.root, person_id, exams="erase", by="command line")
        await tell_erasures(data.store, settings, shelf_of(settings))
    names = {Erasure("session", name) for name in ("sess_a", "sess_b", "sess_exam")}
    assert read_list(tmp_path / "shelf" / "erasures.jsonl") == {Erasure("person", person_id)} | names
    other = settings_of(tmp_path / "other", make_database(), tmp_path / "shelf")
    done = await restore(folder, other)
    assert (done.again.people, sorted(done.again.sessions)) == ([person_id], ["sess_a", "sess_b", "sess_exam"])
    async with opened_at(other) as back:
        assert await asyncio.to_thread(found, other.data_path) == set()
        async with back.store.database.reading() as connection:
            assert await people.everybody(connection) == []
        await proved(back)


async def test_every_table_that_names_a_person_is_thought_of() -> None:
    """A new one must be erased, and exported: see person_erasing.py and person_facts.py."""
    naming = {
        f"{table.name}.{key.parent.name}"
        for table in metadata.sorted_tables
        for key in table.foreign_keys
        if key.column.table.name == "people"
    }
    went = {f"{table.name}.{column.name}" for table, column in rows_of_people()}
    assert went == {
        "exam_examiners.person_id",
        "identities.person_id",
        "invitations.person_id",
        "logins.person_id",
    }
    assert naming - went == {"consents.person_id", "exams.candidate_id", "sessions.person_id"}
