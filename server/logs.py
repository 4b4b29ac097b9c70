"""Logs: one line per event, of our own loggers and of the libraries', with what was said and every secret kept out.

Each JSON line has exactly `timestamp` (ISO 8601, UTC, milliseconds), `level`, `module`, `event` and `data`; whatever a
caller adds, and the context variables `session_id` (as `session`) and `turn`, are in `data`.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import math
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

from audio.text import well_formed
from common.errors import SettingsError
from server.settings.tree import LogSettings

SPOKEN_KEYS = frozenset({"text", "transcript", "heard", "said"})
"""Keys that hold what a person said; they are written at DEBUG only."""

SECRET_KEYS = re.compile(r"authorization|cookie|token|secret|password|passphrase|api_?key|developer_key", re.IGNORECASE)
REMOVED = "[removed]"
QUIET_PATHS = frozenset({"/health", "/ready", "/metrics"})
DAYS_KEPT = 7  # of files under log.path
FILE_NAME = "interlocutor.log"

_ENVELOPE = ("timestamp", "level", "module", "event")
# A secret inside a longer text: a header, the browsers' subprotocol, a query of an address.
_SECRET_TEXTS = (
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)[^\s\"',;]+"),
    re.compile(r"(?i)((?:openai-insecure-api-key|interlocutor-resume)\.)[^\s\"',;]+"),
    re.compile(r"(?i)([?&;](?:access_|id_)?(?:token|key|api_key|secret|password)=)[^\s&\"',;]+"),
)
_MARK = "_interlocutor"
# A busy server has fewer of any kind; so many of them are about 100 KB.
REPEATS_PER_MINUTE = 600
MINUTE_S = 60.0
MOST_KINDS = 2_000

logger = structlog.get_logger("server.logs")


def setup_logging(settings: LogSettings, *, stream: TextIO | None = None) -> None:
    """Send structlog's and the standard library's logs to `stream` (standard output), and to `log.path` where set.

    Calling it again replaces what it did before. Raises SettingsError when the file can't be written.
    Run uvicorn with `log_config=None`, or it puts its own handlers back.
    """
    handlers: list[logging.Handler] = [_stream_handler(settings, stream)]
    if settings.path is not None:
        handlers.append(_file_handler(settings.path))
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if getattr(handler, _MARK, False)]:
        root.removeHandler(old)
        old.close()
    for handler in handlers:
        setattr(handler, _MARK, True)
        handler.addFilter(RepeatLimit())
        root.addHandler(handler)
    root.setLevel(settings.level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    _filter_once("uvicorn.access", QuietPaths)
    for name in ("uvicorn.error", "uvicorn.asgi"):
        _filter_once(name, RefusalIsNoFault)
    _filter_once("uvicorn.error", NobodysAddress)
    _filter_once("asyncio", EndedCallIsNoFault)
    # They write whole frames and every timer at DEBUG, candidates' audio among them.
    # The HTTP client writes headers at DEBUG, and so keys.
    for name in ("websockets", "asyncio", "httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLevelNamesMapping()[settings.level]))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        # Loggers are made at import, before anybody has called this.
        cache_logger_on_first_use=False,
    )


def _filter_once(name: str, kind: type[logging.Filter]) -> None:
    library = logging.getLogger(name)
    if not any(isinstance(old, kind) for old in library.filters):
        library.addFilter(kind())


def quiet_logs(level: str = "WARNING") -> None:
    """Send only what matters, for people's eyes, to standard error: for commands whose output is their report."""
    setup_logging(LogSettings.model_validate({"level": level, "format": "console"}), stream=sys.stderr)


class QuietPaths(logging.Filter):
    """Keeps the probes' requests out of the access log: they come every few seconds and say nothing."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is to be written; uvicorn's arguments are client, method, path, version, status."""
        if isinstance(record.args, tuple) and len(record.args) >= 3:
            return str(record.args[2]).partition("?")[0] not in QUIET_PATHS
        return True


class RefusalIsNoFault(logging.Filter):
    """Keeps out uvicorn's complaint about a connection that was refused with an HTTP answer instead of accepted.

    It takes that answer for a handshake that was forgotten, so anyone without a token could fill the error log.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is to be written."""
        return record.msg != "ASGI callable returned without completing handshake."


class NobodysAddress(logging.Filter):
    """Keeps out uvicorn's lines of each socket that it opened or refused: they have its client's address and query."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is to be written."""
        return not str(record.msg).startswith('%s - "WebSocket %s"')


