"""Calls over a network that loses packets: what is lost on the way is lost here, and nothing more."""

from __future__ import annotations

import pytest

from tests.app.process import ServerProcess
from tests.rtc.loss import measure

pytestmark = pytest.mark.asyncio

# This is short: `python -m tests.bench.calls` takes a minute, at more shares.
TALK_S = 3.0


async def test_what_is_lost_on_the_way_is_lost_at_both_ends_and_no_more(mock_server: ServerProcess) -> None:
    found = await measure(mock_server, 0.2, TALK_S)
    assert found.lost > 10
