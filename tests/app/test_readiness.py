"""When a server says that it is ready: not before each engine has run once, and not when a model can't be loaded."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from common.errors import EngineError
from pipelines.engine_settings import EngineSettings
from pipelines.engines import SpeakRequest, SpeechChunk
from pipelines.lanes.worker_loop import Engine
from pipelines.models.cache import Lease, ModelCache, shared_cache
from pipelines.models.model_memory import files_bytes
from pipelines.models.settings import ModelSettings
from pipelines.scripted.instant import recogniser, responder, synthesiser
from pipelines.scripted.recogniser import ScriptedRecogniser
from pipelines.scripted.synthesiser import ToneSynthesiser
from server.host import Server
from server.settings.tree import Settings
from tests.app.asking import answered
from tests.app.inside import serving, until
from tests.bench.model_memory import run_once
from tests.random_whisper import make_random_whisper

pytestmark = pytest.mark.asyncio

PATIENCE_S = 60.0


def ask(url: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    data = None if body is None else json.dumps(body).encode()
    status, raw = answered("GET" if data is None else "POST", url, body=data, kind="application/json")
    return status, json.loads(raw)


async def asks(folder: Path, engines: EngineSettings, models: ModelSettings | None = None) -> dict[str, Any]:
    """Serve until loading has ended; return what /ready, /health and the opening of a session answer."""

    async with serving(folder, engines=engines, models=models, ready=False) as (address, _):
        return {
            "ready": await asyncio.to_thread(ask, f"http://{address}/ready"),
            "health": await asyncio.to_thread(ask, f"http://{address}/health"),
            "session": await asyncio.to_thread(ask, f"http://{address}/api/sessions", {"card": "x"}),
        }


async def test_a_model_that_is_not_installed_leaves_the_server_up_and_says_how_to_get_it(tmp_path: Path) -> None:
    answers = await asks(tmp_path, EngineSettings(backend="mock", recogniser="whisper"))
    status, told = answers["ready"]
    assert (status, told["status"]) == (503, "not ready")
    assert told["reason"] == (
        f"whisper: the engine could not be loaded: the model tiny.en is not in {tmp_path / 'models'}; "
        "run `interlocutor models pull tiny.en` and start again"
    )
    status, told = answers["health"]
    assert (status, told["status"], told["models"]) == (200, "ok", [])
    status, told = answers["session"]
    assert (status, told["error"]["code"]) == (503, "capacity.not_ready")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        ("model.bin", "model.bin is cut off"),
        ("config.json", "config.json is damaged"),
        ("tokenizer.json", "tokenizer.json is damaged"),
        ("vocabulary.json", "vocabulary.json is damaged"),
    ],
)
async def test_a_broken_model_leaves_the_server_up_with_the_reason(tmp_path: Path, spoil: str, told: str) -> None:
    models = ModelSettings(path=tmp_path / "models")
    folder = make_random_whisper(models.path / "tiny.en")
    content = (folder / spoil).read_bytes()
    (folder / spoil).write_bytes(content[: len(content) // 2])
    answers = await asks(tmp_path, EngineSettings(backend="mock", recogniser="whisper"), models)
    status, body = answers["ready"]
    assert status == 503
    assert body["reason"].startswith("whisper: the engine could not be loaded: ")
    assert told in body["reason"]
    assert body["reason"].endswith("; run `interlocutor models pull tiny.en` and start again")
    assert body["reason"].count("pull") == 1
    assert answers["health"][0] == 200


async def test_the_device_is_said_before_the_model_is_loaded(tmp_path: Path) -> None:
    engines = EngineSettings.model_validate(
        {"backend": "mock", "recogniser": "whisper", "whisper": {"device": "mps", "compute": "float32"}}
    )
    with structlog.testing.capture_logs() as lines:
        await asks(tmp_path, engines)
    (said,) = [line for line in lines if line["event"] == "device_chosen"]
    assert (said["device"], said["compute"]) == ("cpu", "float32")
    assert said["reason"] == "mps was asked for, but CTranslate2 does not compute on Apple's cards"


async def test_every_engine_that_can_not_be_loaded_is_named(tmp_path: Path) -> None:
    def broken(what: str) -> Callable[[], Engine]:
        def make() -> Engine:
            raise EngineError(f"{what} is broken")

        return make

    server = Server(Settings(data_path=tmp_path, engines=EngineSettings(backend="mock")))
    choices = server.choices
    server.choices = replace(
        choices,
        recogniser=replace(choices.recogniser, factory=broken("the ear")),
        synthesiser=replace(choices.synthesiser, factory=broken("the mouth")),
    )
    await server.start()
    try:
        await until(lambda: server.not_ready != "engines are loading")
        told = server.not_ready
    finally:
        await server.stop()
    assert told is not None
    assert "the ear is broken" in told
    assert "the mouth is broken" in told


async def test_engines_warm_up_side_by_side_and_the_server_is_ready_only_after_the_last(tmp_path: Path) -> None:
    together = threading.Barrier(4, timeout=PATIENCE_S)  # all three engines and the test
    last_may_go = threading.Event()
    warmed: list[str] = []

    def warming(make: Callable[[], Engine], name: str) -> Callable[[], Engine]:
        def warm() -> None:
            together.wait()
            if name == "recogniser":
                assert last_may_go.wait(PATIENCE_S)
            warmed.append(name)

        def engine() -> Engine:
            made = make()
            made.warm = warm  # type: ignore[method-assign]
            return made

        return engine

    server = Server(Settings(data_path=tmp_path, engines=EngineSettings(backend="mock", recogniser_workers=1)))
    choices = server.choices
    server.choices = replace(
        choices,
        recogniser=replace(choices.recogniser, factory=warming(recogniser, "recogniser")),
        responder=replace(choices.responder, factory=warming(responder, "responder")),
        synthesiser=replace(choices.synthesiser, factory=warming(synthesiser, "synthesiser")),
    )
    await server.start()
    try:
        await asyncio.to_thread(together.wait)
        await until(lambda: len(warmed) == 2)
        assert server.engines.recogniser.info is None
        assert server.not_ready == "engines are loading"
        last_may_go.set()
        await until(lambda: server.not_ready is None)
        assert sorted(warmed) == ["recogniser", "responder", "synthesiser"]
    finally:
        last_may_go.set()
        await server.stop()


class Listener(ScriptedRecogniser):
    """The scripted recogniser, with a real model in its hands."""

    def __init__(self, cache: ModelCache, folder: Path) -> None:
        super().__init__()
        self._cache = cache
        self._folder = folder
        self.lease: Lease[Any]

    def warm(self) -> None:
        from ctranslate2.models import Whisper

        def load() -> Any:
            return Whisper(str(self._folder), device="cpu", compute_type="int8")

        self.lease = self._cache.lease("small", load, estimate_bytes=files_bytes(self._folder))
        run_once(self.lease.model)


async def test_what_a_model_takes_is_told_in_health_and_metrics(tmp_path: Path) -> None:
    models = ModelSettings(path=tmp_path / "models")
    folder = make_random_whisper(models.path / "small")

    cache = shared_cache(models)
    async with serving(tmp_path, models=models) as (address, server):
        assert server.models is cache
        listener = Listener(cache, folder)
        await asyncio.to_thread(listener.warm)
        status, told = await asyncio.to_thread(ask, f"http://{address}/health")
        (model,) = told["models"]
        assert (model["model"], model["device"], model["state"]) == ("small", "cpu", "ready")
        # Of so small a model's real growth some may fit into room that stood empty in this process.
        assert model["memory_bytes"] == listener.lease.memory_bytes >= files_bytes(folder) // 4
        series = b'ai_model_memory_usage_bytes{model="small"}'
        await until(lambda: series in server.metrics.render()[0])
        listener.lease.release()
        cache.clear()
        await until(lambda: series not in server.metrics.render()[0])
        assert status == 200


async def test_a_model_beyond_the_ceiling_leaves_the_server_up_with_the_figures(tmp_path: Path) -> None:
    models = ModelSettings(path=tmp_path / "models", max_memory="32MiB")  # less than the server has by then
    folder = make_random_whisper(models.path / "small")

    settings = Settings(data_path=tmp_path, engines=EngineSettings(backend="mock"), models=models)
    server = Server(settings)
    server.choices = replace(
        server.choices,
        recogniser=replace(server.choices.recogniser, factory=lambda: Listener(shared_cache(models), folder)),
    )
    await server.start()
    try:
        await until(lambda: server.not_ready != "engines are loading")
        assert server.models.status() == ()
        told = server.not_ready
    finally:
        await server.stop()
    assert told is not None
    assert re.fullmatch(
        r"scripted: the engine could not be loaded: small does not fit: it needs \d+ MiB, and [\d.]+ [MG]iB of "
        r"the 32 MiB allowed to this server are in use \(no model among it\); choose a smaller model, or raise "
        r"models\.max_memory",
        told,
    )


async def test_an_engine_that_breaks_while_nobody_talks_is_told_until_it_works_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: ToneSynthesiser, request: SpeakRequest) -> Iterator[SpeechChunk]:
        raise EngineError("the card of the voices is gone")

    async with serving(tmp_path, try_engines_every_s=0.02) as (address, server):

        async def answer() -> tuple[int, dict[str, Any]]:
            return await asyncio.to_thread(ask, f"http://{address}/ready")

        assert (await answer())[0] == 200
        with monkeypatch.context() as patch:
            patch.setattr(ToneSynthesiser, "speak", broken)
            await until(lambda: server.trials.reason is not None)
            status, told = await answer()
            assert (status, told["status"]) == (503, "not ready")
            assert told["reason"].startswith("the synthesiser fails: ")
            assert told["reason"].endswith("the card of the voices is gone")
            # Others that share its folder send nobody here.
            assert server._me().state == told["reason"]
        await until(lambda: server.trials.reason is None)
        assert (await answer())[0] == 200
