"""An application with accounts, asked without a socket: people who log in, their cookies, and finished role-plays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from pydantic import SecretStr

from pipelines.engine_settings import EngineSettings
from server.app import create_app
from server.host import Server
from server.settings.exam import ExamSettings
from server.settings.marking import MarkingSettings
from server.settings.store import AuditSettings, AuthMode, AuthSettings
from server.settings.tree import SessionSettings, Settings
from server.store import exams, sessions
from server.store.exams import Exam, ExamSession
from server.store.sessions import IndexedSession
from server.store.tokens import new_id
from tests.app.inside import KEY, until
from tests.app.wire import CARD

URL = "https://oet.example"
PASSWORD = "correct horse battery staple"


@dataclass
class World:
    """A running application, and whoever asks it."""

    app: Any
    server: Server
    folder: Path
    clients: list[httpx2.AsyncClient] = field(default_factory=list)

    def client(self, *, url: str = URL, address: str = "198.51.100.7", **headers: str) -> httpx2.AsyncClient:
        """Return a browser, or a program, of its own."""
        transport = httpx2.ASGITransport(self.app, client=(address, 40_000))
        client = httpx2.AsyncClient(transport=transport, base_url=url, headers=headers)
        self.clients.append(client)
        return client

    async def link(self, login: str, role: str = "candidate", name: str = "Somebody") -> str:
        """Invite somebody; return the secret of their link."""
        return (await self.server.accounts.invite("a test", login=login, name=name, role=role))[1]

    async def person(
        self, login: str, role: str = "candidate", *, password: str = PASSWORD, name: str = "Somebody"
    ) -> httpx2.AsyncClient:
        """Return the browser of somebody who is logged in."""
        client = self.client()
        token = await self.link(login, role, name)
        answer = await client.post("/api/invitation/accept", json={"token": token, "password": password})
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf"]
        return client

    async def id_of(self, login: str) -> str:
        """Return a person's id."""
        return (await self.server.accounts.find(login)).id

    async def past(
        self,
        *,
        of: str | None = None,
        mode: str = "practice",
        began_ms: int = 1_000,
        examiners: tuple[str, ...] = (),
    ) -> str:
        """Make a role-play that was over long ago, without a word in it; return its id.

        An exam's has these people (log-in names) as its examiners.
        """
        session_id = new_id("sess_")
        (self.folder / "sessions" / session_id).mkdir(parents=True)
        row = IndexedSession(session_id, CARD, "Card", mode, of, "ended", began_ms, ended_ms=began_ms + 1)
        async with self.server.store.database.writing() as connection:
            await sessions.begin(connection, row)
        if mode == "exam":
            await self.examine(session_id, of=of, examiners=examiners)
        return session_id

    async def examine(self, session_id: str, *, of: str | None = None, examiners: tuple[str, ...] = ()) -> str:
        """Have a session belong to an exam with these examiners (log-in names); return the exam's id."""
        who = frozenset([await self.id_of(login) for login in examiners])
        exam = Exam(new_id("exam_"), "Exam", of, 1, 2, "closed", 1, examiners=who)
        async with self.server.store.database.writing() as connection:
            await exams.add(connection, exam)
            await exams.add_session(connection, exam.id, ExamSession(session_id, 1, 1))
        if (there := self.server.registry.find(session_id)) is not None:
            there.examiners = who
        return exam.id


@asynccontextmanager
async def world(
    folder: Path,
    mode: AuthMode = "accounts",
    *,
    session: dict[str, Any] | None = None,
    exam: dict[str, Any] | None = None,
    marking: dict[str, Any] | None = None,
    ready: bool = True,
    **auth: Any,
) -> AsyncIterator[World]:
    """Run an application whose `auth.mode` is this; with `ready` false while its engines still load."""
    settings = Settings(
        environment="test",
        engines=EngineSettings(backend="mock"),
        auth=AuthSettings(mode=mode, **auth),
        session=SessionSettings(**(session or {})),
        exam=ExamSettings(**(exam or {})),
        marking=MarkingSettings(**(marking or {})),
        audit=AuditSettings(anchor=folder / "anchors"),
        data_path=folder,
        developer_key=SecretStr(KEY),
    )
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        server: Server = app.state.server
        await until(lambda: not ready or server.not_ready is None)
        server.admission.places = 1_000
        one = World(app, server, folder)
        try:
            yield one
        finally:
            for client in one.clients:
                await client.aclose()


async def knock(app: Any, path: str, **headers: str) -> int:
    """Ask for a WebSocket; return the status of the refusal or its close code, 101 where it is accepted."""
    plain, _, query = path.partition("?")
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "scheme": "wss",
        "path": plain,
        "raw_path": plain.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"oet.example"), *((k.lower().encode(), v.encode()) for k, v in headers.items())],
        "client": ("198.51.100.7", 40_000),
        "server": ("oet.example", 443),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
        "state": {},
    }
    statuses: list[int] = []
    told = [{"type": "websocket.connect"}]

    async def receive() -> dict[str, Any]:
        return told.pop(0) if told else {"type": "websocket.disconnect", "code": 1000}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "websocket.accept":
            statuses.append(101)
        elif message["type"] == "websocket.http.response.start":
            statuses.append(int(message["status"]))
        elif message["type"] == "websocket.close" and message["code"] > 4_000:
            statuses.insert(0, message["code"])  # accepted, so that a page is told why it was not

    await app(scope, receive, send)
    return statuses[0]
