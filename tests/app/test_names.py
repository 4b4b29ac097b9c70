"""Under which names a server answers, which pages may call it, and what a page is told that may not."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from server.http.routes import ROUTES
from tests.app.inside import KEY, serving
from tests.app.wire import CARD

pytestmark = pytest.mark.asyncio

EXAM = "https://exam.example.org"


async def test_a_page_elsewhere_that_is_allowed_may_call_and_no_other(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, allowed_origins=["https://Exam.example.org:443"]) as (address, _),
        httpx2.AsyncClient(base_url=f"http://{address}") as client,
    ):
        asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        allowed = await client.options("/api/sessions", headers={"Origin": EXAM, **asks})
        assert allowed.status_code == 200
        assert allowed.headers["Access-Control-Allow-Origin"] == EXAM
        assert "access-control-allow-credentials" not in allowed.headers
        opened = await client.post("/api/sessions", json={"card": CARD}, headers={"Origin": EXAM})
        assert (opened.status_code, opened.headers["Access-Control-Allow-Origin"]) == (201, EXAM)
        evil = {"Origin": "https://evil.example.org"}
        assert (await client.options("/api/sessions", headers={**evil, **asks})).status_code == 400
        refused = await client.post("/api/sessions", json={"card": CARD}, headers=evil)
        assert refused.json()["error"]["code"] == "access.origin"
        assert "access-control-allow-origin" not in refused.headers


# What they send from a browser: openai 7.59.0 and @openai/agents 0.20.0 of npm, and our own page.
STOCK_HEADERS = (
    "authorization,content-type,x-openai-agents-sdk",
    "authorization,content-type,openai-organization,openai-project,openai-beta,idempotency-key,x-stainless-arch,"
    "x-stainless-lang,x-stainless-os,x-stainless-package-version,x-stainless-retry-count,x-stainless-runtime,"
    "x-stainless-runtime-version,x-stainless-timeout",
    "authorization,content-type,interlocutor-resume",
)


@pytest.mark.parametrize("headers", STOCK_HEADERS)
async def test_a_page_elsewhere_may_send_what_stock_clients_send_by_every_method(tmp_path: Path, headers: str) -> None:
    async with (
        serving(tmp_path, allowed_origins=[EXAM]) as (address, _),
        httpx2.AsyncClient(base_url=f"http://{address}") as client,
    ):
        for method in sorted({method for one in ROUTES for method in one.methods}):
            asks = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
            allowed = await client.options("/v1/realtime/calls", headers={"Origin": EXAM, **asks})
            assert allowed.status_code == 200, (method, allowed.text)
            assert {one.strip() for one in allowed.headers["Access-Control-Allow-Headers"].split(",")} >= set(
                headers.split(",")
            )
            assert method in allowed.headers["Access-Control-Allow-Methods"]
            evil = {"Origin": "https://evil.example.org", **asks}
            assert (await client.options("/v1/realtime/calls", headers=evil)).status_code == 400


@pytest.mark.parametrize("origin", ["http://[", "null", "http://a:b", "http://evil.example.org"])
async def test_an_origin_that_is_none_is_refused_and_no_fault_of_ours(tmp_path: Path, origin: str) -> None:
    async with serving(tmp_path) as (address, _), httpx2.AsyncClient(base_url=f"http://{address}") as client:
        answer = await client.post("/api/sessions", json={"card": CARD}, headers={"Origin": origin})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "access.origin")


async def test_a_server_answers_under_its_own_names_alone_but_to_probes(tmp_path: Path) -> None:
    async with serving(tmp_path, allowed_hosts=["oet.example.org"]) as (address, _):
        async with httpx2.AsyncClient(base_url=f"http://{address}") as client:
            for host, status in [("oet.example.org:443", 200), ("OET.example.org", 200), ("rebound.evil.org", 421)]:
                assert (await client.get("/api/cards", headers={"Host": host})).status_code == status, host
            assert (await client.get("/health", headers={"Host": "10.0.0.7"})).status_code == 200
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://{address}/v1/realtime")
        assert refused.value.response.status_code == 421


async def test_a_page_is_told_why_its_socket_is_refused_and_a_program_by_the_answer(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, _):
        url = f"ws://{address}/v1/realtime?model=card:{CARD}"
        for key, origin, code, error in [
            ("wrong", f"http://{address}", 4401, "access.denied"),
            (KEY, "https://evil.example.org", 4403, "access.origin"),
            (KEY, "http://[", 4403, "access.origin"),
        ]:
            async with connect(url, origin=origin, subprotocols=["realtime", f"openai-insecure-api-key.{key}"]) as page:  # type: ignore[arg-type, list-item]
                told = json.loads(await page.recv())
                assert (told["type"], told["error"]["code"]) == ("error", error)
                with pytest.raises(ConnectionClosed):
                    await page.recv()
                assert page.close_code == code
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, additional_headers={"Authorization": "Bearer wrong"})
        assert refused.value.response.status_code == 401
