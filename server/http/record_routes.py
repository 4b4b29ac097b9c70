"""The routes of what is left of a role-play: its record, its log, its deletion, and reports of what went wrong."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.errors import AccessError, AppError, ProtocolError, StorageError
from pipelines.events import Audience, ProblemReported
from pipelines.log.stored_events import StoredLog
from pipelines.patient.card import public_view
from server.host import Server
from server.http.requests import own_session, read_body, server_of
from server.protocol.refusal import Refused
from server.protocol.strict_json import parse_object
from server.records.folder import RecordFolder
from server.records.reading import recorded_turns, turns_as_json
from server.sessions.session import Session, Status

logger = structlog.get_logger("server.http.record_routes")

# A log's end has so long to reach the disk; what is there by then is shown.
WRITTEN_S = 5.0
MAX_BODY_BYTES = 8_192  # a report of 1,000 characters, whatever they are


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who asks for what is left of which session."""

    server: Server
    session: Session
    audience: Audience


def _asked(request: Request) -> _Asked:
    principal, session = own_session(request)
    audience = Audience.DEVELOPER if principal.role == "developer" else Audience.CANDIDATE
    return _Asked(server_of(request), session, audience)


async def session_record(request: Request) -> Response:
    """Send a finished role-play: its turns word for word with their places, and whether its recording is there yet."""
    asked = _asked(request)
    session = asked.session
    body: dict[str, Any] = {"id": session.id, "status": session.status.value, "mode": session.mode}
    body["card"] = public_view(session.card).model_dump(mode="json")
    if session.status is Status.ENDED:
        await kept(session.written)
        show_cues = session.mode == "practice" or asked.audience > Audience.CANDIDATE
        body |= await asyncio.to_thread(_read, session, show_cues)
        if session.debrief is not None:
            body |= {k: v for k, v in session.debrief.as_json(show_cues=show_cues).items() if k != "turns"}
    return JSONResponse(body)


def _read(session: Session, show_cues: bool) -> dict[str, Any]:
    folder = RecordFolder(session.folder)
    turns: list[dict[str, Any]] = []
    if not folder.erased and folder.has_log:
        log = StoredLog(session.folder)
        turns = turns_as_json(recorded_turns(log.records(Audience.DEVELOPER)), session.card, show_cues=show_cues)
    return {"turns": turns, "recording": folder.recording(due=not session.joined.is_set()).as_json()}


async def kept(done: asyncio.Event) -> None:
    """Wait until the disk has what was queued for it: a moment, or for ever when it does not keep up."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(WRITTEN_S):
            await done.wait()


async def session_log(request: Request) -> Response:
    """Send the session's log as JSON lines, as far as the asker may see it."""
    asked = _asked(request)
    must_be_over(asked.session)
    await kept(asked.session.written)

    def lines() -> str:
        if not RecordFolder(asked.session.folder).has_log:
            return ""
        return "".join(
            json.dumps(asdict(envelope) | {"audience": envelope.audience.name.lower(), "payload": payload}) + "\n"
            for envelope, payload in StoredLog(asked.session.folder).entries(asked.audience)
        )

    name = f"{asked.session.card.id}.jsonl"
    return Response(
        await asyncio.to_thread(lines),
        media_type="application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def delete_session(request: Request) -> Response:
    """Erase all that was said and the recording; when, what type and for whom stays, with digests that tell nothing.

    What is left of an exam is not the candidate's to erase.
    """
    asked = _asked(request)
    session = asked.session
    if session.mode == "exam" and asked.audience <= Audience.CANDIDATE:
        raise AccessError(
            "the record of an exam is kept for its examiners; ask whoever holds the exam to have it deleted",
            code="session.exam_record",
            http_status=403,
            close_code=4403,
        )
    must_be_over(session)
    session.debrief = None
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def told(error: Exception | None) -> None:
        if loop.is_closed() or done.done():
            return
        done.set_exception(error) if error is not None else done.set_result(None)

    def failed(error: Exception) -> None:
        loop.call_soon_threadsafe(told, error if isinstance(error, AppError) else _unwritable())

    def erase() -> None:
        RecordFolder(session.folder).erase()
        loop.call_soon_threadsafe(told, None)

    # After what the disk thread and the chores still have to do for this session: its log's end, its recording.
    asked.server.disk.submit(lambda: asked.server.chores.submit(erase, failed), failed)
    await done
    logger.info("session_erased", session=session.id)
    return JSONResponse({"id": session.id, "deleted": True})


def _unwritable() -> StorageError:
    return StorageError("the record can't be deleted now; try again, or ask whoever runs this server")


class _Report(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    kind: str = Field(pattern=r"^[a-z_]{1,32}$")
    text: str = Field(default="", max_length=1_000)


async def report_problem(request: Request) -> Response:
    """Keep a candidate's report of what went wrong in the log of the role-play that is under way."""
    session = _asked(request).session
    body = await read_body(request, max_bytes=MAX_BODY_BYTES)
    try:
        report = _Report.model_validate(parse_object(body, max_bytes=MAX_BODY_BYTES))
    except (ValidationError, Refused):
        raise ProtocolError(
            'send {"kind": "sound", "text": "at most 1000 characters"}', code="session.fields"
        ) from None
    if session.driver is None:
        raise ProtocolError(
            "the role-play is not under way; tell whoever runs this server", code="session.over", http_status=400
        )
    session.driver.log.append(ProblemReported(report.kind, report.text))
    logger.info("problem_reported", session=session.id, kind=report.kind)
    return JSONResponse({"id": session.id, "reported": True}, status_code=201)


def must_be_over(session: Session) -> None:
    """Raise ProtocolError while the role-play goes on."""
    if session.status is not Status.ENDED:
        raise ProtocolError(
            "the role-play is not over yet; end it first", code="session.running", http_status=409, close_code=1008
        )
