"""All routes with what each asks of whoever comes: an action of `server/rights.py`, of a session or of the server.

A route that is not here does not exist, and one can't be here without an action. The conversation itself, by WebSocket
and by calls, asks for the same rights in `joining.py` and `call_routes.py`, where it is known which session is meant.
"""

from __future__ import annotations

from dataclasses import dataclass

from server.http import account_routes as accounts
from server.http import call_routes as calls
from server.http import desk_routes as desk
from server.http import exam_routes as exams
from server.http import history_routes as history
from server.http import lab_routes as lab
from server.http import marking_routes as marking
from server.http import measure_routes as measures
from server.http import note_routes as notes
from server.http import opinion_routes as opinions
from server.http import page_routes as pages
from server.http import person_routes as persons
from server.http import record_routes as records
from server.http import report_routes as reports
from server.http import secret_routes
from server.http import session_routes as sessions
from server.http import sign_on_routes as sign_on
from server.http import waiting_routes as waiting
from server.http.who import ActionOf, Gate, Handler, guarded
from server.rights import Action
from server.sessions.session import Session
from server.settings.oidc import CALLBACK


@dataclass(frozen=True, slots=True)
class Entry:
    """One route: its handler, the action that it is, and whether that is about the session in its path.

    `in_handler`: the handler itself asks, since only it learns which session is meant.
    """

    path: str
    handle: Handler
    action: ActionOf
    methods: tuple[str, ...] = ("GET",)
    about_session: bool = False
    gate: Gate | None = None
    in_handler: bool = False

    def handler(self) -> Handler:
        """Return the handler with its guard."""
        if self.in_handler:
            return self.handle
        return guarded(self.handle, self.action, about_session=self.about_session, gate=self.gate)


def _deleting(session: Session) -> Action:
    return Action.DELETE_EXAM if session.mode == "exam" else Action.DELETE_PRACTICE


def _measuring(session: Session) -> Action:
    return Action.READ_EXAM_MEASURES if session.mode == "exam" else Action.READ_MEASURES


_CALL = f"{calls.CALLS}/{{call_id}}"
_SESSION = "/api/sessions/{session_id}"
_PERSON = "/api/people/{person_id}"
_EXAM = "/api/exams/{exam_id}"

