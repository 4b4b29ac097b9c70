"""The latency page for developers: who may use it, its recordings, sessions in a developer's role, and its figures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from audio.recording_files import find_recordings
from common.errors import AppError, AudioError, ProtocolError
from pipelines.events import Audience
from pipelines.log.stored_events import StoredLog
from pipelines.truth import Truth, load_truth, parse_truth, truth_path
from server.http.record_routes import kept, must_be_over
from server.http.requests import (
    check_origin,
    check_ready,
    parse_json,
    read_body,
    read_json,
    server_of,
    token_of,
    under,
)
from server.http.who import own_session
from server.measures import machine
from server.paths import STATIC
from server.principal import Principal
from server.records.folder import RecordFolder
from server.reports.comparison import compare
from server.reports.drafts import drafts_of
from server.reports.report_turns import ReadReport, wrong_field
from server.reports.summary import distribution, summarise
from server.reports.waits import waits_of
from server.settings.tree import Settings

MAX_TRUTH_BYTES = 262_144  # half an hour of turns has about 30 KiB
# Two reports of some 4,000 turns each: a turn with its words is about a kilobyte.
MAX_REPORTS_BYTES = 8_388_608
# Fifty repeats, which is the most that the page offers, of a hundred turns: comparing two such reports takes seconds.
MAX_TURNS = 5_000
MEDIA_TYPES = {".flac": "audio/flac", ".wav": "audio/wav", ".ogg": "audio/ogg"}


async def page(request: Request) -> Response:
    """Serve the page itself, which holds nothing that is secret; 404 where nobody could use it."""
    return FileResponse(STATIC / "lab" / "index.html", headers={"Cache-Control": "no-cache"})


async def overview(request: Request) -> Response:
    """Say what a run is measured on, and which recordings there are."""
    server = server_of(request)
    settings, choices = server.settings, server.choices
    return JSONResponse(
        {
            "version": server.version,
            "machine": machine(),
            "engines": choices.names,
            "settings_digest": settings.digest(),
            "fixed_wait_ms": settings.conversation.fixed_wait_ms,
            "session_s": settings.session.session_s,
            "recordings": await asyncio.to_thread(_listed, settings),
        }
    )


async def audio(request: Request) -> Response:
    """Send one of the recordings."""
    path = await _recording(request)
    return FileResponse(path, media_type=MEDIA_TYPES[path.suffix.lower()])


async def truth(request: Request) -> Response:
    """Send what is known of one of the recordings: its card, and who says what from when to when."""
    path = await _recording(request)
    return JSONResponse(_plain(await asyncio.to_thread(_checked, lambda: load_truth(path))))


async def read_truth(request: Request) -> Response:
    """Read a truth file that somebody has on their own machine: YAML in, the same as `truth` out."""
    check_origin(request)
    too_big = ProtocolError(f"the truth file is larger than {MAX_TRUTH_BYTES} bytes", code="protocol.too_big")
    body = await read_body(request, max_bytes=MAX_TRUTH_BYTES, too_big=too_big)
    return JSONResponse(_plain(await asyncio.to_thread(_checked, lambda: parse_truth(body, "its truth file"))))


def _checked(read: Callable[[], Truth | None]) -> Truth | None:
    try:
        return read()
    except AudioError as error:
        raise ProtocolError(error.message, code="recording.truth", http_status=409) from error


def _plain(known: Truth | None) -> dict[str, Any]:
    if known is None:
        return {"card": None, "speech_in": "both", "turns": None}
    spans = [
        {"from_ms": turn.from_ms, "to_ms": turn.to_ms, "text": turn.text, "expect": turn.expect} for turn in known.turns
    ]
    return {"card": known.card, "speech_in": known.speech_in, "turns": spans}


async def create_session(request: Request) -> Response:
    """Reserve a session whose token has a developer's role, and only for this session: 201."""
    server = server_of(request)
    check_origin(request)
    check_ready(server)
    card = (await read_json(request)).get("card")
    if not isinstance(card, str):
        raise ProtocolError('send {"card": "ID"}', code="session.fields")
    session, token = server.registry.reserve(card, "practice", role="developer")
    return JSONResponse({"id": session.id, "token": token, "url": under(request, "/v1/realtime")}, status_code=201)


