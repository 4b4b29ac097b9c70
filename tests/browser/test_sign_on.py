"""Logging in with an organisation's account, in a real browser, at a real provider on another site."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from server.settings.oidc import CALLBACK
from tests.app.process import ServerProcess, faults_of, running
from tests.browser import axe, steps
from tests.browser.conftest import BRISK, MANY
from tests.oidc import CLIENT, lacking, providing

pytestmark = pytest.mark.browser

PEOPLE = {"anna": {"email": "anna@example.org", "name": "Anna <b>Berg</b>"}}


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose people have accounts at a provider; to the browser the two are different sites."""
    if why := lacking():
        pytest.skip(why)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with providing(PEOPLE, redirect_uri=f"http://localhost:{port}{CALLBACK}", public=True) as issuer:
        oidc = (f"auth.oidc.issuer={issuer}", f"auth.oidc.client_id={CLIENT}", "auth.oidc.label=OET School")
        home = f"auth.public_url=http://localhost:{port}"
        folder = tmp_path_factory.mktemp("school")
        with running(folder, *BRISK, MANY, "auth.mode=accounts", home, *oidc, port=port) as server:
            yield server
    assert faults_of(server) == []


def test_somebody_logs_in_elsewhere_and_is_led_on(browser: Browser, school: ServerProcess) -> None:
    home = school.url.replace("127.0.0.1", "localhost")
    page = browser.new_page()
    try:
        page.goto(home)
        expect(page).to_have_url(f"{home}/login?next=/")
        assert axe.violations(page) == []
        page.get_by_role("link", name="Log in with OET School").click()
        page.locator("[name=login]").fill("anna")
        page.locator("[name=password]").fill("any")
        page.locator("[type=submit]").click()
        page.locator("[type=submit]").click()  # what the provider may tell this server
        # The log-in's cookie is strict: it comes with the first request after all that another site began.
        expect(steps.heading(page, "Choose a role-play")).to_be_visible()
        expect(page.get_by_role("link", name="Anna <b>Berg</b>")).to_be_visible()
        page.goto(f"{home}{CALLBACK}?code=x&state=y")
        page.goto(f"{home}/login")
        expect(steps.heading(page, "You are logged in as Anna <b>Berg</b>")).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Log-in name")).to_be_visible()
        page.goto(f"{home}{CALLBACK}?code=x&state=y")
        expect(page.get_by_role("alert").first).to_have_text(
            "You began to log in too long ago, or in another window. Try again."
        )
        assert axe.violations(page) == []
    finally:
        page.close()
