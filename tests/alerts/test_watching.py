"""A Prometheus with these rules watches a real server: each rule is computed, and a server that is well is quiet."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.alerts.alert_rules import FOLDER, JOBS, RULES, alerts, records
from tests.app.process import ServerProcess, running
from tests.app.wire import joined, sentence

NEEDED = ("prometheus", "prometheus-blackbox-exporter")
pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(any(shutil.which(one) is None for one in NEEDED), reason="scripts/check-alerts brings them"),
]
WITHIN_S = 60.0


def free_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def jobs_for(server: str, black_box: str) -> str:
    """Return our own prometheus.yml, for these addresses and in a hurry."""
    text = (FOLDER / "prometheus.yml").read_text()
    text = text.replace("127.0.0.1:8000", server).replace("127.0.0.1:9115", black_box).replace("15s", "1s")
    return text.replace("- interlocutor.rules.yml", f"- {RULES}")


@asynccontextmanager
async def process(*words: str) -> AsyncIterator[None]:
    running = await asyncio.create_subprocess_exec(*words, stdout=DEVNULL, stderr=DEVNULL)
    try:
        yield
    finally:
        running.terminate()
        await running.wait()


@asynccontextmanager
async def watching(server: str, folder: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Watch a server with Prometheus and the black box exporter; yield a client of Prometheus' API."""
    mine, black_box = free_address(), free_address()
    (folder / "prometheus.yml").write_text(jobs_for(server, black_box))
    exporter = [f"--config.file={FOLDER / 'blackbox.yml'}", f"--web.listen-address={black_box}"]
    watcher = [
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'series'}",
        f"--web.listen-address={mine}",
    ]
    async with (
        process("prometheus-blackbox-exporter", *exporter),
        process("prometheus", *watcher),
        httpx2.AsyncClient(base_url=f"http://{mine}/api/v1") as client,
    ):
        yield client


async def ask(client: httpx2.AsyncClient, path: str, **parameters: str) -> Any:
    try:
        return json.loads((await client.get(path, params=parameters)).text)["data"]
    except (httpx2.TransportError, json.JSONDecodeError, KeyError):
        return None  # it is starting


async def until(client: httpx2.AsyncClient, path: str, ready: Callable[[Any], Any], **parameters: str) -> Any:
    """Ask until the answer will do; another process's state has no event to wait on."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            answer = await ask(client, path, **parameters)
            if answer is not None and ready(answer):
                return answer
            await asyncio.sleep(0.2)


def all_computed(answer: Any) -> bool:
    computed = [rule for group in answer["groups"] for rule in group["rules"] if rule["health"] != "unknown"]
    return len(computed) == len(alerts()) + len(records())


async def test_a_server_that_is_well_is_seen_to_be_and_one_that_is_gone_is_not(tmp_path: Path) -> None:
    with running(tmp_path / "data", "engines.backend=mock") as server:
        async with watching(server.address, tmp_path) as client:
            up = await until(client, "/query", lambda found: len(found["result"]) == 4, query="up == 1")
            assert {one["metric"]["job"] for one in up["result"]} == set(JOBS)
            probes = "probe_success == 1"
            found = await until(client, "/query", lambda answer: len(answer["result"]) == 3, query=probes)
            # The alerts join the jobs by it.
            assert {one["metric"]["instance"] for one in found["result"]} == {server.address}
            await hold_a_role_play(server)
            p95 = 'interlocutor:turn_latency_seconds:p95{stage="voice_to_voice"} > 0'
            await until(client, "/query", lambda answer: answer["result"], query=p95)
            told = await until(client, "/rules", all_computed)
            rules = [rule for group in told["groups"] for rule in group["rules"]]
            assert {rule["name"]: rule["lastError"] for rule in rules if rule["health"] != "ok"} == {}
            # What is pending may be this machine's load; what fires at once would be a fault.
            assert [rule["name"] for rule in rules if rule.get("state") == "firing"] == []
            server.process.terminate()
            await until(
                client, "/alerts", lambda answer: {"InterlocutorDown", "InterlocutorUnreachable"} <= names(answer)
            )


def names(answer: Any) -> set[str]:
    return {alert["labels"]["alertname"] for alert in answer["alerts"]}


async def hold_a_role_play(server: ServerProcess) -> None:
    async with joined(server) as wire:
        wire.microphone()
        wire.speak(sentence())
        await wire.until("response.output_audio.delta")
        await wire.end()


async def test_the_black_box_tells_a_server_that_is_degraded(tmp_path: Path) -> None:
    """What /health answers is read as it is written: erasures that can't be listed are seen from outside."""
    (tmp_path / "shelf").write_text("no folder")
    settings = ["engines.backend=mock", "backup.every_hours=24", f"backup.folder={tmp_path / 'shelf'}"]
    with running(tmp_path / "data", *settings) as server:
        async with watching(server.address, tmp_path) as client:
            for query in ('probe_success{job="interlocutor-well"} == 0', 'voice_keeping_failing{work="erasures"} == 1'):
                await until(client, "/query", lambda answer: answer["result"], query=query)
            await until(client, "/alerts", lambda answer: "InterlocutorDegraded" in names(answer))
