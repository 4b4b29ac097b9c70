"""A person's way from the cards to what was said, in a real browser with a voice in its microphone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser import steps
from tests.browser.fake_server import REPLY_MS, FakeServer

pytestmark = pytest.mark.browser


def test_practice_from_the_cards_to_the_debrief(page: Page, server: FakeServer) -> None:
    notices = page.get_by_role("region", name="Before you begin")
    expect(notices).to_contain_text("The patient is a machine")
    expect(notices).to_contain_text("You need not finish every task")
    expect(notices).to_contain_text("speech recognition and the patient's voice are for demonstration")
    steps.prepare(page)
    expect(page.get_by_role("article", name=steps.ASTHMA).get_by_role("listitem")).to_have_count(4)
    expect(page.get_by_role("timer")).to_have_text("3:00")
    expect(page.get_by_role("timer")).to_have_text("2:59")
    page.get_by_role("textbox", name="Notes").fill("Ask about side effects")
    page.get_by_role("button", name="Check the microphone").click()
    expect(page.get_by_text("We hear you well.")).to_be_visible()
    page.get_by_role("button", name="Play a test sound").click()
    expect(page.get_by_text("Did you hear two notes?")).to_be_visible()

    steps.start(page)
    expect(page.locator(".state-hint")).to_contain_text("greet the patient, and say who you are")
    steps.in_state(page, "hearing")
    expect(page.locator(".caption-candidate .caption-stable")).to_have_text("Hello I am")
    expect(page.locator(".caption-candidate .caption-tentative")).to_have_text(" the nurse")
    steps.in_state(page, "speaking")
    expect(page.locator(".caption-candidate")).to_contain_text("Hello, I am the nurse.")
    expect(page.locator(".caption-patient")).to_contain_text("I have been better, to be honest.")
    expect(page.get_by_text("Last reply after 0.8 s")).to_be_visible()
    steps.in_state(page, "listening")
    expect(page.get_by_role("textbox", name="Notes")).to_have_value("Ask about side effects")
    steps.end(page)

    expect(page.get_by_text("You ended the role-play.")).to_be_visible()
    said = page.get_by_role("region", name="What was said").get_by_role("listitem")
    expect(said).to_have_count(len(server.turns))
    expect(said.nth(1)).to_contain_text("I have been better, to be honest.")
    told = page.get_by_role("region", name="What the patient told you")
    expect(told.locator(".topics-told")).to_have_text("How it was after hospital")
    expect(told.locator(".topics-missed li")).to_have_text(
        ["Difficulties with the inhaler", "Worry about side effects"]
    )
    expect(page.get_by_text("You 64 %")).to_be_visible()
    expect(page.get_by_text("Usually within 0.8 s, nearly always within 1.2 s")).to_be_visible()
    expect(page.get_by_text("Ask about side effects")).to_be_visible()
    page.get_by_role("button", name="Listen to the recording").click()
    expect(page.locator("audio")).to_have_js_property("readyState", 4)
    assert page.locator("audio").evaluate("audio => audio.duration") == pytest.approx(0.5, abs=0.01)
    expect(page.get_by_role("link", name="Save the recording")).to_have_attribute(
        "download", "role-play-nursing-asthma-plan.flac"
    )

    page.get_by_role("button", name="Same card again").click()
    steps.heading(page, "Prepare").wait_for()
    expect(page.get_by_role("textbox", name="Notes")).to_have_value("Ask about side effects")


def test_what_is_played_is_acknowledged_in_steps_and_to_the_end(page: Page, server: FakeServer) -> None:
    steps.prepare(page)
    steps.start(page)
    steps.in_state(page, "speaking")
    steps.in_state(page, "listening")
    assert server.received[0] == {"type": "interlocutor.client.configure", "playout_acks": True}
    played = [
        m["played_ms"] for m in server.received if m["type"] == "interlocutor.playout" and m["item_id"] == "patient-1"
    ]
    assert played == sorted(played)
    assert len(played) >= REPLY_MS // 100
    assert played[-1] == REPLY_MS


def test_exam_runs_its_time_out_and_shows_no_captions(page: Page, server: FakeServer) -> None:
    server.prepare_s = 2
    steps.prepare(page, exam=True)
    expect(page.get_by_role("button", name="Start now")).to_have_count(0)
    expect(page.get_by_text("starts by itself")).to_be_visible()
    steps.in_state(page, "speaking")
    expect(page.get_by_text("There are no captions in exam mode.")).to_be_visible()
    expect(page.locator(".caption")).to_have_count(0)
    expect(page.get_by_role("button", name="Captions")).to_have_count(0)
    assert server.sessions == [{"card": "nursing-asthma-plan", "mode": "exam"}]
    steps.end(page)
    expect(page.get_by_text("In exam mode this is for the examiner.")).to_be_visible()
    expect(page.locator(".topics")).to_have_count(0)


def test_the_patient_may_speak_first(page: Page) -> None:
    steps.prepare(page, steps.WOUND)
    expect(page.get_by_text("The patient will speak first.")).to_be_visible()
    page.get_by_role("button", name="Start now").click()
    steps.in_state(page, "speaking")
    expect(page.locator(".caption-patient")).to_contain_text("Oh, there you are.")
    steps.in_state(page, "listening", "hearing")


def test_mute_sends_silence_and_not_nothing(page: Page, server: FakeServer) -> None:
    steps.prepare(page)
    steps.start(page)
    mute = page.get_by_role("button", name="Mute")
    mute.click()
    expect(mute).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".notice")).to_contain_text("the patient cannot hear you")
    before = server.silent_frames
    page.wait_for_timeout(1500)  # the subject is time that passes: 75 frames of 20 ms
    assert server.silent_frames - before > 40
    mute.click()
    expect(mute).to_have_attribute("aria-pressed", "false")
    heard = server.voiced_frames
    steps.in_state(page, "hearing")
    assert server.voiced_frames > heard


def test_an_interrupted_reply_goes_silent_and_is_marked(page: Page, server: FakeServer) -> None:
    server.interrupt = True
    steps.prepare(page)
    steps.start(page)
    steps.in_state(page, "speaking")
    steps.in_state(page, "listening", "hearing")
    expect(page.locator(".caption-patient .caption-mark").first).to_be_visible()
    played = [
        m["played_ms"] for m in server.received if m["type"] == "interlocutor.playout" and m["item_id"] == "patient-1"
    ]
    assert max(played) < REPLY_MS
    server.interrupt = False
    steps.end(page)


def test_captions_and_clock_can_be_put_away(page: Page) -> None:
    steps.prepare(page)
    steps.start(page)
    page.get_by_role("button", name="Captions").click()
    expect(page.get_by_text("Captions are off.")).to_be_visible()
    expect(page.locator(".captions")).to_be_hidden()
    page.get_by_role("button", name="Hide clock").click()
    expect(page.get_by_role("timer")).to_be_hidden()
    page.get_by_role("button", name="Show clock").click()
    expect(page.get_by_role("timer")).to_be_visible()


def test_the_server_ends_the_session_when_time_is_up(page: Page, server: FakeServer) -> None:
    server.end_after_turns = 1
    steps.prepare(page)
    steps.start(page)
    steps.afterwards(page)
    expect(page.get_by_text("The time is over.")).to_be_visible()


def test_an_open_question_does_not_outlive_the_role_play(page: Page, server: FakeServer) -> None:
    server.end_after_turns = 1
    steps.prepare(page)
    steps.start(page)
    page.get_by_role("button", name="End", exact=True).click()
    steps.afterwards(page)
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_session_that_grew_old_while_preparing_is_opened_again(page: Page, server: FakeServer) -> None:
    server.expires_s = 1
    steps.prepare(page)
    steps.start(page)
    assert len(server.sessions) == 2


def test_another_card_can_be_chosen_after_a_microphone_check(page: Page, server: FakeServer) -> None:
    steps.prepare(page)
    page.get_by_role("button", name="Check the microphone").click()
    expect(page.get_by_text("We hear you well.")).to_be_visible()
    page.get_by_role("button", name="Choose another card").click()
    steps.heading(page, "Choose a role-play").wait_for()
    steps.prepare(page, steps.WOUND)
    expect(page.get_by_text("Not checked yet.")).to_be_visible()  # the microphone was let go
    assert [session["card"] for session in server.sessions] == ["nursing-asthma-plan", "nursing-dressing-change"]


def test_mode_and_profession_are_remembered(page: Page) -> None:
    page.get_by_label("Exam").check()
    page.get_by_label("Profession").select_option(label="Pharmacy")
    expect(page.get_by_role("button", name="Prepare:")).to_have_count(1)
    page.get_by_role("button", name="Prepare: New tablets").click()
    steps.heading(page, "Prepare").wait_for()
    page.reload()
    expect(page.get_by_label("Exam")).to_be_checked()
    expect(page.get_by_label("Profession")).to_have_value("pharmacy")
