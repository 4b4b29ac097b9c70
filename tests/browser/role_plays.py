"""Two role-plays with real engines that go on while other tests run, one by a call and one over the WebSocket.

Both pages hear the same turns; what each understood, showed, let sound and measured is written down in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Playwright, expect

from pipelines.events import MediaGap, TurnCommitted
from tests.app.process import ServerProcess, faults_of, running
from tests.browser import steps
from tests.browser.chromium import PATIENCE, launched, visiting
from tests.browser.microphone import write_microphone

GREETING = "Good morning, my name is Anna."
THANKS = "Thank you for telling me."
SMOKING = "I also need to know if you use any cigarettes."
GOOD = "That is good to know."
TURNS = (GREETING, THANKS, GOOD, SMOKING)
# A moment for the browser to get going, or the first words come in pieces. The pauses leave room for answers of four
# seconds that come fifteen seconds late: nobody waits for them, and other tests run beside.
PLAN: tuple[str | int, ...] = (1_500, GREETING, 20_000, THANKS, 20_000, GOOD, 20_000, SMOKING, 60_000)

# Nobody looks at the pages until other tests are over: the patient must not ask what is the matter, and the time of the
# role-play must not be over either, which on a busy machine five minutes are. There a word may also come a second late:
# what was heard before it must not be taken for the whole turn.
SETTINGS = (
    "engines.backend=local", "engines.whisper.model=tiny.en", "engines.whisper.true_length=always",
    "engines.whisper.partial_every_ms=1500", "engines.synthesiser=espeak",
    "server.retry_after_s=1", "conversation.silence_prompt_ms=0", "session.session_s=3600",
    "conversation.fixed_wait_ms=2500",
)  # fmt: skip

# Writes down when a voice begins and ends in the microphone, and in what is played or comes by a call, on one clock.
# A page on a busy machine may stand still for seconds: turns are further apart than that.
MEASURE = """
globalThis.heard = { mine: [], theirs: [], loudest: 0 };
const note = (list, on, at_ms) => {
  const last = list.at(-1);
  if (on && (!last || at_ms - last.to_ms > 4000)) list.push({ from_ms: at_ms, to_ms: at_ms });
  else if (on) last.to_ms = at_ms;
};
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  const stream = await open(wanted);
  const context = new AudioContext();
  const tap = new AnalyserNode(context, { fftSize: 512 });
  context.createMediaStreamSource(stream.clone()).connect(tap);
  setInterval(() => {
    const now_ms = performance.now();
    note(heard.mine, levelOf(tap) > 0.01, now_ms);
    const level = loudness();
    heard.loudest = Math.max(heard.loudest, level);
    note(heard.theirs, level > 0.01, now_ms);
  }, 40);
  return stream;
};
"""


# What is missing of a turn is told once a second, so that it may be told after the turn.
TOLD_WITHIN_MS = 1_500
MAX_HOLE_MS = 100  # no sound of speech is lost in less


@dataclass
class UnderWay:
    """A page in its role-play, and the addresses of the WebSockets that it opened."""

    page: Page
    sockets: list[str]
    server: ServerProcess


@dataclass
class RolePlay:
    """A page after its conversation, and what was seen of it meanwhile."""

    page: Page
    mine: list[str]  # captions of the candidate
    theirs: list[str]
    heard: dict[str, Any]
    calls: int
    sockets: int
    cut_calls: int  # that the server lost sight of
    whole: list[bool]  # whether the sound of each turn came to the server without holes


def loading(server: ServerProcess) -> None:
    """Keep the server from becoming ready: the worker processes of its engines stand still."""
    server.wait_for(lambda: server.logged("vad_chosen"))
    for worker in server.usage.children(recursive=True):
        worker.suspend()
    assert not server.logged("ready")


def loaded(server: ServerProcess) -> None:
    """Let the engines go on, and wait for them."""
    for worker in server.usage.children(recursive=True):
        worker.resume()
    server.wait_for(lambda: server.logged("ready"))


@contextmanager
def begun(playwright: Playwright, data: Path, models: Path) -> Iterator[dict[str, UnderWay]]:
    """Begin a role-play by a call and one over the WebSocket, on a server with these models that has just been started.

    It says that it is getting ready, and that one can try again once it is.
    """
    microphone = write_microphone(data / "turns.wav", PLAN)
    with ExitStack() as stack:
        server = stack.enter_context(running(data / "data", *SETTINGS, f"models.path={models}", ready=False))
        loading(server)
        browser = stack.enter_context(launched(playwright, microphone, loop=False))
        pages = {
            name: stack.enter_context(
                visiting(browser, server.url, calls=name == "webrtc", scripts=(MEASURE, PATIENCE))
            )
            for name in ("webrtc", "websocket")
        }
        sockets = {name: sockets_of(page) for name, page in pages.items()}
        first = pages["webrtc"]
        steps.choose(first)
        steps.agree(first)
        problem = first.get_by_role("alertdialog", name="The server is getting ready")
        expect(problem).to_contain_text("There may be room in 1 s.")
        loaded(server)
        expect(problem).to_contain_text("You can try again now.")
        problem.get_by_role("button", name="Try again").click()
        steps.heading(first, "Prepare").wait_for()
        first.get_by_role("textbox", name="Notes").fill("Smoking?")
        steps.prepare(pages["websocket"])
        for page in pages.values():
            page.get_by_role("button", name="Start now").click()
        yield {name: UnderWay(page, sockets[name], server) for name, page in pages.items()}
        assert faults_of(server) == []


def sockets_of(page: Page) -> list[str]:
    """Return a list that will hold the addresses of the WebSockets that a page opens."""
    found: list[str] = []
    page.on("websocket", lambda socket: found.append(socket.url))
    return found


def cut_calls(server: ServerProcess) -> int:
    """Return how often a call was cut: for want of packets, which a machine that stands still does not send either."""
    sessions = [folder.name for folder in (server.data / "sessions").iterdir()]
    lost = [e for session in sessions for e in server.entries(session) if e.envelope.type == "connection_lost"]
    return sum(entry.payload is not None and entry.payload["transport"] == "webrtc" for entry in lost)


def whole_turns(server: ServerProcess, session: str) -> list[bool]:
    """Return for each turn whether its sound came without holes, which a machine that stands still makes in it."""
    entries = server.entries(session)
    gaps = [
        (entry.envelope.media_ms, (entry.payload or {})["missing_ms"])
        for entry in entries
        if entry.envelope.type == MediaGap.type_name()
    ]
    turns = [entry.payload or {} for entry in entries if entry.envelope.type == TurnCommitted.type_name()]
    return [
        sum(ms for at_ms, ms in gaps if turn["from_ms"] < at_ms < turn["to_ms"] + TOLD_WITHIN_MS) <= MAX_HOLE_MS
        for turn in turns
    ]


def held(role_play: UnderWay) -> RolePlay:
    """Let a page hear its last answer out and end, and return what was seen."""
    page = role_play.page
    mine, theirs = page.locator(".caption-candidate"), page.locator(".caption-patient")
    # Each turn is waited for by itself: the last one may not have been said when the first one is looked at.
    for turn in range(len(TURNS)):
        expect(theirs.nth(turn)).to_be_visible()
    steps.in_state(page, "listening")
    session = page.evaluate("JSON.parse(sessionStorage.getItem('interlocutor.visit')).session.id")
    seen = RolePlay(
        page=page,
        mine=mine.all_text_contents(),
        theirs=theirs.all_text_contents(),
        heard=page.evaluate("heard"),
        calls=page.evaluate("calls.length"),
        sockets=len(role_play.sockets),
        cut_calls=cut_calls(role_play.server),
        whole=[],
    )
    expect(page.get_by_text("Last reply after")).to_be_visible()
    steps.end(page)
    seen.whole = whole_turns(role_play.server, session)
    return seen
