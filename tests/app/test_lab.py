"""The latency page's routes: who may use them, and what can be read through them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from websockets.asyncio.client import connect

from audio.files import write_wav
from audio.frames import WIRE_HZ, silence
from bench.replay.remote import Reserved, joining, reserve
from pipelines.engine_settings import EngineSettings
from server.app import create_app
from server.http.lab_routes import MAX_REPORTS_BYTES
from server.reports.comparison import compare
from server.reports.report_turns import ReadReport
from server.reports.summary import summarise
from server.settings.lab import LabSettings
from server.settings.tree import ServerSettings, Settings
from server.settings.vault import VaultSettings
from server.vault.key_text import new_key_word
from tests.app.inside import KEY, serving, until
from tests.app.wire import CARD, Wire, connect_to, sentence

pytestmark = pytest.mark.asyncio

BEARER = {"Authorization": f"Bearer {KEY}"}
TRUTH = """\
rate_hz: 24000
card: nursing-leg-wound
turns:
- {from_ms: 100, to_ms: 900, text: Hello., expect: greeting}
"""


TURN = {"text": "Hello.", "answers": 1, "voice_to_voice_ms": 300.0, "parts": {"endpoint": 280.0, "deliver": 20.0}}
REPORT = {"turns": [TURN], "topics_told": [], "about": {"transport": "websocket"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Recordings, and around them what must not be read."""
    folder = tmp_path / "recordings"
    (folder / "inner").mkdir(parents=True)
    for path in (folder / "plain.wav", folder / "inner" / "with truth.wav", tmp_path / "outside.wav"):
        write_wav(path, silence(1_000, WIRE_HZ), WIRE_HZ)
    (folder / "inner" / "with truth.truth.yaml").write_text(TRUTH)
    (folder / "notes.txt").write_text("not a recording")
    (folder / "link.wav").symlink_to(tmp_path / "outside.wav")
    return folder


