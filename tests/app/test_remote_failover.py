"""Two hosts of which one dies in mid-reply, many times; and no other host than the named ones is ever reached."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from pipelines.responders.remote.allowed_addresses import Origin
from pipelines.responders.remote.egress import Gate, make_client
from pipelines.responders.remote.failures import RemoteFailure
from tests.bench.failover import kill_often
from tests.fakes.provider import KEY, running_provider
from tests.fakes.remote import CARD_WORDS, remote_responder, remote_settings, reply_of, request
from tests.nightly import NIGHTLY

KILLS = 50 if NIGHTLY else 10


def test_a_host_that_is_killed_in_mid_reply_costs_no_turn() -> None:
    spoken = kill_often(KILLS)
    assert len(spoken) == KILLS
    for one in spoken:
        assert one.outcome == "remote", one
        assert one.failures, one  # it was in mid-reply
        assert one.whole, one
        assert one.repeated <= 1, one


def test_requests_go_to_the_host_with_least_to_do() -> None:
    with running_provider() as quick, running_provider(always="hang_before") as slow:
        settings = remote_settings(quick, slow, waits={"first_token_s": 1.0, "tries": 1})
        with remote_responder(settings) as responder:
            (host,) = [host for host in responder.mind.hosts.all if str(slow.port) in str(host)]
            host.outstanding += 1  # as if somebody waited there
            for turn in range(6):
                assert reply_of(responder, request(reply=turn)).use.outcome == "remote"
    assert len(quick.asked) == 6
    assert slow.asked == []


# ------------------------------------------------------------------ nobody else


@contextmanager
def connections() -> Iterator[set[tuple[str, int]]]:
    """Collect every address that this process connects to by TCP."""
    reached: set[tuple[str, int]] = set()
    listening = True

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if listening and event == "socket.connect" and isinstance(arguments[1], tuple):
            reached.add((str(arguments[1][0]), int(arguments[1][1])))

    sys.addaudithook(hook)
    try:
        yield reached
    finally:
        listening = False


def test_no_other_host_is_reached_not_even_by_redirect(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_provider() as named, running_provider() as other:
        # A proxy of the environment is a host that nobody named here.
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{other.port}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{other.port}")
        named.always, named.redirect_to = "redirect", f"{other.url}/chat/completions"
        with connections() as reached, remote_responder(remote_settings(named)) as responder:
            reply = reply_of(responder)
        assert reply.text == CARD_WORDS
        assert reply.use.reason == "remote.broken"
        assert len(named.asked) >= 1
        assert other.asked == []
        assert reached == {("127.0.0.1", named.port)}


def test_the_gate_refuses_what_the_client_would_follow() -> None:
    async def ask(allowed: list[Origin], url: str, *, follow: bool) -> int:
        async with make_client(allowed, connect_s=2.0) as client:
            return (await client.post(url, json={}, headers={"x-api-key": KEY}, follow_redirects=follow)).status_code

    with running_provider() as named, running_provider() as other:
        named.always, named.redirect_to = "redirect", f"{other.url}/chat/completions"
        allowed = [Origin("http", "127.0.0.1", named.port)]
        with pytest.raises(RemoteFailure) as caught:
            asyncio.run(ask(allowed, f"{named.url}/chat/completions", follow=True))
        assert caught.value.code == "remote.egress"
        for url in (
            f"{other.url}/models",
            f"http://localhost:{named.port}/v1/models",
            f"https://127.0.0.1:{named.port}/v1/models",
            "https://example.com/v1/models",
            "http://127.0.0.1:1/",
        ):
            with pytest.raises(RemoteFailure, match="not among the hosts"):
                asyncio.run(ask(allowed, url, follow=False))
        assert other.asked == []


def test_a_name_without_encryption_may_not_lead_to_a_public_address(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(origin: Origin) -> httpx2.Response:
        loop = asyncio.get_running_loop()

        async def public(*_args: object, **_more: object) -> list[tuple[object, ...]]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 80))]

        monkeypatch.setattr(loop, "getaddrinfo", public)
        gate = Gate([origin])
        try:
            return await gate.handle_async_request(httpx2.Request("GET", str(origin)))
        finally:
            await gate.aclose()

    for host in ("ollama", "93.184.216.34"):
        with connections() as reached, pytest.raises(RemoteFailure) as caught:
            asyncio.run(ask(Origin("http", host, 80)))
        assert caught.value.code == "remote.egress"
        assert ("93.184.216.34", 80) not in reached


def test_a_name_of_this_machine_is_looked_up_and_reached() -> None:
    with running_provider() as provider:
        settings = remote_settings(hosts=[f"http://localhost:{provider.port}/v1"])
        with remote_responder(settings) as responder:
            assert reply_of(responder).use.outcome == "remote"
