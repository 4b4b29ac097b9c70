"""The route by which somebody takes everything with them that this server keeps about them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from typing import IO

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from common.errors import AccessError, storage_error
from server.host import Server
from server.http.requests import server_of
from server.http.who import logged_in
from server.records.person_export import write_to
from server.records.person_facts import PersonFacts, facts_of

BLOCK_BYTES = 1 << 18
# Whoever does not take it holds a place that others wait for.
SENT_WITHIN_S = 3_600


async def export_own(request: Request) -> Response:
    """Send a zip with everything about whoever is logged in."""
    server = server_of(request)
    found = await logged_in(request)
    if found is None:
        raise AccessError("log in first: what is kept about somebody is for them alone")
    person = found[0]
    server.exports.take(person.id)
    try:
        # One at a time: a class that asks at once would fill the disk.
        async with server.exports.writing:
            facts = await facts_of(server.store, person, with_notes=False)
            file, size = await asyncio.to_thread(_write, server, facts)
        await server.store.append("person.exported", person=person.id, by=person.id)
    except BaseException:
        server.exports.give_back(person.id)
        raise
    return _Sent(file, size, done=lambda: server.exports.give_back(person.id))


class _Sent(Response):
    """Sends a file and closes it; whatever happens to the connection, `done` is called."""

    def __init__(self, file: IO[bytes], size_bytes: int, *, done: Callable[[], None]) -> None:
        super().__init__()
        self._file = file
        self._size_bytes = size_bytes
        self._done = done

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {
            "Content-Disposition": 'attachment; filename="about-me.zip"',
            "Content-Length": str(self._size_bytes),
            "Cache-Control": "no-store",
        }
        sending = StreamingResponse(_blocks(self._file), media_type="application/zip", headers=headers)
        try:
            with self._file:
                async with asyncio.timeout(SENT_WITHIN_S):
                    await sending(scope, receive, send)
        finally:
            self._done()


def _write(server: Server, facts: PersonFacts) -> tuple[IO[bytes], int]:
    """Return a file without a name, at its beginning, and its size: whatever happens, nothing of it is left."""
    folder = server.settings.data_path
    try:
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - it is closed once it was sent
        try:
            write_to(facts, file, server.records, server.cards)
            size = file.tell()
            file.seek(0)
        except BaseException:
            file.close()
            raise
    except OSError as error:
        raise storage_error(folder, error) from error
    return file, size


async def _blocks(file: IO[bytes]) -> AsyncIterator[bytes]:
    while block := await asyncio.to_thread(file.read, BLOCK_BYTES):
        yield block