ROUTES: tuple[Entry, ...] = (
    Entry("/", pages.page, Action.SEE_SERVER),
    Entry("/login", accounts.page, Action.SEE_SERVER),
    Entry("/login/oidc", sign_on.begin, Action.LOG_IN),
    Entry(CALLBACK, sign_on.finish, Action.LOG_IN),
    Entry("/welcome", accounts.page, Action.SEE_SERVER),
    Entry("/health", pages.health, Action.SEE_SERVER),
    Entry("/ready", pages.ready, Action.SEE_SERVER),
    Entry("/metrics", pages.metrics, Action.READ_METRICS),
    Entry("/api/info", pages.info, Action.SEE_SERVER),
    Entry("/api/cards", pages.list_cards, Action.LIST_CARDS),
    Entry("/api/me", accounts.me, Action.SEE_SERVER),
    Entry("/api/login", accounts.log_in, Action.LOG_IN, ("POST",)),
    Entry("/api/logout", accounts.log_out, Action.LOG_IN, ("POST",)),
    Entry("/api/password", accounts.change_password, Action.CHANGE_PASSWORD, ("POST",)),
    Entry("/api/me/export", persons.export_own, Action.EXPORT_OWN),
    Entry("/api/invitation", accounts.look_at_link, Action.LOG_IN, ("POST",)),
    Entry("/api/invitation/accept", accounts.accept_link, Action.LOG_IN, ("POST",)),
    Entry("/api/people", accounts.list_people, Action.MANAGE_PEOPLE),
    Entry("/api/people", accounts.invite, Action.MANAGE_PEOPLE, ("POST",)),
    Entry(_PERSON, accounts.change_person, Action.MANAGE_PEOPLE, ("PATCH",)),
    Entry(f"{_PERSON}/reset", accounts.reset, Action.MANAGE_PEOPLE, ("POST",)),
    Entry("/api/sessions", history.list_sessions, Action.LIST_SESSIONS),
    Entry("/api/sessions", sessions.create_session, Action.OPEN_PRACTICE, ("POST",)),
    Entry(_SESSION, sessions.session_debrief, Action.READ_RECORD, about_session=True),
    Entry(_SESSION, records.delete_session, _deleting, ("DELETE",), about_session=True),
    Entry(f"{_SESSION}/join", sessions.mint_join_token, Action.TAKE_PART, ("POST",), about_session=True),
    Entry(f"{_SESSION}/recording", records.session_recording, Action.HEAR_RECORDING, about_session=True),
    Entry(f"{_SESSION}/record", records.session_record, Action.READ_RECORD, about_session=True),
    Entry(f"{_SESSION}/measures", measures.session_measures, _measuring, about_session=True),
    Entry(
        f"{_SESSION}/phrases/{{topic}}/{{number:int}}",
        measures.session_phrase,
        Action.READ_MEASURES,
        about_session=True,
    ),
    Entry(f"{_SESSION}/log", records.session_log, Action.READ_LOG, about_session=True),
    Entry(f"{_SESSION}/problems", records.report_problem, Action.REPORT_PROBLEM, ("POST",), about_session=True),
    Entry("/exam", exams.page, Action.SEE_SERVER),
    Entry("/api/exams", exams.list_exams, Action.LIST_EXAMS),
    Entry("/api/exams", exams.create_exams, Action.MANAGE_EXAMS, ("POST",)),
    Entry(_EXAM, exams.show_exam, Action.LIST_EXAMS),
    Entry(f"{_EXAM}/examiners", exams.assign_examiners, Action.MANAGE_EXAMS, ("PUT",)),
    Entry(f"{_EXAM}/void", exams.void_exam, Action.VOID_EXAM, ("POST",)),
    Entry(f"{_EXAM}/incidents", exams.raise_incident, Action.VOID_EXAM, ("POST",)),
    Entry(f"{_EXAM}/begin", exams.begin_exam, Action.SIT_EXAM, ("POST",)),
    Entry(f"{_EXAM}/session", exams.open_part, Action.SIT_EXAM, ("POST",)),
    Entry(f"{_SESSION}/place", sessions.session_place, Action.TAKE_PART, ("POST",), about_session=True),
    Entry("/api/rtc", calls.rtc_info, Action.TAKE_PART, in_handler=True),
    Entry("/v1/realtime/client_secrets", secret_routes.create_client_secret, Action.CHOOSE_CARD, ("POST",)),
    Entry(calls.CALLS, calls.open_call, Action.TAKE_PART, ("POST",), in_handler=True),
    Entry(_CALL, calls.renew_call, Action.TAKE_PART, ("POST", "PATCH"), in_handler=True),
    Entry(_CALL, calls.hang_up, Action.TAKE_PART, ("DELETE",), in_handler=True),
    Entry(f"{_CALL}/hangup", calls.hang_up, Action.TAKE_PART, ("POST",), in_handler=True),
    Entry("/desk", desk.page, Action.SEE_SERVER),
    Entry("/api/desk/live", desk.live, Action.FOLLOW),
    Entry(f"{_SESSION}/follow", desk.follow, Action.FOLLOW, ("POST",), about_session=True),
    Entry(f"{_SESSION}/notes", notes.list_notes, Action.NOTE, about_session=True),
    Entry(f"{_SESSION}/notes", notes.add_note, Action.NOTE, ("POST",), about_session=True),
    Entry("/api/desk/agreement", marking.agreement, Action.READ_AGREEMENT),
    Entry("/api/desk/agreement.csv", marking.agreement_table, Action.READ_AGREEMENT),
    Entry("/api/desk/pairs.csv", marking.pairs_table, Action.READ_AGREEMENT),
    Entry("/api/desk/waiting", waiting.list_waiting, Action.LIST_WAITING),
    Entry(f"{_SESSION}/examiners", waiting.add_examiner, Action.SETTLE_MARKING, ("POST",), about_session=True),
    Entry(f"{_SESSION}/marks/close", waiting.close_with_fewer, Action.SETTLE_MARKING, ("POST",), about_session=True),
    Entry(f"{_SESSION}/marks", marking.read_marks, Action.MARK, about_session=True),
    Entry(f"{_SESSION}/marks", marking.save_marks, Action.MARK, ("POST",), about_session=True),
    Entry(f"{_SESSION}/marks.csv", marking.marks_table, Action.MARK, about_session=True),
    Entry("/report", reports.page, Action.SEE_SERVER),
    Entry(f"{_SESSION}/report", reports.read_report, Action.READ_REPORT, about_session=True),
    Entry(f"{_SESSION}/report.csv", reports.report_table, Action.READ_REPORT, about_session=True),
    Entry(f"{_SESSION}/opinion", opinions.session_opinion, Action.READ_OPINION, about_session=True),
    Entry("/lab", lab.page, Action.SEE_SERVER, gate=lab.check_there),
    Entry("/api/lab", lab.overview, Action.USE_LAB, gate=lab.gate),
    Entry("/api/lab/sessions", lab.create_session, Action.USE_LAB, ("POST",), gate=lab.gate),
    Entry(
        "/api/lab/sessions/{session_id}/waits", lab.waits, Action.READ_WAITS, about_session=True, gate=lab.check_there
    ),
    Entry("/api/lab/truth", lab.read_truth, Action.USE_LAB, ("POST",), gate=lab.gate),
    Entry("/api/lab/summary", lab.summary, Action.USE_LAB, ("POST",), gate=lab.gate),
    Entry("/api/lab/comparison", lab.comparison, Action.USE_LAB, ("POST",), gate=lab.gate),
    Entry("/api/lab/sound/{name:path}", lab.audio, Action.USE_LAB, gate=lab.gate),
    Entry("/api/lab/truth/{name:path}", lab.truth, Action.USE_LAB, gate=lab.gate),
)
