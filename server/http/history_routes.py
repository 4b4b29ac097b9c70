"""The route of all sessions that somebody may know of: their own, exams, or everybody's."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.errors import ProtocolError
from server.http.requests import server_of
from server.principal import Principal
from server.rights import Action, Reach, reach
from server.store import exams, people, sessions
from server.store.sessions import IndexedSession, Wanted

MOST, USUAL = 200, 50
FILTERS = ("mode", "state", "card", "person", "since_ms", "until_ms", "after", "limit")


async def list_sessions(request: Request) -> Response:
    """List role-plays, the newest first; `next` is the `after` of the next page, None on the last one."""
    principal: Principal = request.state.principal
    far = reach(principal, Action.LIST_SESSIONS)
    wanted = _wanted(request, principal, far)
    async with server_of(request).store.database.reading() as connection:
        found = await sessions.find(connection, wanted)
        names = await people.names(connection, {one.person_id for one in found if one.person_id})
        void = await exams.void_among(connection, [one.id for one in found]) if far > Reach.OWN else frozenset()
    shown = [_shown(one, names, void, far) for one in found]
    last = found[-1] if len(found) == wanted.limit else None
    return JSONResponse({"sessions": shown, "next": f"{last.began_ms}.{last.id}" if last is not None else None})


def _shown(one: IndexedSession, names: dict[str, str], void: frozenset[str], far: Reach) -> dict[str, Any]:
    row = one.as_json()
    person_id = row.pop("person_id")
    if far > Reach.OWN:
        row["person"] = None if person_id is None else {"id": person_id, "name": names.get(person_id)}
        row["void"] = one.id in void
    return row


def _wanted(request: Request, principal: Principal, far: Reach) -> Wanted:
    given = dict(request.query_params)
    if unknown := sorted(set(given) - set(FILTERS)):
        raise ProtocolError(f"there is no filter '{unknown[0][:40]}'; use {', '.join(FILTERS)}", code="session.filter")
    own = principal.person_id or "nobody"
    mode = given.get("mode")
    if far is Reach.ALL:
        person_id, modes, or_person_id = given.get("person"), None, None
    elif far is Reach.EXAMS:
        person_id, modes, or_person_id = given.get("person"), ("exam",), own
    else:
        person_id, modes, or_person_id = own, None, None
    if mode is not None and modes is not None and mode not in modes:
        # An examiner's practice: their own alone.
        person_id, modes, or_person_id = own, None, None
    return Wanted(
        person_id=person_id,
        modes=modes,
        or_person_id=or_person_id,
        examiner_id=own if far is Reach.EXAMS else None,
        mode=mode,
        state=given.get("state"),
        card_id=given.get("card"),
        since_ms=_whole(given, "since_ms"),
        until_ms=_whole(given, "until_ms"),
        after=_after(given.get("after")),
        limit=max(1, min(MOST, _whole(given, "limit") or USUAL)),
    )


def _whole(given: dict[str, str], name: str) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise ProtocolError(f"{name} must be a whole number", code="session.filter")
    return int(text)


def _after(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    began, _, session_id = text.partition(".")
    if not began.isascii() or not began.isdigit() or len(began) > 15 or not session_id:
        raise ProtocolError("after must be the `next` of the page before", code="session.filter")
    return int(began), session_id