class RepeatLimit(logging.Filter):
    """Lets each kind of line through `most` times a minute, so that nobody outside can fill the disk with them.

    A line's kind is its logger and event. The last line that is let through is followed by one that says so.
    """

    def __init__(self, most: int = REPEATS_PER_MINUTE, *, now_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._most = most
        self._now_s = now_s
        self._counted: dict[tuple[str, str], int] = {}
        self._since_s = now_s()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is to be written."""
        if (now_s := self._now_s()) - self._since_s >= MINUTE_S or len(self._counted) >= MOST_KINDS:
            self._counted.clear()
            self._since_s = now_s
        event = record.msg.get("event") if isinstance(record.msg, Mapping) else record.msg
        kind = (record.name, str(event).partition("\n")[0])
        count = self._counted[kind] = self._counted.get(kind, 0) + 1
        if count == self._most:
            logger.warning("lines_left_out", of=record.name, like=kind[1], after=self._most)
        return count <= self._most


class EndedCallIsNoFault(logging.Filter):
    """Keeps out a complaint about a packet that aiortc would still have sent, by a timer, after its call had ended.

    Nobody waits for that packet; aiortc starts the task and forgets it, so only the loop is left to complain.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is to be written."""
        error = record.exc_info[1] if record.exc_info else None
        late = type(error).__module__.startswith("OpenSSL") and "protocol is shutdown" in str(error)
        return not (late and str(record.msg).startswith("Task exception was never retrieved"))


def shape(logger: WrappedLogger, method: str, event_dict: EventDict) -> EventDict:
    """Return the five keys of a line from everything the caller gave (a structlog processor)."""
    record = event_dict.pop("_record", None)
    event_dict.pop("_from_structlog", None)
    level = record.levelname.lower() if record is not None else method
    if "session_id" in event_dict:
        event_dict["session"] = event_dict.pop("session_id")
    return {
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "module": record.name if record is not None else "",
        "event": str(event_dict.pop("event", "")),
        "data": dict(event_dict),
    }


def redact(logger: WrappedLogger, method: str, event_dict: EventDict) -> EventDict:
    """Remove secrets at every level and what was said above DEBUG, however deep it lies (a structlog processor)."""
    keep_spoken = event_dict["level"] == "debug"
    event_dict["event"] = _clean_text(event_dict["event"])
    event_dict["data"] = _clean(event_dict["data"], keep_spoken=keep_spoken)
    return event_dict


def _clean(value: Any, *, keep_spoken: bool) -> Any:
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, Mapping):
        return {
            str(key): REMOVED if _is_secret(str(key), item) else _clean(item, keep_spoken=keep_spoken)
            for key, item in value.items()
            if keep_spoken or str(key).lower() not in SPOKEN_KEYS
        }
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_clean(item, keep_spoken=keep_spoken) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no word for it
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes | bytearray):
        return f"{len(value)} bytes"
    return _clean_text(str(value)) if isinstance(value, Path | BaseException) else type(value).__name__


def _is_secret(key: str, value: Any) -> bool:
    return SECRET_KEYS.search(key) is not None and not isinstance(
        value, bool | int | float
    )  # counts of tokens are none


def _clean_text(text: str) -> str:
    text = well_formed(text)  # a stream of UTF-8 would refuse the whole line
    for pattern in _SECRET_TEXTS:
        text = pattern.sub(rf"\1{REMOVED}", text)
    return text


def _to_json(logger: WrappedLogger, method: str, event_dict: EventDict) -> str:
    return json.dumps(event_dict)


def _to_console(colours: bool) -> Any:
    render = structlog.dev.ConsoleRenderer(colors=colours, pad_event_to=32)

    def to_console(logger: WrappedLogger, method: str, event_dict: EventDict) -> str:
        data = dict(event_dict["data"])
        # Line breaks could fake a line of their own; JSON escapes them by itself.
        plain = {key: _one_line(value) if key != "exception" else value for key, value in data.items()}
        timestamp, level, module, event = (event_dict[key] for key in _ENVELOPE)
        head = {"timestamp": timestamp, "level": level, "logger": module, "event": _one_line(event)}
        return str(render(logger, method, {**plain, **head}))

    return to_console


def _one_line(value: Any) -> Any:
    return value.replace("\r", "\\r").replace("\n", "\\n") if isinstance(value, str) else value


def _formatter(renderer: Any) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.contextvars.merge_contextvars],
        processors=[structlog.processors.format_exc_info, shape, redact, renderer],
    )


def _stream_handler(settings: LogSettings, stream: TextIO | None) -> logging.Handler:
    out = stream or sys.stdout
    handler = logging.StreamHandler(out)
    handler.setFormatter(_formatter(_to_json if settings.format == "json" else _to_console(out.isatty())))
    return handler


def _file_handler(path: Path) -> logging.Handler:
    target = path / FILE_NAME if path.is_dir() or not path.suffix else path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.TimedRotatingFileHandler(
            target, when="midnight", utc=True, backupCount=DAYS_KEPT, encoding="utf-8"
        )
    except OSError as error:
        raise SettingsError(
            f"log.path: {target} can't be written ({error.strerror}); choose a folder that the server may write to"
        ) from None
    handler.setFormatter(_formatter(_to_json))
    return handler
