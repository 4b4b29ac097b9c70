"""Whether a session's client is there: the table, as its page shows it and as it is meant."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.wire import presence
from server.wire.presence import TABLE, Happened, Presence, after

ALL = st.lists(st.sampled_from(list(Happened)), max_size=30)


def shown() -> dict[tuple[str, str], str]:
    """Return the docstring's table: by state and event the state that follows."""
    lines = [line for line in (presence.__doc__ or "").splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]
    return {(row[0], event): cell for row in rows for event, cell in zip(head[1:], row[1:], strict=True)}


def test_the_table_is_the_one_that_is_shown() -> None:
    meant = {(str(at), str(happened)): TABLE[at].get(happened) for at, happened in product(Presence, Happened)}
    assert shown() == {pair: str(to or "-") for pair, to in meant.items()}


def went(*happened: Happened) -> list[Presence]:
    """Return the states that a session goes through from its beginning."""
    states = [Presence.EXPECTED]
    for each in happened:
        states.append(after(states[-1], each))
    return states[1:]


def test_a_client_is_lost_comes_back_and_is_heard() -> None:
    states = went(Happened.ATTACHED, Happened.HEARD, Happened.LOST, Happened.HEARD, Happened.RESUMED, Happened.HEARD)
    assert states == ["attached", "attached", "away", "away", "returning", "attached"]
    assert [state.absent for state in states] == [False, False, True, True, True, False]


def test_a_connection_that_falls_silent_is_heard_again_or_replaced() -> None:
    assert went(Happened.ATTACHED, Happened.UNHEARD, Happened.HEARD) == ["attached", "silent", "attached"]
    assert went(Happened.ATTACHED, Happened.UNHEARD, Happened.RESUMED)[-1] == "returning"


def test_one_who_came_back_and_fell_silent_is_not_taken_for_heard() -> None:
    states = went(Happened.ATTACHED, Happened.LOST, Happened.RESUMED, Happened.UNHEARD)
    assert states[-1] == "silent"


def test_only_a_connection_makes_somebody_be_there() -> None:
    assert went(Happened.HEARD, Happened.UNHEARD, Happened.LOST, Happened.RESUMED) == ["expected"] * 4


@pytest.mark.parametrize("state", Presence)
def test_whoever_left_is_gone_from_everywhere(state: Presence) -> None:
    assert after(state, Happened.LEFT) is Presence.GONE


@given(ALL, ALL)
def test_nobody_comes_back_from_gone(before: list[Happened], later: list[Happened]) -> None:
    assert went(*before, Happened.LEFT, *later)[-1] is Presence.GONE


@given(ALL)
def test_whoever_is_absent_was_there_before(happened: list[Happened]) -> None:
    states = went(*happened)
    first = next((place for place, state in enumerate(states) if state.absent), None)
    assert first is None or Presence.ATTACHED in states[:first]