@asynccontextmanager
async def asking(settings: Settings, *, address: str, url: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Ask an application as somebody at `address` who calls it by `url`."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        await until(lambda: app.state.server.not_ready is None)
        transport = httpx2.ASGITransport(app, client=(address, 40_000))
        async with httpx2.AsyncClient(transport=transport, base_url=url) as client:
            yield client


def settings_with(
    tmp_path: Path, *, key: str | None = KEY, environment: Any = "dev", host: str = "127.0.0.1", **lab: Any
) -> Settings:
    return Settings(
        server=ServerSettings(host=host),
        environment=environment,
        engines=EngineSettings(backend="mock"),
        data_path=tmp_path / "data",
        developer_key=SecretStr(key) if key is not None else None,
        lab=LabSettings(**lab),
        # Staging and production start with a master key of their operator's alone.
        vault=VaultSettings(key=SecretStr(new_key_word())),
    )


LOCAL = "http://localhost"
# Stands for the key that the server makes at its start.
LINK = "the key of the link"


@asynccontextmanager
async def asking_by_link(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """Ask an application as whoever opened the link that it writes at its start."""
    async with asking(settings, address="127.0.0.1", url=LOCAL) as client:
        client.headers["Authorization"] = f"Bearer {link_key(client)}"
        yield client


def link_key(client: httpx2.AsyncClient) -> str:
    """Return the key of the page's own link, "" where there is none."""
    transport = client._transport
    assert isinstance(transport, httpx2.ASGITransport)
    link = transport.app.state.server.lab_key.link("")  # type: ignore[attr-defined]
    return str(link or "").partition("#key=")[2]


@pytest.mark.parametrize(
    ("environment", "host", "address", "headers", "page", "data"),
    [
        ("dev", "127.0.0.1", "127.0.0.1", {}, 200, 401),
        ("dev", "127.0.0.1", "127.0.0.1", {"Authorization": f"Bearer {LINK}"}, 200, 200),
        ("dev", "::1", "::1", {"Authorization": f"Bearer {LINK}"}, 200, 200),
        ("dev", "127.0.0.1", "127.0.0.1", {"Authorization": "Bearer another-key"}, 200, 401),
        ("dev", "127.0.0.1", "127.0.0.1", {"Authorization": "Bearer "}, 200, 401),
        ("dev", "127.0.0.1", "10.0.0.7", BEARER, 200, 200),
        # Where others reach the server, there is no link: what it writes at its start, more people may read.
        ("dev", "0.0.0.0", "127.0.0.1", {"Authorization": f"Bearer {LINK}"}, 200, 401),
        ("test", "127.0.0.1", "127.0.0.1", {"Authorization": f"Bearer {LINK}"}, 200, 401),
        ("staging", "127.0.0.1", "127.0.0.1", {}, 200, 401),
        ("staging", "127.0.0.1", "10.0.0.7", BEARER, 200, 200),
    ],
)
async def test_who_may(
    tmp_path: Path, environment: str, host: str, address: str, headers: dict[str, str], page: int, data: int
) -> None:
    settings = settings_with(tmp_path, environment=environment, host=host)
    async with asking(settings, address=address, url=LOCAL) as client:
        headers = {name: value.replace(LINK, link_key(client)) for name, value in headers.items()}
        assert (await client.get("/lab", headers=headers)).status_code == page
        for path in ("/api/lab", "/api/lab/truth/silence.flac", "/api/lab/sound/silence.flac"):
            assert (await client.get(path, headers=headers)).status_code == data, path
        answer = await client.post("/api/lab/sessions", headers=headers, json={"card": CARD})
        assert answer.status_code == (201 if data == 200 else data)
        for path, body in (("summary", REPORT), ("comparison", {"now": REPORT, "before": REPORT})):
            assert (await client.post(f"/api/lab/{path}", headers=headers, json=body)).status_code == data, path


@pytest.mark.parametrize(("environment", "lab"), [("test", {}), ("dev", {"enabled": False})])
async def test_where_nobody_may_it_is_not_there(tmp_path: Path, environment: str, lab: dict[str, Any]) -> None:
    settings = settings_with(tmp_path, key=None, environment=environment, **lab)
    async with asking(settings, address="127.0.0.1", url=LOCAL) as client:
        for path in ("/lab", "/api/lab", "/api/lab/sound/silence.flac"):
            answer = await client.get(path, headers=BEARER)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "page.closed"), path
        answer = await client.post("/api/lab/summary", headers=BEARER, json=REPORT)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "page.closed")


async def test_recordings_are_listed_and_nothing_else_can_be_read(tmp_path: Path, folder: Path) -> None:
    outside = ["..%2foutside.wav", "%2e%2e/outside.wav", "inner/%2e%2e/%2e%2e/outside.wav", "link.wav"]
    absolute = ["/etc/passwd", "%2fetc%2fpasswd", str(tmp_path / "outside.wav")]
    others = ["notes.txt", "inner", "", "inner/with truth.truth.yaml", "nothing.wav", "plain.wav%00"]

    settings = settings_with(tmp_path, recordings_path=folder)
    async with asking_by_link(settings) as client:
        body = (await client.get("/api/lab")).json()
        size = (folder / "plain.wav").stat().st_size
        assert body["recordings"] == [
            {"name": "inner/with truth.wav", "bytes": size, "truth": True},
            {"name": "plain.wav", "bytes": size, "truth": False},
        ]
        assert body["engines"] == dict.fromkeys(("recogniser", "interpreter", "responder", "synthesiser"), "scripted")
        assert body["settings_digest"] == settings.digest()
        audio = await client.get("/api/lab/sound/inner/with%20truth.wav")
        assert audio.headers["content-type"] == "audio/wav"
        assert audio.content == (folder / "inner" / "with truth.wav").read_bytes()
        truth = (await client.get("/api/lab/truth/inner/with%20truth.wav")).json()
        span = {"from_ms": 100, "to_ms": 900, "text": "Hello.", "expect": "greeting"}
        assert truth == {"card": "nursing-leg-wound", "speech_in": "mono", "turns": [span]}
        assert (await client.get("/api/lab/truth/plain.wav")).json()["turns"] is None
        for name in (*outside, *absolute, *others):
            for kind in ("sound", "truth"):
                answer = await client.get(httpx2.URL(LOCAL).copy_with(raw_path=f"/api/lab/{kind}/{name}".encode()))
                assert (answer.status_code, answer.json()["error"]["code"]) == (404, "recording.unknown"), name
        assert (await client.post("/api/lab/truth", content=TRUTH)).json() == truth  # somebody's own file
        wrong = {"turns: 7": 409, "[" * 50_000: 409, "\udcff": 409, "x" * 300_000: 400}
        for text, status in wrong.items():
            content = text.encode(errors="surrogateescape")
            answer = await client.post("/api/lab/truth", content=content)
            assert answer.status_code == status, text[:20]
        (folder / "inner" / "with truth.truth.yaml").write_text("turns: 7")
        answer = await client.get("/api/lab/truth/inner/with%20truth.wav")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "recording.truth")


