"""The directory of servers in a real PostgreSQL: signs of life, by the database's own clock."""

from __future__ import annotations

import pytest

from server.instances.directory import Directory
from tests.unit.store.conftest import MakeStore
from tests.unit.test_passing_on import instance

pytestmark = [pytest.mark.asyncio, pytest.mark.parametrize("make_database", ["postgresql"], indirect=True)]


async def test_signs_of_life_are_told_by_the_clock_of_the_database(opened: MakeStore) -> None:
    async with opened() as store:
        a = Directory(store, name="a", me=lambda: instance("a", 3), lost_after_s=5)
        b = Directory(store, name="b", me=lambda: instance("b", 9, leads=True), lost_after_s=5)
        await a.beat()
        await b.beat()
        await a.beat()
        assert [(one.name, one.free, one.leads) for one in a.alive()] == [("b", 9, True)]
        assert a.leader() == a.roomiest() == a.alive()[0]
        assert a.alive()[0].silent_ms < 60_000
        assert (a.address_of("b"), a.address_of("nobody")) == ("http://b:8000", None)
        await b.leave("b")
        await a.beat()
        assert a.alive() == []


async def test_without_the_database_what_was_read_last_counts_for_a_while(
    opened: MakeStore,
) -> None:
    now_s = [0.0]
    async with opened() as store:
        a = Directory(store, name="a", me=lambda: instance("a", 3), lost_after_s=50, now_s=lambda: now_s[0])
        b = Directory(store, name="b", me=lambda: instance("b", 9), lost_after_s=50)
        await b.beat()
        await a.beat()
        await store.database.close()
        await a.beat()
        assert [one.name for one in a.alive()] == ["b"]
        now_s[0] = 51.0
        await a.beat()
        assert a.alive() == []
        # It may hold role-plays all the same.
        assert a.address_of("b") == "http://b:8000"
