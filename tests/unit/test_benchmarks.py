"""The figures of docs/benchmarks.md: the page is made from them, and a command's report brings them up to date."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bench.replay.report import as_json
from bench.report_figures import Figure as Measured
from bench.report_figures import write_figures
from server.measures import machine
from tests.bench.figures.add import add, machine_of, number, plain
from tests.bench.figures.book import FOLDER, FRONT, PAGE, Book, Figure, Front, Machine, Section, Table, written
from tests.bench.figures.page import page
from tests.unit.test_docs import check_command
from tests.unit.test_replay_report import turn

BOOK = Book.read()
TODAY = datetime.date(2027, 1, 2)
REPLAY = "interlocutor replay tests/data/consultation.flac"


def figure(name: str = "voice to voice", **fields: Any) -> Figure:
    known = {"value": 263, "unit": "ms", "command": REPLAY, "machine": "A", "date": "2026-11-21"}
    return Figure.model_validate({"figure": name} | known | fields)


def book_of(*figures: Figure, **fields: Any) -> Book:
    front = Front(title="Benchmarks", intro=[], machines=BOOK.front.machines, sections=["latency"])
    return Book(front, {"latency": Section(title="Latency", tables=[Table(figures=list(figures), **fields)])})


# ------------------------------------------------------------------ what is committed


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(BOOK), "run: python -m tests.bench.figures"


def test_every_file_is_a_section_of_the_page() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {FRONT, *(f"{name}.json" for name in BOOK.front.sections)}


@pytest.mark.parametrize("name", ["page", *BOOK.front.sections])
def test_files_are_written_as_they_are_read(name: str) -> None:
    model = BOOK.sections.get(name, BOOK.front)
    assert (FOLDER / f"{name}.json").read_text(encoding="utf-8") == written(model)


@pytest.mark.parametrize("command", sorted({each.command for _, each in BOOK.figures()}))
def test_every_command_exists(command: str) -> None:
    assert re.match(r"(\w+=\S+ )?(interlocutor|python -m|\./scripts/)", command), "begin with one of ours"
    check_command(re.sub(r"^\w+=\S+ ", "", command))
    assert plain(command) == command, "leave out where the report goes: `add` does not look for it"


def test_every_machine_is_described() -> None:
    assert {each.machine for _, each in BOOK.figures()} == set(BOOK.front.machines)


@pytest.mark.parametrize("field", ["value", "unit", "command", "machine", "date"])
def test_no_figure_is_without(field: str) -> None:
    with pytest.raises(ValidationError):
        figure(**{field: ""})
    content = figure().model_dump(mode="json", by_alias=True)
    del content[field]
    with pytest.raises(ValidationError):
        Figure.model_validate(content)


def test_a_cell_has_one_figure() -> None:
    with pytest.raises(ValidationError, match="two figures have one cell"):
        Table(figures=[figure(column="p50"), figure(column="p50")])


# ------------------------------------------------------------------ the page


def table_of(book: Book) -> list[str]:
    lines = page(book).splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("|"))
    return lines[begin:]


def test_what_figures_have_in_common_stands_below_their_table() -> None:
    book = book_of(figure(column="p50"), figure(column="p95", value=1672.5, bar="at most 1000", note="one run"))
    assert table_of(book) == [
        "| Figure | p50 | p95 | Promised |",
        "|---|---|---|---|",
        "| voice to voice (one run) | 263 ms | 1,672.5 ms | at most 1,000 ms: **missed** |",
        "",
        f"Command: `{REPLAY}` · Machine: A · Date: 2026-11-21",
    ]


def test_a_promise_that_some_columns_keep_names_those_that_miss_it() -> None:
    book = book_of(figure(column="p50", bar="at most 1000"), figure(column="p95", value=1672.5, bar="at most 1000"))
    assert table_of(book)[2].endswith("| at most 1,000 ms: **missed** (p95) |")
    both = book_of(figure(column="p50", bar="at most 1000"), figure(column="p95", bar="at most 1000"))
    assert table_of(both)[2].endswith("| at most 1,000 ms |")


def test_sources_of_columns_are_listed_and_those_of_rows_have_a_column() -> None:
    fast = f"{REPLAY} --pace fast"
    columns = book_of(figure(column="real"), figure(column="fast", command=fast, date="2026-11-29"))
    assert table_of(columns)[4:6] == [f"- real: `{REPLAY}`, 2026-11-21", f"- fast: `{fast}`, 2026-11-29"]
    rows = book_of(figure("real"), figure("fast", command=fast, date="2026-11-29"))
    assert table_of(rows) == [
        "| Figure | Value | Command | Date |",
        "|---|---|---|---|",
        f"| real | 263 ms | `{REPLAY}` | 2026-11-21 |",
        f"| fast | 263 ms | `{fast}` | 2026-11-29 |",
        "",
        "Machine: A",
    ]


@pytest.mark.parametrize(
    ("fields", "cell"),
    [
        ({"value": 0.7, "decimals": 2, "unit": "s"}, "0.70 s"),
        ({"value": 12, "of": 1324, "unit": "turns"}, "12 of 1,324"),
        ({"value": 4, "unit": "turns"}, "4 turns"),
        ({"value": 4, "unit": "turns", "name": "turns cut"}, "4"),
    ],
)
def test_a_unit_is_said_where_nothing_else_says_it(fields: dict[str, Any], cell: str) -> None:
    assert table_of(book_of(figure(**fields)))[2].split("|")[2].strip() == cell


# ------------------------------------------------------------------ a report


def test_a_replay_brings_its_figures_up_to_date_and_no_others() -> None:
    report = as_json([[turn("pain", ["pain"], whole_ms=951.26), turn("pain", [], whole_ms=960.0)]])
    book = book_of(
        figure(**{"from": "summary.voice_to_voice_ms.p50"}),
        figure("answered once", unit="turns", **{"from": "summary.answered_once", "of_from": "summary.turns"}),
        figure("told as expected", value=99, unit="%", times=100, **{"from": "summary.expected_cue_rate"}),
        figure("second turn", value=0.12, unit="s", times=0.001, **{"from": "turns.1.voice_to_voice_ms"}),
        figure("typed by hand"),
        figure("of another command", command="interlocutor bench stt", **{"from": "summary.cut"}),
    )
    command = f"{REPLAY} --json /tmp/report.json"
    changes = add(book, report, command=command, machine=machine_of(report, here()), today=TODAY)
    assert [change.after.label for change in changes] == [
        "voice to voice",
        "answered once",
        "told as expected",
        "second turn",
    ]
    values = [(each.value, each.of, each.machine, each.date == TODAY) for _, each in book.figures()]
    assert values[:4] == [(951, None, "B", True), (2, 2, "B", True), (50, None, "B", True), (0.96, None, "B", True)]
    assert values[4:] == [(263, None, "A", False), (263, None, "A", False)]
    assert changes[0].before.value == 263


def test_figures_of_a_bench_are_found_by_name(tmp_path: Path) -> None:
    measured = [Measured("delay@0.5/asr25", 0.698, "s", n=136), Measured("stt_wer/rms", 0.08, "share", baseline=0.1)]
    write_figures(tmp_path / "report.json", measured)
    report = json.loads((tmp_path / "report.json").read_text())
    book = book_of(
        figure(value=0.65, unit="s", **{"from": "figures.delay@0.5/asr25.value"}),
        figure("to stock", value=1.08, unit="times", **{"from": "figures.stt_wer/rms.ratio"}),
    )
    add(book, report, command=REPLAY, machine="A", today=TODAY)
    assert [(each.value, each.shown_decimals) for _, each in book.figures()] == [(0.7, 2), (0.8, 2)]
    assert [row.split("|")[2].strip() for row in table_of(book)[2:4]] == ["0.70 s", "0.80 times"]


def test_nothing_changes_where_a_number_is_missing() -> None:
    book = book_of(figure(**{"from": "summary.turns"}), figure("p95", **{"from": "summary.voice_to_voice_ms.p95"}))
    unanswered = as_json([[]])
    with pytest.raises(ValueError, match=r"no number at summary\.voice_to_voice_ms\.p95"):
        add(book, unanswered, command=REPLAY, machine="A", today=TODAY)
    assert [each.value for _, each in book.figures()] == [263, 263]
    with pytest.raises(ValueError, match="no figure has the command `interlocutor bench load`"):
        add(book, unanswered, command="interlocutor bench load", machine="A", today=TODAY)


def test_a_path_must_lead_to_a_number() -> None:
    report = {"figures": [{"name": "wer", "value": 0.1, "note": "best"}], "n": {"a.b": {"c": 2}}}
    assert number(report, "figures.wer.value") == 0.1
    assert number(report, "figures.0.value") == 0.1
    assert number(report, "n.a.b.c") == 2
    for path in ("figures.wer", "figures.wer.note", "figures.cer.value", "n.a.b", ""):
        with pytest.raises(ValueError, match="no number"):
            number(report, path)


def here() -> dict[str, Machine]:
    about = machine()
    other = Machine(description="another", cores=about["cores"] + 1, cpu=about["cpu"])
    return {"A": other, "B": Machine(description="this one", cores=about["cores"], cpu=about["cpu"])}


def test_a_machine_that_is_not_described_is_refused() -> None:
    with pytest.raises(ValueError, match="no machine that page"):
        machine_of({"machine": machine() | {"cores": 0}}, here())
    with pytest.raises(ValueError, match="name it with --machine"):
        machine_of([1, 2], here())


def test_a_book_is_read_as_it_was_written(tmp_path: Path) -> None:
    book = book_of(figure(**{"from": "summary.turns"}), heading="Voice {to voice}")
    book.write(tmp_path)
    assert Book.read(tmp_path) == book
    text = (tmp_path / "latency.json").read_text()
    assert sum('"figure":' in line and '"date":' in line for line in text.splitlines()) == 1
