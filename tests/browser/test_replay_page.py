"""The page that `interlocutor replay --html` writes, opened from the disk in a real browser."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from bench.replay.baseline import read_report
from server.paths import ROOT
from server.reports.comparison import compare
from tests.browser.axe import violations
from tests.browser.chromium import TIMEOUT_MS, Watched

pytestmark = pytest.mark.browser

RECORDING = "consultation-pharmacy.flac"
PARTS = ("endpoint", "recognise", "respond", "speak", "deliver")
COMMON = ("--pace", "fast", "--set", "engines.backend=mock")


@dataclass(frozen=True)
class Replayed:
    """A replay against an earlier one: its page, and the two reports."""

    html: Path
    report: Path
    earlier: Path


def replay(*given: str | Path) -> None:
    command = [sys.executable, "-m", "bench.cli", "replay", ROOT / "tests" / "data" / RECORDING, *COMMON, *given]
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL, timeout=60)


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    folder = tmp_path_factory.mktemp("replay")
    files = Replayed(folder / "page.html", folder / "now.json", folder / "before.json")
    replay("--json", files.earlier, "--set", "conversation.fixed_wait_ms=700")
    replay("--json", files.report, "--html", files.html, "--baseline", files.earlier, "--repeat", "2")
    return files


@pytest.fixture
def shown(browser: Browser, replayed: Replayed) -> Iterator[Page]:
    """The page as it is opened from the disk; it may complain of nothing and ask nobody."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(TIMEOUT_MS)
    watched = Watched(context, "http://nowhere", ())
    asked: list[str] = []
    watched.page.on("request", lambda request: asked.append(request.url))
    watched.page.goto(replayed.html.as_uri())
    watched.page.get_by_role("heading", name=f"Replay of {RECORDING}", level=1).wait_for()
    yield watched.page
    # The page itself, and the sound that it has inside.
    assert [url for url in asked if not (url.endswith(".html") or url.startswith("blob:"))] == []
    context.close()
    watched.verify()


def ms(value: float) -> str:
    return f"{round(value)} ms"


def test_the_page_shows_the_reports_figures(shown: Page, replayed: Replayed) -> None:
    report: dict[str, Any] = json.loads(replayed.report.read_text())
    summary, drafts = report["summary"], report["summary"]["drafts"]
    tiles = shown.locator(".lab-figures li").all_inner_texts()
    whole = summary["voice_to_voice_ms"]
    low, high = map(round, whole["interval"])
    assert whole["n"] < 20  # too few for a percentile
    assert [tile.split("\n")[0] for tile in tiles] == [
        f"{ms(whole['mean'])} ({low} to {high}, n = {whole['n']})",
        *("-", "-", "-"),
        f"{summary['answered_once']} of {summary['turns']}",
        f"{summary['cut']} of {summary['turns']}",
        f"{100 * summary['expected_cue_rate']:.0f} %",
        f"{drafts['reused']} of {drafts['turns']}",
        f"{drafts['discarded']} of {drafts['made']}",
        ms(1000 * drafts["discarded_s_per_turn"]),
    ]
    differences = compare(read_report(replayed.report), read_report(replayed.earlier)).differences
    rows = shown.get_by_role("region", name="Figures against the baseline").locator("tbody tr").all()
    cells = [(*row.locator("td.number").all_inner_texts(), row.locator("td").last.inner_text()) for row in rows]
    assert cells == [(*each.cells(), each.verdict) for each in differences]
    assert {each.verdict for each in differences} > {"lower"}
    expect(shown.locator(".lab-chart canvas")).to_be_visible()
    assert violations(shown) == []


