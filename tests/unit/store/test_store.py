"""What the database keeps, and how it keeps it: the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import DBAPIError

from common.errors import DatabaseError, ProtocolError
from server.settings.store import AuditSettings, DatabaseSettings
from server.store import audit, keys, migrating, people, sessions
from server.store.anchors import prove, read_anchors
from server.store.keys import Key
from server.store.people import Person
from server.store.sessions import IndexedSession, Wanted
from server.store.store import Store
from server.store.tables import audit as audit_table
from server.store.tables import audit_contents, metadata
from server.store.tokens import digest_of
from tests.sealed import new_vault
from tests.unit.store.conftest import MakeStore

pytestmark = pytest.mark.asyncio

ANNA = Person("per_1", "anna", "Anna Ångström", "candidate", "active", "$argon2id$...", 1)
NASTY = "Robert'); DROP TABLE people;-- <script>alert(1)</script> \u202e\U0001f600"


def session(number: int, **changes: object) -> IndexedSession:
    plain = IndexedSession(f"sess_{number:03}", "card", "Card", "practice", None, "running", 1_000 + number)
    return replace(plain, **changes)  # type: ignore[arg-type]


async def test_the_tables_are_those_that_the_migrations_make(opened: MakeStore) -> None:
    async with opened() as store, store.database.reading() as connection:
        differences = await connection.run_sync(
            lambda plain: compare_metadata(MigrationContext.configure(plain), metadata)
        )
    assert differences == []


async def test_two_that_start_at_once_migrate_once(opened: MakeStore) -> None:
    async with opened() as one, opened() as other:
        assert one.instance == other.instance
        assert await migrating.form(other.database) == migrating.newest()


async def test_another_form_is_refused_where_nothing_may_be_migrated(
    database_settings: DatabaseSettings, tmp_path: object, opened: MakeStore
) -> None:
    still = database_settings.model_copy(update={"migrate": False})
    with pytest.raises(DatabaseError, match="run `interlocutor db upgrade`"):
        await Store(still, AuditSettings(), tmp_path, new_vault()).open()  # type: ignore[arg-type]
    async with opened() as store, store.database.writing() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '999'"))
    for settings in (still, database_settings):
        with pytest.raises(DatabaseError, match="newer than this program") as told:
            await Store(settings, AuditSettings(), tmp_path, new_vault()).open()  # type: ignore[arg-type]
        assert told.value.code == "database.revision"


async def test_people_are_found_and_changed(opened: MakeStore) -> None:
    async with opened() as store:
        async with store.database.writing() as connection:
            await people.add(connection, ANNA)
            await people.add(connection, replace(ANNA, id="per_2", login="root", role="admin", name=NASTY))
        with pytest.raises(ProtocolError, match="choose another"):
            async with store.database.writing() as connection:
                await people.add(connection, replace(ANNA, id="per_3"))
        async with store.database.writing() as connection:
            await people.change(connection, "per_1", state="disabled")
        async with store.database.reading() as connection:
            assert await people.by_login(connection, "anna") == replace(ANNA, state="disabled")
            assert await people.by_login(connection, "anna' OR 1=1 --") is None
            assert [one.name for one in await people.everybody(connection)] == [ANNA.name, NASTY]
            assert await people.count_admins(connection) == 1


async def test_a_link_is_good_once_and_for_a_while(opened: MakeStore) -> None:
    async with opened() as store:
        async with store.database.writing() as connection:
            await people.add(connection, ANNA)
            await people.invite(connection, "old", "per_1", made_ms=0, expires_ms=100)
            await people.invite(connection, "new", "per_1", made_ms=0, expires_ms=100)
        async with store.database.writing() as connection:
            assert await people.invited(connection, "old", at_ms=50) is None
            assert await people.invited(connection, "new", at_ms=100) is None
            assert await people.invited(connection, "new", at_ms=99) == ANNA
            assert [await people.use_invitation(connection, "new") for _ in range(2)] == [True, False]
            assert await people.invited(connection, "new", at_ms=50) is None


async def test_a_login_ends_by_age_by_idleness_and_with_its_person(opened: MakeStore) -> None:
    async with opened() as store:
        async with store.database.writing() as connection:
            await people.add(connection, ANNA)
            for digest in ("a", "b", "c"):
                await people.log_in(connection, digest, "per_1", at_ms=0, expires_ms=1_000)

        async def there(digest: str, at_ms: int) -> bool:
            async with store.database.reading() as connection:
                return await people.logged_in(connection, digest, at_ms=at_ms, idle_ms=100) is not None

        assert (await there("a", 99), await there("a", 100), await there("x", 0)) == (True, False, False)
        async with store.database.writing() as connection:
            await people.see(connection, "a", at_ms=950)
        assert (await there("a", 999), await there("a", 1_000)) == (True, False)
        async with store.database.writing() as connection:
            await people.log_out_everywhere(connection, "per_1", but="b")
        assert (await there("a", 0), await there("b", 0)) == (False, True)
        async with store.database.writing() as connection:
            await people.change(connection, "per_1", state="disabled")
        assert not await there("b", 0)


async def test_keys_expire_are_renewed_and_revoked(opened: MakeStore) -> None:
    key = Key("key_1", NASTY, frozenset({"session.list", "lab.use"}), 1, 100, None)
    async with opened() as store, store.database.writing() as connection:
        await keys.add(connection, key, digest_of("one"))
        assert await keys.by_digest(connection, digest_of("one"), at_ms=99) == key
        assert await keys.by_digest(connection, digest_of("one"), at_ms=100) is None
        assert await keys.by_digest(connection, digest_of("two"), at_ms=0) is None
        assert await keys.renew(connection, "key_1", digest_of("two"))
        assert await keys.by_digest(connection, digest_of("one"), at_ms=0) is None
        assert await keys.by_digest(connection, digest_of("two"), at_ms=0) == key
        assert [await keys.revoke(connection, "key_1", at_ms=5) for _ in range(2)] == [True, False]
        assert await keys.by_digest(connection, digest_of("two"), at_ms=0) is None
        assert not await keys.renew(connection, "key_1", digest_of("three"))
        assert await keys.all_keys(connection) == [replace(key, revoked_ms=5)]


async def test_sessions_are_found_by_what_is_asked_and_page_by_page(opened: MakeStore) -> None:
    async with opened() as store:
        async with store.database.writing() as connection:
            await people.add(connection, ANNA)
            for number in range(10):
                mode = "exam" if number % 3 == 0 else "practice"
                person_id = "per_1" if number < 4 else None
                assert await sessions.begin(
                    connection, session(number // 2 * 2, id=f"sess_{number}", mode=mode, person_id=person_id)
                )
            assert not await sessions.begin(connection, session(0, id="sess_0", card_title="another"))
            await sessions.end(connection, "sess_9", ended_ms=9, turns=3, events=40, head="h", cues=9, cues_told=4)
            await sessions.end(connection, "sess_9", ended_ms=10, turns=0, events=0, head=None)

        async def found(**wanted: object) -> list[str]:
            async with store.database.reading() as connection:
                return [one.id[-1] for one in await sessions.find(connection, Wanted(**wanted))]  # type: ignore[arg-type]

        assert await found() == list("9876543210")
        assert await found(limit=3) == list("987")
        assert await found(after=(1_008, "sess_8"), limit=3) == list("765")
        assert await found(person_id="per_1") == list("3210")
        assert await found(modes=("exam",)) == list("9630")
        assert await found(modes=("exam",), or_person_id="per_1") == list("963210")
        assert await found(modes=()) == []
        assert await found(state="ended") == ["9"]
        assert await found(since_ms=1_002, until_ms=1_006) == list("5432")
        async with store.database.writing() as connection:
            ended = await sessions.by_id(connection, "sess_9")
            assert ended is not None
            assert (ended.ended_ms, ended.turns, ended.events, ended.head, ended.card_title) == (9, 3, 40, "h", "Card")
            assert (ended.cues, ended.cues_told) == (9, 4)
            assert {"cues", "cues_told"}.isdisjoint(replace(ended, state="erased").as_shown())
            assert await sessions.set_state(connection, "sess_9", "erased", erased_ms=7)
            assert not await sessions.set_state(connection, "sess_9", "erased", erased_ms=8)
            await sessions.consent(connection, "sess_9", person_id=None, version="1", text_digest="d", at_ms=1)
            await sessions.consent(connection, "sess_9", person_id="per_1", version="2", text_digest="d", at_ms=1)


async def test_what_fails_leaves_nothing(opened: MakeStore) -> None:
    async with opened() as store:

        async def fail() -> None:
            async with store.database.writing() as connection:
                await people.add(connection, ANNA)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        async with store.database.reading() as connection:
            assert await people.everybody(connection) == []


# ------------------------------------------------------------------ the audit


async def test_the_audit_grows_without_a_gap_whoever_writes(opened: MakeStore) -> None:
    async with opened() as one, opened() as other:
        await asyncio.gather(*((one, other)[n % 2].append("tried", number=n, name=NASTY) for n in range(30)))
        async with one.database.reading() as connection:
            proof = await prove(audit.lines(connection))
        assert (proof.lines, proof.faults, proof.proved, proof.head.seq) == (30, [], 0, 30)


@pytest.mark.parametrize(
    "what", ["UPDATE audit SET action = 'x'", "DELETE FROM audit", "UPDATE audit_contents SET content = '{}'"]
)
async def test_the_database_refuses_to_change_the_audit(opened: MakeStore, what: str) -> None:
    async with opened() as store:
        await store.append("tried")
        with pytest.raises(DatabaseError) as told:
            async with store.database.writing() as connection:
                await connection.execute(text(what))
        assert isinstance(told.value.__cause__, DBAPIError)
        assert "only grows" in str(told.value.__cause__)
        async with store.database.reading() as connection:
            assert (await prove(audit.lines(connection))).faults == []


async def test_every_change_of_the_audit_is_found(opened: MakeStore) -> None:
    async with opened() as store:
        for number in range(5):
            await store.append("tried", number=number)
            await store.anchor()
        async with store.database.reading() as connection:
            kept = [line async for line in audit.lines(connection)]

        async def faults(lines: list[audit.AuditLine], anchored: bool = True) -> list[str]:
            async def give() -> AsyncIterator[audit.AuditLine]:
                for line in lines:
                    yield line

            anchors = read_anchors(store._anchor) if anchored and store._anchor is not None else []
            return (await prove(give(), anchors)).faults

        assert await faults(kept) == []
        assert await faults(kept[:3], anchored=False) == []
        assert "cut off" in (await faults(kept[:3]))[0]
        assert "line 3 is missing" in (await faults([*kept[:2], *kept[3:]]))[0]
        assert await faults([kept[1], kept[0], *kept[2:]])
        changes: tuple[dict[str, Any], ...] = (
            {"action": "other"},
            {"at_ms": 1},
            {"content_digest": "0"},
            {"content": {"number": 9}},
            {"digest": "0"},
        )
        for change in changes:
            assert await faults([*kept[:2], replace(kept[2], **change), *kept[3:]], anchored=False), change
        erased = replace(kept[2], content=None, salt=None)
        assert await faults([*kept[:2], erased, *kept[3:]]) == []


async def test_a_chain_that_was_made_anew_is_not_the_one_that_was_anchored(opened: MakeStore) -> None:
    async with opened() as store:
        await store.append("tried", what="the truth")
        await store.anchor()
        anchors = read_anchors(store._anchor) if store._anchor is not None else []
        async with store.database.writing() as connection:
            trigger = "audit_no_delete"
            drop = f"DROP TRIGGER {trigger}" + ("" if store.database.is_sqlite else " ON audit")
            await connection.execute(text(drop))
            await connection.execute(delete(audit_contents))
            await connection.execute(delete(audit_table))
            await audit.append(connection, "tried", what="a lie")
        async with store.database.reading() as connection:
            assert (await prove(audit.lines(connection))).faults == []
            proof = await prove(audit.lines(connection), anchors)
        assert ["made anew" in fault for fault in proof.faults] == [True]
        assert proof.proved == 0


async def test_content_can_be_erased_and_the_chain_holds(opened: MakeStore) -> None:
    async with opened() as store:
        await store.append("tried", name="Anna")
        async with store.database.writing() as connection:
            await connection.execute(delete(audit_contents).where(audit_contents.c.seq == 1))
        async with store.database.reading() as connection:
            proof = await prove(audit.lines(connection))
            assert (proof.erased, proof.faults) == (1, [])
            assert (await connection.execute(select(func.count()).select_from(audit_contents))).scalar_one() == 0


# ------------------------------------------------------------------ the ledger


async def test_the_ledger_writes_in_order_and_passes_over_what_is_refused(opened: MakeStore) -> None:
    async with opened() as store:
        for number in range(3):
            store.ledger.note(f"number {number}", partial(audit.append, action="told", number=number))
        store.ledger.note("nonsense", lambda c: c.execute(update(audit_table).values(action="x")))
        store.ledger.note("last", lambda c: audit.append(c, "told", number=3))
        assert await store.ledger.drained(30)
        async with store.database.reading() as connection:
            told = [line.content async for line in audit.lines(connection)]
    assert told == [{"number": number} for number in range(4)]
