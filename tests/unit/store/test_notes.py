"""Examiners' notes in either database: added, never changed, and gone with their role-play."""

from __future__ import annotations

import asyncio

import pytest

from server.store import notes
from server.store.erasures import note_erasure
from server.store.notes import Note, NoteKind
from tests.unit.store.conftest import MakeStore

pytestmark = pytest.mark.asyncio

NASTY = "<img src=x onerror=alert(1)> 😀 'quoted' \u202e"


def note(number: int, author: str = "per_e", kind: NoteKind = "note", withdraws: str | None = None) -> Note:
    return Note("sess_1", f"{number:032x}", author, "Eva", kind, 1_000 * number, NASTY, number // 2, withdraws)


async def test_notes_come_as_they_were_written_page_by_page(opened: MakeStore) -> None:
    async with opened() as store:
        async with store.database.writing() as connection:
            for number in range(7):
                assert await notes.add(connection, note(number))
            assert not await notes.add(connection, note(3))
            assert await notes.add(connection, note(7, "per_f"))
            assert await notes.add(connection, note(8, "per_f", "incident"))
            assert await notes.add(connection, note(9, "per_f", "withdrawn", note(8).id))
            assert await notes.count(connection, "sess_1") == 10
        async with store.database.reading() as connection:

            async def found(reader: str, after: tuple[int, str] | None = None, limit: int = 100) -> list[int]:
                one = await notes.find(connection, "sess_1", author_id=reader, after=after, limit=limit)
                assert all(each.text == NASTY for each in one)
                return [int(each.id, 16) for each in one]

            assert await found("per_e") == [0, 1, 2, 3, 4, 5, 6, 8, 9]
            assert await found("per_f") == [7, 8, 9]
            assert await found("per_e", limit=3) == [0, 1, 2]
            assert await found("per_e", after=(1, note(2).id), limit=3) == [3, 4, 5]
            assert await notes.by_id(connection, "sess_2", note(1).id) is None


async def test_a_note_that_is_sent_twice_at_once_is_kept_once(opened: MakeStore) -> None:
    async with opened() as one, opened() as other:

        async def add(which: int) -> bool:
            async with (one, other)[which % 2].database.writing() as connection:
                return await notes.add(connection, note(1))

        assert sorted(await asyncio.gather(*(add(which) for which in range(6)))) == [False] * 5 + [True]


async def test_they_go_when_the_role_play_is_erased(opened: MakeStore) -> None:
    async with opened() as store:
        async with store.database.writing() as connection:
            await notes.add(connection, note(1))
            await note_erasure(connection, "sess_1", by="a test")
        async with store.database.reading() as connection:
            assert await notes.count(connection, "sess_1") == 0
