"""To which server a request goes, by what it brings; and where a new role-play goes, by what is known of the others."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from pydantic import SecretStr

from server.http.passing_on import held_thing
from server.instances.directory import Directory
from server.session_tags import session_named_by, tagged_secret
from server.sessions.access import Access
from server.sessions.join_tokens import JoinTokens
from server.store.instances import READY, Instance

ID = "sess_0123456789abcdef0123"
OTHER = "sess_99999999999999999999"
VISIT = Access(SecretStr("k" * 40)).issue(ID, "candidate")
JOIN = JoinTokens(now_s=lambda: 0.0).mint(ID, "candidate")
TICKET = f"interlocutor-resume.{tagged_secret(ID)}.12.3.400"
DESK = f"interlocutor-desk-ticket.{tagged_secret(ID)}"


def scope(path: str, *, bearer: str = "", header: str = "", offered: tuple[str, ...] = ()) -> dict[str, Any]:
    headers = [(b"authorization", f"Bearer {bearer}".encode())] if bearer else []
    headers += [(b"interlocutor-resume", header.encode())] if header else []
    return {"type": "http", "path": path, "headers": headers, "subprotocols": list(offered)}


@pytest.mark.parametrize(
    ("asked", "held"),
    [
        (scope(f"/api/sessions/{ID}"), ID),
        (scope(f"/api/sessions/{ID}/recording", bearer=VISIT), ID),
        # The path says what is asked for, whatever else is brought.
        (scope(f"/api/sessions/{OTHER}", bearer=VISIT), OTHER),
        (scope("/api/exams/exam_0-A_b/begin"), "exam_0-A_b"),
        (scope("/v1/realtime", bearer=JOIN), ID),
        (scope("/v1/realtime", offered=("realtime", f"openai-insecure-api-key.{JOIN}")), ID),
        (scope("/v1/realtime", offered=("interlocutor.v1", TICKET)), ID),
        (scope("/v1/realtime/calls", bearer=JOIN), ID),
        (scope("/v1/realtime/calls", header=TICKET), ID),
        (scope(f"/v1/realtime/calls/rtc_{tagged_secret(ID)}", bearer=VISIT), ID),
        (scope("/api/rtc", bearer=VISIT), ID),
        (scope("/v1/desk", offered=("interlocutor.desk.v1", DESK)), ID),
        # These name nothing that another server could hold.
        (scope("/"), None),
        (scope("/api/sessions", bearer=VISIT), None),
        (scope("/api/sessions/.."), None),
        (scope("/api/sessions/.lock"), None),
        (scope("/api/exams/../sessions"), None),
        (scope(f"/api/sessions/{ID}0"), None),
        (scope("/v1/realtime", bearer="a-developers-key"), None),
        (scope("/v1/realtime", bearer="vt_without"), None),
        (scope("/v1/realtime", bearer="ek_no.jwt.atall"), None),
        (scope("/v1/realtime", bearer=VISIT.replace("-", "/", 1)), None),
        (scope("/v1/realtime/calls/rtc_none"), None),
    ],
)
def test_a_request_is_about_what_its_path_or_its_secrets_name(asked: dict[str, Any], held: str | None) -> None:
    assert held_thing(asked) == held


def test_a_secret_names_its_session_and_differs_each_time() -> None:
    first, second = tagged_secret(ID), tagged_secret(ID)
    assert first != second
    assert session_named_by(first) == session_named_by(second) == ID
    assert session_named_by("0123") is session_named_by("") is None


def instance(name: str, free: int, **more: Any) -> Instance:
    told = Instance(name, f"http://{name}:8000", "0.1.0", READY, False, 16, free, "{}")
    return dataclasses.replace(told, **more)


class Mouths(Directory):
    """A directory that is told what it reads."""

    def __init__(self, mine: Instance, *others: Instance) -> None:
        super().__init__(None, name=mine.name, me=lambda: mine, lost_after_s=5)  # type: ignore[arg-type]
        self._known = {one.name: one for one in others}


@pytest.mark.parametrize(
    ("mine", "others", "chosen"),
    [
        (instance("a", 8), (), None),
        (instance("a", 8), (instance("b", 8),), None),
        # Nearly as much room: it stays, since it goes over no other server then.
        (instance("a", 8), (instance("b", 9),), None),
        (instance("a", 8), (instance("b", 10), instance("c", 12)), "c"),
        (instance("a", 0), (instance("b", 1),), "b"),
        (instance("a", 0), (instance("b", 0),), None),
        (instance("a", 9, state="engines are loading"), (instance("b", 1),), "b"),
        (instance("a", 0), (instance("b", 9, state="draining"), instance("c", 2)), "c"),
        (instance("a", 0), (instance("b", 9, silent_ms=5_500.0), instance("c", 2)), "c"),
    ],
)
def test_a_role_play_goes_to_the_server_with_the_most_room(
    mine: Instance, others: tuple[Instance, ...], chosen: str | None
) -> None:
    found = Mouths(mine, *others).roomiest()
    assert (found.name if found is not None else None) == chosen


def test_what_was_just_sent_counts_until_that_server_says_so_itself() -> None:
    directory = Mouths(instance("a", 4), instance("b", 7))
    sent = 0
    while (found := directory.roomiest()) is not None:
        directory.sent(found.name)
        sent += 1
    assert sent == 2


def test_who_has_most_room_takes_over() -> None:
    assert Mouths(instance("a", 4), instance("b", 4)).has_most_room()
    assert not Mouths(instance("a", 4), instance("b", 5)).has_most_room()
    assert Mouths(instance("a", 0), instance("b", 9, state="draining")).has_most_room()
