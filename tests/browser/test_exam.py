"""An exam from its time to its end, in a real browser: the server's clock leads, and nothing is shown that was said."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.app.process import KEY, ROOT, ServerProcess, faults_of, plain_environment, running
from tests.browser import axe, steps
from tests.browser.chromium import visiting
from tests.browser.conftest import BRISK, MANY
from tests.browser.test_accounts import PASSWORD, REFUSED, set_password

pytestmark = pytest.mark.browser

PARTS = ("session.prepare_s=8", "session.session_s=10", "exam.warm_up_s=5", "conversation.closing_grace_s=2")
CARDS = ("nursing-leg-wound", "pharmacy-new-inhaler")


# Notes each phase of the page once, with the card that is shown as one prepares, and whether a caption was ever there.
WATCH = f"""
window.seen = [];
new MutationObserver(() => {{
  const phase = document.body?.dataset.phase;
  if (phase === undefined) return;
  const title = document.querySelector(".sheet-title")?.textContent ?? "";
  const said = document.querySelector("main")?.textContent.includes({json.dumps(steps.REPLY)}) ? " SAID" : "";
  const last = window.seen.at(-1);
  if (last?.[0] !== phase) window.seen.push([phase, title + said]);
  else if (title || said) last[1] = title + said;
}}).observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }});
"""


def command(server: ServerProcess, *words: str) -> str:
    """Run a command beside the server; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "server.cli", *words, "--set", f"data_path={server.data}"],
        cwd=ROOT,
        env=plain_environment() | {"INTERLOCUTOR__DEVELOPER_KEY": KEY},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def plan(server: ServerProcess, opens: datetime) -> str:
    cards = [word for card in CARDS for word in ("--card", card)]
    when = opens.isoformat(timespec="seconds")
    return command(server, "exams", "create", "--candidate", "anna@example.org", *cards, "--from", when)


def test_an_exam_is_sat_by_the_clock(browser: Browser, tmp_path: Path) -> None:
    with running(tmp_path, *BRISK, MANY, *PARTS, "auth.mode=accounts") as server:
        link = command(server, "users", "invite", "anna@example.org", "--name", "Anna").partition("/welcome")[2]
        exam = plan(server, datetime.now() - timedelta(minutes=1))
        with visiting(browser, server.url, allowed=REFUSED) as page:
            expect(page).to_have_url(f"{server.url}/login?next=/")
            page.add_init_script(WATCH)
            page.goto(f"{server.url}/welcome{link}")
            set_password(page, PASSWORD, PASSWORD)
            page.get_by_role("navigation").get_by_role("link", name="Your exam").click()
            expect(steps.heading(page, "Your exam")).to_be_visible()
            assert axe.violations(page) == []
            page.get_by_role("button", name="Begin your exam").click()
            agreement = page.get_by_role("region", name="What you agree to")
            expect(agreement).to_contain_text("Your examiners and the people who run this server may listen")
            expect(agreement).to_contain_text("the exam stays until then, without your name")
            page.get_by_label("I have read this and agree").check()
            page.get_by_role("button", name="Continue").click()
            # All phases pass by themselves; whether one looks at the right moment does not matter.
            expect(steps.heading(page, "Your exam is over")).to_be_visible(timeout=180_000)
            assert axe.violations(page) == []
            seen = [tuple(one) for one in page.evaluate("window.seen")]
        assert [phase for phase, _ in seen] == ["warm_up", "preparation", "role_play", "preparation", "role_play", ""]
        assert [title for phase, title in seen if phase == "preparation"] == [steps.WOUND, steps.INHALER]
        # Nothing that was said is ever on the page.
        assert not any("SAID" in title for _, title in seen)
        shown = json.loads(command(server, "exams", "show", exam))
        assert shown["state"] == "closed"
        assert [one["part"] for one in shown["sessions"]] == [0, 1, 2]
    assert faults_of(server) == []
