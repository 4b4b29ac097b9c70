"""The routes of the report that a candidate may read: its page, the report itself, and the same as a table."""

from __future__ import annotations

import asyncio
import csv
import io

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from common.errors import AccessError, ProtocolError
from pipelines.events import Audience
from pipelines.log.recorded_turns import RecordedTurn, recorded_turns
from pipelines.log.stored_events import StoredLog
from server.exams.marked import outcome_of_session
from server.host import Server
from server.http.csv_safety import safe_cell
from server.http.record_routes import kept, must_be_over
from server.http.requests import server_of
from server.http.who import note_reading, own_session
from server.marking.candidate_report import NOTES, CandidateReport, ReportAbout, report_of
from server.paths import STATIC
from server.records.folder import RecordFolder
from server.rights import is_own
from server.sessions.session import Session
from server.store import exams, people

COLUMNS = ("session", "criterion", "most", "decided", "in_words", "from_s", "to_s", "said")


async def page(_request: Request) -> Response:
    """Serve the page that shows and prints a report; it holds nothing that is secret."""
    return FileResponse(STATIC / "desk" / "report.html", headers={"Cache-Control": "no-cache"})


async def read_report(request: Request) -> Response:
    """Send the report on a role-play whose marks are decided; raises ProtocolError and AccessError."""
    return JSONResponse((await _report(request)).as_json())


async def report_table(request: Request) -> Response:
    """Send the same as CSV: a row for each stretch that a mark rests on, then the comments and the notes."""
    report = await _report(request)
    text = io.StringIO()
    table = csv.writer(text)
    session_id = report.about.session_id
    table.writerow(COLUMNS)
    for one in report.marks:
        decided = [session_id, one.criterion.name, one.criterion.most, one.mark, one.words]
        for stretch in one.stretches:
            times = [f"{stretch.from_ms / 1000:.1f}", f"{stretch.to_ms / 1000:.1f}"]
            table.writerow([*decided, *times, safe_cell(stretch.text)])
        if not one.stretches:
            table.writerow([*decided, "", "", ""])
    for name, told in (("comment", report.comments), ("note", NOTES)):
        for each in told:
            table.writerow([session_id, name, "", "", "", "", "", safe_cell(each)])
    headers = {"Content-Disposition": f'attachment; filename="{session_id}-report.csv"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


async def _report(request: Request) -> CandidateReport:
    principal, session = own_session(request)
    server = server_of(request)
    own = principal.session_id is not None or is_own(principal, session.person_id)
    if own and principal.role != "developer" and not server.settings.marking.report_to_candidates:
        raise AccessError(
            "results are given by whoever holds the exam; ask them for yours", http_status=403, close_code=4403
        )
    must_be_over(session)
    async with server.store.database.reading() as connection:
        outcome = await outcome_of_session(connection, session.id, server.settings.marking)
        exam = await exams.of_session(connection, session.id)
        person_id = session.person_id or (exam.candidate_id if exam is not None else None)
        names = await people.names(connection, {person_id}) if person_id is not None else {}
    if exam is not None and exam.is_void(session.id):
        raise ProtocolError(
            "this role-play was declared void, so there is no report on it", code="marking.undecided", http_status=409
        )
    if outcome.state != "decided":
        raise ProtocolError(
            "the marks of this role-play are not decided yet; come back when they are",
            code="marking.undecided",
            http_status=409,
        )
    await kept(session.written)
    about = ReportAbout(
        session.id,
        candidate=names.get(person_id or ""),
        exam=exam.title if exam is not None else None,
        began_ms=session.opened_ms,
        card=session.card.title,
        profession=session.card.profession,
    )
    turns = await asyncio.to_thread(_turns, server, session)
    note_reading(request, "report.read")
    return report_of(outcome, turns, about)


def _turns(server: Server, session: Session) -> tuple[RecordedTurn, ...]:
    folder = RecordFolder(session.folder)
    if folder.erased or not folder.has_log:
        return ()
    log = StoredLog(session.folder, server.vault.open_session(session.folder))
    return recorded_turns(log.records(Audience.DEVELOPER))
