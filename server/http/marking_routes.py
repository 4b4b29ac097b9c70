"""The routes of marking: one's own sheet, what may be seen of others', and the outcome as a table."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.errors import ProtocolError
from server.exams.marked import all_pairs, examiners_agreement, outcome_of_session
from server.host import Server
from server.http.csv_safety import safe_cell
from server.http.record_routes import must_be_over
from server.http.requests import parse_json, read_body, server_of
from server.http.who import name_of, own_session
from server.marking.criteria import BY_ID, CRITERIA
from server.marking.sheet import Sheet, read_sheet
from server.records.folder import RecordFolder
from server.sessions.session import Session
from server.store import exams, markings, people
from server.store.markings import Marking
from server.store.tokens import now_ms

MAX_BODY_BYTES = 262_144
ASKED = {"after", "state", "sheet"}
SHEET_PARTS = ("indicators", "reasons", "evidence", "comment")
AGREEMENT_COLUMNS = (
    "of",
    "name",
    "role_plays",
    "pairs",
    "exact",
    "adjacent",
    "kappa",
    "kappa_low",
    "kappa_high",
    "kappa_none",
    "severity",
    "severity_low",
    "severity_high",
)


async def read_marks(request: Request) -> Response:
    """Send the criteria, one's own last sheet and its number, and what one may see of everybody's."""
    principal, session = own_session(request)
    reader = name_of(principal)
    async with server_of(request).store.database.reading() as connection:
        return JSONResponse(await _shown(connection, server_of(request), session, reader))


async def save_marks(request: Request) -> Response:
    """Keep a sheet as a draft or signed: 201; `after` is the number of the one that it takes the place of.

    Raises ProtocolError for one that can't be kept.
    """
    principal, session = own_session(request)
    server, examiner_id = server_of(request), name_of(principal)
    must_be_over(session)
    asked = parse_json(await read_body(request, max_bytes=MAX_BODY_BYTES), max_bytes=MAX_BODY_BYTES)
    if set(asked) != ASKED or asked["state"] not in ("draft", "signed") or type(asked["after"]) is not int:
        raise ProtocolError('send {"after": 0, "state": "draft" or "signed", "sheet": {...}}', code="marking.fields")
    sheet = read_sheet(asked["sheet"])
    if asked["state"] == "signed" and sheet.lacks:
        raise ProtocolError(f"{sheet.lacks[0]}: give a mark before you sign", code="marking.fields")
    if RecordFolder(session.folder).erased:
        raise ProtocolError("this role-play was deleted; it can't be marked", code="marking.refused")
    async with server.store.database.writing() as connection:
        if await exams.void_among(connection, [session.id]):
            raise ProtocolError("this role-play was declared void; it can't be marked", code="marking.refused")
        outcome = await outcome_of_session(connection, session.id, server.settings.marking)
        if outcome.closed and examiner_id not in {one.examiner_id for one in outcome.markers}:
            raise ProtocolError(
                "the marking of this role-play was closed without yours; tell whoever looks after the examiners",
                code="marking.closed",
                http_status=409,
            )
        names = await people.names(connection, {examiner_id})
        await markings.add(
            connection,
            Marking(
                session.id,
                examiner_id,
                asked["after"] + 1,
                names.get(examiner_id, examiner_id),
                asked["state"],
                sheet.model_dump_json(),
                now_ms(),
            ),
        )
        shown = await _shown(connection, server, session, examiner_id)
    return JSONResponse(shown, status_code=201)


async def marks_table(request: Request) -> Response:
    """Send the marks of a role-play as CSV, once one may see them: a row for each criterion, a column for each name.

    After what was decided come four more columns for each, in the same order: what else they have signed.
    """
    principal, session = own_session(request)
    async with server_of(request).store.database.reading() as connection:
        outcome = await outcome_of_session(connection, session.id, server_of(request).settings.marking)
    if not outcome.may_see(name_of(principal)):
        raise _not_yet()
    text = io.StringIO()
    table = csv.writer(text)
    everybody = outcome.everybody
    names = [safe_cell(one.examiner) for one in everybody]
    # Two people may have one name, so their columns have numbers.
    more = [f"{part} {place}" for place in range(1, len(names) + 1) for part in SHEET_PARTS]
    table.writerow(["session", "criterion", "most", *names, "differs", "decided", *more])
    differs, decided = outcome.differs, outcome.decided()
    for criterion in CRITERIA:
        marks = [one.sheet.marks[criterion.id].mark for one in everybody]
        differ = "yes" if criterion.id in differs else "no"
        signed = [cell for one in everybody for cell in _cells(one.sheet, criterion.id)]
        row = [session.id, criterion.name, criterion.most, *marks, differ, decided.get(criterion.id, "")]
        table.writerow([*row, *signed])
    headers = {"Content-Disposition": f'attachment; filename="{session.id}-marks.csv"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


async def agreement(request: Request) -> Response:
    """Send how far examiners agree, over all role-plays that as many have marked as are wanted."""
    server = server_of(request)
    return JSONResponse(await examiners_agreement(server.store, server.settings.marking))


async def agreement_table(request: Request) -> Response:
    """Send the same as CSV: a row for each criterion, then one for each examiner."""
    server = server_of(request)
    told = await examiners_agreement(server.store, server.settings.marking)
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(AGREEMENT_COLUMNS)
    for kind, name, rows in (("criterion", "criterion", told["criteria"]), ("examiner", "examiner", told["examiners"])):
        for row in rows:
            figures = ["" if (value := row.get(column)) is None else value for column in AGREEMENT_COLUMNS[2:]]
            table.writerow([kind, safe_cell(row[name]), *figures])
    headers = {"Content-Disposition": 'attachment; filename="agreement.csv"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


async def pairs_table(request: Request) -> Response:
    """Send all pairs of marks as CSV, for a statistics program."""
    server = server_of(request)
    pairs, names = await all_pairs(server.store, server.settings.marking)
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["session", "criterion", "first", "first_mark", "second", "second_mark"])
    for pair in pairs:
        first, second = (safe_cell(names.get(who, who)) for who in (pair.first, pair.second))
        table.writerow([pair.session_id, pair.criterion, first, pair.first_mark, second, pair.second_mark])
    headers = {"Content-Disposition": 'attachment; filename="pairs-of-marks.csv"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


async def check_measures(server: Server, session: Session, reader: str) -> None:
    """Raise ProtocolError while somebody may not see what the machine has measured of an exam."""
    async with server.store.database.reading() as connection:
        outcome = await outcome_of_session(connection, session.id, server.settings.marking)
    if not outcome.may_see(reader):
        raise _not_yet()


def _not_yet() -> ProtocolError:
    return ProtocolError(
        "this is shown once all examiners have signed their marks",
        code="marking.blind",
        http_status=409,
    )


async def _shown(connection: AsyncConnection, server: Server, session: Session, reader: str) -> dict[str, Any]:
    rows = await markings.of_session(connection, session.id)
    outcome = await outcome_of_session(connection, session.id, server.settings.marking)
    mine = [row for row in rows if row.examiner_id == reader]
    last = mine[-1] if mine else None
    return {
        "criteria": [criterion.as_json() for criterion in BY_ID.values()],
        "examiners": server.settings.marking.examiners,
        "own": {
            "number": last.number if last is not None else 0,
            "state": last.state if last is not None else None,
            "signed": any(row.state == "signed" for row in mine),
            "sheet": json.loads(last.sheet) if last is not None else {"marks": {}, "comment": ""},
        },
        "outcome": outcome.as_json(reader),
    }


def _cells(sheet: Sheet, criterion: str) -> list[str]:
    """Return what an examiner has signed beside a mark, as cells; the comment is on the whole role-play."""
    mark = sheet.marks[criterion]
    places = (f"{each.from_ms / 1000:.1f}-{each.to_ms / 1000:.1f} s {each.text}".strip() for each in mark.evidence)
    texts = (" ".join(mark.indicators), mark.note, "; ".join(places), sheet.comment)
    return [safe_cell(text) for text in texts]
