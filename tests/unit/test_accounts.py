"""Names, passwords and what slows down guessing, each by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import ProtocolError, RateError
from server.accounts.account_names import MAX_LOGIN, login_of, name_of
from server.accounts.key_ring import check_scopes
from server.accounts.login_limits import EVERYWHERE, FIRST_WAIT_S, LONGEST_WAIT_S, LoginLimits
from server.accounts.passwords import check_password
from server.settings.store import AuthSettings


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("Anna@Example.ORG", "anna@example.org"), ("  anna ", "anna"), ("ａｎｎａ", "anna"), ("Straße", "strasse")],
)
def test_a_login_name_has_one_form(typed: str, kept: str) -> None:
    assert login_of(typed) == kept


@pytest.mark.parametrize(
    "typed", ["", "  ", "a b", "a\tb", "a\x00", "\u202eanna", "x" * (MAX_LOGIN + 1), None, 7, ["a"]]
)
def test_other_login_names_are_refused(typed: object) -> None:
    with pytest.raises(ProtocolError, match="log-in name"):
        login_of(typed)


@given(st.text(max_size=300))
def test_a_name_that_was_taken_is_taken_again_as_it_is(text: str) -> None:
    for form in (login_of, name_of):
        try:
            kept = form(text)
        except ProtocolError:
            continue
        assert form(kept) == kept


def test_names_keep_what_people_write() -> None:
    assert name_of("  Robert'); DROP   TABLE people;-- <b>é</b> ") == "Robert'); DROP TABLE people;-- <b>é</b>"
    for wrong in ("", "\u200b", "x" * 201, "a\x07", None):
        with pytest.raises(ProtocolError):
            name_of(wrong)


@pytest.mark.parametrize(
    "password", ["", "short", "aaaaaaaaaaaaaaa", "abababababababab", "anna@example.org", "x" * 201, None, 12345678901]
)
def test_weak_passwords_are_refused(password: object) -> None:
    with pytest.raises(ProtocolError, match="a good password"):
        check_password(password, login="anna@example.org")


def test_a_password_is_the_same_however_it_was_typed() -> None:
    assert check_password("cafe\u0301 und kuchen", login="anna") == check_password("café und kuchen", login="anna")


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def tried(limits: LoginLimits, login: str, network: str) -> int:
    """Try, wrongly; return in how many seconds one may again, 0 for now."""
    try:
        limits.guess(login, network)
    except RateError as error:
        return error.retry_after_s
    return 0


def test_after_some_failures_each_wait_is_twice_the_last() -> None:
    clock = Clock()
    limits = LoginLimits(AuthSettings(failures=3, attempts_per_minute=10_000), now_s=clock)
    assert [tried(limits, "anna", "a") for _ in range(4)] == [0, 0, 0, FIRST_WAIT_S]
    assert tried(limits, "bert", "a") == 0
    assert tried(limits, "anna", "b") == 0
    waits = []
    for _ in range(10):
        waits.append(tried(limits, "anna", "a"))
        clock.now_s += waits[-1]
        assert tried(limits, "anna", "a") == 0
    assert waits[:4] == [15, 30, 60, 120]
    assert waits[-1] == LONGEST_WAIT_S
    limits.succeeded("anna", "a")
    assert tried(limits, "anna", "a") == 0


def test_a_guess_that_was_not_compared_does_not_count() -> None:
    limits = LoginLimits(AuthSettings(failures=1, attempts_per_minute=10_000), now_s=Clock())
    for _ in range(3):
        assert tried(limits, "anna", "a") == 0
        limits.withdraw("anna", "a")
    assert [tried(limits, "anna", "a") for _ in range(2)] == [0, FIRST_WAIT_S]


def test_a_name_that_is_guessed_at_from_everywhere_waits_everywhere() -> None:
    limits = LoginLimits(AuthSettings(failures=2, attempts_per_minute=10_000), now_s=Clock())
    assert [tried(limits, "anna", f"network {n}") for n in range(2 * EVERYWHERE)] == [0] * 2 * EVERYWHERE
    assert tried(limits, "anna", "yet another") == FIRST_WAIT_S


def test_one_address_may_try_so_often() -> None:
    clock = Clock()
    limits = LoginLimits(AuthSettings(attempts_per_minute=3), now_s=clock)
    assert [tried(limits, f"name {n}", "a") for n in range(7)] == [0] * 6 + [20]
    assert tried(limits, "name", "b") == 0
    clock.now_s += 20
    assert tried(limits, "name", "a") == 0


def test_scopes_are_those_of_developers() -> None:
    assert check_scopes(["lab.use", "lab.use"]) == {"lab.use"}
    assert check_scopes(["*"]) == {"*"}
    for wrong in ([], ["people.manage"], ["lab.use", "everything"]):
        with pytest.raises(ProtocolError, match="scope"):
            check_scopes(wrong)
