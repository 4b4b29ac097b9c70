"""What so many people need: the page is what the simulation gives, and the simulation keeps to simple truths."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from bench.scale import scale
from bench.scaling import scale_page
from bench.scaling.busy_day import BREAK_S, PREPARE_S, TALK_S, simulate_days
from bench.scaling.demand import HOUR_S, OpenDay, TogetherClass
from bench.scaling.measured_instance import BOOKS, CALLS, MeasuredInstance, read_books
from bench.scaling.scale_page import DEMANDS, HOME_HOURS, KEPT_DAYS, PAGE, tables, written
from bench.scaling.sizing import IN_TIME, PATIENCE_S, needed_instances, try_instances
from common.errors import SettingsError
from server.settings.tree import Settings
from tests.bench.figures.book import Book

INSTANCE = MeasuredInstance(
    cores=2, places=4, p95_ms=900.0, memory_mb=1_000.0, kept_bytes_per_s=10_000.0, wire_bytes_per_s=50_000.0
)
AT_HOME = OpenDay(people=2_000, per_week=3, day_share=0.2, hours=HOME_HOURS)


def test_the_page_is_what_the_simulation_gives() -> None:
    text = PAGE.read_text(encoding="utf-8")
    made = tables(read_books())
    assert set(made) == {"measured", *DEMANDS}
    assert written(text, made) == text, "run: python -m bench.scale --write"


def test_a_page_without_a_place_for_a_table_is_told() -> None:
    with pytest.raises(ValueError, match="no place for class"):
        written("# Scale\n", {"class": "| a |"})


def test_an_instance_is_what_the_books_say() -> None:
    instance, figures = read_books(), list(Book.read().figures())
    of_calls = [one for name, one in figures if name == "real-weights" and one.column == f"{CALLS} calls"]
    times = [one.value for one in of_calls if one.unit == "ms" and one.bar == "at most 1000"]
    assert instance.p95_ms == max(times) <= 1_000
    assert instance.cores == 2
    assert instance.kept_bytes_per_s in {1000 * one.value for name, one in figures if name == "load"}


def test_a_book_that_is_gone_or_lacks_a_figure_is_told_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"real-weights\.json: can't be read"):
        read_books(tmp_path)
    for path in BOOKS.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    load = json.loads((tmp_path / "load.json").read_text(encoding="utf-8"))
    load["tables"] = load["tables"][:1]
    (tmp_path / "load.json").write_text(json.dumps(load), encoding="utf-8")
    with pytest.raises(SettingsError, match=r"load\.json has 0 figures") as refused:
        read_books(tmp_path)
    assert "\n" not in str(refused.value)


# ------------------------------------------------------------------ the simulation


def test_nobody_waits_where_there_is_a_place_for_everybody() -> None:
    days = simulate_days(TogetherClass(30), [30], days=3, seed=1)
    assert max(days.waits_s) == 0
    assert (days.days, len(days.waits_s)) == (3, 3 * 30 * 2)
    assert days.most_places <= 30


def test_with_one_place_the_second_waits_for_as_long_as_the_first_has_it() -> None:
    days = simulate_days(TogetherClass(2, within_s=0.0, role_plays=1), [1], days=1, seed=1)
    first, second = days.waits_s
    assert first == 0
    assert PREPARE_S[0] + TALK_S[0] <= second <= PREPARE_S[1] + TALK_S[1]
    assert (days.most_places, days.most_talking) == (1, 1)


def test_who_came_first_is_let_in_first() -> None:
    days = simulate_days(TogetherClass(20, within_s=0.001, role_plays=1), [1], days=1, seed=1)
    assert days.waits_s == sorted(days.waits_s)


def test_a_second_role_play_stands_in_the_line_anew_after_a_break() -> None:
    days = simulate_days(TogetherClass(1), [1], days=1, seed=1)
    assert days.waits_s == [0, 0]
    assert BREAK_S[0] > 0


def test_as_much_goes_on_as_comes() -> None:
    """Little's law: on average as many talk at once as come in a second, times the seconds that each talks."""
    days = simulate_days(AT_HOME, [2_000], days=20, seed=1)
    assert days.role_plays_a_day == pytest.approx(2_000 * 3 * 0.2, rel=0.02)
    assert days.talk_s / len(days.waits_s) == pytest.approx(sum(TALK_S) / 2, rel=0.01)
    busiest = AT_HOME.busiest_hour_share * days.role_plays_a_day / HOUR_S * sum(TALK_S) / 2
    assert busiest < days.most_talking < 2.5 * busiest


