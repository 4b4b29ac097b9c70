"""Somebody takes all that is kept about them: once at a time, and few at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
import pytest

from server.records.export_places import MOST
from tests.app.accounts import world
from tests.app.inside import until

pytestmark = pytest.mark.asyncio

EXPORT = "/api/me/export"


async def code(client: httpx2.AsyncClient) -> tuple[int, str]:
    answer = await client.get(EXPORT)
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_person_has_one_export_and_all_together_few(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        people = [await one.person(f"p{number}@example.org") for number in range(MOST + 1)]
        await one.server.exports.writing.acquire()
        asked = [asyncio.create_task(client.get(EXPORT)) for client in people[:MOST]]
        await until(lambda: len(one.server.exports._people) == MOST)
        assert await code(people[0]) == (503, "capacity.exporting")
        assert await code(people[MOST]) == (503, "capacity.exporting")
        one.server.exports.writing.release()
        assert [answer.status_code for answer in await asyncio.gather(*asked)] == [200] * MOST
        assert (await people[MOST].get(EXPORT)).content[:2] == b"PK"


async def test_whoever_goes_away_gives_their_place_back(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        person = await one.person("anna@example.org")
        cookie = "; ".join(f"{name}={value}" for name, value in person.cookies.items())
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1", "method": "GET", "scheme": "https",
            "path": EXPORT, "raw_path": EXPORT.encode(), "query_string": b"", "root_path": "",
            "headers": [(b"host", b"oet.example"), (b"cookie", cookie.encode())],
            "client": ("198.51.100.7", 40_000), "server": ("oet.example", 443), "state": {},
        }  # fmt: skip
        held: list[int] = []

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(_message: object) -> None:
            held.append(len(one.server.exports._people))
            raise OSError("the connection is gone")

        with pytest.raises(RuntimeError, match="already started"):
            await one.app(scope, receive, send)
        assert held[0] == 1
        assert (await person.get(EXPORT)).status_code == 200
