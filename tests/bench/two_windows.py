"""What an examiner's window has of a role-play in a candidate's: words, cues, sound and notes, with a real Whisper.

`python -m tests.bench.two_windows [--set A.B=VALUE] [--json FILE]`, with the real tiny.en of the tests

Two windows of one Chromium, on a server of their own. The candidate's microphone speaks turns of a recorded
consultation, each once the answer to the one before was heard. Both windows write down on the same clock when they show
or play something; the server's log says what was heard and told, and when.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from bench.report_figures import Figure, print_figures, write_figures
from pipelines.patient.card_library import CardLibrary
from server.measures import percentile
from server.settings.tree import CONFIG_FOLDER
from tests.app.process import KEY, ServerProcess, faults_of, running
from tests.browser import steps
from tests.browser.chromium import launched, visiting
from tests.browser.microphone import speaking_when_told, write_microphone
from tests.browser.role_plays import TALK, TURNS, talk
from tests.weights import weights_folder

# Turns end after a fixed silence, so that a busy machine takes no pause within a sentence for the end.
SETTINGS = (
    "engines.backend=local", "engines.whisper.model=tiny.en", "engines.whisper.true_length=always",
    "engines.synthesiser=espeak", "conversation.silence_prompt_ms=0", "session.session_s=3600",
    "conversation.fixed_wait_ms=1500", "conversation.recognise_timeout_ms=30000",
)  # fmt: skip
CARD = "nursing-leg-wound"
TURN_MS = 240_000
NOTE = "Asks about smoking"
# The desk is asked for before anybody has a key.
REFUSED = ("Failed to load resource",)

# When each text of the candidate stood there first, when each cue changed, and when the candidate's voice began: in the
# microphone of one window, at the loudspeaker of the other. A voice begins where it was silent for a while before.
WATCH = """
globalThis.seen = { texts: {}, cues: [], onsets: [] };
globalThis.epoch_ms = () => performance.timeOrigin + performance.now();
new MutationObserver(() => {
  for (const line of document.querySelectorAll(".caption-candidate .caption-text")) {
    const copy = line.cloneNode(true);
    for (const remark of copy.querySelectorAll(".caption-mark, .unseen")) remark.remove();
    seen.texts[copy.textContent.trim()] ??= epoch_ms();
  }
  for (const cue of document.querySelectorAll(".cue")) {
    const topic = cue.querySelector("strong").textContent;
    const { state } = cue.dataset;
    if (seen.cues.findLast((known) => known.topic === topic)?.state !== state) {
      seen.cues.push({ topic, state, at_ms: epoch_ms() });
    }
  }
}).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
const SILENT_MS = 400;
const LOUD = 0.01;
const EDGE = 256;
globalThis.followVoice = (tap) => {
  const samples = new Float32Array(tap.fftSize);
  let loud_ms = -Infinity;
  setInterval(() => {
    tap.getFloatTimeDomainData(samples);
    let sum = 0;
    for (const sample of samples.subarray(-EDGE)) sum += sample * sample;
    if (Math.sqrt(sum / EDGE) < LOUD) return;
    const at_ms = epoch_ms();
    if (at_ms - loud_ms > SILENT_MS) seen.onsets.push(at_ms);
    loud_ms = at_ms;
  }, 5);
};
"""
AT_THE_MICROPHONE = """
const openMicrophone = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  const stream = await openMicrophone(wanted);
  const context = new AudioContext();
  const tap = new AnalyserNode(context, { fftSize: 1024 });
  context.createMediaStreamSource(stream.clone()).connect(tap);
  followVoice(tap);
  return stream;
};
"""


@dataclass
class NoteWritten:
    """A note: how the examiner made it, and the moments before and after that, on the windows' clock."""

    kind: str
    before_ms: float
    after_ms: float


@dataclass
class TwoWindows:
    """What both windows wrote down, and what the server had."""

    candidate: dict[str, Any]
    desk: dict[str, Any]
    # Of each turn: its text, and when its first sound was, in media time.
    turns: list[tuple[str, float]] = field(default_factory=list)
    # Of each cue that was told: its topic, and when the log had it, on the windows' clock.
    cues: list[tuple[str, float]] = field(default_factory=list)
    written: list[NoteWritten] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)

    def words_later_ms(self) -> list[float | None]:
        """Return how much later than the candidate's window the examiner's showed each turn; None: not both did."""
        shown = (self.candidate["texts"], self.desk["texts"])
        found = [[first.get(_plain(text)) for first in map(_by_words, shown)] for text, _ in self.turns]
        return [None if mine is None or theirs is None else theirs - mine for mine, theirs in found]

    def cues_later_ms(self) -> list[float | None]:
        """Return how long after the log had it each cue was lit as told; None: it was not."""
        lit = {cue["topic"]: cue["at_ms"] for cue in self.desk["cues"] if cue["state"] == "told"}
        return [lit[topic] - at_ms if topic in lit else None for topic, at_ms in self.cues]

    def sound_later_ms(self) -> list[float | None]:
        """Return how long after the microphone heard it each beginning of the voice was played at the desk."""
        played = self.desk["onsets"]
        return [
            next((at_ms - said_ms for at_ms in played if 0 <= at_ms - said_ms < 2_000), None)
            for said_ms in self.candidate["onsets"]
        ]

    def notes_off_ms(self) -> list[float]:
        """Return how far from its moment each note is, in media time; negative: the examiner heard an earlier one."""
        # By how much the windows' clock is ahead of media time: both know when the first turn began.
        ahead_ms = self.candidate["onsets"][0] - self.turns[0][1]
        by_kind = {note["kind"]: note["at_ms"] for note in self.notes}
        moments = [(each.kind, (each.before_ms + each.after_ms) / 2 - ahead_ms) for each in self.written]
        return [by_kind[kind] - moment_ms for kind, moment_ms in moments]


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9']+", text.lower()))


