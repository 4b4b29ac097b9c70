"""Logging in, setting a password by a link, and one's earlier role-plays, as a person does it."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.process import KEY, ROOT, ServerProcess, faults_of, plain_environment, running
from tests.browser import axe, steps
from tests.browser.chromium import visiting
from tests.browser.conftest import BRISK, MANY

pytestmark = pytest.mark.browser

NAME = "Anna <b>Berg</b>"
PASSWORD = "correct horse battery staple"
# The browser says so of each refusal.
REFUSED = ("Failed to load resource: the server responded with a status of 401",)
FORBIDDEN = "Failed to load resource: the server responded with a status of 403"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server for people with accounts."""
    with running(tmp_path_factory.mktemp("house"), *BRISK, MANY, "auth.mode=accounts") as server:
        yield server
    assert faults_of(server) == []


def link(house: ServerProcess, login: str, *, role: str = "candidate") -> str:
    """Invite somebody from the command line, beside the running server; return the end of their link."""
    words = ["users", "invite", login, "--name", NAME, "--role", role, "--set", f"data_path={house.data}"]
    environment = plain_environment() | {"INTERLOCUTOR__DEVELOPER_KEY": KEY}
    done = subprocess.run(
        [sys.executable, "-m", "server.cli", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip().partition("/welcome")[2]


def set_password(page: Page, first: str, second: str) -> None:
    page.get_by_label("New password", exact=True).fill(first)
    page.get_by_label("The same password again").fill(second)
    page.get_by_role("button", name="Set password and log in").click()


def test_from_the_invitation_to_an_earlier_role_play(browser: Browser, house: ServerProcess) -> None:
    with visiting(browser, house.url, allowed=REFUSED) as page:
        expect(page).to_have_url(f"{house.url}/login?next=/")
        assert axe.violations(page) == []
        page.goto(f"{house.url}/welcome{link(house, 'anna@example.org')}")
        expect(steps.heading(page, f"Welcome, {NAME}")).to_be_visible()
        # The secret is nowhere that somebody who looks over a shoulder, or into the history, finds it.
        expect(page).to_have_url(f"{house.url}/welcome")
        assert axe.violations(page) == []
        set_password(page, PASSWORD, "another")
        expect(page.get_by_role("alert")).to_have_text("The two passwords are not the same. Type them again.")
        set_password(page, PASSWORD, PASSWORD)
        expect(steps.heading(page, "Choose a role-play")).to_be_visible()

        steps.choose(page)
        steps.agree(page)
        steps.start(page)
        steps.end(page)
        steps.afterwards(page)
        page.get_by_role("button", name="Choose another card").click()
        page.get_by_role("navigation").get_by_role("button", name="Your role-plays").click()
        expect(steps.heading(page, "Your role-plays")).to_be_focused()
        open_it = page.get_by_role("button", name=f"Open: {steps.WOUND}")
        expect(open_it).to_have_count(1)
        assert axe.violations(page) == []
        open_it.click()
        steps.afterwards(page)
        expect(page.get_by_role("heading", name="What was said")).to_be_visible()
        page.get_by_role("button", name="Delete this role-play").click()
        page.get_by_role("button", name="Delete it").click()
        expect(page.get_by_role("heading", name="Deleted")).to_be_visible()

        page.goto(f"{house.url}/login")
        expect(steps.heading(page, f"You are logged in as {NAME}")).to_be_visible()
        assert axe.violations(page) == []
        with page.expect_download() as downloading:
            page.get_by_role("link", name="Download everything").click()
        with zipfile.ZipFile(downloading.value.path()) as archive:
            shown = archive.read("index.html").decode()
        assert "What is kept about Anna &lt;b&gt;Berg" in shown
        assert "What was said was deleted." in shown
        page.get_by_role("button", name="Log out").click()
        page.get_by_label("Log-in name").fill("Anna@Example.org")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_have_text("the log-in name or the password is wrong; try again")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(steps.heading(page, "Choose a role-play")).to_be_visible()


def test_a_link_that_was_used_says_so(browser: Browser, house: ServerProcess) -> None:
    phone = {"width": 320, "height": 640}
    with visiting(browser, house.url, first=f"{house.url}/welcome#iv_used", allowed=REFUSED, viewport=phone) as page:
        expect(steps.heading(page, "This link does not work")).to_be_visible()
        assert axe.violations(page) == []
        page.get_by_role("button", name="Go to the log-in page").click()
        expect(steps.heading(page, "Log in")).to_be_visible()


def enter(page: Page, house: ServerProcess, login: str, *, role: str = "candidate") -> None:
    """Invite somebody, and have them set their password."""
    page.goto(f"{house.url}/welcome{link(house, login, role=role)}")
    set_password(page, PASSWORD, PASSWORD)
    steps.heading(page, "Choose a role-play").wait_for()


def test_an_admins_role_plays_are_their_own(browser: Browser, house: ServerProcess) -> None:
    with visiting(browser, house.url, allowed=REFUSED) as page:
        expect(page).to_have_url(f"{house.url}/login?next=/")
        enter(page, house, "bea@example.org")
        steps.prepare(page)
        steps.start(page)
        steps.end(page)
        address = page.url
        page.get_by_role("button", name="Choose another card").click()
        expect(page.get_by_role("button", name="Your role-plays (1)")).to_be_visible()
    with visiting(browser, house.url, allowed=(*REFUSED, FORBIDDEN)) as page:
        expect(page).to_have_url(f"{house.url}/login?next=/")
        enter(page, house, "chief@example.org", role="admin")
        expect(page.get_by_role("region", name="Go on")).to_have_count(0)
        page.get_by_role("navigation").get_by_role("button", name="Your role-plays").click()
        expect(page.get_by_role("heading", name="No role-plays yet")).to_be_visible()
        page.goto("about:blank")
        page.goto(address)
        steps.heading(page, "This role-play is not yours").wait_for()
        assert axe.violations(page) == []
        page.get_by_role("button", name="Choose a role-play").click()
        steps.heading(page, "Choose a role-play").wait_for()


def test_one_goes_on_at_another_computer(browser: Browser, house: ServerProcess) -> None:
    with visiting(browser, house.url, allowed=REFUSED) as page:
        expect(page).to_have_url(f"{house.url}/login?next=/")
        enter(page, house, "cleo@example.org")
        steps.prepare(page)
        steps.start(page)
        steps.end(page)
    with visiting(browser, house.url, allowed=REFUSED) as page:
        expect(page).to_have_url(f"{house.url}/login?next=/")
        page.get_by_label("Log-in name").fill("cleo@example.org")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        again = page.get_by_role("region", name="Go on")
        expect(again).to_contain_text(f"Last time: {steps.WOUND}")
        # First how many, and then which: the topics come with the role-play's record.
        expect(again).to_contain_text(re.compile("Not found out yet: [A-Z].* more"))
        again.get_by_role("button", name="Try it again").click()
        steps.heading(page, "Before you start").wait_for()
