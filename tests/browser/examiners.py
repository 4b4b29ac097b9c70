"""What examiners do in a browser: an exam that a program sits, their log-in, their sheet and their signature."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from playwright.sync_api import Browser, Page, expect
from websockets.sync.client import connect

from audio.frames import WIRE_HZ, Pcm, samples_for, silence
from tests.app.asking import answered
from tests.app.process import KEY, ROOT, ServerProcess, plain_environment
from tests.app.wire import encoded
from tests.browser import steps
from tests.browser.axe import violations
from tests.browser.chromium import visiting

PASSWORD = "correct horse battery staple"
CRITERIA = (
    ("Intelligibility", 4),
    ("Fluency", 4),
    ("Appropriateness of language", 4),
    ("Resources of grammar and expression", 4),
    ("Relationship building", 2),
    ("Understanding the patient's perspective", 2),
    ("Providing structure", 2),
    ("Information gathering", 2),
    ("Information giving", 2),
)


# The desk is asked for before anybody has a key.
REFUSED = ("Failed to load resource: the server responded with a status of 40",)


@contextmanager
def at_the_desk(
    browser: Browser, server: ServerProcess, *, allowed: tuple[str, ...] = (), **context: Any
) -> Iterator[Page]:
    """Open the desk with a developer's key; `allowed` are messages of the console that the test provokes."""
    with visiting(browser, server.url, first=f"{server.url}/desk", allowed=(*REFUSED, *allowed), **context) as page:
        expect(steps.heading(page, "Examiners' desk")).to_be_visible()
        assert violations(page) == []
        page.get_by_label("Developer key").fill("wrong")
        page.get_by_role("button", name="Open the desk").click()
        expect(page.get_by_role("alert")).to_have_text("The server did not take this key.")
        page.get_by_label("Developer key").fill(KEY)
        page.get_by_role("button", name="Open the desk").click()
        page.get_by_role("heading", name="Live now").wait_for()
        yield page


def hold_exam(house: ServerProcess, sound: Pcm | None = None) -> str:
    """Have a program sit an exam of one typed turn, and then of `sound` (WIRE_HZ); return its session's id."""
    body = json.dumps({"card": "nursing-leg-wound", "mode": "exam"}).encode()
    status, raw = answered("POST", f"{house.url}/api/sessions", KEY, body)
    assert status == 201, raw
    told = json.loads(raw)
    status, raw = answered("POST", f"{house.url}/api/sessions/{told['id']}/join", told["token"], b"{}")
    assert status in (200, 201), raw
    with connect(told["url"], additional_headers={"Authorization": f"Bearer {json.loads(raw)['token']}"}) as socket:

        def until(kind: str) -> None:
            while json.loads(socket.recv(timeout=60))["type"] != kind:
                pass

        said = [{"type": "input_text", "text": "How did it happen?"}]
        item: dict[str, Any] = {"type": "message", "role": "user", "content": said}
        socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
        socket.send(json.dumps({"type": "response.create"}))
        until("response.done")
        # Some sound, so that there is a recording.
        spoken = silence(1_000, WIRE_HZ) if sound is None else sound
        step = samples_for(20, WIRE_HZ)
        began_s = time.monotonic()
        for at in range(0, len(spoken), step):
            socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": encoded(spoken[at : at + step])}))
            # Sound goes at the pace of speech, and who does not read meanwhile is cut off.
            with suppress(TimeoutError):
                while (left_s := began_s + (at + step) / WIRE_HZ - time.monotonic()) > 0:
                    socket.recv(timeout=left_s)
        socket.send(json.dumps({"type": "interlocutor.session.end"}))
        for _ in socket:
            pass  # until it is closed
    session_id: str = told["id"]
    return session_id


def examine(house: ServerProcess, session_id: str, exam_id: str = "exam_1") -> None:
    """Have everybody with an account examine a session's exam, as a schedule would."""
    with closing(sqlite3.connect(house.data / "interlocutor.db", timeout=30)) as database, database:
        exam = (exam_id, "Exam", 1, 2, "closed", 1)
        database.execute(
            "INSERT INTO exams (id, title, opens_ms, closes_ms, state, made_ms) VALUES (?, ?, ?, ?, ?, ?)", exam
        )
        database.execute(
            "INSERT INTO exam_sessions (exam_id, session_id, part, made_ms) VALUES (?, ?, 1, 1)", (exam_id, session_id)
        )
        database.execute("INSERT INTO exam_examiners (exam_id, person_id) SELECT ?, id FROM people", (exam_id,))


def declare_void(house: ServerProcess, session_id: str, reason: str) -> None:
    """Have a session of an exam be void."""
    told = "UPDATE exam_sessions SET voided_ms = 1, void_reason = ? WHERE session_id = ?"
    with closing(sqlite3.connect(house.data / "interlocutor.db", timeout=30)) as database, database:
        database.execute(told, (reason, session_id))


def log_in(page: Page, house: ServerProcess, login: str, name: str, role: str = "examiner") -> None:
    """Have somebody set a password by their link, and be logged in."""
    words = ["users", "invite", login, "--name", name, "--role", role, "--set", f"data_path={house.data}"]
    environment = plain_environment() | {"INTERLOCUTOR__DEVELOPER_KEY": KEY}
    done = subprocess.run(
        [sys.executable, "-m", "server.cli", *words], cwd=ROOT, env=environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    page.goto(f"{house.url}/welcome{done.stdout.strip().partition('/welcome')[2]}")
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("The same password again").fill(PASSWORD)
    page.get_by_role("button", name="Set password and log in").click()
    steps.heading(page, "Choose a role-play").wait_for()


def mark(page: Page, **other: int) -> None:
    """Give every mark: 4 for language and 2 for the rest, unless told by the first word of a criterion."""
    for name, usual in CRITERIA:
        value = other.get(name.split()[0].lower(), usual)
        page.get_by_role("group", name=name).get_by_role("radio", name=str(value), exact=True).check()


def drag_over(page: Page, first: float, last: float) -> None:
    """Drag over the picture of the sound, from one share of it to another."""
    page.locator(".waveform").scroll_into_view_if_needed()
    box = page.locator(".waveform").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + first * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + last * box["width"], middle, steps=4)
    page.mouse.up()


def sign(page: Page) -> None:
    """Sign the sheet."""
    page.get_by_role("button", name="Sign the marks").click()
    page.get_by_role("button", name="Sign them").click()
