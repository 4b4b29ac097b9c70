"""The latency page in a real browser: a recording runs against the server, and its times are those of a replay."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from bench.replay.baseline import read_report
from server.reports.comparison import compare
from server.reports.summary import summarise
from tests.app.process import ServerProcess
from tests.browser.axe import violations
from tests.browser.chromium import visiting
from tests.browser.machine import Share
from tests.browser.microphone import write_microphone
from tests.nightly import NIGHTLY

pytestmark = pytest.mark.browser

RECORDING = "rate-44k.wav"
SILENCE_MS = 450
# A run takes as long as what is said in it: by default one is enough, since calls have their own tests.
TRANSPORTS = ("WebSocket", "WebRTC") if NIGHTLY else ("WebSocket",)


@pytest.fixture
def lab(browser: Browser, server: ServerProcess) -> Iterator[Page]:
    """The latency page, by the link that a server in dev writes: nobody asks for a key."""
    with visiting(browser, server.url, first=server.lab_url) as page:
        page.get_by_role("heading", name="Latency", exact=True, level=1).wait_for()
        yield page


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_recording_runs_and_its_report_can_be_compared(
    lab: Page, server: ServerProcess, tmp_path: Path, transport: str
) -> None:
    lab.get_by_role("checkbox", name=re.compile(f"^{RECORDING}")).check()
    lab.get_by_label("Transport").select_option(transport)
    lab.get_by_label("Silence that ends a turn").fill(str(SILENCE_MS))
    lab.get_by_label("Name of the run").fill("fixed wait")
    assert violations(lab) == []
    share = Share()
    lab.get_by_role("button", name="Run", exact=True).click()
    expect(lab.get_by_role("region", name="Running")).to_contain_text("the candidate speaks")
    expect(lab.get_by_role("region", name="Running").get_by_role("img")).to_be_visible()  # while it goes on
    turns = lab.get_by_role("region", name="Turns of fixed wait", exact=True)
    turns.wait_for()
    had_time = share.had
    with lab.expect_download() as download:
        lab.get_by_role("button", name="Export fixed wait").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    report = json.loads(path.read_text())
    (turn,) = report["turns"]
    assert turn["timeline"]["wait_ms"] == SILENCE_MS  # a developer's setting took effect
    wait = turn["waits"][-1]
    assert wait["words"].startswith("Waited ")
    expect(turns).to_contain_text(wait["words"])
    assert turn["source"] == RECORDING
    assert turn["answers"] >= 1
    # On a busy machine a word may come so late that the turn was taken to be over.
    if had_time:
        assert [one["words"] for one in turn["waits"]] == [f"Waited {round(wait['silence_ms'])} ms: the wait is fixed."]
        assert wait["silence_ms"] == pytest.approx(turn["timeline"]["endpoint_ms"], abs=1)
        assert (turn["answers"], turn["cut"]) == (1, False)
    assert sum(turn["parts"].values()) == pytest.approx(turn["voice_to_voice_ms"], abs=0.1)
    assert report["about"]["transport"] == transport.lower()
    if not had_time:
        assert turn["voice_to_voice_ms"] > 0 or turn["cut"]
    elif transport == "WebSocket":
        # Measured in the page from the truth's last voiced sample; the server counts from where it found that.
        found_early_ms = turn["voiced_end_ms"] - turn["timeline"]["last_voiced_ms"]
        # A browser that has just been started sends its first sound late: 190 ms were seen.
        assert abs(found_early_ms) < 400
        assert turn["voice_to_voice_ms"] + found_early_ms == pytest.approx(turn["timeline"]["audible_ms"], abs=150)
    else:
        assert 0 < turn["parts"]["deliver"] < 400  # both jitter buffers, and what a busy machine adds
        assert turn["network"]["buffer_ms"] > 0
    label = turns.get_by_role("img").first.get_attribute("aria-label")
    assert [int(ms) for ms in re.findall(r"(-?\d+) ms", str(label))] == [round(ms) for ms in turn["parts"].values()]
    expect(turns).to_contain_text(f"{round(turn['voice_to_voice_ms'])} ms")
    expect(lab.locator(".lab-chart canvas")).to_be_visible()
    assert violations(lab) == []
    read = read_report(path)
    assert report["summary"] == summarise(read)
    # Too few turns for a percentile; their mean has not changed.
    changes = {each.name: each.change for each in compare(read, read).differences}
    assert (changes["voice to voice, p50"], changes["voice to voice, mean"]) == (None, 0.0)
    panel = lab.get_by_role("region", name="Both voices", exact=True)
    panel.get_by_role("button", name=f"Show {RECORDING}").click()
    panel.get_by_role("button", name="Play", exact=True).wait_for()
    assert panel.locator("rect.strip-candidate").count() >= 1
    waits = panel.locator("rect.strip-wait, rect.strip-cut")
    assert waits.count() == 1
    assert 1000.0 * float(waits.first.get_attribute("width") or "nan") / 90.0 == pytest.approx(
        abs(turn["voice_to_voice_ms"]), abs=25.0
    )
    panel.locator("rect.strip-candidate").first.click()
    lab.wait_for_function("() => document.querySelector('.strip-head').getAttribute('x1') > 0")
    assert violations(lab) == []
    lab.goto(f"{server.url}/lab#run/of-another-browser")
    expect(lab.get_by_text("The run of this address is not in this browser.")).to_be_visible()
    lab.reload()
    expect(lab.get_by_text("The run of this address is not in this browser.")).to_be_visible()
    lab.get_by_role("button", name="Delete fixed wait").click()
    lab.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(lab.get_by_text("There are no runs yet.").first).to_be_visible()


REPORTS = ("**/api/lab/summary", "**/api/lab/comparison")


def test_the_server_computes_the_figures_and_without_it_the_turns_are_still_there(lab: Page, tmp_path: Path) -> None:
    kept = [
        {
            "id": name,
            "name": name,
            "machine": {"cores": 2},
            "about": {
                "date": "2026-11-21T10:00:00+00:00",
                "transport": name.lower(),
                "fixed_wait_ms": None,
                "recordings": ["a.wav"],
            },
            "repeats": [[turn(f"turn {number}", 300 + 10 * number + more_ms) for number in range(24)]],
            "troubles": [],
            "topics_told": [],
            "stopped": False,
        }
        for name, more_ms in (("WebSocket", 0), ("WebRTC", 80))
    ]
    lab.evaluate("(runs) => localStorage.setItem('interlocutor.lab.runs', JSON.stringify(runs))", kept)
    for address in REPORTS:
        lab.route(address, lambda route: route.abort())
    lab.reload()
    told = lab.get_by_text("You can read the turns and export the runs, but the figures need the server.")
    expect(told).to_be_visible()
    assert violations(lab) == []
    lab.get_by_role("button", name="Turns of WebRTC").click()
    expect(lab.get_by_role("region", name="Turns of WebRTC")).to_contain_text("turn 23")
    with lab.expect_download() as download:
        lab.get_by_role("button", name="Export WebRTC").click()
    download.value.save_as(tmp_path / "bare.json")
    assert "summary" not in json.loads((tmp_path / "bare.json").read_text())
    assert len(read_report(tmp_path / "bare.json").turns) == 24
    for address in REPORTS:
        lab.unroute(address)
    name = lab.get_by_role("textbox", name="Name of WebSocket")
    name.fill("not yet done")
    lab.get_by_role("button", name="Ask the server again").click()
    figures = lab.get_by_role("region", name="Figures of the runs").locator("tbody tr")
    expect(told).to_have_count(0)
    expect(figures.nth(1)).to_contain_text("+80 ms")
    cells = [row.locator("td.number").all_inner_texts() for row in figures.all()]
    assert cells[0][:2] + cells[0][3:] == ["24 of 24", "0", "410 ms", "520 ms", "20 ms", "-"]
    assert re.fullmatch(r"415 ms \(\d+ to \d+, n = 24\)", cells[0][2])
    assert cells[1][:2] + cells[1][3:6] == ["24 of 24", "0", "490 ms", "600 ms", "20 ms"]
    assert cells[1][6].split() == ["+80", "ms", "+80", "to", "+80"]
    against = lab.get_by_role("region", name="Figures against the baseline")
    expect(against.get_by_role("row", name="voice to voice, p95")).to_contain_text("higher")
    expect(lab.get_by_text("Another transport: websocket before, webrtc now.")).to_be_visible()
    expect(lab.locator(".lab-chart canvas")).to_be_visible()
    assert violations(lab) == []
    lab.reload()
    lab.get_by_role("radio", name="WebRTC is the baseline").check()
    expect(figures.nth(0)).to_contain_text("-80 ms")


def test_a_run_with_cut_ins_is_never_shown_as_better(lab: Page) -> None:
    turns = [turn(f"turn {number}", 600 + number) for number in range(24)]
    hasty = [turn(f"turn {number}", 300 + number) for number in range(24)]
    hasty[7] |= {"cut": True, "voice_to_voice_ms": -2_165}
    few = [turn("one", 500), turn("two", 700)]
    kept = [
        {
            "id": name,
            "name": name,
            "machine": {},
            "about": {"date": "2026-11-21T10:00:00+00:00", "fixed_wait_ms": None, "recordings": ["a.wav"]},
            "repeats": [made],
            "troubles": [],
            "topics_told": [],
            "stopped": False,
            "summary": {"turns": 24, "cut": 1, "voice_to_voice_ms": {"p50": -2_165}},  # of an earlier version
        }
        for name, made in (("patient", turns), ("hasty", hasty), ("few", few))
    ]
    lab.evaluate("(runs) => localStorage.setItem('interlocutor.lab.runs', JSON.stringify(runs))", kept)
    lab.goto(f"{lab.url}#run/hasty")  # each run has an address
    lab.reload()
    expect(lab.get_by_role("heading", name="Turns of hasty")).to_be_visible()
    lab.get_by_role("radio", name="patient is the baseline").check()
    rows = lab.get_by_role("region", name="Figures of the runs").locator("tbody tr")
    expect(rows.nth(1)).to_contain_text("1 of 24 cut")
    expect(rows.nth(1)).to_contain_text("more turns cut")
    expect(rows.nth(1)).to_have_class("lab-cut")
    expect(rows.nth(0)).not_to_have_class("lab-cut")
    expect(rows.nth(1)).not_to_contain_text("2165")
    against = lab.get_by_role("region", name="Figures against the baseline")
    expect(against.locator(".lab-better")).to_have_count(0)
    expect(lab.get_by_text("answers that come too soon make no run better")).to_be_visible()
    expect(lab.locator("tr.lab-cut").last).to_contain_text("Answered 2165 ms before the turn was over.")
    assert rows.nth(2).locator("td.number").all_inner_texts()[3:5] == ["-", "-"]  # two turns have no percentile
    assert violations(lab) == []


def test_a_turn_shows_why_it_was_waited_for(lab: Page) -> None:
    known = {"rule": "", "ending": "it hurt?", "text_goes_on": 0.12, "stretch": 1.0, "patience": 1.0}
    text = {**known, "after_ms": 130, "wait_ms": 700, "voice_goes_on": None, "goes_on": 0.12, "look": None}
    voice = {**known, "after_ms": 210, "wait_ms": 540, "voice_goes_on": 0.05, "goes_on": 0.03, "look": 0}
    waits = [
        {
            "turn": 1,
            "silence_ms": 560,
            "words": "Waited 560 ms: the text sounds complete.",
            "pauses": [
                {
                    "silence_ms": 560,
                    "went_on": False,
                    "wait_ms": 540,
                    "words": "Waited 560 ms: the text sounds complete.",
                    "looks": [
                        {"asked_ms": 160, "answered_ms": 210, "goes_on": 0.05, "words": "the voice sounds finished"},
                        {"asked_ms": 500, "answered_ms": None, "goes_on": None, "words": "no answer in time"},
                    ],
                    "judged": [{**text, "words": "the text is whole"}, {**voice, "words": "the voice is finished"}],
                }
            ],
        }
    ]
    turns = [turn("with reasons", 600) | {"waits": waits}, turn("of an older page", 500)]
    kept = {
        "id": "kept",
        "name": "kept",
        "machine": {},
        "about": {"date": "2026-11-21T10:00:00+00:00", "fixed_wait_ms": None, "recordings": ["a.wav"]},
        "repeats": [turns],
        "troubles": [],
        "topics_told": [],
        "stopped": False,
    }
    lab.evaluate("(run) => localStorage.setItem('interlocutor.lab.runs', JSON.stringify([run]))", kept)
    lab.reload()
    lab.get_by_role("button", name="Turns of kept").click()
    shown = lab.get_by_role("region", name="Turns of kept")
    expect(shown).to_contain_text("of an older page")
    (why,) = shown.locator(".lab-why").all()
    expect(why.locator("p").first).to_have_text("Waited 560 ms: the text sounds complete.")
    expect(why.get_by_role("img", name="When each judgement of the silence was made")).to_be_visible()
    assert [row.inner_text().split() for row in why.locator(".why-cells").all()] == [
        ["text", "voice", "both", "wait"],
        ["12", "12", "700"],
        ["12", "5", "3", "540"],
    ]
    # The wait's mark ends where the wait does, and the turn was taken a little later.
    track, mark, end = (
        why.locator(f".why-row-wait {name}").bounding_box() for name in (".why-track", ".why-wait", ".why-end")
    )
    assert track is not None
    assert mark is not None
    assert end is not None
    assert (end["x"] - track["x"]) / (mark["x"] + mark["width"] - track["x"]) == pytest.approx(560 / 540, abs=0.01)
    why.get_by_text("The same as a table").click()
    rows = why.get_by_role("table").locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[1:3] for row in rows] == [
        ["130 ms", "the text is whole"],
        ["160 ms", "The turn detector was asked."],
        ["210 ms", "the voice is finished"],
        ["500 ms", "The turn detector was asked."],
        ["560 ms", "The turn was taken."],
    ]
    assert violations(lab) == []
    lab.set_viewport_size({"width": 360, "height": 640})
    box = why.bounding_box()
    assert box is not None
    assert box["width"] < 320  # it can be read without scrolling sideways
    assert violations(lab) == []


def turn(text: str, whole_ms: float) -> dict[str, Any]:
    """A turn as the page keeps it."""
    parts = {"endpoint": whole_ms - 20, "recognise": 5, "respond": 5, "speak": 5, "deliver": 5}
    return {
        "source": "a.wav",
        "text": text,
        "expect": None,
        "heard": text,
        "said": "Yes.",
        "cues": [],
        "answers": 1,
        "cut": False,
        "voice_to_voice_ms": whole_ms,
        "parts": parts,
        "timeline": None,
        "network": None,
        "server_voice_to_voice_ms": whole_ms,
    }


def test_dropped_recordings_are_chosen_and_what_cannot_be_read_is_told(lab: Page, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF" + bytes(100))
    write_microphone(tmp_path / "silent.wav", [500])
    write_microphone(tmp_path / "quiet.wav", [500])
    (tmp_path / "quiet.truth.yaml").write_text("turns: 7")
    (tmp_path / "notes.txt").write_text("no recording")
    files = lab.locator("input[type=file]").first
    files.set_input_files([tmp_path / "notes.txt"])
    expect(lab.get_by_text("There were no recordings among these.")).to_be_visible()
    lab.get_by_role("button", name="Run", exact=True).click()
    expect(lab.get_by_text("Choose at least one recording.")).to_be_visible()
    files.set_input_files([tmp_path / name for name in ("broken.wav", "quiet.truth.yaml", "quiet.wav", "silent.wav")])
    expect(lab.get_by_text("3 recordings chosen.")).to_be_visible()
    lab.get_by_label("Repeats").fill("0")
    lab.get_by_role("button", name="Run", exact=True).click()
    expect(lab.get_by_text("Give a number from 1 to 50.")).to_be_visible()
    lab.get_by_label("Repeats").fill("1")
    lab.get_by_role("button", name="Run", exact=True).click()
    dialog = lab.get_by_role("alertdialog", name="Nothing could be run")
    expect(dialog).to_contain_text("broken.wav can't be read")
    expect(dialog).to_contain_text("quiet.wav: its truth file can't be used (rate_hz: Field required)")
    expect(dialog).to_contain_text("Nothing is spoken in silent.wav")


def test_the_link_opens_the_page_and_leaves_no_key_in_the_address(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url, first=f"{server.url}/lab") as page:
        page.get_by_label("Developer key").wait_for()
        # In the same tab only the fragment changes, which loads nothing anew.
        page.goto(server.lab_url)
        expect(page.get_by_role("heading", name="What to run")).to_be_visible()
        assert page.url == f"{server.url}/lab"
        page.reload()
        expect(page.get_by_role("heading", name="What to run")).to_be_visible()


def test_who_has_no_link_is_asked_for_the_key(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url, first=f"{server.url}/lab") as page:
        key = page.get_by_label("Developer key")
        key.fill("not-the-key")
        page.get_by_role("button", name="Open").click()
        expect(page.get_by_role("alert")).to_have_text("The server did not take this key.")
        key.fill("a-developers-key-for-tests-0123456789")
        key.press("Enter")
        expect(page.get_by_role("heading", name="What to run")).to_be_visible()
        page.reload()
        expect(page.get_by_role("heading", name="What to run")).to_be_visible()  # kept for this tab
        page.get_by_role("button", name="Forget the key").click()
        expect(page.get_by_label("Developer key")).to_be_visible()
