"""How many sessions a server lets in when nobody set a number: as many as it found that it holds."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from bench.replay.remote import reserve
from common.errors import AppError
from pipelines.models.devices import usable_cores
from server.capacity import OWN_CPU_S, OWN_SHARE
from tests.app.inside import serving
from tests.app.wire import CARD
from tests.rtc.caller import calling

pytestmark = pytest.mark.asyncio


async def test_places_are_found_once_the_engines_are_warm(tmp_path: Path) -> None:
    async with serving(tmp_path, max_sessions=0) as (address, server):
        # Engines that cost nothing leave the server's own work, and what this machine was busy with meanwhile.
        assert 1 <= server.admission.places <= OWN_SHARE * usable_cores() / OWN_CPU_S
        async with httpx2.AsyncClient() as client:
            metrics = (await client.get(f"http://{address}/metrics")).text
    assert f"voice_session_capacity {float(server.admission.places)}" in metrics


async def test_a_number_that_is_set_counts(tmp_path: Path) -> None:
    async with serving(tmp_path, max_sessions=3) as (_, server):
        assert server.admission.places == 3


@pytest.mark.parametrize(("max_sessions", "refused"), [(0, True), (3, False)])
async def test_a_call_takes_two_of_the_places_that_were_found(tmp_path: Path, max_sessions: int, refused: bool) -> None:
    """Whoever sets a number counts sessions; what was found counts what they cost."""
    async with serving(tmp_path, max_sessions=max_sessions) as (address, server):
        server.admission.places = 3
        first = await reserve(f"http://{address}", CARD)
        async with calling(first):
            await reserve(f"http://{address}", CARD)
            if refused:
                with pytest.raises(AppError, match="all places are taken"):
                    await reserve(f"http://{address}", CARD)
            else:
                await reserve(f"http://{address}", CARD)
