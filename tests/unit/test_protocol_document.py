"""The published page is what the code says, and leaves nothing out."""

from __future__ import annotations

import re
from pathlib import Path

from common.errors import AppError
from server.protocol import document
from server.protocol.client_events import MESSAGES
from server.protocol.codes import CLOSE_CODES, OTHER_CODES, WIRE_CODES
from server.protocol.examples import client_examples, server_examples
from server.protocol.refusal import Code
from server.protocol.server_events import EVENTS
from server.wire import connection

ROOT = Path(document.__file__).resolve().parents[2]


def sources() -> str:
    rooms = ("common", "audio", "pipelines", "server", "bench")
    files = (path for room in rooms for path in sorted((ROOT / room).rglob("*.py")))
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def subclasses(cls: type[AppError]) -> list[type[AppError]]:
    return [cls, *(inner for sub in cls.__subclasses__() for inner in subclasses(sub))]


def test_the_page_is_up_to_date() -> None:
    assert document.PAGE.read_text(encoding="utf-8") == document.document(), "run: python -m server.protocol.document"


def test_every_message_and_event_has_its_place_and_example() -> None:
    page = document.document()
    assert set(client_examples()) == set(MESSAGES)
    assert set(server_examples()) == set(EVENTS)
    for kind in (*MESSAGES, *EVENTS):
        assert f"### `{kind}`\n" in page


def test_every_error_code_has_its_line() -> None:
    known = set(WIRE_CODES) | set(OTHER_CODES)
    assert not set(WIRE_CODES) & set(OTHER_CODES)
    assert {code.value for code in Code} <= set(WIRE_CODES)
    assert {cls.code for cls in subclasses(AppError)} <= known
    written = set(re.findall(r'\bcode="([a-z_]+(?:\.[a-z_]+)*)"|\bProblem\("([a-z_.]+)"', sources()))
    told = {one or other for one, other in written}
    assert {code for code in told if not code.startswith("model.")} <= known  # no client is told of models


def test_every_close_code_has_its_line() -> None:
    written = {int(code) for code in re.findall(r"\bclose_code\s*=\s*(\d{4})\b", sources())}
    assert written | set(connection.CLOSE_CODES.values()) <= set(CLOSE_CODES)
    for code in CLOSE_CODES:
        assert f"| {code} | " in document.document()


def test_the_page_names_no_secret_of_a_card() -> None:
    assert "hidden_facts" not in document.document()
