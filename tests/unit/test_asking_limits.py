"""How often a client may ask to be connected."""

from __future__ import annotations

import pytest

from common.errors import RateError
from server.sessions.asking_limits import AskingLimits


class _Now:
    s = 1_000.0


@pytest.fixture
def now() -> _Now:
    return _Now()


@pytest.fixture
def limits(now: _Now) -> AskingLimits:
    return AskingLimits("calls", now_s=lambda: now.s)


def test_one_session_may_ask_so_often_and_then_again_soon(limits: AskingLimits, now: _Now) -> None:
    for _ in range(30):
        limits.ask("one", "a")
    with pytest.raises(RateError, match="too many calls were asked for in a short time; try again in 2 seconds") as no:
        limits.ask("one", "a")
    assert (no.value.code, no.value.http_status, no.value.retry_after_s) == ("session.asked_too_often", 429, 2)
    limits.ask("another", "a")
    now.s += 2.0
    limits.ask("one", "a")
    # A candidate whose connection is made anew every two seconds, for as long as a role-play.
    for _ in range(150):
        now.s += 2.0
        limits.ask("one", "a")


def test_a_class_at_one_address_starts_together_and_an_attacker_does_not_go_on(limits: AskingLimits) -> None:
    for number in range(100):
        for _ in range(3):
            limits.ask(f"session{number}", "school")
    with pytest.raises(RateError):
        limits.ask("session0", "school")
    limits.ask("session0", "home")
    limits.ask("session0", None)


def test_what_is_refused_counts_for_nobody(limits: AskingLimits, now: _Now) -> None:
    for _ in range(30):
        limits.ask("one", "a")
    for _ in range(1_000):
        with pytest.raises(RateError):
            limits.ask("one", "a")
    now.s += 2.0
    limits.ask("one", "a")
    limits.ask("another", "a")
