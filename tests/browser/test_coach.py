"""The page after a practice: a coach's words, tasks and counts with their places, corrections, and model phrases."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Page, Route, expect

from audio.frames import WIRE_HZ
from pipelines.assessment.assessor import Assessor
from pipelines.intent.learned import LearnedInterpreter
from pipelines.log.recorded_turns import recorded_turns, turns_as_json
from pipelines.patient.card import public_view
from pipelines.patient.card_library import CardLibrary
from server.settings.tree import CONFIG_FOLDER
from tests.app.process import ServerProcess
from tests.browser import steps
from tests.browser.axe import violations
from tests.browser.chromium import visiting
from tests.nightly import by_night
from tests.unit.spoken_log import SpokenLog

pytestmark = pytest.mark.browser

CARD = CardLibrary.load(CONFIG_FOLDER / "cards").get_card("nursing-leg-wound")
SHOW = """async ({ record, session }) => {
  const { debriefScreen } = await import("/static/screens/debrief.js");
  const screen = debriefScreen({
    record, session, lines: [], reason: "ended", mode: record.mode, notes: { text: "" },
    kept: { practice_days: 90, exam_days: 180 },
    on_again() {}, on_leave() {}, on_retry() {}, on_deleted() {},
  });
  document.querySelector("main").replaceChildren(screen.element);
}"""
# What is to be played, as the page asks the browser for it.
NOTE_PLAYS = """() => {
  globalThis.played = [];
  const play = HTMLMediaElement.prototype.play;
  HTMLMediaElement.prototype.play = function () { played.push(1000 * this.currentTime); return play.call(this); };
}"""


def role_play() -> SpokenLog:
    """Return a role-play in which some went well, a worry was not met, and a word was not clear."""
    log = SpokenLog()
    log.candidate("Good morning, I am Anna. Could you tell me how it happened?", "cue_question")
    log.patient("I caught my shin on a metal shelf in the garage.", tells="how-it-happened")
    log.candidate("And how is the pain?", "cue_question", pauses={3: 900.0})
    log.patient("It throbs, mostly in the evening.", tells="pain")
    log.candidate("Do you asprin?", "cue_question", unclear={2})
    log.patient("I do, yes. About fifteen a day.", tells="smoking", heard="I do,")
    log.candidate("What worries you most about it?", "invitation")
    log.patient("They took my father's leg off.", tells="worry-leg")
    log.candidate(
        "The skin is thin there and the blood has a long way to go, so a wound on the lower leg takes weeks to heal. "
        "Today I will clean the wound, measure it and put on a new dressing.",
        "explanation",
    )
    log.patient("I see.")
    return log


def told(interpreter: LearnedInterpreter, mode: str = "practice") -> dict[str, Any]:
    """Return what the server sends of it: the record and the assessment."""
    log = role_play()
    show_cues = mode == "practice"
    record = {
        "id": "sess_1",
        "status": "ended",
        "mode": mode,
        "card": public_view(CARD).model_dump(mode="json"),
        "turns": turns_as_json(recorded_turns(log.entries), CARD, show_cues=show_cues),
        "recording": {"state": "ready", "size_bytes": 1, "duration_ms": round(log.at_ms)},
        "cues": [{"topic": cue.topic, "told": cue.id == "pain"} for cue in CARD.cues] if show_cues else [],
        "subjects": [],
        "talk": {"candidate_ms": 30_000, "patient_ms": 15_000, "candidate_share": 0.667},
        "latency": {"p50": 700, "p95": 1_200},
    }
    return {"record": record, "assessment": Assessor(lambda: interpreter).assess(log.entries, CARD).as_json()}


def recording(length_s: float) -> bytes:
    """Return a recording of two tones, a faint one and a loud one."""
    at_s = np.arange(int(length_s * WIRE_HZ)) / WIRE_HZ
    sides = [level * np.sin(2 * np.pi * hz * at_s) for level, hz in ((0.02, 300), (0.5, 500))]
    file = io.BytesIO()
    soundfile.write(file, np.stack(sides, axis=1), WIRE_HZ, format="FLAC")
    return file.getvalue()


@contextmanager
def shown(
    browser: Browser, server: ServerProcess, facts: dict[str, Any], *, assessed: bool = True, **context: Any
) -> Iterator[Page]:
    """Open the page after a role-play; what belongs to the session comes from here, all else from the server."""

    def answer(route: Route) -> None:
        path = route.request.url.partition("/api/sessions/sess_1")[2]
        if path == "/measures" and assessed:
            route.fulfill(content_type="application/json", body=json.dumps(facts["assessment"]))
        elif path == "/recording":
            route.fulfill(content_type="audio/flac", body=recording(facts["record"]["recording"]["duration_ms"] / 1000))
        elif path == "/record":
            route.fulfill(content_type="application/json", body=json.dumps(facts["record"]))
        elif path.startswith("/phrases/"):
            route.fulfill(content_type="audio/flac", body=recording(0.5))
        else:
            route.fulfill(
                status=500, content_type="application/json", body='{"error": {"code": "internal", "message": ""}}'
            )

    with visiting(browser, server.url, **context) as page:
        steps.heading(page, "Choose a role-play").wait_for()
        page.route("**/api/sessions/sess_1**", answer)
        page.evaluate(NOTE_PLAYS)
        session = {"id": "sess_1", "token": "t", "card": facts["record"]["card"]}
        page.evaluate(SHOW, {"record": facts["record"], "session": session})
        yield page


@pytest.fixture(scope="module")
def facts(learned_interpreter: LearnedInterpreter) -> dict[str, Any]:
    return told(learned_interpreter)


def test_the_coach_says_what_went_well_and_what_to_try(
    browser: Browser, server: ServerProcess, facts: dict[str, Any]
) -> None:
    with shown(browser, server, facts) as page:
        coach = page.get_by_role("region", name="Your coach")
        expect(coach.get_by_role("heading", name="What went well")).to_be_visible()
        expect(coach.locator(".coach-try")).to_contain_text("The patient told you a worry.")
        expect(coach.locator(".phrase-text")).to_have_text("I can hear how worried you are about this.")
        coach.get_by_role("button", name="Hear it").click()
        page.wait_for_function("() => played.length === 1")
        coach.get_by_role("button", name="Say it").click()
        coach.get_by_role("button", name="Stop").click()
        coach.get_by_role("button", name="Hear yourself").click()
        page.wait_for_function("() => played.length === 2")
        expect(coach.get_by_text("Your voice stays on this computer.")).to_be_visible()
        assert violations(page) == []


def test_tasks_cues_and_counts_say_where_they_were_heard(
    browser: Browser, server: ServerProcess, facts: dict[str, Any]
) -> None:
    with shown(browser, server, facts) as page:
        states = page.locator(".task-state")
        expect(states).to_have_text(["Heard", "Perhaps", "Heard", "Perhaps", "Not heard"])
        steps.recording(page)
        # The place of the question that found it out, a moment before its first word.
        page.locator(".task").first.get_by_role("button").first.click()
        page.wait_for_function("() => played.length === 1")
        from_ms = facts["assessment"]["tasks"][0]["evidence"][0]["from_ms"]
        assert page.evaluate("() => played[0]") == pytest.approx(from_ms - 150, abs=40)
        cues = page.get_by_role("region", name="What the patient told you")
        expect(cues.locator(".topics-told li > span")).to_have_text(["How the wound happened", "Pain", "Main worry"])
        expect(cues.locator(".topics-partly li > span")).to_have_text(["Smoking"])
        counts = page.get_by_role("region", name="What was counted")
        expect(counts.locator(".panel-counts > .count, :scope > .count")).to_have_count(3)
        counts.get_by_text("All counts").click()
        expect(counts.locator(".count")).to_have_count(len(facts["assessment"]["measures"]))
        assert violations(page) == []


@by_night
def test_a_word_that_was_not_clear_can_be_corrected_and_stays_so(
    browser: Browser, server: ServerProcess, facts: dict[str, Any]
) -> None:
    with shown(browser, server, facts) as page:
        word = page.get_by_role("button", name="asprin?")
        word.click()
        page.get_by_label("Your words").fill("smoke?")
        page.get_by_role("button", name="Keep", exact=True).click()
        expect(page.get_by_role("button", name="smoke? (corrected by you)")).to_be_visible()
        page.evaluate(
            SHOW,
            {"record": facts["record"], "session": {"id": "sess_1", "token": "t", "card": facts["record"]["card"]}},
        )
        page.get_by_role("button", name="smoke? (corrected by you)").click()
        page.get_by_role("button", name="Show what was heard").click()
        expect(page.get_by_role("button", name="asprin? (not clear)")).to_be_visible()
        assert violations(page) == []


@by_night
def test_without_the_assessment_the_rest_stays(browser: Browser, server: ServerProcess, facts: dict[str, Any]) -> None:
    with shown(browser, server, facts, assessed=False) as page:
        page.wait_for_function("() => document.body.innerText.includes('could not read')")
        expect(page.get_by_role("region", name="Your coach").get_by_role("button", name="Try again")).to_be_visible()
        expect(page.locator(".topics-told li")).to_have_text(["Pain"])
        expect(page.get_by_role("region", name="What was said")).to_contain_text("Do you")


def test_an_exam_shows_no_figures(
    browser: Browser, server: ServerProcess, learned_interpreter: LearnedInterpreter
) -> None:
    with shown(browser, server, told(learned_interpreter, "exam")) as page:
        expect(page.get_by_role("region", name="What was said")).to_contain_text("how it happened")
        for name in ("Your coach", "Tasks of your card", "What was counted", "How much each of you spoke"):
            expect(page.get_by_role("region", name=name)).to_have_count(0)
        expect(page.get_by_text("For developers")).to_have_count(0)


@by_night
def test_developers_find_the_log_behind_a_link(browser: Browser, server: ServerProcess, facts: dict[str, Any]) -> None:
    with shown(browser, server, facts) as page:
        expect(page.get_by_role("button", name="Save the log")).to_have_count(0)
        page.get_by_text("For developers").click()
        expect(page.get_by_role("button", name="Save the log")).to_be_visible()
        expect(page.get_by_text("Most answers came within 0.7 s")).to_be_visible()


@by_night
def test_it_fits_a_small_phone(browser: Browser, server: ServerProcess, facts: dict[str, Any], tmp_path: Path) -> None:
    with shown(browser, server, facts, viewport={"width": 320, "height": 640}) as page:
        page.get_by_role("region", name="What was counted").wait_for()
        wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0
        page.screenshot(path=tmp_path / "phone.png", full_page=True)


@by_night
def test_on_paper_it_is_what_was_said_and_found(
    browser: Browser, server: ServerProcess, facts: dict[str, Any], tmp_path: Path
) -> None:
    with shown(browser, server, facts, viewport={"width": 800, "height": 1100}) as page:
        page.get_by_role("region", name="What was counted").wait_for()
        page.emulate_media(media="print")
        for name in ("Your coach", "What was said", "What was counted"):
            expect(page.get_by_role("region", name=name)).to_be_visible()
        for name in ("Same card again", "Choose another card"):
            expect(page.get_by_role("button", name=name)).to_be_hidden()
        for hidden in (".player", ".panel-keeping", ".button-place", ".for-developers"):
            assert not page.locator(hidden).first.is_visible()
        page.screenshot(path=tmp_path / "paper.png", full_page=True)
