"""Who may do what: the one table. What is not in it is refused.

Each route and each message asks `may`; nothing else decides. How far a right reaches says of whose sessions it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from server.principal import Principal, Role


class Reach(IntEnum):
    """Whose sessions a right is for."""

    NONE = 0
    OWN = 1  # those that one holds oneself
    EXAMS = 2  # these, and the exams that one examines
    ALL = 3


class Action(StrEnum):
    """All that can be asked of the server; the values are the scopes of keys."""

    SEE_SERVER = "server.see"
    READ_METRICS = "metrics.read"
    LIST_CARDS = "card.list"
    LOG_IN = "account.log_in"
    CHANGE_PASSWORD = "account.change_password"  # noqa: S105 - the name of a right
    EXPORT_OWN = "account.export"
    MANAGE_PEOPLE = "people.manage"
    OPEN_PRACTICE = "session.open_practice"
    OPEN_EXAM = "session.open_exam"
    CHOOSE_CARD = "session.choose_card"
    TAKE_PART = "session.take_part"
    LIST_SESSIONS = "session.list"
    LIST_EXAMS = "exam.list"
    MANAGE_EXAMS = "exam.manage"
    VOID_EXAM = "exam.void"
    SIT_EXAM = "exam.sit"
    READ_RECORD = "session.read"
    HEAR_RECORDING = "session.hear"
    READ_LOG = "session.log"
    READ_MEASURES = "session.measures"
    READ_EXAM_MEASURES = "session.exam_measures"
    DELETE_PRACTICE = "session.delete_practice"
    DELETE_EXAM = "session.delete_exam"
    REPORT_PROBLEM = "session.report"
    FOLLOW = "desk.follow"
    LISTEN = "desk.listen"
    NOTE = "desk.note"
    MARK = "desk.mark"
    READ_REPORT = "marks.report"
    READ_OPINION = "marks.opinion"
    LIST_WAITING = "marks.waiting"
    SETTLE_MARKING = "marks.settle"
    READ_AGREEMENT = "marks.agreement"
    USE_LAB = "lab.use"
    READ_WAITS = "lab.waits"


_ALL, _OWN, _EXAMS = Reach.ALL, Reach.OWN, Reach.EXAMS

_ANYBODY: dict[Role, Reach] = {
    "stranger": _ALL,
    "guest": _ALL,
    "visitor": _ALL,
    "candidate": _ALL,
    "examiner": _ALL,
    "developer": _ALL,
    "admin": _ALL,
}
_PEOPLE: dict[Role, Reach] = {"candidate": _ALL, "examiner": _ALL, "developer": _ALL, "admin": _ALL}

PERMISSIONS: dict[Action, dict[Role, Reach]] = {
    Action.SEE_SERVER: _ANYBODY,
    # Figures, no names; a proxy keeps them in the house, as before.
    Action.READ_METRICS: _ANYBODY,
    Action.LOG_IN: _ANYBODY,
    Action.CHANGE_PASSWORD: _PEOPLE,
    # What is kept about somebody is theirs to take.
    Action.EXPORT_OWN: _PEOPLE,
    Action.LIST_CARDS: {"guest": _ALL, "visitor": _ALL, **_PEOPLE},
    Action.OPEN_PRACTICE: {"guest": _ALL, "visitor": _ALL, **_PEOPLE},
    # Outside the schedule: whoever has an account sits the exams that are planned for them.
    Action.OPEN_EXAM: {"visitor": _ALL, "developer": _ALL},
    # To connect without a session, and name a card in the address.
    Action.CHOOSE_CARD: {"developer": _ALL},
    Action.TAKE_PART: {"candidate": _OWN, "developer": _ALL},
    Action.REPORT_PROBLEM: {"candidate": _OWN, "developer": _ALL},
    Action.LIST_SESSIONS: {"candidate": _OWN, "examiner": _EXAMS, "developer": _ALL, "admin": _ALL},
    Action.READ_RECORD: {"candidate": _OWN, "examiner": _EXAMS, "developer": _ALL, "admin": _OWN},
    Action.HEAR_RECORDING: {"candidate": _OWN, "examiner": _EXAMS, "developer": _ALL, "admin": _OWN},
    Action.READ_LOG: {"candidate": _OWN, "examiner": _EXAMS, "developer": _ALL, "admin": _OWN},
    Action.READ_MEASURES: {"candidate": _OWN, "examiner": _OWN, "developer": _ALL, "admin": _OWN},
    # Whoever sits an exam is told no figures of it.
    Action.READ_EXAM_MEASURES: {"examiner": _EXAMS, "developer": _ALL},
    Action.DELETE_PRACTICE: {"candidate": _OWN, "examiner": _OWN, "developer": _ALL, "admin": _ALL},
    # A candidate ends their practice; the record of an exam belongs to the exam.
    Action.DELETE_EXAM: {"developer": _ALL, "admin": _ALL},
    # An exam by its examiners; a practice, where the candidate is told, by whoever looks after the server.
    Action.FOLLOW: {"examiner": _EXAMS, "developer": _ALL},
    Action.LISTEN: {"examiner": _EXAMS, "developer": _ALL},
    Action.NOTE: {"examiner": _EXAMS, "developer": _ALL},
    Action.MARK: {"examiner": _EXAMS, "developer": _ALL},
    # Its candidate only where the server is told so: the route asks.
    Action.READ_REPORT: {"candidate": _OWN, "examiner": _EXAMS, "developer": _ALL},
    # What a language model would mark is no mark, and whoever was judged is not told.
    Action.READ_OPINION: {"examiner": _EXAMS, "developer": _ALL},
    # What waits for one's own marks; who looks after the examiners sees what waits for anybody's.
    Action.LIST_WAITING: {"examiner": _EXAMS, "developer": _ALL, "admin": _ALL},
    # To have another examine, or to close with the marks that there are.
    Action.SETTLE_MARKING: {"developer": _ALL, "admin": _ALL},
    # Who is severe is for whoever looks after the examiners, not for these.
    Action.READ_AGREEMENT: {"developer": _ALL, "admin": _ALL},
    Action.MANAGE_PEOPLE: {"admin": _ALL},
    Action.LIST_EXAMS: {"candidate": _OWN, "examiner": _EXAMS, "developer": _ALL, "admin": _ALL},
    # Who sits one when, with which cards, and who examines it.
    Action.MANAGE_EXAMS: {"admin": _ALL},
    # To void one, or a part of it, and to write down what went wrong.
    Action.VOID_EXAM: {"examiner": _EXAMS, "admin": _ALL},
    Action.SIT_EXAM: {"candidate": _OWN},
    Action.USE_LAB: {"developer": _ALL},
    Action.READ_WAITS: {"developer": _ALL},
}

OPENING: dict[str, Action] = {"practice": Action.OPEN_PRACTICE, "exam": Action.OPEN_EXAM}
"""What opening a role-play of a mode asks for."""
OF_OTHERS = frozenset(
    {
        Action.FOLLOW,
        Action.LISTEN,
        Action.NOTE,
        Action.MARK,
        Action.READ_OPINION,
        Action.VOID_EXAM,
        Action.SETTLE_MARKING,
    }
)
"""What nobody does with a role-play or an exam of their own: they would see what they may not know yet, or judge it."""

MESSAGES: dict[Role, bool] = {"candidate": True, "developer": True}
"""Whose messages a conversation takes; what a developer may set beyond a candidate is in `protocol/support.py`."""


@dataclass(frozen=True, slots=True)
class Whose:
    """Which session something is asked of, or which exam; `examiners` are the ids of those who examine it."""

    session_id: str
    mode: str
    person_id: str | None = None
    examiners: frozenset[str] = frozenset()


def reach(principal: Principal, action: Action) -> Reach:
    """Return of whose sessions somebody may do this."""
    if principal.scopes is not None and action.value not in principal.scopes and "*" not in principal.scopes:
        return Reach.NONE
    return PERMISSIONS.get(action, {}).get(principal.role, Reach.NONE)


def listeners(mode: str) -> list[Role]:
    """Return who may hear a role-play of this mode that somebody else holds; of an exam, examiners only theirs."""
    far_enough = {Reach.ALL, Reach.EXAMS} if mode == "exam" else {Reach.ALL}
    rights = (PERMISSIONS[Action.LISTEN], PERMISSIONS[Action.HEAR_RECORDING])
    return sorted({role for right in rights for role, far in right.items() if far in far_enough})


def is_public(action: Action) -> bool:
    """Return whether anybody at all may do this, strangers included."""
    return PERMISSIONS.get(action) is _ANYBODY


def is_own(principal: Principal, person_id: str | None) -> bool:
    """Return whether what is this person's is one's own."""
    return principal.person_id is not None and person_id == principal.person_id


def may(principal: Principal, action: Action, whose: Whose | None = None) -> bool:
    """Return whether somebody may do this, of this session where it is about one.

    Whoever bears a session's token may do what their role may with that session, and nothing elsewhere.
    """
    far = reach(principal, action)
    if principal.session_id is not None:
        return far > Reach.NONE and whose is not None and whose.session_id == principal.session_id
    if whose is None:
        return far > Reach.NONE
    own = is_own(principal, whose.person_id)
    if own and action in OF_OTHERS and principal.role != "developer":
        return False
    examines = whose.mode == "exam" and principal.person_id in whose.examiners
    return far is Reach.ALL or (far is Reach.EXAMS and examines) or (far > Reach.NONE and own)