def _by_words(texts: dict[str, float]) -> dict[str, float]:
    """Return when the words of a text stood there first, whatever its marks were."""
    first: dict[str, float] = {}
    for text, at_ms in texts.items():
        first[_plain(text)] = min(at_ms, first.get(_plain(text), at_ms))
    return first


@contextmanager
def examining(browser: Browser, server: ServerProcess) -> Iterator[Page]:
    """Open the desk's list in a window of its own."""
    with visiting(browser, server.url, allowed=REFUSED, scripts=(WATCH,)) as desk:
        desk.goto(f"{server.url}/desk")
        desk.get_by_label("Developer key").fill(KEY)
        desk.get_by_role("button", name="Open the desk").click()
        desk.get_by_role("heading", name="Live now").wait_for()
        yield desk


def hold_in_two_windows(playwright: Playwright, folder: Path, settings: Sequence[str]) -> TwoWindows:
    """Hold the role-play; return what was seen of it."""
    device = write_microphone(folder / "silence.wav", [1_000])
    scripts = (speaking_when_told(TURNS), TALK, WATCH, AT_THE_MICROPHONE)
    with running(folder / "data", *SETTINGS, *settings) as server, launched(playwright, device) as browser:
        with visiting(browser, server.url, scripts=scripts) as candidate, examining(browser, server) as desk:
            steps.prepare(candidate)
            desk.get_by_role("button", name=f"Follow: {steps.WOUND}").click()
            desk.get_by_text("has not begun yet").wait_for()
            steps.start(candidate)
            _listen_to_the_candidate(desk)
            session = candidate.evaluate("JSON.parse(sessionStorage.getItem('interlocutor.visit')).session.id")
            written = _talk_and_note(candidate, desk)
            notes = desk.request.get(
                f"{server.url}/api/sessions/{session}/notes", headers={"Authorization": f"Bearer {KEY}"}
            ).json()["notes"]
            steps.in_state(candidate, "listening")
            seen = TwoWindows(candidate.evaluate("seen"), desk.evaluate("seen"), written=written, notes=notes)
            steps.end(candidate)
        _read_log(server, session, seen)
        assert faults_of(server) == []
    return seen


def _listen_to_the_candidate(desk: Page) -> None:
    """Listen to both voices, then to the candidate's alone: whose beginnings are compared."""
    desk.get_by_role("button", name="Listen", exact=True).click()
    desk.wait_for_function("() => taps.length > 0")
    desk.locator(".ear .track-patient").click()
    desk.evaluate("() => taps.forEach(followVoice)")
    desk.get_by_text("You hear it live.").wait_for()


def _talk_and_note(candidate: Page, desk: Page) -> list[NoteWritten]:
    """Have all turns said and answered; set a bookmark in the third, and begin a note in the last."""
    written: list[NoteWritten] = []
    talk(candidate)
    for count in range(1, len(TURNS) + 1):
        candidate.wait_for_function("count => heard.mine.length >= count", arg=count, timeout=TURN_MS)
        if count >= len(TURNS) - 1:
            kind, key = ("note", "n") if count == len(TURNS) else ("bookmark", "b")
            before_ms = desk.evaluate("epoch_ms()")
            desk.keyboard.press(key)
            written.append(NoteWritten(kind, before_ms, desk.evaluate("epoch_ms()")))
    desk.keyboard.type(NOTE)
    desk.keyboard.press("Control+Enter")
    candidate.wait_for_function("count => heard.theirs.length >= count", arg=len(TURNS), timeout=TURN_MS)
    desk.locator(".note-note[data-unsent=false]").wait_for()
    desk.locator(".note-bookmark[data-unsent=false]").wait_for()
    steps.in_state(candidate, "listening")
    return written


def _read_log(server: ServerProcess, session: str, seen: TwoWindows) -> None:
    entries = [(entry.envelope, entry.payload or {}) for entry in server.entries(session)]
    seen.turns = [(told["text"], told["from_ms"]) for envelope, told in entries if envelope.type == "turn_committed"]
    card = CardLibrary.load(CONFIG_FOLDER / "cards").get_card(CARD)
    cues = {cue.id: cue.topic for cue in card.cues}
    seen.cues = [
        (cues[told["cue"]], 1_000.0 * datetime.fromisoformat(envelope.wall).timestamp())
        for envelope, told in entries
        if envelope.type == "cue_heard"
    ]


def figures_of(seen: TwoWindows) -> list[Figure]:
    """Return the figures."""
    words, cues, sound = seen.words_later_ms(), seen.cues_later_ms(), seen.sound_later_ms()
    notes = [abs(each) for each in seen.notes_off_ms()]
    found: list[Figure] = []
    for name, all_ms in (("words", words), ("cues", cues), ("sound", sound)):
        known = [each for each in all_ms if each is not None]
        found.append(Figure(f"{name}_at_the_examiner", float(len(known)), name, n=len(all_ms)))
        found += [
            Figure(f"{name}_later_p50", round(percentile(known, 0.5) or 0.0, 1), "ms", n=len(known)),
            Figure(f"{name}_later_most", round(max(known, default=0.0), 1), "ms", n=len(known)),
        ]
    return [*found, Figure("notes_off_most", round(max(notes), 1), "ms", n=len(notes))]


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", action="append", default=[], metavar="A.B=VALUE", help="a setting of the server")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        figures = figures_of(
            hold_in_two_windows(playwright, Path(folder), (f"models.path={weights_folder()}", *asked.set))
        )
    print_figures("A candidate's window and an examiner's", figures)
    if asked.json:
        write_figures(asked.json, figures)


if __name__ == "__main__":
    main()
