"""What people do on the page, by the words they see."""

from __future__ import annotations

from playwright.sync_api import Locator, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

WOUND = "A leg wound that is slow to heal"
INHALER = "A new preventer inhaler"
PATIENT_FIRST = "A leg wound, told by the patient"

# What the scripted recogniser hears of the test's sentence, and what the scripted patient answers.
HEARD = "word1 word2 word3"
REPLY = "It began about three weeks ago, and it has not got better since then."


def heading(page: Page, name: str) -> Locator:
    """Return the main heading of a screen."""
    return page.get_by_role("heading", name=name, exact=True, level=1)


def choose(page: Page, card: str = WOUND, *, exam: bool = False) -> None:
    """Choose a card, and wait for what is asked before one starts."""
    if exam:
        page.get_by_label("Exam").check()
    page.get_by_role("button", name=f"Prepare: {card}").click()
    heading(page, "Before you start").wait_for()


def agree(page: Page) -> None:
    """Agree to what is asked, and go on."""
    page.get_by_role("checkbox", name="I have read this and agree.").check()
    page.get_by_role("button", name="Continue to the card").click()


def prepare(page: Page, card: str = WOUND, *, exam: bool = False) -> None:
    """Choose a card, agree, and wait for the screen to prepare."""
    choose(page, card, exam=exam)
    agree(page)
    heading(page, "Prepare").wait_for()


def start(page: Page) -> None:
    """Begin the role-play, and wait until it has begun."""
    page.get_by_role("button", name="Start now").click()
    in_state(page, "listening", "hearing", "thinking", "speaking")


def in_state(page: Page, *states: str) -> None:
    """Wait until the conversation is in one of `states`; a failure tells what is there instead."""
    try:
        page.locator(", ".join(f".screen-talk[data-state={state}]" for state in states)).wait_for()
    except PlaywrightTimeout:
        seen = page.evaluate(
            "() => [document.querySelector('.screen-talk')?.dataset.state ?? 'no talk', document.body.innerText]"
        )
        raise AssertionError(f"not in {', '.join(states)} but {seen[0]}: {seen[1]}") from None


def more(page: Page) -> Locator:
    """Open what one seldom needs during a role-play."""
    menu = page.locator(".more")
    if menu.get_attribute("open") is None:
        menu.locator("> summary").click()
    return menu


def end(page: Page) -> None:
    """End the role-play, and wait for what comes afterwards."""
    page.get_by_role("button", name="End", exact=True).click()
    page.get_by_role("button", name="End it").click()
    afterwards(page)


def afterwards(page: Page) -> None:
    """Wait until what was said is shown."""
    heading(page, "After the role-play").wait_for()
    page.get_by_role("heading", name="What was said").wait_for()


def recording(page: Page) -> None:
    """Wait until the recording can be heard."""
    page.get_by_role("link", name="Save the recording").wait_for()
    page.get_by_role("button", name="Play", exact=True).wait_for()
