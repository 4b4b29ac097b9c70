"""The page on a network that breaks: it says so, comes back by itself, and the patient goes on with its sentence."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Route, expect

from pipelines.events import ClauseSpoken, ReplyFinished, ReplyResumed, SessionStarted
from tests.app.cutting_proxy import CuttingProxy, proxying
from tests.app.process import ServerProcess
from tests.browser import steps
from tests.browser.chromium import PATIENCE, visiting
from tests.browser.wire import Wire
from tests.nightly import NIGHTLY
from tests.rtc.relay import Relay, through_relay, without_addresses

pytestmark = pytest.mark.browser

AWAY_S = 1.0
WEBSOCKET, ICE = "the WebSocket", "another way for the call"
# That the page can look for another way is tried by default in `test_webrtc.py`; that it does, every night.
WAYS = (WEBSOCKET, ICE) if NIGHTLY else (WEBSOCKET,)


class Network:
    """A proxy and relays on a loop of their own, for tests that have none."""

    def __init__(self, loop: asyncio.AbstractEventLoop, proxy: CuttingProxy) -> None:
        self.url = f"http://127.0.0.1:{proxy.port}"
        self.relays: list[Relay] = []
        self._loop, self._proxy = loop, proxy

    def cut(self) -> None:
        """Break every connection, and take none for a second."""
        self._loop.call_soon_threadsafe(self._proxy.cut, AWAY_S)

    def cut_calls(self) -> None:
        """Let no packet of a call through any more."""
        for relay in self.relays:
            relay.cut = True

    def relay(self, route: Route) -> None:
        """Have a call go through a relay."""

        offer = route.request.post_data
        assert offer is not None
        without = asyncio.run_coroutine_threadsafe(without_addresses(offer), self._loop).result()
        answer = route.fetch(post_data=without)
        relayed, relay = asyncio.run_coroutine_threadsafe(through_relay(answer.text()), self._loop).result()
        self.relays.append(relay)
        route.fulfill(response=answer, body=relayed)


@contextmanager
def network(port: int) -> Iterator[Network]:
    found: list[Network] = []
    ready, over = threading.Event(), threading.Event()

    async def main() -> None:
        async with proxying(port) as proxy:
            found.append(Network(asyncio.get_running_loop(), proxy))
            ready.set()
            await asyncio.to_thread(over.wait)
            for relay in found[0].relays:
                relay.close()

    thread = threading.Thread(target=asyncio.run, args=(main(),), name="network")
    thread.start()
    ready.wait()
    try:
        yield found[0]
    finally:
        over.set()
        thread.join()


def test_a_cut_connection_is_come_back_to(browser: Browser, server: ServerProcess) -> None:
    allowed = ("WebSocket connection to", "Failed to load resource")  # what the browser says of the cut
    with (
        network(int(server.address.rpartition(":")[2])) as between,
        visiting(browser, between.url, allowed=allowed) as page,
    ):
        wire = Wire(page)
        steps.prepare(page)
        steps.start(page)
        steps.in_state(page, "speaking")
        between.cut()
        steps.in_state(page, "away")
        expect(page.locator(".state-name")).to_have_text("Connection lost")
        expect(page.locator(".state-hint")).to_contain_text("s left. Your last 10 seconds of speech are sent")
        expect(page.locator(".notice")).to_contain_text("You are connected again.")
        expect(page.locator(".caption-patient").first).to_contain_text(steps.REPLY)
        steps.in_state(page, "listening", "hearing", "thinking")
        steps.end(page)
    kinds = [event["type"] for event in wire.received]
    assert "interlocutor.session.resumed" in kinds
    assert "interlocutor.playout.restart" in kinds
    session_id = next(event["session"]["id"] for event in wire.received if event["type"] == "session.created")
    check_log(server, session_id)


def check_log(server: ServerProcess, session_id: str) -> None:
    """The patient went on in its first reply, and nothing was said twice."""
    logged = [(entry.envelope.type, entry.payload or {}) for entry in server.entries(session_id)]
    first = next(payload for kind, payload in logged if kind == ReplyFinished.type_name())
    resumed = next(payload for kind, payload in logged if kind == ReplyResumed.type_name())
    # The microphone's next sentence may come before the end of a reply that was away for a second.
    assert first["heard"]
    assert steps.REPLY.startswith(first["heard"])
    assert first["played_ms"] > resumed["from_ms"]
    clauses = [
        payload["text"] for kind, payload in logged if kind == ClauseSpoken.type_name() and payload["reply"] == 1
    ]
    assert len(clauses) == len(set(clauses))
    assert sum(kind == SessionStarted.type_name() for kind, _ in logged) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_call_that_is_cut_is_come_back_to(browser: Browser, server: ServerProcess, way: str) -> None:
    """No packet comes through any more: the page looks for another way, and goes on by messages where there is none."""
    refused = ("The call could not look for another way",)
    with (
        network(0) as between,
        visiting(browser, server.url, calls=True, allowed=refused, scripts=(PATIENCE,)) as page,
    ):
        page.route("**/v1/realtime/calls", between.relay)
        if way == WEBSOCKET:
            page.route("**/v1/realtime/calls/*", lambda route: route.abort())
        wire = Wire(page)
        steps.prepare(page)
        steps.start(page)
        steps.in_state(page, "speaking")
        session = str(page.evaluate("JSON.parse(sessionStorage.getItem('interlocutor.visit')).session.id"))
        between.cut_calls()
        if way == WEBSOCKET:
            expect(page.get_by_text("You are connected again.").first).to_be_visible()
        page.wait_for_function("() => loudness() < 0.001")
        page.wait_for_function("() => loudness() > 0.01")
        # The microphone may have come between the patient and the reply that was under way.
        expect(page.locator(".caption-patient").filter(has_text=steps.REPLY[:8]).first).to_be_visible()
        steps.in_state(page, "listening", "hearing", "thinking")
        steps.end(page)
        assert (len(wire.received) > 0) is (way == WEBSOCKET)
    check_log(server, session)
