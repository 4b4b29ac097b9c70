"""Exams by their routes: who plans, sits, examines and voids them; and that the times are kept."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from server.sessions.session import Status
from server.store.tables import exam_parts
from server.store.tokens import now_ms
from tests.app.accounts import World, knock, world
from tests.app.inside import until

pytestmark = pytest.mark.asyncio

CARDS = ["nursing-leg-wound", "pharmacy-new-inhaler"]
HOUR_MS = 3_600_000
SHORT = {"prepare_s": 1, "session_s": 10}


@dataclass
class Hall:
    """A server with one exam, its candidate, and whoever has to do with it."""

    one: World
    admin: httpx2.AsyncClient
    candidate: httpx2.AsyncClient
    examiner: httpx2.AsyncClient
    exam: dict[str, Any]

    @property
    def path(self) -> str:
        return f"/api/exams/{self.exam['id']}"

    async def joining(self, opened: dict[str, Any]) -> httpx2.Response:
        """Ask for a token that joins the session of a part."""
        page = self.one.client(Authorization=f"Bearer {opened['token']}")
        return await page.post(f"/api/sessions/{opened['id']}/join")

    async def seen(self, client: httpx2.AsyncClient | None = None) -> dict[str, Any]:
        answer = await (client or self.candidate).get(self.path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def in_phase(self, name: str, part: int) -> dict[str, Any]:
        """Wait until a phase has come; return what the candidate sees in it."""

        def there() -> bool:
            sitting = self.one.server.sittings._sittings.get(self.exam["id"])
            phase = sitting.phase if sitting is not None else None
            return phase is not None and (phase.name, phase.part) == (name, part)

        await until(there)
        return await self.seen()


@asynccontextmanager
async def hall(
    folder: Path,
    *,
    opens_in_ms: int = -1_000,
    lasts_ms: int = HOUR_MS,
    warm_up_s: int = 1,
    reserved_cards: Sequence[str] = (),
) -> AsyncIterator[Hall]:
    async with world(folder, session=SHORT, exam={"warm_up_s": warm_up_s, "reserved_cards": reserved_cards}) as one:
        admin = await one.person("admin@example.org", "admin")
        candidate = await one.person("anna@example.org")
        examiner = await one.person("ed@example.org", "examiner")
        opens_ms = now_ms() + opens_in_ms
        asked = {
            "candidates": ["Anna@Example.org"], "examiners": ["ed@example.org"], "cards": CARDS,
            "opens_ms": opens_ms, "closes_ms": opens_ms + lasts_ms, "title": "Winter",
        }  # fmt: skip
        made = await admin.post("/api/exams", json=asked)
        assert made.status_code == 201, made.text
        yield Hall(one, admin, candidate, examiner, made.json()["exams"][0])


async def code(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_candidate_sees_the_time_and_no_card_before_its_preparation(tmp_path: Path) -> None:
    async with hall(tmp_path) as h:
        (listed,) = (await h.candidate.get("/api/exams")).json()["exams"]
        assert (listed["title"], listed["state"], listed["role_plays"]) == ("Winter", "scheduled", 2)
        assert not {"parts", "sessions", "examiners", "incidents"} & listed.keys()
        begun = (await h.candidate.post(f"{h.path}/begin", json={})).json()
        assert (begun["phase"]["name"], begun["card"]) == ("warm_up", None)
        first = await h.in_phase("preparation", 1)
        assert first["card"]["id"] == CARDS[0]
        assert CARDS[1] not in str(first)
        second = await h.in_phase("preparation", 2)
        assert second["card"]["id"] == CARDS[1]


async def test_nobody_rehearses_with_the_patients_of_an_exam(tmp_path: Path) -> None:
    async with hall(tmp_path, reserved_cards=CARDS) as h:
        listed = [card["id"] for card in (await h.candidate.get("/api/cards")).json()["cards"]]
        assert listed
        assert not set(listed) & set(CARDS)
        for card in CARDS:
            refused = await h.candidate.post("/api/sessions", json={"card": card})
            assert await code(refused) == (400, "card.unknown")
            # What it says is what is said of any card that is not there.
            assert refused.json()["error"]["message"].count(card) == 1
        assert (await h.candidate.post("/api/sessions", json={"card": listed[0]})).status_code == 201
        await h.candidate.post(f"{h.path}/begin", json={})
        assert await code(await h.candidate.post("/api/sessions", json={"card": listed[0]})) == (409, "exam.goes_on")
        assert (await h.examiner.post("/api/sessions", json={"card": listed[0]})).status_code == 201
        first = await h.in_phase("preparation", 1)
        assert first["card"]["id"] == CARDS[0]
        opened = await h.candidate.post(f"{h.path}/session", json={})
        assert (opened.status_code, opened.json()["card"]["id"]) == (201, CARDS[0])
        await h.admin.post(f"{h.path}/void", json={"reason": "a test"})
        assert (await h.candidate.post("/api/sessions", json={"card": listed[0]})).status_code == 201


async def test_an_exam_is_begun_in_its_time_alone(tmp_path: Path) -> None:
    async with hall(tmp_path / "early", opens_in_ms=HOUR_MS) as h:
        assert await code(await h.candidate.post(f"{h.path}/begin", json={})) == (409, "exam.early")
        assert await code(await h.candidate.post(f"{h.path}/session", json={})) == (409, "exam.over")
    async with hall(tmp_path / "late", opens_in_ms=-HOUR_MS, lasts_ms=HOUR_MS + 500) as h:
        await until(lambda: now_ms() > h.exam["closes_ms"])
        assert await code(await h.candidate.post(f"{h.path}/begin", json={})) == (409, "exam.late")


async def test_two_machines_sit_one_exam_once(tmp_path: Path) -> None:
    async with hall(tmp_path, warm_up_s=0) as h:
        both = await asyncio.gather(*(h.candidate.post(f"{h.path}/begin", json={}) for _ in range(2)))
        assert [answer.status_code for answer in both] == [200, 200]
        one = (await h.candidate.post(f"{h.path}/session", json={})).json()
        other = (await h.candidate.post(f"{h.path}/session", json={})).json()
        assert (one["id"], one["card"]["id"]) == (other["id"], CARDS[0])
        # The newer token is the one that counts.
        assert (await h.joining(one)).status_code == 401
        minted = await h.joining(other)
        # Nobody speaks while they prepare.
        assert await knock(h.one.app, "/v1/realtime", Authorization=f"Bearer {minted.json()['token']}") == 409
        await h.in_phase("role_play", 1)
        h.one.server.registry.join(h.one.server.registry.get(one["id"]))
        assert await code(await h.candidate.post(f"{h.path}/session", json={})) == (409, "exam.taken")


async def test_two_tabs_that_open_a_part_at_once_get_one_session(tmp_path: Path) -> None:
    async with hall(tmp_path, warm_up_s=0) as h:
        await h.candidate.post(f"{h.path}/begin", json={})
        waiting: list[None] = []
        sent = asyncio.Event()

        async def withheld() -> AsyncIterator[bytes]:
            waiting.append(None)
            await sent.wait()
            yield b"{}"

        def tab() -> asyncio.Task[httpx2.Response]:
            return asyncio.create_task(h.candidate.post(f"{h.path}/session", content=withheld()))

        tabs = (tab(), tab())
        await until(lambda: len(waiting) == 2)
        sent.set()
        opened = [answer.json() for answer in await asyncio.gather(*tabs)]
        (kept,) = (await h.seen(h.admin))["sessions"]
        assert [one["id"] for one in opened] == [kept["id"], kept["id"]]
        again = (await h.candidate.post(f"{h.path}/session", json={})).json()
        assert again["id"] == kept["id"]
        await h.in_phase("role_play", 1)
        assert (await h.joining(again)).status_code == 201


async def test_an_export_tells_no_card_and_no_examiner_of_an_exam_that_is_to_come(tmp_path: Path) -> None:
    async with hall(tmp_path, opens_in_ms=HOUR_MS) as h:
        answer = await h.candidate.get("/api/me/export")
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            everything = "".join(archive.read(name).decode() for name in archive.namelist())
        assert h.exam["id"] in everything
        for hidden in (*CARDS, await h.one.id_of("ed@example.org")):
            assert hidden not in everything


async def test_a_role_play_that_nobody_comes_to_is_over_with_its_time(tmp_path: Path) -> None:
    async with hall(tmp_path, warm_up_s=0) as h:
        await h.candidate.post(f"{h.path}/begin", json={})
        await h.candidate.post(f"{h.path}/session", json={})
        sitting = h.one.server.sittings._sittings[h.exam["id"]]
        for _ in range(4):
            sitting.clock._next()
        await until(lambda: h.one.server.sittings._sittings == {})
        assert await h.one.server.store.ledger.drained(30)
        assert (await h.seen())["state"] == "closed"
        assert await code(await h.candidate.post(f"{h.path}/begin", json={})) == (409, "exam.over")


async def test_only_its_examiners_see_an_exam_and_from_the_moment_they_are_none_no_more(tmp_path: Path) -> None:
    async with hall(tmp_path, warm_up_s=0) as h:
        other = await h.one.person("eve@example.org", "examiner")
        stranger = await h.one.person("bob@example.org")
        await h.candidate.post(f"{h.path}/begin", json={})
        session = (await h.candidate.post(f"{h.path}/session", json={})).json()["id"]
        record = f"/api/sessions/{session}"
        assert [one["id"] for one in (await h.examiner.get("/api/exams")).json()["exams"]] == [h.exam["id"]]
        for client in (other, stranger):
            assert (await client.get("/api/exams")).json()["exams"] == []
            assert (await client.get(h.path)).status_code == 403
            assert (await client.get(record)).status_code == 403
        assert (await h.examiner.get(record)).status_code == 200
        answer = await h.admin.put(f"{h.path}/examiners", json={"examiners": ["eve@example.org"]})
        assert answer.status_code == 200
        assert (await h.examiner.get(record)).status_code == 403
        assert (await other.get(record)).status_code == 200
        assert (await h.candidate.put(f"{h.path}/examiners", json={"examiners": []})).status_code == 403


async def test_what_is_void_stays_in_the_record_with_its_reason(tmp_path: Path) -> None:
    async with hall(tmp_path, warm_up_s=0) as h:
        await h.candidate.post(f"{h.path}/begin", json={})
        first = (await h.candidate.post(f"{h.path}/session", json={})).json()["id"]
        assert (await h.candidate.post(f"{h.path}/void", json={"reason": "I was late"})).status_code == 403
        assert await code(await h.examiner.post(f"{h.path}/void", json={"reason": " "})) == (400, "exam.reason")
        elsewhere = {"reason": "noise", "session": "sess_of_another_exam"}
        assert await code(await h.examiner.post(f"{h.path}/void", json=elsewhere)) == (404, "exam.session")
        voided = await h.examiner.post(f"{h.path}/void", json={"reason": "fire alarm", "session": first})
        (kept,) = voided.json()["sessions"]
        assert (kept["id"], kept["void_reason"]) == (first, "fire alarm")
        assert kept["voided_by"] == await h.one.id_of("ed@example.org")
        again = (await h.candidate.post(f"{h.path}/session", json={})).json()["id"]
        assert again != first
        noted = await h.examiner.post(f"{h.path}/incidents", json={"what": "noise", "reason": "drilling next door"})
        assert noted.status_code == 201
        whole = await h.admin.post(f"{h.path}/void", json={"reason": "the power was cut"})
        shown = whole.json()
        assert (shown["state"], shown["void_reason"], shown["phase"]) == ("void", "the power was cut", None)
        assert [one["what"] for one in shown["incidents"]] == ["noise"]
        assert {one["id"] for one in shown["sessions"]} == {first, again}
        assert await code(await h.candidate.post(f"{h.path}/begin", json={})) == (409, "exam.over")


async def test_an_examiner_sees_their_own_exam_as_its_candidate_and_does_not_void_it(tmp_path: Path) -> None:
    async with hall(tmp_path) as h:
        await h.one.server.accounts.change("a test", await h.one.id_of("anna@example.org"), role="examiner")
        both = {"examiners": ["anna@example.org", "ed@example.org"]}
        assert (await h.admin.put(f"{h.path}/examiners", json=both)).status_code == 200
        (listed,) = (await h.candidate.get("/api/exams")).json()["exams"]
        for shown in (listed, await h.seen()):
            assert not {"parts", "sessions", "examiners", "incidents"} & shown.keys()
        assert (await h.candidate.post(f"{h.path}/void", json={"reason": "it went badly"})).status_code == 403
        noise = {"what": "noise", "reason": "it was loud"}
        assert (await h.candidate.post(f"{h.path}/incidents", json=noise)).status_code == 403
        assert [one["card"] for one in (await h.seen(h.examiner))["parts"]] == CARDS


async def test_a_card_that_was_taken_off_is_told_before_anything_begins(tmp_path: Path) -> None:
    async with hall(tmp_path) as h:
        async with h.one.server.store.database.writing() as connection:
            await connection.execute(exam_parts.update().values(card_id="gone").where(exam_parts.c.number == 2))
        assert await code(await h.candidate.post(f"{h.path}/begin", json={})) == (409, "exam.no_card")
        assert (await h.seen())["state"] == "scheduled"


BAD: list[tuple[dict[str, Any], str]] = [
    ({"cards": ["nursing-leg-wound"]}, "exam.cards"),
    ({"cards": ["nursing-leg-wound"] * 2}, "exam.cards"),
    ({"cards": ["nursing-leg-wound", "warm-up"]}, "card.unknown"),
    ({"cards": ["nursing-leg-wound", "none"]}, "card.unknown"),
    ({"candidates": []}, "exam.fields"),
    ({"candidates": ["nobody@example.org"]}, "exam.person"),
    ({"candidates": ["ed@example.org"]}, "exam.person"),
    ({"examiners": ["anna@example.org"]}, "exam.person"),
    ({"closes_ms": 1_000}, "exam.time"),
    ({"opens_ms": "tomorrow"}, "exam.fields"),
    ({"opens_ms": True}, "exam.fields"),
    ({"candidates": "anna@example.org"}, "exam.fields"),
]


async def test_a_schedule_that_can_not_be_kept_is_refused(tmp_path: Path) -> None:
    async with hall(tmp_path) as h:
        asked = {
            "candidates": ["anna@example.org"], "examiners": [], "cards": CARDS,
            "opens_ms": now_ms(), "closes_ms": now_ms() + HOUR_MS,
        }  # fmt: skip
        for changes, expected in BAD:
            answer = await h.admin.post("/api/exams", json=asked | changes)
            assert (changes, answer.json()["error"]["code"]) == (changes, expected)


async def test_an_exam_stands_where_it_stood_after_a_restart(tmp_path: Path) -> None:
    async with hall(tmp_path, warm_up_s=0) as h:
        await h.candidate.post(f"{h.path}/begin", json={})
        await h.in_phase("role_play", 1)
        session = (await h.candidate.post(f"{h.path}/session", json={})).json()["id"]
        exam_id, cookies = h.exam["id"], dict(h.candidate.cookies)
    async with world(tmp_path, session=SHORT, exam={"warm_up_s": 0}) as one:
        candidate = one.client()
        candidate.cookies.update(cookies)
        shown = (await candidate.get(f"/api/exams/{exam_id}")).json()
        assert (shown["state"], shown["phase"]["name"], shown["phase"]["part"]) == ("begun", "role_play", 1)
        assert 5_000 < shown["phase"]["left_ms"] <= 10_000
        found = one.server.registry.get(session)
        assert found.status is Status.RESERVED
        assert found.talk_s is not None
        await until(lambda: one.server.sittings._tasks == set())
        (incident,) = (await one.server.schedule.get(exam_id)).incidents
        assert (incident.what, incident.by) == ("server_restarted", "the server")
