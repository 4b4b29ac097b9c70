"""Every byte that a candidate receives of a role-play that is followed, noted on and marked.

The WebSocket while it goes on, the answers to whatever can be asked by log-in and by the session's token, and the copy
of all that is kept of somebody.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bench.replay.remote import Reserved
from pipelines.engine_settings import EngineSettings
from pipelines.patient.card import public_view
from pipelines.responders import card_words
from pipelines.responders.card_words import CardWords
from pipelines.scripted import instant
from pipelines.scripted.synthesiser import ToneSynthesiser
from server.host import Server
from server.http.routes import ROUTES
from server.store import exams
from server.store.exams import Exam, ExamSession
from server.store.tokens import new_id
from tests.app.desk import following
from tests.app.inside import KEY, serving
from tests.app.test_history import browser
from tests.app.test_marking import sheet
from tests.app.test_secrets import Watch, proposals
from tests.app.wire import CARD, Wire, connect_to

# What examiners write, and a time that nothing else has.
WRITTEN = (b"zebra", b"7654321", b"for_candidate", b'"indicators"')
LEFT_OUT = ("/api/logout", "/api/password", "/api/login", "/api/invitation")
MIND = {"interpreter": "spelling", "responder": "scripted-patient"}


class Candidate:
    """Asks as a candidate does, and keeps every byte of every answer."""

    def __init__(self) -> None:
        self.received: list[tuple[str, bytes]] = []

    async def ask(self, client: httpx2.AsyncClient, method: str, path: str, **more: Any) -> None:
        answer = await client.request(method, path, **more)
        headers = "".join(f"{name}: {value}\n" for name, value in answer.headers.items()).encode()
        self.received += [(f"{method} {path}", headers), (f"{method} {path}", answer.content)]

    async def ask_everything(self, client: httpx2.AsyncClient, session_id: str, exam_id: str) -> None:
        """Ask every route with each of its methods; what deletes comes last."""
        asked = [(method, entry.path) for entry in ROUTES for method in entry.methods]
        for method, path in sorted(asked, key=lambda each: each[0] == "DELETE"):
            if path.startswith(LEFT_OUT) or "{name" in path:
                continue
            for part, value in {
                "session_id": session_id, "exam_id": exam_id, "person_id": "x", "call_id": "x", "topic": "cues",
                "number:int": "0",
            }.items():  # fmt: skip
                path = path.replace(f"{{{part}}}", value)
            body: dict[str, Any] = {} if method in ("GET", "DELETE") else {"json": {"card": CARD, "reason": "why"}}
            await self.ask(client, method, path, **body)

    def pieces(self) -> Iterator[tuple[str, bytes]]:
        """Yield all of it; of an archive what is in it."""
        for place, content in self.received:
            yield place, content
            if content[:2] == b"PK":
                with zipfile.ZipFile(io.BytesIO(content)) as archive:
                    for name in archive.namelist():
                        yield f"{place} {name}", archive.read(name)


def as_messages(content: bytes) -> list[str]:
    """Return what was received as JSON: a document, lines of it, or a text."""
    text = content.decode("utf-8", errors="replace")
    lines = text.splitlines() if text[:1] == "{" and "}\n{" in text else [text]
    found = []
    for line in lines:
        try:
            told = json.loads(line)
        except ValueError:
            told = line
        found.append(json.dumps(told if isinstance(told, dict) else {"text": told}))
    return found


async def opened(server: Server, ana: httpx2.AsyncClient, mode: str, examiner: str) -> tuple[dict[str, Any], str]:
    """Open a role-play of Ana's; return the server's answer, and the id of its exam where it is of one."""
    if mode == "practice":
        answer = await ana.post("/api/sessions", json={"card": CARD, "consent": {"version": "1", "text": "Yes."}})
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told, "none"
    ana_id, eva_id = [(await server.accounts.find(login)).id for login in ("ana", examiner)]
    session, token = server.registry.reserve_card(server.cards[CARD], "exam", person_id=ana_id)
    exam = Exam(new_id("exam_"), "Exam", ana_id, 1, 2, "closed", 1, examiners=frozenset({eva_id}))
    async with server.store.database.writing() as connection:
        await exams.add(connection, exam)
        await exams.add_session(connection, exam.id, ExamSession(session.id, 1, 1))
    session.examiners = exam.examiners
    url = str(ana.base_url).replace("http", "ws", 1).rstrip("/") + "/v1/realtime"
    return {"id": session.id, "token": token, "url": url}, exam.id


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", ["practice", "exam"])
async def test_nothing_of_notes_marks_and_untold_cues_is_in_any_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(instant, "synthesiser", lambda: ToneSynthesiser(cost_ms=0.0, word_ms=40))
    monkeypatch.setattr(card_words, "CardWords", lambda: CardWords(split=lambda text: [(text, 0)]))
    engines = EngineSettings.model_validate({"backend": "mock", **MIND})
    async with serving(tmp_path, auth="accounts", engines=engines) as (address, server):
        ana, eva = await browser(address, server, "ana"), await browser(address, server, "eva", "examiner")
        developer = httpx2.AsyncClient(
            base_url=f"http://{address}", timeout=60, headers={"Authorization": f"Bearer {KEY}"}
        )
        examiner = developer if mode == "practice" else eva
        candidate, watch = Candidate(), Watch(server.cards[CARD])
        told, exam_id = await opened(server, ana, mode, "eva")
        session_id = told["id"]
        candidate.received.append(("opened", json.dumps(told).encode()))

        async def note(number: int, kind: str, text: str = "zebra") -> None:
            body = {"id": f"{number:032x}", "kind": kind, "at_ms": 7_654_321, "text": text}
            assert (await examiner.post(f"/api/sessions/{session_id}/notes", json=body)).status_code == 201

        wire = Wire(await connect_to(Reserved(session_id, told["token"], told["url"], f"http://{address}")))
        async with following(address, session_id) as follower:
            await wire.until("session.created")
            for number, kind in enumerate(("note", "incident", "bookmark")):
                text = "Good morning, how are you today?"
                watch.typed(text)
                await wire.say(text)
                await wire.until("response.done")
                await note(number, kind)
            candidate_headers = {"Authorization": f"Bearer {told['token']}"}
            # While it goes on, too.
            await candidate.ask(ana, "GET", f"/api/sessions/{session_id}")
            await candidate.ask(ana, "POST", f"/api/sessions/{session_id}/problems", json={"kind": "sound"})
            assert await wire.end() == 1000
            assert "utterance_interpreted" in follower.kinds()
        cues = [cue for made in proposals(server, session_id) for cue in made.cues]
        watch.told |= set(cues)
        await wire.drop()
        candidate.received += [("wire", m.encode() if isinstance(m, str) else m) for m in wire.raw]

        filled = sheet() | {"comment": "zebra", "for_candidate": "zebra"}
        filled["marks"]["fluency"] |= {"note": "zebra", "evidence": [{"from_ms": 0, "to_ms": 7_654_321}]}
        for client in {examiner, developer}:
            answer = await client.post(
                f"/api/sessions/{session_id}/marks", json={"after": 0, "state": "signed", "sheet": filled}
            )
            assert answer.status_code == 201, answer.text
        examined = 0
        for what in ("notes", "marks", "marks.csv", "report"):
            answer = await examiner.get(f"/api/sessions/{session_id}/{what}")
            examined += any(word in answer.content for word in WRITTEN)
        # The search would be worth nothing if nobody could read it.
        assert examined >= 2
        await server.index.settled()
        assert await server.store.ledger.drained(60)

        bearer = httpx2.AsyncClient(base_url=f"http://{address}", timeout=60, headers=candidate_headers)
        await candidate.ask(bearer, "GET", f"/api/sessions/{session_id}/record")
        await candidate.ask_everything(ana, session_id, exam_id)
        await candidate.ask_everything(bearer, session_id, exam_id)
        for client in (ana, eva, developer, bearer):
            await client.aclose()
        everybody = [public_view(card).model_dump_json() for card in server.cards.values()]
    for text in everybody:
        watch.typed(text)  # what is printed for everybody
    searched = list(candidate.pieces())
    assert {place for place, _ in searched} >= {"wire", f"GET /api/sessions/{session_id}/log"}
    assert any(place.endswith("data.json") for place, _ in searched)
    assert len(watch.told) < len(watch.card.cues)
    for place, content in searched:
        assert [word for word in WRITTEN if word in content] == [], place
        if place.endswith((".flac", "/recording")) or content[:4] in (b"fLaC", b"RIFF") or content[:2] == b"PK":
            continue
        assert watch.leaks(as_messages(content)) == [], place


def test_the_search_looks_into_archives_and_lines() -> None:
    candidate = Candidate()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.json", "zebra " * 50)
    assert b"zebra" not in packed.getvalue()
    candidate.received.append(("GET /export", packed.getvalue()))
    assert [place for place, content in candidate.pieces() if b"zebra" in content] == ["GET /export data.json"]
    assert len(as_messages(b'{"a": 1}\n{"b": 2}\n')) == 2
    assert as_messages(b"<p>x</p>") == ['{"text": "<p>x</p>"}']
