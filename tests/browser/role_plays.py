"""Two role-plays with real engines that go on while other tests run, one by a call and one over the WebSocket.

Both pages hear the same turns, one page after the other; what each understood, showed, let sound and measured is
written down in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Playwright, expect

from pipelines.events import ConnectionLost, MediaGap, TurnCommitted
from tests.app.process import ServerProcess, faults_of, running
from tests.browser import steps
from tests.browser.chromium import PATIENCE, launched, visiting
from tests.browser.microphone import speaking_when_told, write_microphone

GREETING = "Good morning, my name is Anna."
THANKS = "Thank you for telling me."
SMOKING = "I also need to know if you use any cigarettes."
GOOD = "That is good to know."
TURNS = (GREETING, THANKS, GOOD, SMOKING)
# Nobody looks at the pages until other tests are over: the patient must not ask what is the matter, and the time of the
# role-play must not be over either, which on a busy machine five minutes are. There a word may also come a second late:
# what was heard before it must not be taken for the whole turn, and the recogniser gets its time.
SETTINGS = (
    "engines.backend=local", "engines.whisper.model=tiny.en", "engines.whisper.true_length=always",
    "engines.whisper.partial_every_ms=1500", "engines.synthesiser=espeak",
    "server.retry_after_s=1", "conversation.silence_prompt_ms=0", "session.session_s=3600",
    "conversation.fixed_wait_ms=2500", "conversation.recognise_timeout_ms=30000",
)  # fmt: skip

# Says the next turn once the answer to the one before was heard to its end, and says a turn again that nobody answered,
# as a person does. Writes down when each was last heard in the microphone, and when the patient began in what is played
# or comes by a call, on one clock.
TALK = """
globalThis.heard = { mine: [], theirs: [], loudest: 0, again: 0, mayTalk: false };
const AUDIBLE = 0.01;
const UNANSWERED_MS = 12_000;
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  const stream = await open(wanted);
  const context = new AudioContext();
  const tap = new AnalyserNode(context, { fftSize: 512 });
  context.createMediaStreamSource(stream.clone()).connect(tap);
  const { mine, theirs } = heard;
  setInterval(() => {
    const now_ms = performance.now();
    if (mine.length && levelOf(tap) > AUDIBLE) mine.at(-1).to_ms = now_ms;
    const level = loudness();
    heard.loudest = Math.max(heard.loudest, level);
    if (level > AUDIBLE && theirs.length < mine.length) theirs.push({ from_ms: now_ms });
    const state = document.querySelector(".screen-talk")?.dataset.state;
    const answers = document.querySelectorAll(".caption-patient").length;
    if (!heard.mayTalk || state !== "listening" || level > AUDIBLE) return;
    if (theirs.length < mine.length) {
      if (now_ms - mine.at(-1).to_ms < UNANSWERED_MS) return;
      say(mine.length - 1);
      mine.at(-1).to_ms = now_ms;
      heard.again += 1;
      return;
    }
    if (answers < mine.length || mine.length === turns.length) return;
    say(mine.length);
    mine.push({ from_ms: now_ms, to_ms: now_ms });
  }, 40);
  return stream;
};
"""


# What is missing of a turn is told once a second, so that it may be told after the turn.
TOLD_WITHIN_MS = 1_500
TURN_MS = 240_000
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
    cuts: int = 0  # of its connections
    # Whether the sound of each turn came to the server without holes.
    whole: list[bool] = field(default_factory=list)

    @property
    def undisturbed(self) -> bool:
        """Whether all that was said came to the server at its time, as on a machine that has time for it."""
        return not self.cuts and all(self.whole) and not self.heard["again"]


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
    device = write_microphone(data / "silence.wav", [1_000])
    scripts = (speaking_when_told(TURNS), TALK, PATIENCE)
    with ExitStack() as stack:
        server = stack.enter_context(running(data / "data", *SETTINGS, f"models.path={models}", ready=False))
        loading(server)
        browser = stack.enter_context(launched(playwright, device))
        pages = {
            name: stack.enter_context(visiting(browser, server.url, calls=name == "webrtc", scripts=scripts))
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
        talk(first)
        yield {name: UnderWay(page, sockets[name], server) for name, page in pages.items()}
        assert faults_of(server) == []


def sockets_of(page: Page) -> list[str]:
    """Return a list that will hold the addresses of the WebSockets that a page opens."""
    found: list[str] = []
    page.on("websocket", lambda socket: found.append(socket.url))
    return found


def cuts_of(server: ServerProcess, session: str) -> int:
    """Return how often a connection was cut: for want of packets, which a machine that stands still does not send."""
    return sum(entry.envelope.type == ConnectionLost.type_name() for entry in server.entries(session))


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


def talk(page: Page) -> None:
    """Let the candidate of a page talk, if it does not yet.

    One talks at a time: two that are understood at once leave the recogniser of a busy machine behind both.
    """
    page.evaluate("() => { heard.mayTalk = true; }")


def held(role_play: UnderWay) -> RolePlay:
    """Let a page talk, hear its last answer out and end, and return what was seen."""
    page = role_play.page
    mine, theirs = page.locator(".caption-candidate"), page.locator(".caption-patient")
    talk(page)
    # A turn that nobody answered is said again, so a turn and its answer may need the patience of several.
    for count in range(1, len(TURNS) + 1):
        page.wait_for_function("count => heard.theirs.length >= count", arg=count, timeout=TURN_MS)
    expect(theirs.nth(len(TURNS) - 1)).to_be_visible()
    steps.in_state(page, "listening")
    session = page.evaluate("JSON.parse(sessionStorage.getItem('interlocutor.visit')).session.id")
    seen = RolePlay(
        page=page,
        mine=mine.all_text_contents(),
        theirs=theirs.all_text_contents(),
        heard=page.evaluate("heard"),
        calls=page.evaluate("calls.length"),
        sockets=len(role_play.sockets),
    )
    expect(steps.more(page).get_by_text("Last answer after")).to_be_visible()
    steps.end(page)
    seen.cuts = cuts_of(role_play.server, session)
    seen.whole = whole_turns(role_play.server, session)
    return seen