def test_each_turn_is_in_the_page_in_words_and_drawn(shown: Page, replayed: Replayed) -> None:
    report = json.loads(replayed.report.read_text())
    table = shown.get_by_role("region", name="Turns, one by one")
    rows = table.locator(".lab-turns > tbody > tr:not(.lab-below)").all()
    below = table.locator(".lab-turns > tbody > tr.lab-below").all()
    assert len(rows) == len(below) == len(report["turns"])
    for turn, row, picture in zip(report["turns"], rows, below, strict=True):
        expect(row).to_contain_text(turn["heard"])
        expect(row).to_contain_text(turn["said"])
        expect(row.locator("td").last).to_have_text(ms(turn["voice_to_voice_ms"]))
        expect(picture).to_contain_text(f"The patient was heard {ms(turn['voice_to_voice_ms'])} after the last sound")
        (wait,) = turn["waits"]
        expect(picture.locator(".why-words")).to_have_text(wait["words"])
        expect(picture.get_by_text(re.compile("^The baseline: Waited 7.. ms: the wait is fixed"))).to_be_visible()
        assert picture.locator(".why-row-wait").count() == len(wait["pauses"])
        bars = [picture.locator(f"rect.{name}").bounding_box() for name in PARTS]
        places = [(box["x"], box["x"] + box["width"]) for box in bars if box is not None]
        assert len(places) == len(PARTS)
        scale = places[0][1] - places[0][0]
        reached_ms = 0.0
        for name, (left, _) in zip(PARTS, places, strict=True):
            wanted = places[0][0] + scale * reached_ms / turn["parts"]["endpoint"]
            assert left == pytest.approx(wanted, abs=1.0), name
            reached_ms += turn["parts"][name]


def test_both_voices_are_drawn_and_can_be_heard(shown: Page, replayed: Replayed) -> None:
    panel = shown.get_by_role("region", name="Both voices", exact=True)
    expect(panel.get_by_role("button", name="Play", exact=True)).to_be_visible()
    turns = json.loads(replayed.report.read_text())["turns"]
    assert panel.locator("rect.strip-candidate").count() == len(turns)
    assert panel.locator("rect.strip-wait").count() == len(turns)
    assert panel.locator("rect.strip-kept").count() > 0
    first = panel.locator("rect.strip-patient").first
    x_px = float(first.get_attribute("x") or "nan")
    # A second is 90 pixels: the strip and the record have the answer at the same place.
    answered_ms = turns[0]["voiced_end_ms"] + turns[0]["voice_to_voice_ms"]
    assert 1000.0 * x_px / 90.0 == pytest.approx(answered_ms, abs=100.0)
    first.click()
    played = "x_px => Number(document.querySelector('.strip-head').getAttribute('x1')) > x_px"
    shown.wait_for_function(played, arg=x_px)
    panel.get_by_role("button", name=re.compile("^Play: Patient")).last.click()
    panel.get_by_role("button", name=re.compile("^Pause: Patient")).wait_for()


def test_what_a_server_does_not_tell_is_said_to_be_missing(shown: Page, replayed: Replayed, tmp_path: Path) -> None:
    expect(shown.get_by_text("Not shown")).to_have_count(0)
    text = replayed.html.read_text(encoding="utf-8")
    other = tmp_path / "there.html"
    other.write_text(
        text.replace('"untold": []', '"untold": ["single words", "\\u003ctheir times>"]'), encoding="utf-8"
    )
    shown.goto(other.as_uri())
    expect(shown.get_by_text("Not shown: single words and <their times>.")).to_be_visible()


def test_a_report_of_a_time_before_judgements_opens(shown: Page, replayed: Replayed, tmp_path: Path) -> None:
    text = replayed.html.read_text(encoding="utf-8")
    old = tmp_path / "old.html"
    old.write_text(
        text.replace('"waits": ', '"forgotten": ').replace('"waited_before": ', '"lost": '), encoding="utf-8"
    )
    shown.goto(old.as_uri())
    expect(shown.get_by_role("region", name="Turns, one by one").locator("tbody > tr.lab-below").first).to_be_visible()
    expect(shown.locator(".lab-why")).to_have_count(0)


def test_the_page_can_be_read_on_a_phone(shown: Page) -> None:
    shown.set_viewport_size({"width": 360, "height": 640})
    wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    expect(shown.get_by_role("heading", name="What was run")).to_be_visible()
    assert not shown.evaluate(wider)
    assert violations(shown) == []
