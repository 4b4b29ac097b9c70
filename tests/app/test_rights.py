"""The walk: every route, and every message, with everybody who may come. What is not in these tables is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import httpx2
import pytest
from starlette.routing import Mount, Route, WebSocketRoute

from server.principal import Principal, Role
from server.protocol.client_events import MESSAGES, parse_client_message
from server.protocol.examples import CLIENT_EXAMPLES
from server.protocol.refusal import Code, Refused
from server.protocol.support import check
from server.protocol.wire_session import SessionInfo
from server.rights import PERMISSIONS, Action, listeners
from tests.app.accounts import World, knock, world
from tests.app.inside import KEY
from tests.app.wire import CARD

EVERYBODY = set("SGVCEDATK")
"""Stranger, guest, visitor; candidate, examiner, developer, admin; a session's token, the developer's key."""

PUBLIC = (
    "GET /",
    "GET /login",
    "GET /exam",
    "GET /login/oidc",
    "GET /login/oidc/callback",
    "GET /welcome",
    "GET /health",
    "GET /ready",
    "GET /metrics",
    "GET /api/info",
    "GET /lab",
    "GET /desk",
    "GET /report",
    "GET /api/me",
    "POST /api/logout",
    "POST /api/invitation",
    "POST /api/invitation/accept",
    "POST /api/login",
)
LAB = (
    "GET /api/lab",
    "POST /api/lab/sessions",
    "POST /api/lab/truth",
    "POST /api/lab/summary",
    "POST /api/lab/comparison",
    "GET /api/lab/sound/{name:path}",
    "GET /api/lab/truth/{name:path}",
)

# Who may on the server as a whole. Nobody calls, or opens a socket, by a cookie.
SERVER: dict[str, set[str]] = {
    **dict.fromkeys(PUBLIC, EVERYBODY),
    **{entry: set("DK") for entry in LAB},
    "GET /api/cards": set("GVCEDAK"),
    "POST /api/password": set("CEDA"),
    "GET /api/me/export": set("CEDA"),
    "GET /api/people": set("A"),
    "POST /api/people": set("A"),
    "PATCH /api/people/{person_id}": set("A"),
    "POST /api/people/{person_id}/reset": set("A"),
    "GET /api/sessions": set("CEDAK"),
    "POST /api/sessions": set("GVCEDAK"),
    "GET /api/desk/live": set("EDK"),
    "GET /api/desk/agreement": set("DAK"),
    "GET /api/desk/waiting": set("EDAK"),
    "GET /api/desk/agreement.csv": set("DAK"),
    "GET /api/desk/pairs.csv": set("DAK"),
    "GET /api/exams": set("CEDAK"),
    "POST /api/exams": set("A"),
    "GET /api/exams/{exam_id}": set("CEDAK"),
    "PUT /api/exams/{exam_id}/examiners": set("A"),
    "POST /api/exams/{exam_id}/void": set("EA"),
    "POST /api/exams/{exam_id}/incidents": set("EA"),
    "POST /api/exams/{exam_id}/begin": set("C"),
    "POST /api/exams/{exam_id}/session": set("C"),
    "GET /api/rtc": set("TK"),
    # A session's own token opens no connection: it mints join tokens (tests/app/test_join_tokens.py).
    "POST /v1/realtime/client_secrets": set("DK"),
    "POST /v1/realtime/calls": set("K"),
    "POST /v1/realtime/calls/{call_id}": set("TK"),
    "PATCH /v1/realtime/calls/{call_id}": set("TK"),
    "DELETE /v1/realtime/calls/{call_id}": set("TK"),
    "POST /v1/realtime/calls/{call_id}/hangup": set("TK"),
}

# Who may with a session: their own practice, somebody else's practice, an exam that E examines, their own exam.
SESSION: dict[str, tuple[set[str], set[str], set[str], set[str]]] = {
    "GET /api/sessions/{session_id}": (set("CEDATK"), set("DK"), set("EDK"), set("CEDATK")),
    "GET /api/sessions/{session_id}/record": (set("CEDATK"), set("DK"), set("EDK"), set("CEDATK")),
    "GET /api/sessions/{session_id}/recording": (set("CEDATK"), set("DK"), set("EDK"), set("CEDATK")),
    # Of their own exam nobody is told figures.
    "GET /api/sessions/{session_id}/measures": (set("CEDATK"), set("DK"), set("EDK"), set("DK")),
    "GET /api/sessions/{session_id}/phrases/{topic}/{number:int}": (set("CEDATK"), set("DK"), set("DK"), set("CEDATK")),
    "GET /api/sessions/{session_id}/log": (set("CEDATK"), set("DK"), set("EDK"), set("CEDATK")),
    "POST /api/sessions/{session_id}/join": (set("CDTK"), set("DK"), set("DK"), set("CDTK")),
    "POST /api/sessions/{session_id}/problems": (set("CDTK"), set("DK"), set("DK"), set("CDTK")),
    "POST /api/sessions/{session_id}/place": (set("CDTK"), set("DK"), set("DK"), set("CDTK")),
    "DELETE /api/sessions/{session_id}": (set("CEDATK"), set("DAK"), set("DAK"), set("DAK")),
    # Nobody examines a role-play of their own.
    "POST /api/sessions/{session_id}/follow": (set("DK"), set("DK"), set("EDK"), set("DK")),
    "GET /api/sessions/{session_id}/notes": (set("DK"), set("DK"), set("EDK"), set("DK")),
    "POST /api/sessions/{session_id}/notes": (set("DK"), set("DK"), set("EDK"), set("DK")),
    "GET /api/sessions/{session_id}/marks": (set("DK"), set("DK"), set("EDK"), set("DK")),
    "POST /api/sessions/{session_id}/marks": (set("DK"), set("DK"), set("EDK"), set("DK")),
    "GET /api/sessions/{session_id}/marks.csv": (set("DK"), set("DK"), set("EDK"), set("DK")),
    "POST /api/sessions/{session_id}/examiners": (set("DK"), set("DAK"), set("DAK"), set("DK")),
    "POST /api/sessions/{session_id}/marks/close": (set("DK"), set("DAK"), set("DAK"), set("DK")),
    "GET /api/sessions/{session_id}/report": (set("DK"), set("DK"), set("EDK"), set("DK")),
    "GET /api/sessions/{session_id}/report.csv": (set("DK"), set("DK"), set("EDK"), set("DK")),
    "GET /api/sessions/{session_id}/opinion": (set("DK"), set("DK"), set("EDK"), set("DK")),
    "GET /api/lab/sessions/{session_id}/waits": (set("DK"), set("DK"), set("DK"), set("DK")),
}
CASES = ((True, "practice"), (False, "practice"), (False, "exam"), (True, "exam"))
REFUSED = (401, 403)
BY_COOKIE = {"C": "candidate", "E": "examiner", "D": "developer", "A": "admin"}


def routes_of(app: Any) -> set[str]:
    found = set()
    for route in app.routes:
        if isinstance(route, Route):
            found |= {f"{method} {route.path}" for method in (route.methods or set()) - {"HEAD"}}
        else:
            assert isinstance(route, Mount | WebSocketRoute)
            assert route.path in ("/static", "/v1/realtime", "/v1/desk")
    return found


async def ask(client: httpx2.AsyncClient, entry: str, **named: str) -> int:
    method, path = entry.split()
    for name, value in {
        "person_id": "per_x",
        "call_id": "call_x",
        "exam_id": "exam_x",
        "name:path": "x.wav",
        "topic": "cues",
        "number:int": "0",
        **named,
    }.items():
        path = path.replace(f"{{{name}}}", value)
    body: dict[str, Any] = {"json": {"card": CARD}} if method == "POST" else {}
    if path.startswith("/v1/"):
        body = {"content": b"v=0", "headers": {"Content-Type": "application/sdp"}}
    # A refused password has the status of a refused right: with none at all it is the fault of what was sent.
    if path == "/api/password":
        body = {"json": {"old": "", "new": ""}}
    answer = await client.request(method, path, **body)
    if path in ("/api/login", "/api/invitation", "/api/invitation/accept"):
        return 200 if answer.json()["error"]["code"] in ("account.wrong", "account.link") else answer.status_code
    return answer.status_code


async def browsers(one: World) -> dict[str, httpx2.AsyncClient]:
    found = {letter: await one.person(f"{role}@example.org", role) for letter, role in BY_COOKIE.items()}
    return found | {"S": one.client(), "K": one.client(Authorization=f"Bearer {KEY}")}


async def token_client(one: World, mode: str = "practice") -> tuple[httpx2.AsyncClient, str]:
    session, token = one.server.registry.reserve(CARD, mode)
    one.server.registry.join(session)
    one.server.registry.finish(session)
    return one.client(Authorization=f"Bearer {token}"), session.id


@pytest.mark.asyncio
async def test_every_route_of_the_server_is_for_whom_the_table_says(tmp_path: Path) -> None:
    async with (
        world(tmp_path / "a") as one,
        world(tmp_path / "g", "guests") as guests,
        world(tmp_path / "o", "open") as free,
    ):
        assert routes_of(one.app) == SERVER.keys() | SESSION.keys()
        clients = await browsers(one)
        clients |= {"G": guests.client(), "V": free.client(), "T": (await token_client(one))[0]}
        wrong = []
        for entry, expected in SERVER.items():
            # Whoever logs out is not to be asked again.
            for letter, client in clients.items():
                asked = client if entry != "POST /api/logout" else one.client()
                allowed = await ask(asked, entry) not in REFUSED
                if allowed != (letter in expected):
                    wrong.append((entry, letter, allowed))
        assert wrong == []


@pytest.mark.asyncio
async def test_every_route_of_a_session_is_for_whom_the_table_says(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        clients = await browsers(one)
        stranger = await one.person("stranger@example.org")
        assert stranger
        somebody = await one.id_of("stranger@example.org")
        wrong = []
        for entry, expected in SESSION.items():
            for case, (theirs, mode) in enumerate(CASES):
                for letter, client in clients.items():
                    own = await one.id_of(f"{BY_COOKIE[letter]}@example.org") if letter in BY_COOKIE else None
                    session_id = await one.past(
                        of=own if theirs and own else somebody, mode=mode, examiners=("examiner@example.org",)
                    )
                    may = expected[case] if letter in BY_COOKIE or not theirs else expected[2 if mode == "exam" else 1]
                    allowed = await ask(client, entry, session_id=session_id) not in REFUSED
                    if allowed != (letter in may):
                        wrong.append((entry, case, letter, allowed))
                token, own_id = await token_client(one, mode)
                session_id = own_id if theirs else await one.past(of=somebody, mode=mode)
                allowed = await ask(token, entry, session_id=session_id) not in REFUSED
                if allowed != ("T" in expected[case]):
                    wrong.append((entry, case, "T", allowed))
        assert wrong == []


@pytest.mark.asyncio
async def test_an_exam_outside_the_schedule_is_for_developers_and_where_all_is_open(tmp_path: Path) -> None:
    async with (
        world(tmp_path / "a") as one,
        world(tmp_path / "g", "guests") as guests,
        world(tmp_path / "o", "open") as free,
    ):
        clients = await browsers(one) | {"G": guests.client(), "V": free.client()}
        sits = {
            letter
            for letter, client in clients.items()
            if (await client.post("/api/sessions", json={"card": CARD, "mode": "exam"})).status_code == 201
        }
        assert sits == set("VDK")
        del clients["K"]  # no page has a key
        modes = {letter: (await client.get("/api/me")).json()["modes"] for letter, client in clients.items()}
        assert {letter for letter, told in modes.items() if "exam" in told} == sits - {"K"}
        assert {letter for letter, told in modes.items() if "practice" in told} == clients.keys() - {"S"}


@pytest.mark.asyncio
async def test_conversations_are_for_tokens_and_keys_never_for_cookies(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        person = await one.person("anna@example.org")
        cookie = "; ".join(f"{name}={value}" for name, value in person.cookies.items())
        card = f"/v1/realtime?model=card:{CARD}"
        _, scoped = await one.server.key_ring.make("a test", name="x", scopes=["session.list"], days=None)
        _, full = await one.server.key_ring.make("a test", name="x", scopes=["*"], days=None)
        session, token = one.server.registry.reserve(CARD, "practice")
        assert await knock(one.app, card) == 401
        assert await knock(one.app, card, Cookie=cookie) == 401
        assert await knock(one.app, card, Authorization="Bearer ik_forged") == 401
        assert await knock(one.app, card, Authorization=f"Bearer {scoped}") == 403
        assert await knock(one.app, card, Authorization=f"Bearer {full}") == 101
        assert await knock(one.app, card, Authorization=f"Bearer {KEY}") == 101
        assert await knock(one.app, "/v1/realtime", Authorization=f"Bearer {token}") == 401
        join = one.server.join_tokens.mint(session.id, "candidate")
        # A page is told why, over the socket.
        evil = {"Origin": "https://evil.example"}
        assert await knock(one.app, "/v1/realtime", Authorization=f"Bearer {join}", **evil) == 4403
        assert await knock(one.app, "/v1/realtime", Authorization=f"Bearer {join}") == 101


@pytest.mark.parametrize("role", get_args(Role))
def test_every_message_is_for_candidates_and_developers(role: Role) -> None:
    assert {example["type"] for example in CLIENT_EXAMPLES} == set(MESSAGES)
    info = SessionInfo(id="sess_1", card_id=CARD, expires_at_s=0)
    for example in CLIENT_EXAMPLES:
        try:
            check(parse_client_message(json.dumps(example)), Principal(role, "sess_1"), info)
            refused = False
        except Refused as refusal:
            refused = refusal.code == Code.NOT_ALLOWED.value and refusal.param == "type"
        assert refused == (role not in ("candidate", "developer")), example["type"]


def test_each_action_is_in_the_table_and_strangers_may_little() -> None:
    assert set(PERMISSIONS) == set(Action)
    strangers = {action for action, rights in PERMISSIONS.items() if "stranger" in rights}
    assert strangers == {Action.SEE_SERVER, Action.READ_METRICS, Action.LOG_IN}


def test_the_consent_is_told_who_may_listen() -> None:
    assert listeners("practice") == ["developer"]
    assert listeners("exam") == ["developer", "examiner"]
