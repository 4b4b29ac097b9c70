"""A call from a real Chromium: the page's own link, a turn spoken into the microphone, the patient's voice measured."""

from __future__ import annotations

import time
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.app.process import ServerProcess
from tests.browser import steps
from tests.browser.chromium import visiting
from tests.browser.machine import Share

pytestmark = pytest.mark.browser

AUDIBLE = 0.01  # full scale 1: -40 dBFS

CALL = """
async ({ card }) => {
  const { WebRtcLink, fetchRtc } = await import("/static/net/webrtc_link.js");
  const { openSession } = await import("/static/net/api.js");
  const session = await openSession(card, "practice", { version: "1", text: "I agree." });
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const link = new WebRtcLink({ track: stream.getAudioTracks()[0], rtc: await fetchRtc(session) });
  const call = { link, events: [], played: [], quality: null, closed: null, loudest: 0, began_ms: performance.now() };
  globalThis.call = call;
  link.onevent = (event) => call.events.push({ ...event, at_ms: performance.now() });
  link.onplayed = (report) => call.played.push({ ...report, at_ms: performance.now() });
  link.onquality = (quality) => { call.quality = quality; };
  link.onclosed = (problem) => { call.closed = problem.code; };
  link.onstream = (patient) => {
    const audio = new Audio();
    audio.srcObject = patient;
    audio.play();
    const context = new AudioContext();
    const tap = new AnalyserNode(context, { fftSize: 1024 });
    context.createMediaStreamSource(patient).connect(tap);
    const samples = new Float32Array(tap.fftSize);
    call.rms = () => {
      tap.getFloatTimeDomainData(samples);
      return Math.hypot(...samples) / Math.sqrt(samples.length);
    };
    setInterval(() => { call.loudest = Math.max(call.loudest, call.rms()); }, 10);
  };
  await link.connect(session);
  return performance.now() - call.began_ms;
}
"""


def events(page: Page, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate("(kind) => call.events.filter(({ type }) => type === kind)", kind)
    return found


def until(page: Page, kind: str, count: int = 1) -> dict[str, Any]:
    page.wait_for_function(
        "([kind, count]) => call.events.filter(({ type }) => type === kind).length >= count", arg=[kind, count]
    )
    return events(page, kind)[count - 1]


def test_a_turn_over_a_call_from_chromium(page: Page, server: ServerProcess) -> None:
    share = Share()
    connected_ms = page.evaluate(CALL, {"card": "nursing-leg-wound"})
    if share.had:
        assert connected_ms < 3_000
    until(page, "interlocutor.session.started")
    heard = until(page, "conversation.item.input_audio_transcription.completed")
    assert heard["transcript"]
    until(page, "output_audio_buffer.started")
    page.wait_for_function("(level) => call.rms() > level", arg=AUDIBLE)
    assert events(page, "response.output_audio.delta") == []

    # Another way to the server is found while the patient speaks: an ICE restart.
    described = "call.link.restart().then(() => call.events.length)"
    page.evaluate(described)
    page.evaluate("() => { call.loudest = 0; }")
    page.wait_for_function("(level) => call.loudest > level", arg=AUDIBLE)
    page.evaluate("call.link.send(JSON.stringify({ type: 'response.cancel' }))")
    until(page, "response.done")
    kinds = [report["kind"] for report in page.evaluate("call.played")]
    assert kinds[0] == "started"
    assert "ended" in kinds
    page.wait_for_function("() => call.quality?.buffer_ms > 0")
    if share.had:
        assert page.evaluate("call.quality.buffer_ms") < 200
    assert page.evaluate("call.closed") is None

    page.evaluate("call.link.send(JSON.stringify({ type: 'interlocutor.session.end' }))")
    assert until(page, "interlocutor.session.ended")["reason"] == "ended"
    page.wait_for_function("() => call.closed !== null")
    server.wait_for(lambda: server.logged("call_over"))


def test_the_page_takes_its_websocket_when_a_call_does_not_connect(browser: Browser, server: ServerProcess) -> None:
    """The offer is never answered, as where a firewall swallows it."""
    with visiting(browser, server.url, calls=True) as page:
        page.route("**/v1/realtime/calls", lambda _route: None)
        sockets: list[str] = []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        steps.prepare(page)
        began_s, share = time.monotonic(), Share()
        steps.start(page)
        took_s = time.monotonic() - began_s
        assert took_s > 2.5
        if share.had:
            assert took_s < 8.0
        assert len(sockets) == 1
        page.unroute_all(behavior="ignoreErrors")
