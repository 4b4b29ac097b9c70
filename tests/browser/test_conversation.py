"""Role-plays as a new user has them begin: `interlocutor serve`, the embedded engines, speech in the microphone.

They go on while other tests run; what came of them is looked at in `test_role_play_heard.py`.
"""

from __future__ import annotations

import pytest

from tests.browser import steps
from tests.browser.role_plays import UnderWay

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("transport", ["webrtc", "websocket"])
def test_a_role_play_begins_on_a_server_that_has_just_been_started(
    under_way: dict[str, UnderWay], transport: str
) -> None:
    steps.in_state(under_way[transport].page, "listening", "hearing", "thinking", "speaking")
