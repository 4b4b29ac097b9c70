"""Words that were heard without confidence: the eye and the ear are told, and the word stays."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.app.process import ServerProcess
from tests.browser import steps
from tests.browser.axe import violations
from tests.browser.chromium import visiting

pytestmark = pytest.mark.browser

SHOW = """async () => {
  const { Captions } = await import("/static/core/captions.js");
  const { CaptionView } = await import("/static/ui/caption_view.js");
  const { TranscriptView } = await import("/static/ui/transcript_view.js");
  const captions = new Captions();
  const token = (token, confidence) => ({ token, logprob: Math.log(confidence), bytes: [] });
  captions.receive({
    type: "conversation.item.input_audio_transcription.completed",
    item_id: "item_c1",
    transcript: "I take asprin daily.",
    logprobs: [token("I", 0.9), token(" take", 0.8), token(" asprin", 0.1), token(" daily.", 0.7)],
  });
  const view = new CaptionView();
  view.aloud = true;
  view.show(captions.visible);
  view.show(captions.visible); // again, since other lines change
  const words = [["I", 0, 100, 0.9], ["take", 100, 300, null], ["asprin", 300, 700, 0.1], ["daily.", 700, 900, 0.7]];
  const turn = { role: "candidate", text: "I take asprin daily.", from_ms: 0, to_ms: 900, words };
  const transcript = new TranscriptView([turn]);
  document.querySelector("main").append(view.element, transcript.element);
  return transcript.has_unclear;
}"""


def test_a_word_that_was_not_clear_is_marked_and_stays(browser: Browser, server: ServerProcess) -> None:
    with visiting(browser, server.url) as page:
        steps.heading(page, "Choose a role-play").wait_for()
        assert page.evaluate(SHOW) is True
        for line in (page.locator(".caption-stable"), page.locator(".said .caption-text")):
            expect(line).to_have_text("I take asprin (not clear) daily.")
            word = line.locator(".word-unclear")
            expect(word).to_have_count(1)
            expect(word).to_have_attribute("title", "not clear")
            expect(word).to_have_css("text-decoration-style", "dotted")
        expect(page.locator("#announce-lines")).to_have_text("You: I take asprin (not clear) daily.")
        assert violations(page) == []
