"""How many sessions a server lets in when nobody set a number: as many as it found that it holds."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from pipelines.models.devices import usable_cores
from server.places import OWN_CPU_S, OWN_SHARE
from tests.app.inside import serving


@pytest.mark.asyncio
async def test_places_are_found_once_the_engines_are_warm(tmp_path: Path) -> None:
    async with serving(tmp_path, max_sessions=0) as (address, server):
        # Engines that cost nothing leave the server's own work, and what this machine was busy with meanwhile.
        assert 1 <= server.registry.places <= OWN_SHARE * usable_cores() / OWN_CPU_S
        async with httpx2.AsyncClient() as client:
            metrics = (await client.get(f"http://{address}/metrics")).text
    assert f"voice_session_capacity {float(server.registry.places)}" in metrics


@pytest.mark.asyncio
async def test_a_number_that_is_set_counts(tmp_path: Path) -> None:
    async with serving(tmp_path, max_sessions=3) as (_, server):
        assert server.registry.places == 3