async def waits(request: Request) -> Response:
    """Say why each turn of a session that is over was waited for, and what was prepared; only to developers."""
    session = own_session(request)[1]
    must_be_over(session)
    await kept(session.written)

    def read() -> dict[str, Any]:
        if not RecordFolder(session.folder).has_log:
            return {"waits": [], "drafts": []}
        log = StoredLog(session.folder, server_of(request).vault.open_session(session.folder))
        entries = list(log.records(Audience.DEVELOPER))
        drafts = [draft.as_json() for draft in drafts_of(entries)]
        return {"waits": list(waits_of(entries).values()), "drafts": drafts}

    return JSONResponse(await asyncio.to_thread(read))


# ------------------------------------------------------------------ figures


async def summary(request: Request) -> Response:
    """Compute the figures of a report that `interlocutor replay --json` could have written."""
    return await _computed(request, _summed)


async def comparison(request: Request) -> Response:
    """Compare a report, `now`, with another, `before`: the same as `interlocutor replay --baseline`."""
    return await _computed(request, _compared)


async def _computed(request: Request, compute: Callable[[dict[str, Any]], dict[str, Any]]) -> Response:
    check_origin(request)
    body = await read_body(request, max_bytes=MAX_REPORTS_BYTES)

    def work() -> dict[str, Any]:
        return compute(parse_json(body, max_bytes=MAX_REPORTS_BYTES))

    return JSONResponse(await asyncio.to_thread(work))


def _summed(sent: dict[str, Any]) -> dict[str, Any]:
    report = _report(sent)
    return {"summary": summarise(report), "distribution": distribution(report)}


def _compared(sent: dict[str, Any]) -> dict[str, Any]:
    now, before = (_report(sent.get(name), f"{name}.") for name in ("now", "before"))
    return compare(now, before).as_json()


def _report(sent: Any, within: str = "") -> ReadReport:
    """Return a report out of a body; raises ProtocolError, which names the field, or tells the limit."""
    if _values(sent) > MAX_TURNS:
        why = f"a report may have {MAX_TURNS} turns, its repeats included; send fewer repeats"
        raise ProtocolError(why, code="report.invalid")
    try:
        return ReadReport.model_validate(sent)
    except ValidationError as error:
        where = f"{within}{wrong_field(error)}".removesuffix(".")
        why = f"send a report as `interlocutor replay --json FILE` writes it: '{where}' is wrong"
        raise ProtocolError(why, code="report.invalid") from None


def _values(sent: Any) -> int:
    """Return how many values a figure may have: as many as the longest run has turns, in each run."""
    turns, runs = (sent.get(name) for name in ("turns", "runs")) if isinstance(sent, dict) else (None, None)
    lists = runs if isinstance(runs, list) else []
    longest = max((len(run) for run in (turns, *lists) if isinstance(run, list)), default=0)
    return max(longest, 1) * max(len(lists), 1)


# ------------------------------------------------------------------ who may


def gate(request: Request) -> Principal | None:
    """Raise ProtocolError where the page is closed; return a developer for the page's own key, else None."""
    check_there(request)
    if server_of(request).lab_key.opens(token_of(request)):
        return Principal("developer", None)
    return None


def check_there(request: Request) -> Principal | None:
    """Raise ProtocolError where nobody could use the page; nobody is known by this."""
    server = server_of(request)
    if server.lab_key.exists or (server.settings.lab.enabled and server.settings.developer_key is not None):
        return None
    raise ProtocolError(
        "the latency page is closed here; its operator can set a developer key and lab.enabled",
        code="page.closed",
        http_status=404,
    )


# ------------------------------------------------------------------ recordings


def recordings(settings: Settings) -> dict[str, Path]:
    """Return the recordings by their path below the folder; links that lead out of it are left out."""
    folder = settings.lab.recordings_folder
    if folder is None:
        return {}
    try:
        found = find_recordings([folder])
    except AppError:
        return {}  # empty, or not to be read: there is nothing to offer
    inside = folder.resolve()
    return {path.relative_to(folder).as_posix(): path for path in found if path.resolve().is_relative_to(inside)}


def _listed(settings: Settings) -> list[dict[str, Any]]:
    return [
        {"name": name, "bytes": path.stat().st_size, "truth": truth_path(path).is_file()}
        for name, path in recordings(settings).items()
    ]


async def _recording(request: Request) -> Path:
    """Return a recording that is on the list, so that no other file can be named; raises ProtocolError (404)."""
    server = server_of(request)
    known = await asyncio.to_thread(recordings, server.settings)
    path = known.get(request.path_params["name"])
    if path is None:
        raise ProtocolError(
            "there is no such recording here; choose one of the list", code="recording.unknown", http_status=404
        )
    return path
