"""The role-play in one window: tasks, state and what was said last are in sight together, on each screen there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.process import ROOT, ServerProcess
from tests.browser import steps
from tests.browser.axe import violations
from tests.browser.chromium import visiting
from tests.nightly import one_in

pytestmark = pytest.mark.browser

PICTURES = ROOT / ".cache" / "one-window"
SCREENS: dict[str, tuple[int, int]] = {
    "laptop": (1366, 768),
    "desktop": (1440, 900),
    "phone": (360, 640),
    "phone-large": (390, 844),
    "laptop at 200 %": (683, 384),
}
# Which of these boxes lie wholly in the window and in the boxes that scroll around them; and whether the page scrolls.
LOOK = """() => {
  const clipped = (element) => {
    let box = element.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) return true;
    for (let around = element.parentElement; around; around = around.parentElement) {
      const { overflowY } = getComputedStyle(around);
      if (overflowY === "visible") continue;
      const frame = around.getBoundingClientRect();
      if (box.top < frame.top - 1 || box.bottom > frame.bottom + 1) return true;
    }
    return box.top < -1 || box.bottom > innerHeight + 1 || box.left < -1 || box.right > innerWidth + 1;
  };
  const named = {
    "state": [...document.querySelectorAll(".state-name, .state-hint")],
    "clock": [...document.querySelectorAll(".talk-bar .clock")],
    "meter": [...document.querySelectorAll(".talk-bar .meter")],
    "tasks": [...document.querySelectorAll(".talk-tasks > li")],
    "talk": [...document.querySelectorAll(".caption")].slice(-2),
    "buttons": [...document.querySelectorAll(".controls > *")].filter((each) => each.offsetParent !== null),
  };
  const wrong = Object.entries(named).flatMap(([name, all]) =>
    all.length === 0 ? [`no ${name}`] : all.filter(clipped).map((each) => `${name}: ${each.textContent.slice(0, 40)}`));
  const root = document.documentElement;
  if (root.scrollHeight > innerHeight + 1) wrong.push(`the page is ${root.scrollHeight} high`);
  if (root.scrollWidth > innerWidth) wrong.push(`the page is ${root.scrollWidth} wide`);
  const meter = document.querySelector(".talk-bar .meter").getBoundingClientRect().width;
  if (meter < 0.85 * innerWidth && meter < 1000) wrong.push(`the meter is ${meter} wide`);
  return wrong;
}"""


@pytest.fixture(scope="module")
def talking(browser: Browser, server: ServerProcess) -> Iterator[Page]:
    """A role-play in which both have spoken, and which is paused then."""
    with visiting(browser, server.url) as page:
        steps.prepare(page)
        steps.start(page)
        steps.in_state(page, "speaking")
        expect(page.locator(".caption-patient").first).to_contain_text(steps.REPLY[:20])
        page.get_by_role("button", name="Pause").click()
        steps.in_state(page, "paused")
        yield page


@pytest.mark.parametrize(
    "look", [{}, {"color_scheme": "dark"}, {"forced_colors": "active"}], ids=["light", "dark", "forced"]
)
@pytest.mark.parametrize("screen", one_in(2, list(SCREENS)))
def test_all_that_counts_is_in_sight_at_once(talking: Page, screen: str, look: dict[str, Any]) -> None:
    width, height = SCREENS[screen]
    talking.emulate_media(**{"color_scheme": "light", "forced_colors": "none", **look})
    talking.set_viewport_size({"width": width, "height": height})
    PICTURES.mkdir(parents=True, exist_ok=True)
    talking.screenshot(path=PICTURES / f"{screen}-{'-'.join(look.values()) or 'light'}.png")
    assert talking.evaluate(LOOK) == []
    assert violations(talking) == []


@pytest.mark.parametrize(("width", "height"), one_in(2, [(320, 568), (320, 256), (341, 192)], first=1))
def test_on_the_smallest_screens_nothing_is_lost(talking: Page, width: int, height: int) -> None:
    """A phone of old, and 400 %: the page may scroll then, and the state stays."""
    talking.emulate_media(color_scheme="light", forced_colors="none")
    talking.set_viewport_size({"width": width, "height": height})
    talking.screenshot(path=PICTURES / f"{width}x{height}.png")
    assert talking.evaluate("document.documentElement.scrollWidth") <= width
    talking.get_by_role("button", name="End", exact=True).scroll_into_view_if_needed()
    expect(talking.locator(".state-name")).to_be_in_viewport()
    assert violations(talking) == []


def test_tasks_are_ticked_and_stay_so(talking: Page) -> None:
    talking.set_viewport_size({"width": 1366, "height": 768})
    first = talking.get_by_role("region", name="Your card and notes").get_by_role("checkbox").first
    first.check()
    assert talking.evaluate("JSON.parse(sessionStorage.getItem('interlocutor.visit')).done") == [0]
    first.uncheck()
    assert talking.evaluate("JSON.parse(sessionStorage.getItem('interlocutor.visit')).done") == []
