"""The routes of what is left of a role-play: record, recording, log, deletion, and reports of what went wrong."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.errors import ProtocolError, RateError
from pipelines.events import Audience, ProblemReported
from pipelines.log.recorded_turns import recorded_turns, turns_as_json
from pipelines.log.stored_events import StoredLog
from pipelines.patient.card import public_view
from server.host import Server
from server.http.ranges import send_file
from server.http.requests import read_body, server_of
from server.http.who import name_of, note_reading, own_session
from server.principal import Principal
from server.protocol.refusal import Refused
from server.protocol.strict_json import parse_object
from server.records.debrief import summarise
from server.records.folder import RecordFolder
from server.records.record_gaps import record_gaps
from server.records.records import Records
from server.sessions.session import Session, Status
from server.store import exams

logger = structlog.get_logger("server.http.record_routes")

# A log's end has so long to reach the disk; what is there by then is shown.
WRITTEN_S = 5.0
MAX_BODY_BYTES = 8_192  # a report of 1,000 characters, whatever they are


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who asks for what is left of which session."""

    server: Server
    principal: Principal
    session: Session

    @property
    def audience(self) -> Audience:
        """As whom they may see what is in the log: an examiner sees an exam as one, and their own practice does not."""
        if self.principal.role == "developer":
            return Audience.DEVELOPER
        examines = self.principal.role == "examiner" and self.session.person_id != self.principal.person_id
        return Audience.EXAMINER if examines else Audience.CANDIDATE


def _asked(request: Request) -> _Asked:
    return _Asked(server_of(request), *own_session(request))


async def session_record(request: Request) -> Response:
    """Send a finished role-play: its turns word for word with their places, and whether its recording is there yet."""
    asked = _asked(request)
    session = asked.session
    body: dict[str, Any] = {"id": session.id, "status": session.status.value, "mode": session.mode}
    body["card"] = public_view(session.card).model_dump(mode="json")
    if session.status is Status.ENDED:
        await kept(session.written)
        note_reading(request, "record.read")
        show_cues = session.mode == "practice" or asked.audience > Audience.CANDIDATE
        body |= await asyncio.to_thread(_read, asked.server.records, session, show_cues)
        gaps = body.pop("gaps")
        if asked.audience > Audience.CANDIDATE:
            body["standing"] = await _standing(asked.server, session) | {"gaps": gaps}
    return JSONResponse(body)


async def _standing(server: Server, session: Session) -> dict[str, Any]:
    """Return whether a record was erased, and whether its role-play was declared void, and why."""
    async with server.store.database.reading() as connection:
        exam = await exams.of_session(connection, session.id)
    erased = await asyncio.to_thread(lambda: RecordFolder(session.folder).erased)
    return {"erased": erased, "void": exam.void_reason_of(session.id) if exam is not None else None}


def _read(records: Records, session: Session, show_cues: bool) -> dict[str, Any]:
    seal = records.vault.open_session(session.folder)
    folder, debrief = RecordFolder(session.folder), session.debrief
    turns: list[dict[str, Any]] = []
    gaps: list[str] = []
    if not folder.erased and folder.has_log:
        # Read once, for both.
        entries = list(StoredLog(session.folder, seal).records(Audience.DEVELOPER))
        turns = turns_as_json(recorded_turns(entries), session.card, show_cues=show_cues)
        debrief = debrief or summarise(entries, session.card)
        gaps = record_gaps(entries, session.folder)
    body = debrief.as_json(show_cues=show_cues) if debrief is not None else {}
    recording = records.recordings.facts(session.folder, seal, due=not session.joined.is_set())
    return body | {"turns": turns, "recording": recording.as_json(), "gaps": gaps}


async def kept(done: asyncio.Event) -> None:
    """Wait until the disk has what was queued for it: a moment, or for ever when it does not keep up."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(WRITTEN_S):
            await done.wait()


async def session_recording(request: Request) -> Response:
    """Send the joined recording (FLAC: candidate left, patient right) once the session is over."""
    asked = _asked(request)
    folder, records = asked.session.folder, asked.server.records
    if asked.session.status is not Status.ENDED or RecordFolder(folder).erased:
        raise _no_recording()
    seal = await asyncio.to_thread(records.vault.open_session, folder)

    def open_recording() -> BinaryIO:
        try:
            return records.recordings.open(folder, seal)
        except FileNotFoundError:
            raise _no_recording() from None

    note_reading(request, "recording.heard")
    name = f"{asked.session.card.id}.flac"
    # It is written once, and moved as it is.
    version = f"{asked.session.id} {'plain' if seal is None else 'sealed'}"
    return await send_file(request, open_recording, version=version, media_type="audio/flac", filename=name)


def _no_recording() -> ProtocolError:
    return ProtocolError(
        "the recording is there once the session is over", code="session.no_recording", http_status=404
    )


async def session_log(request: Request) -> Response:
    """Send the session's log as JSON lines, as far as the asker may see it."""
    asked = _asked(request)
    must_be_over(asked.session)
    await kept(asked.session.written)
    note_reading(request, "log.read")

    def lines() -> str:
        if not RecordFolder(asked.session.folder).has_log:
            return ""
        folder = asked.session.folder
        seal = asked.server.vault.open_session(folder)
        return "".join(
            json.dumps(asdict(envelope) | {"audience": envelope.audience.name.lower(), "payload": payload}) + "\n"
            for envelope, payload in StoredLog(folder, seal).entries(asked.audience)
        )

    name = f"{asked.session.card.id}.jsonl"
    return Response(
        await asyncio.to_thread(lines),
        media_type="application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def delete_session(request: Request) -> Response:
    """Erase all that was said and the recording; when, what type and for whom stays, with digests that tell nothing."""
    asked = _asked(request)
    must_be_over(asked.session)
    await asked.server.eraser.erase(asked.session, by=name_of(asked.principal))
    asked.server.assessments.forget(asked.session.id)
    return JSONResponse({"id": asked.session.id, "deleted": True})


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
    if wait_s := server_of(request).reports.wait_s(session.id):
        raise RateError(
            f"too many problems were reported; try again in {wait_s} seconds",
            retry_after_s=wait_s,
            code="session.too_many_reports",
        )
    server_of(request).reports.take_token(session.id)
    session.driver.log.append(ProblemReported(report.kind, report.text))
    logger.info("problem_reported", session=session.id, kind=report.kind)
    return JSONResponse({"id": session.id, "reported": True}, status_code=201)


def must_be_over(session: Session) -> None:
    """Raise ProtocolError while the role-play goes on."""
    if session.status is not Status.ENDED:
        raise ProtocolError(
            "the role-play is not over yet; end it first", code="session.running", http_status=409, close_code=1008
        )
