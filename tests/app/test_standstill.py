"""Engines in threads that stand still, on a whole server: the turn is answered, and /ready says what is wrong."""

from __future__ import annotations

import threading
from pathlib import Path
from unittest.mock import patch

import httpx2
import pytest

from pipelines.engines import SpeakRequest, Voice
from pipelines.lanes import workers
from pipelines.lanes.base import MOST_GIVEN_UP
from pipelines.scripted.synthesiser import ToneSynthesiser
from server.host import Server
from tests.app.inside import serving, until
from tests.app.wire import ANSWER_S
from tests.bench.standstill import CALLS, answered_after_deadline_ms

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("engine", CALLS)
async def test_a_turn_whose_engine_stands_still_is_answered_all_the_same(engine: str, tmp_path: Path) -> None:
    """It takes less than 5 s after the deadline (docs/benchmarks.md); a busy machine is given more."""
    assert await answered_after_deadline_ms(engine, tmp_path) < 1000.0 * ANSWER_S


async def test_a_server_whose_engine_stands_still_for_good_says_so_until_it_goes_on(tmp_path: Path) -> None:
    let_go = threading.Event()
    real = ToneSynthesiser.speak

    def standing(engine: ToneSynthesiser, request: SpeakRequest):  # type: ignore[no-untyped-def]
        let_go.wait()
        return real(engine, request)

    def given_up(server: Server) -> float:
        return server.metrics.registry.get_sample_value("voice_engine_threads_given_up", {"engine": "synthesiser"}) or 0

    async with serving(tmp_path) as (address, server), httpx2.AsyncClient(base_url=f"http://{address}") as client:
        assert (await client.get("/ready")).status_code == 200
        with (
            patch.object(workers, "LONGEST_S", 0.5),
            patch.object(workers, "LOOK_EVERY_S", 0.05),
            patch.object(ToneSynthesiser, "speak", standing),
        ):
            try:
                for number in range(MOST_GIVEN_UP):
                    server.engines.synthesiser.submit(
                        SpeakRequest(f"job{number}", "Hello.", Voice()),
                        priority=0,
                        on_part=lambda _: None,
                        on_end=lambda _: None,
                    )
                await until(lambda: given_up(server) >= MOST_GIVEN_UP)
                answer = await client.get("/ready")
                assert answer.status_code == 503
                assert answer.json()["reason"] == "the synthesiser stands still: restart the server"
                # The state of the process is another matter: it lives.
                assert (await client.get("/health")).status_code == 200
            finally:
                let_go.set()
            await until(lambda: given_up(server) == 0)
            assert (await client.get("/ready")).status_code == 200