def test_people_come_in_the_hours_that_their_day_has() -> None:
    hours = (0.0,) * 9 + (3.0, 1.0) + (0.0,) * 13
    visits = list(OpenDay(10_000, 1, 1, hours).visits(Random("0")))
    counts = [sum(hour * HOUR_S <= visit.at_s < (hour + 1) * HOUR_S for visit in visits) for hour in range(24)]
    assert sum(counts) == counts[9] + counts[10] == len(visits)
    assert counts[9] / counts[10] == pytest.approx(3, rel=0.1)


def test_what_is_enough_is_no_more_than_that() -> None:
    enough = needed_instances(AT_HOME, INSTANCE)
    assert enough.is_enough
    assert enough.days.wait_s(IN_TIME) <= PATIENCE_S
    assert not try_instances(AT_HOME, INSTANCE, enough.instances - 1).is_enough
    own = try_instances(AT_HOME, INSTANCE, enough.instances, one_line=False)
    assert own.days.waited(PATIENCE_S) > enough.days.waited(PATIENCE_S)


def test_an_outcome_is_so_many_times_its_instance() -> None:
    outcome = try_instances(TogetherClass(8, role_plays=1), INSTANCE, 2)
    assert (outcome.places, outcome.cores, outcome.memory_gb) == (8, 4, 2.0)
    assert outcome.days.most_talking <= 8
    assert outcome.network_mbit_s == outcome.days.most_talking * 0.4
    assert outcome.kept_gb_a_day == pytest.approx(8 * 270 * 10_000 / 1e9, rel=0.1)


def test_the_same_seed_has_the_same_days() -> None:
    one, two = (simulate_days(AT_HOME, [20], days=1, seed=5).waits_s for _ in range(2))
    assert one == two != simulate_days(AT_HOME, [20], days=1, seed=6).waits_s


def test_the_time_table_is_that_of_the_settings() -> None:
    settings = Settings()
    assert PREPARE_S[1] == settings.session.prepare_s
    assert TALK_S[1] == settings.session.session_s
    assert settings.retention.practice_days == KEPT_DAYS


# ------------------------------------------------------------------ the command


def run(*words: str) -> tuple[int, str]:
    import typer

    app = typer.Typer()
    app.command()(scale)
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, done.output


def test_the_command_answers_with_ones_own_numbers() -> None:
    status, text = run("--people", "30", "--together", "--places", "30", "--cores", "16")
    assert status == 0
    assert "| **1** | 30 | 16 |" in text
    status, text = run("--people", "200", "--per-week", "2")
    assert status == 0
    assert "role-plays on that day" in text


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    status, text = run("--books", str(tmp_path))
    assert status == 2
    assert "run this in a checkout" in text


def test_the_command_writes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "scale.md"
    page.write_text(PAGE.read_text(encoding="utf-8").replace("976 ms", "1 ms"), encoding="utf-8")
    monkeypatch.setattr(scale_page, "DEMANDS", {})
    scale_page.write(read_books(), page)
    assert page.read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="no place"):
        scale_page.write(replace(INSTANCE), _without_marks(page))


def _without_marks(page: Path) -> Path:
    page.write_text("# Scale\n", encoding="utf-8")
    return page