async def test_a_page_from_elsewhere_opens_no_session(tmp_path: Path) -> None:
    async with asking_by_link(settings_with(tmp_path)) as client:
        headers = {"Origin": "https://elsewhere.example"}
        answer = await client.post("/api/lab/sessions", headers=headers, json={"card": CARD})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "access.origin")
        for path in ("summary", "comparison"):
            answer = await client.post(f"/api/lab/{path}", headers=headers, json=REPORT)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "access.origin")
        answer = await client.post("/api/lab/sessions", json={"card": 7})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "session.fields")


async def test_a_run_has_the_figures_of_a_replay(tmp_path: Path) -> None:
    slower = {**REPORT, "turns": [{**TURN, "voice_to_voice_ms": 420.0}], "about": {"transport": "webrtc"}}
    async with asking_by_link(settings_with(tmp_path)) as client:
        found = (await client.post("/api/lab/summary", json=slower)).json()
        compared = (await client.post("/api/lab/comparison", json={"now": slower, "before": REPORT})).json()
    read = ReadReport.model_validate(slower)
    assert found == {"summary": summarise(read), "distribution": {"times_ms": [420.0], "shares": [100.0]}}
    assert compared == compare(read, ReadReport.model_validate(REPORT)).as_json()
    assert "Another transport: websocket before, webrtc now." in compared["caveats"]


MANY: dict[str, Any] = {"turns": [{}] * 5_001}


@pytest.mark.parametrize(
    ("path", "body", "code", "said"),
    [
        ("summary", "", "protocol.bad_json", "one JSON object"),
        ("summary", "[]", "protocol.bad_json", "one JSON object"),
        ("summary", '{"turns": NaN}', "protocol.bad_json", "one JSON object"),
        ("summary", "[" * 50_000, "protocol.bad_json", "one JSON object"),
        ("summary", {}, "report.invalid", "'turns' is wrong"),
        ("summary", {"turns": [{"parts": {"endpoint": "soon"}}]}, "report.invalid", "'turns.0.parts.endpoint'"),
        ("summary", '{"turns": [{"voice_to_voice_ms": 1e999}]}', "report.invalid", "'turns.0.voice_to_voice_ms'"),
        ("summary", {"turns": [], "runs": 7}, "report.invalid", "'runs' is wrong"),
        ("summary", MANY, "report.invalid", "5000 turns"),
        ("summary", {"turns": [], "runs": [[]] * 5_001}, "report.invalid", "5000 turns"),
        ("summary", {"turns": [], "runs": [[{}] * 72] * 70}, "report.invalid", "5000 turns"),
        ("comparison", REPORT, "report.invalid", "'now' is wrong"),
        ("comparison", {"now": REPORT, "before": 7}, "report.invalid", "'before' is wrong"),
        ("comparison", {"now": REPORT, "before": {"turns": [7]}}, "report.invalid", "'before.turns.0' is wrong"),
        ("comparison", {"now": REPORT, "before": MANY}, "report.invalid", "5000 turns"),
        ("summary", "x" * (MAX_REPORTS_BYTES + 1), "protocol.too_big", "larger than"),
        ("comparison", "x" * (MAX_REPORTS_BYTES + 1), "protocol.too_big", "larger than"),
    ],
)
async def test_what_is_no_report_is_refused_with_the_reason(
    tmp_path: Path, path: str, body: Any, code: str, said: str
) -> None:
    async with asking_by_link(settings_with(tmp_path)) as client:
        answer = await client.post(f"/api/lab/{path}", content=body if isinstance(body, str) else json.dumps(body))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert said in answer.json()["error"]["message"]


