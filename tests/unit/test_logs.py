"""Logs: the shape of a line, and what must never be in one."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from OpenSSL import SSL

from common.errors import SettingsError
from server.logs import SPOKEN_KEYS, RepeatLimit, quiet_logs, setup_logging
from server.settings.tree import LogSettings

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leave logging as it was found: it is global to the process."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("websockets", "asyncio", "httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.NOTSET)
        logging.getLogger(name).filters.clear()
    for name in ("uvicorn.access", "uvicorn.error", "uvicorn.asgi"):
        logging.getLogger(name).filters.clear()
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


def start(level: str = "INFO", **more: Any) -> Lines:
    stream = io.StringIO()
    setup_logging(LogSettings.model_validate({"level": level, **more}), stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_exactly_five_keys() -> None:
    lines = start()
    structlog.contextvars.bind_contextvars(session_id="s-1", turn=4)
    structlog.get_logger("pipelines.session").info("turn_committed", words=12, path=Path("a") / "b")
    (line,) = lines()
    assert list(line) == ["timestamp", "level", "module", "event", "data"]
    assert len(line["timestamp"]) == len("2026-01-01T00:00:00.000Z")
    assert line["timestamp"].endswith("Z")
    assert (line["level"], line["module"], line["event"]) == ("info", "pipelines.session", "turn_committed")
    assert line["data"] == {"session": "s-1", "turn": 4, "words": 12, "path": "a/b"}


def test_data_is_there_even_if_empty() -> None:
    lines = start()
    structlog.get_logger("x").warning("ready")
    assert lines()[0]["data"] == {}


def test_the_standard_librarys_logs_come_the_same_way() -> None:
    lines = start()
    structlog.contextvars.bind_contextvars(session_id="s-2")
    logging.getLogger("uvicorn.error").warning("closed %d", 1011, extra={"color_message": "x"})
    (line,) = lines()
    assert list(line) == ["timestamp", "level", "module", "event", "data"]
    assert (line["level"], line["module"], line["event"]) == ("warning", "uvicorn.error", "closed 1011")
    assert line["data"] == {"session": "s-2"}


def test_the_level_is_kept_to() -> None:
    lines = start("WARNING")
    structlog.get_logger("x").info("quiet")
    logging.getLogger("y").info("quiet")
    structlog.get_logger("x").error("loud")
    assert [line["event"] for line in lines()] == ["loud"]


def test_an_exception_is_one_line_of_json() -> None:
    lines = start()
    try:
        raise ValueError("broken\npieces")
    except ValueError:
        structlog.get_logger("x").exception("failed", lane="recogniser")
    (line,) = lines()
    assert "ValueError: broken\npieces" in line["data"]["exception"]
    assert line["data"]["lane"] == "recogniser"


@pytest.mark.parametrize("key", sorted(SPOKEN_KEYS))
def test_what_was_said_is_written_at_debug_only(key: str) -> None:
    lines = start("DEBUG")
    logger = structlog.get_logger("x")
    for write in (logger.debug, logger.info, logger.warning, logger.error):
        write("heard_something", **{key: "my chest hurts", "inner": [{key: "my chest hurts", "n": 1}]})
    debug, *others = lines()
    assert debug["data"] == {key: "my chest hurts", "inner": [{key: "my chest hurts", "n": 1}]}
    assert len(others) == 3
    for line in others:
        assert line["data"] == {"inner": [{"n": 1}]}


@pytest.mark.parametrize("level", ["debug", "info"])
def test_secrets_are_never_written(level: str) -> None:
    lines = start("DEBUG")
    getattr(structlog.get_logger("x"), level)(
        "asked with Authorization: Bearer hush.hush",
        headers={"Authorization": "Bearer hush", "Cookie": "a=hush", "host": "here"},
        token="hush",
        developer_key="hush",
        api_key="hush",
        address="/v1/realtime?model=card:a&token=hush",
        protocols=["realtime", "openai-insecure-api-key.hush"],
        raw=b"hush",
        thing=_Hush(),
        tokens=12,
    )
    logging.getLogger("y").warning("GET /v1?access_token=%s by Bearer %s", "hush", "hush")
    text = json.dumps(lines())
    assert "hush" not in text
    assert lines()[0]["data"]["headers"]["host"] == "here"
    assert lines()[0]["data"]["address"] == "/v1/realtime?model=card:a&token=[removed]"
    assert lines()[0]["data"]["tokens"] == 12


class _Hush:
    def __repr__(self) -> str:
        return "hush"


def test_probes_are_not_in_the_access_log() -> None:
    lines = start()
    access = logging.getLogger("uvicorn.access")
    for path in ("/health", "/ready", "/metrics?x=1", "/api/sessions", "/healthy"):
        access.info('%s - "%s %s HTTP/%s" %d', "127.0.0.1:5", "GET", path, "1.1", 200)
    assert [line["event"].split()[3] for line in lines()] == ["/api/sessions", "/healthy"]


def test_a_packet_too_late_for_its_call_is_no_error() -> None:
    lines = start()
    loop = logging.getLogger("asyncio")
    shut = SSL.Error([("SSL routines", "", "protocol is shutdown")])
    for error in (shut, SSL.Error([("SSL routines", "", "bad record mac")]), ValueError("protocol is shutdown")):
        loop.error("Task exception was never retrieved\nfuture: %r", "task", exc_info=error)
    loop.error("Unclosed transport", exc_info=shut)
    assert [line["event"].split()[0] for line in lines()] == ["Task", "Task", "Unclosed"]


def test_numbers_that_json_cannot_write_become_words() -> None:
    lines = start()
    structlog.get_logger("x").info("measured", a=float("nan"), b=float("inf"), c=0.5)
    assert lines()[0]["data"] == {"a": "nan", "b": "inf", "c": 0.5}


def test_the_console_is_for_people_and_cannot_be_faked() -> None:
    stream = io.StringIO()
    setup_logging(LogSettings(format="console"), stream=stream)
    structlog.get_logger("server.app").info("ready\n2026 [error] faked", port=8000, name="a\nb")
    (line,) = stream.getvalue().splitlines()
    assert "ready\\n2026" in line
    assert "server.app" in line
    assert "port=8000" in line


@pytest.mark.parametrize("form", ["console", "json"])
def test_half_a_surrogate_breaks_no_line(form: str) -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="utf-8")  # as standard output: it refuses what is no UTF-8
    setup_logging(LogSettings.model_validate({"format": form}), stream=stream)
    structlog.get_logger("x").warning("file \udcff", name="gr\udcfcn")
    stream.flush()
    (line,) = written.getvalue().decode().splitlines()
    for text in ("file \ufffd", "gr\ufffdn"):
        assert (text if form == "console" else json.dumps(text)) in line


def test_a_commands_report_is_not_mixed_with_logs(capsys: pytest.CaptureFixture[str]) -> None:
    quiet_logs()
    structlog.get_logger("x").info("detail")
    structlog.get_logger("x").warning("trouble", said="my chest hurts")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "trouble" in printed.err
    assert "detail" not in printed.err
    assert "chest" not in printed.err


def test_a_second_setup_replaces_the_first() -> None:
    first = start()
    second = start()
    structlog.get_logger("x").info("once")
    assert first() == []
    assert len(second()) == 1


def test_libraries_that_log_frames_stay_above_debug() -> None:
    lines = start("DEBUG")
    logging.getLogger("websockets.server").debug("< BINARY 00 11 22")
    logging.getLogger("httpcore2.http11").debug("send_request_headers.started Authorization: Bearer sk-one")
    structlog.get_logger("x").debug("mine")
    assert [line["event"] for line in lines()] == ["mine"]


def test_a_folder_gets_a_file_of_its_own(tmp_path: Path) -> None:
    lines = start(path=tmp_path / "logs", format="console")
    structlog.get_logger("x").info("kept", n=1)
    (line,) = (tmp_path / "logs" / "interlocutor.log").read_text().splitlines()
    assert json.loads(line)["data"] == {"n": 1}
    del lines


def test_a_file_that_cannot_be_written_is_a_fault_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"^log\.path: .*choose a folder"):
        setup_logging(LogSettings(path=tmp_path / "file" / "x.log"), stream=io.StringIO())


def test_a_line_that_repeats_is_left_out_after_a_while_and_that_is_told() -> None:
    at_s = [0.0]
    limit = RepeatLimit(3, now_s=lambda: at_s[0])
    lines = start()
    logging.getLogger().handlers[-1].filters[:] = [limit]

    def shout(times: int) -> None:
        for number in range(times):
            logging.getLogger("asyncio").error("socket.accept() out of system resource\nsocket: <%d>", number)
            structlog.get_logger("server.x").warning("knocked", number=number)

    shout(5)
    assert [line["event"].partition("\n")[0] for line in lines()].count("knocked") == 3
    told = [line["data"] for line in lines() if line["event"] == "lines_left_out"]
    assert told == [
        {"of": "asyncio", "like": "socket.accept() out of system resource", "after": 3},
        {"of": "server.x", "like": "knocked", "after": 3},
    ]
    structlog.get_logger("server.x").warning("another")
    assert lines()[-1]["event"] == "another"
    at_s[0] = 61.0
    before = len(lines())
    shout(1)
    assert len(lines()) == before + 2


def test_uvicorns_lines_of_a_socket_with_its_clients_address_are_left_out() -> None:
    lines = start()
    logging.getLogger("uvicorn.error").info('%s - "WebSocket %s" [accepted]', "203.0.113.9:1", "/v1/realtime?model=x")
    logging.getLogger("uvicorn.error").info('%s - "WebSocket %s" %d', "203.0.113.9:1", "/v1/realtime", 401)
    assert lines() == []
