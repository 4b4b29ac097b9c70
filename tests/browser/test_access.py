"""That the page can be used by keyboard, by ear, and on a small phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.process import ServerProcess
from tests.browser import steps
from tests.browser.chromium import visiting

pytestmark = pytest.mark.browser

WIDER_THAN_THE_SCREEN = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


def focus_by_tab(page: Page, name: str) -> None:
    """Press Tab until the control of that name has the focus, as a person without a mouse does."""
    for _ in range(40):
        page.keyboard.press("Tab")
        label = page.evaluate(
            "(document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent).trim()"
        )
        if label == name:
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            return
    raise AssertionError(f"40 times Tab did not lead to {name!r}")


def test_the_whole_way_by_keyboard(page: Page) -> None:
    steps.heading(page, "Choose a role-play").wait_for()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    focus_by_tab(page, f"Prepare: {steps.WOUND}")
    page.keyboard.press("Enter")
    expect(steps.heading(page, "Before you start")).to_be_focused()
    focus_by_tab(page, "Continue to the card")
    page.keyboard.press("Enter")
    page.keyboard.press("Space")  # the box that was forgotten has the focus
    focus_by_tab(page, "Continue to the card")
    page.keyboard.press("Enter")
    expect(steps.heading(page, "Prepare")).to_be_focused()
    focus_by_tab(page, "Start now")
    page.keyboard.press("Enter")
    expect(steps.heading(page, "Role-play")).to_be_focused()
    steps.in_state(page, "speaking")
    focus_by_tab(page, "Turn microphone off")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Turn microphone on")).to_be_visible()
    focus_by_tab(page, "End")
    page.keyboard.press("Enter")
    page.get_by_role("dialog", name="End the role-play?").wait_for()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="End", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    steps.afterwards(page)
    expect(steps.heading(page, "After the role-play")).to_be_focused()
    focus_by_tab(page, "Choose another card")
    page.keyboard.press("Enter")
    expect(steps.heading(page, "Choose a role-play")).to_be_focused()


def test_what_screen_readers_are_told(page: Page) -> None:
    steps.prepare(page)
    expect(page).to_have_title("Prepare - Interlocutor")
    for role in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(role)).to_have_count(1)
    steps.start(page)
    expect(page.locator("#announce-state")).to_contain_text("Your turn.")
    steps.in_state(page, "speaking")
    # Captions are shown and not spoken: a screen reader would speak over the patient. Whoever wants that can have it.
    expect(page.locator(".caption-candidate").first).to_contain_text(steps.HEARD[:5])
    expect(page.locator("#announce-lines p")).to_have_count(0)
    steps.more(page).get_by_role("button", name="Read captions aloud").click()
    expect(page.locator("#announce-lines p").first).to_have_text(f"Patient: {steps.REPLY}")


def test_nothing_is_wider_than_a_small_phone(phone: Page) -> None:
    def fits() -> None:
        assert phone.evaluate(WIDER_THAN_THE_SCREEN) is False

    steps.heading(phone, "Choose a role-play").wait_for()
    fits()
    steps.choose(phone)
    phone.get_by_role("button", name="Check the microphone").click()
    phone.get_by_text("We hear you well.").wait_for()
    fits()
    steps.agree(phone)
    steps.heading(phone, "Prepare").wait_for()
    fits()
    steps.start(phone)
    tasks = phone.get_by_role("region", name="Your card and notes").get_by_role("checkbox")
    expect(tasks.first).to_be_visible()
    phone.get_by_role("button", name="Card", exact=True).click()
    expect(tasks.first).to_be_hidden()
    phone.get_by_role("button", name="Card", exact=True).click()
    fits()
    expect(phone.get_by_role("button", name="End", exact=True)).to_be_in_viewport()
    steps.end(phone)
    steps.recording(phone)
    fits()


def test_the_policy_holds(page: Page) -> None:
    """The way through the page needs nothing that the policy forbids, and what it forbids does not run."""
    page.evaluate(
        """() => {
            globalThis.broken = [];
            document.addEventListener("securitypolicyviolation", (event) => broken.push(event.effectiveDirective));
        }"""
    )
    steps.prepare(page)
    steps.start(page)
    steps.end(page)
    steps.recording(page)
    assert page.evaluate("broken") == []


def test_a_script_in_the_page_and_a_request_to_another_host_are_stopped(
    browser: Browser, server: ServerProcess
) -> None:
    with visiting(browser, server.url, allowed=("Executing inline script", "Connecting to", "Fetch API")) as page:
        asked = page.evaluate(
            """async () => {
                const script = document.createElement("script");
                script.textContent = "globalThis.intruder = true";
                document.body.append(script);
                const refused = await fetch("https://example.org/").then(() => false, () => true);
                return { intruder: globalThis.intruder ?? false, refused };
            }"""
        )
        assert asked == {"intruder": False, "refused": True}
