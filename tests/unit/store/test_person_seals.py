"""People's names in the database: sealed under their own keys, found by a digest, sealed when they were plain."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import insert, text, update

from common.errors import StorageError
from server.settings.store import AuditSettings, DatabaseSettings
from server.store import people, person_seals
from server.store.people import Person
from server.store.person_seals import FACT, open_seals
from server.store.store import Store
from server.store.tables import facts
from server.store.tables import people as table
from server.vault.key_service import LocalKeys
from server.vault.key_text import FixedText, new_key_word
from server.vault.vault import Vault
from tests.sealed import new_vault
from tests.unit.store.conftest import MakeStore

pytestmark = pytest.mark.asyncio

ANNA = Person("per_1", "anna@example.org", "Anna Berg", "candidate", "active", None, 5)
BERT = Person("per_2", "bert", "Bert", "admin", "active", None, 6)


def vault_of(*words: str) -> Vault:
    return Vault(LocalKeys(FixedText(" ".join(words))))


async def rows(store: Store) -> str:
    async with store.database.reading() as connection:
        return repr((await connection.execute(text("SELECT * FROM people"))).all())


async def test_no_name_stands_in_the_database_and_all_are_found(opened: MakeStore) -> None:
    async with opened() as store:
        async with store.database.writing() as connection:
            for person in (BERT, ANNA):
                await people.add(connection, person)
        kept = await rows(store)
        assert not [word for word in ("anna", "Anna", "bert", "Bert", "example") if word in kept]
    async with opened() as store, store.database.reading() as connection:
        assert await people.everybody(connection) == [ANNA, BERT]
        assert await people.by_login(connection, ANNA.login) == ANNA
        assert await people.by_login(connection, "Anna@example.org") is None
        assert await people.names(connection, ["per_1", "per_2"]) == {"per_1": "Anna Berg", "per_2": "Bert"}


async def test_names_of_an_earlier_version_are_sealed_by_the_next_start(opened: MakeStore) -> None:
    async with opened() as store, store.database.writing() as connection:
        plain = {"role": "candidate", "state": "active", "made_ms": 1, "wrapped_key": None}
        await connection.execute(insert(table).values(id="per_1", login_digest="anna", names="Anna", **plain))
        gone = plain | {"state": "erased"}
        await connection.execute(insert(table).values(id="per_9", login_digest="erased:per_9", names="", **gone))
    async with opened() as store:
        assert "anna" not in (await rows(store)).lower()
        async with store.database.reading() as connection:
            found = await people.by_login(connection, "anna")
            assert found is not None
            assert (found.id, found.login, found.name) == ("per_1", "anna", "Anna")
            assert await people.names(connection, ["per_9"]) == {"per_9": ""}


async def test_who_was_forgotten_has_no_key_and_leaves_the_name_free(opened: MakeStore) -> None:
    async with opened() as store, store.database.writing() as connection:
        await people.add(connection, ANNA)
        await people.forget(connection, "per_1")
        found = await people.by_id(connection, "per_1")
        assert found is not None
        assert (found.login, found.name, found.state, found.password) == ("", "", "erased", None)
        await people.add(connection, Person("per_3", ANNA.login, "Another", "candidate", "active", None, 7))


async def test_another_master_key_opens_no_names_and_a_rotated_one_all(opened: MakeStore) -> None:
    first, second = new_key_word(), new_key_word()
    async with opened() as store:
        async with store.database.writing() as connection:
            # As if this database had begun with the first key.
            await connection.execute(facts.delete().where(facts.c.name == FACT))
            store.database.seals, _ = await open_seals(connection, vault_of(first))
        async with store.database.writing() as connection:
            await people.add(connection, ANNA)
        async with store.database.writing() as connection:
            with pytest.raises(StorageError) as raised:
                await open_seals(connection, vault_of(second))
            assert raised.value.code == "storage.no_key"
            both = vault_of(second, first)
            assert await person_seals.rewrap(connection, both) == 2
            assert await person_seals.rewrap(connection, both) == 0
            store.database.seals, plain = await open_seals(connection, vault_of(second))
            assert plain == 0
        async with store.database.reading() as connection:
            assert await people.by_login(connection, ANNA.login) == ANNA


@pytest.mark.parametrize("column", ["names", "wrapped_key"])
async def test_names_that_were_moved_to_another_person_do_not_open(opened: MakeStore, column: str) -> None:
    async with opened() as store, store.database.writing() as connection:
        for person in (ANNA, BERT):
            await people.add(connection, person)
        theirs = (await connection.execute(table.select().where(table.c.id == "per_2"))).mappings().one()
        await connection.execute(update(table).where(table.c.id == "per_1").values({column: theirs[column]}))
        with pytest.raises(StorageError) as raised:
            await people.by_id(connection, "per_1")
        assert raised.value.code == "storage.damaged"


async def test_a_database_whose_key_is_gone_says_so_at_the_start(tmp_path: Path) -> None:
    for vault in (new_vault(), None):
        store = Store(DatabaseSettings(), AuditSettings(), tmp_path, vault or new_vault())
        if vault is not None:
            await store.start()
            await store.stop()
            continue
        with pytest.raises(StorageError, match="the key of log-in names needs the master key"):
            await store.open()