async def test_its_token_tunes_its_own_session_and_opens_no_other(tmp_path: Path) -> None:
    update = {
        "type": "session.update",
        "session": {"audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 700}}}},
    }

    async with serving(tmp_path) as (address, _server):
        async with httpx2.AsyncClient(base_url=f"http://{address}") as client:
            lab = (await client.post("/api/lab/sessions", json={"card": CARD}, headers=BEARER)).json()
            other = await reserve(f"http://{address}", CARD)
            own = {"Authorization": f"Bearer {lab['token']}"}
            assert (await client.get(f"/api/sessions/{lab['id']}", headers=own)).status_code == 200
            assert (await client.get(f"/api/sessions/{other.id}", headers=own)).status_code == 403
            assert (await client.get("/api/lab", headers=own)).status_code == 403
            candidates = {"Authorization": f"Bearer {other.token}"}
            assert (await client.get("/api/lab", headers=candidates)).status_code == 403
            for session, bearer, status in ((lab["id"], own, 409), (other.id, own, 403), (other.id, candidates, 403)):
                answer = await client.get(f"/api/lab/sessions/{session}/waits", headers=bearer)
                assert answer.status_code == status
        base = f"http://{address}"
        tuned = await joining(Reserved(lab["id"], lab["token"], lab["url"], base))
        async with connect(f"ws://{address}/v1/realtime", additional_headers=tuned) as socket:
            assert json.loads(await socket.recv())["session"]["id"] == lab["id"]
            await socket.send(json.dumps(update))
            told = json.loads(await socket.recv())
            assert told["type"] == "session.updated"
            assert told["session"]["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 700
        async with connect(f"ws://{address}/v1/realtime", additional_headers=await joining(other)) as socket:
            await socket.recv()
            await socket.send(json.dumps(update))
            # What may be set is, and of the rest it is told field by field.
            kept = json.loads(await socket.recv())["session"]["audio"]["input"]["turn_detection"]
            assert kept["silence_duration_ms"] is None
            assert json.loads(await socket.recv())["error"]["code"] == "access.not_allowed"


async def test_only_developers_are_told_why_a_turn_was_waited_for(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, _server):
        session = await reserve(f"http://{address}", CARD)
        wire = Wire(await connect_to(session))
        wire.microphone()
        wire.speak(sentence())
        await wire.until("response.done")
        assert await wire.end() == 1000
        await wire.drop()
        async with httpx2.AsyncClient(base_url=f"http://{address}") as client:
            path = f"/api/lab/sessions/{session.id}/waits"
            told = (await client.get(path, headers=BEARER)).json()
            (found,) = told["waits"]
            (draft,) = told["drafts"]
            assert draft["reason"] is None  # it became the reply
            assert 0 < draft["made_ms"] <= draft["done_ms"]
            assert found["words"].startswith("Waited ")
            assert found["silence_ms"] == found["pauses"][-1]["silence_ms"] > 0
            candidates = {"Authorization": f"Bearer {session.token}"}
            refused = await client.get(path, headers=candidates)
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "access.denied")
            assert (await client.get(path)).status_code == 401
            log = (await client.get(f"/api/sessions/{session.id}/log", headers=candidates)).text
            assert "turn_committed" in log
            assert not any(name in log for name in ("pause_judged", "end_of_turn", "speech_resumed"))
