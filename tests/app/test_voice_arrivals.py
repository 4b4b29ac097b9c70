"""A server that runs notices voices that are brought meanwhile: later sessions have them, and the page says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pipelines.engine_settings import EngineSettings
from pipelines.models.settings import ModelSettings
from server import voice_arrivals
from server.host import Server
from tests.app.asking import answered
from tests.app.inside import serving, until

pytestmark = pytest.mark.asyncio

ENGINES = EngineSettings(recogniser="scripted", interpreter="scripted", responder="scripted", turn_detector="off")


@asynccontextmanager
async def waiting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[str, Server]]:
    """Serve without a neural voice, and look for one often."""
    monkeypatch.setattr(voice_arrivals, "LOOK_EVERY_S", 0.05)
    (folder / "models").mkdir()
    async with serving(folder, engines=ENGINES, models=ModelSettings(path=folder / "models")) as (address, server):
        yield address, server


async def voice_of(address: str) -> dict[str, Any]:
    _, raw = await asyncio.to_thread(answered, "GET", f"http://{address}/api/info")
    found: dict[str, Any] = json.loads(raw)["engines"]["synthesiser"]
    return found


async def test_a_voice_that_comes_while_the_server_runs_speaks_in_the_next_session(
    tmp_path: Path, real_joe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with waiting(tmp_path, monkeypatch) as (address, server):
        before = await voice_of(address)
        assert before["demonstration_for"] == ["female", "male"]
        plain = server.engines.synthesiser
        (tmp_path / "models" / "joe").symlink_to(real_joe)
        await until(lambda: server.choices.synthesiser.name == "joe")
        after = await voice_of(address)
        assert (after["name"], after["demonstration_for"]) == ("joe", ["female"])
        assert server.drivers.engines.synthesiser is server.engines.synthesiser is not plain
        assert server.drivers.choices.names["synthesiser"] == "joe"


async def test_a_session_keeps_its_voice_and_the_new_one_waits_for_its_end(
    tmp_path: Path, real_joe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(voice_arrivals.logger, "info", lambda event, **_: told.append(event))
    async with waiting(tmp_path, monkeypatch) as (_, server):
        busy: list[object] = [object()]
        monkeypatch.setattr(server.registry, "running", lambda: busy)
        (tmp_path / "models" / "joe").symlink_to(real_joe)
        await until(lambda: "voices_wait" in told)
        assert server.choices.synthesiser.plain_for == ("female", "male")
        busy.clear()
        await until(lambda: server.choices.synthesiser.name == "joe")
    assert told.count("voices_wait") == 1


async def test_a_broken_voice_is_told_of_once_and_the_plain_one_speaks_on(
    tmp_path: Path, real_joe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(
        voice_arrivals.logger, "warning", lambda event, **said: told.append(f"{event}: {said['reason']}")
    )
    async with waiting(tmp_path, monkeypatch) as (_, server):
        plain = server.engines.synthesiser
        broken = tmp_path / "joe"
        broken.mkdir()
        (broken / "en_US-joe-medium.onnx").write_bytes(b"no model")
        (broken / "en_US-joe-medium.onnx.json").write_bytes((real_joe / "en_US-joe-medium.onnx.json").read_bytes())
        broken.rename(tmp_path / "models" / "joe")
        await until(lambda: bool(told))
        assert told[0].startswith("voices_not_taken: ")
        assert server.engines.synthesiser is plain
        assert server.choices.synthesiser.plain_for == ("female", "male")
