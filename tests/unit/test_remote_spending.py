"""What a remote mind may spend: by day and by session, through restarts, with a warning before the end."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from pipelines.responders.remote.failures import RemoteFailure
from pipelines.responders.remote.settings import RemoteBudget
from pipelines.responders.remote.spending import Spending

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def spend(spending: Spending, tokens_in: int, tokens_out: int, session: str = "one") -> float:
    held = spending.reserve(session, tokens_in=tokens_in, tokens_out=tokens_out)
    return spending.settle(held, tokens_in=tokens_in, tokens_out=tokens_out)


def test_tokens_and_money_add_up_and_are_kept_through_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "data" / "spending.json"
    budget = RemoteBudget(price_in=2.0, price_out=10.0)
    first = Spending(budget, file, now=lambda: NOON)
    assert spend(first, 1_000, 100) == pytest.approx(0.003)
    second = Spending(budget, file, now=lambda: NOON)
    assert second.today.tokens == 1_100
    assert second.today.cost == pytest.approx(0.003)
    assert second.total.tokens == 0
    tomorrow = Spending(budget, file, now=lambda: NOON.replace(day=2))
    assert tomorrow.today.tokens == 0


@pytest.mark.parametrize(
    ("budget", "name"),
    [
        ({"day_tokens": 1_000, "session_tokens": 0}, "day_tokens"),
        ({"session_tokens": 1_000}, "session_tokens"),
        ({"day_cost": 0.01, "price_in": 10.0}, "day_cost"),
        ({"session_cost": 0.01, "price_in": 10.0}, "session_cost"),
    ],
)
def test_a_budget_refuses_before_it_is_overdrawn_and_warns_before_that(budget: dict[str, float], name: str) -> None:
    spending = Spending(RemoteBudget.model_validate(budget), now=lambda: NOON)
    with capture_logs() as logs:
        spend(spending, 850, 0)
        spend(spending, 10, 0)
        for _ in range(3):
            with pytest.raises(RemoteFailure, match=rf"engines\.remote\.budget\.{name} is spent") as caught:
                spending.reserve("one", tokens_in=200, tokens_out=0)
            assert (caught.value.code, caught.value.final) == ("remote.budget", True)
        spend(spending, 100, 0)
    assert [entry["event"] for entry in logs] == ["remote_budget_near", "remote_budget_spent"]
    assert {entry["budget"] for entry in logs} == {f"engines.remote.budget.{name}"}
    assert spending.refusals == 3
    assert spending.used("one") == pytest.approx(0.96)
    if name.startswith("session"):
        spending.reserve("another", tokens_in=200, tokens_out=0)


def test_what_is_under_way_counts() -> None:
    spending = Spending(RemoteBudget(day_tokens=100), now=lambda: NOON)
    held = spending.reserve("one", tokens_in=60, tokens_out=20)
    with pytest.raises(RemoteFailure):
        spending.reserve("two", tokens_in=30, tokens_out=0)
    spending.settle(held, tokens_in=0, tokens_out=0)
    spending.reserve("two", tokens_in=30, tokens_out=0)


def test_a_new_day_begins_at_zero_with_what_is_under_way() -> None:
    now = [NOON]
    spending = Spending(RemoteBudget(day_tokens=100), now=lambda: now[0])
    held = spending.reserve("one", tokens_in=90, tokens_out=0)
    now[0] = NOON.replace(day=2)
    spending.settle(held, tokens_in=50, tokens_out=0)
    assert spending.today.tokens == 50


def test_servers_that_share_a_budget_count_what_the_others_spent(tmp_path: Path) -> None:
    a = Spending(RemoteBudget(day_tokens=100), tmp_path / "spending@a.json", now=lambda: NOON)
    spend(a, 50, 20)
    (tmp_path / "spending@broken.json").write_text("{")
    (tmp_path / "spending@old.json").write_text('{"day": "2025-01-01", "tokens_in": 90, "tokens_out": 0, "cost": 0}')
    b = Spending(RemoteBudget(day_tokens=100), tmp_path / "spending@b.json", now=lambda: NOON)
    assert b.today.tokens == 0
    assert b.used() == pytest.approx(0.7)
    with pytest.raises(RemoteFailure):
        b.reserve("one", tokens_in=31, tokens_out=0)
    b.reserve("one", tokens_in=30, tokens_out=0)
    alone = Spending(RemoteBudget(day_tokens=100), tmp_path / "spending.json", now=lambda: NOON)
    alone.reserve("one", tokens_in=100, tokens_out=0)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"day": "2026-03-01"}', '{"day": "2026-03-01", "tokens_in": "x"}'])
def test_a_broken_file_is_told_of_and_begins_at_zero(tmp_path: Path, content: str) -> None:
    file = tmp_path / "spending.json"
    file.write_text(content)
    with capture_logs() as logs:
        spending = Spending(RemoteBudget(), file, now=lambda: NOON)
    assert spending.today.tokens == 0
    assert [entry["event"] for entry in logs] == ["remote_spending_unreadable"]
    spend(spending, 5, 0)
    assert Spending(RemoteBudget(), file, now=lambda: NOON).today.tokens == 5


def test_a_folder_that_can_not_be_written_is_told_of_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with capture_logs() as logs:
        spending = Spending(RemoteBudget(), tmp_path / "file" / "spending.json", now=lambda: NOON)
        spend(spending, 5, 0)
        spend(spending, 5, 0)
    assert spending.today.tokens == 10
    assert [entry["event"] for entry in logs].count("remote_spending_not_kept") == 1


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400), st.floats(0, 1)), max_size=30))
def test_no_order_of_requests_overdraws_a_budget(requests: list[tuple[int, int, float]]) -> None:
    spending = Spending(RemoteBudget(day_tokens=1_000), now=lambda: NOON)
    for tokens_in, tokens_out, share in requests:
        try:
            held = spending.reserve("one", tokens_in=tokens_in, tokens_out=tokens_out)
        except RemoteFailure:
            continue
        spending.settle(held, tokens_in=tokens_in, tokens_out=int(tokens_out * share))
    assert 0 <= spending.today.tokens <= 1_000
