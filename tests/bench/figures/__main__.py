"""Make docs/benchmarks.md from its figures, or bring figures up to date from what a command wrote.

    python -m tests.bench.figures
    python -m tests.bench.figures --check
    python -m tests.bench.figures add FILE --command "interlocutor replay tests/data/consultation.flac"

The last takes today's date and makes the page as well.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.figures.add import add, machine_of, plain
from tests.bench.figures.book import PAGE, Book
from tests.bench.figures.page import page


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line; exit with 1 and the reason where nothing was done, or the page is not up to date."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.figures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="only tell whether the page is up to date")
    adding = parser.add_subparsers(dest="action").add_parser("add", help="take figures from a report")
    adding.add_argument("report", type=Path, metavar="FILE", help="what the command wrote by --json FILE")
    adding.add_argument("--command", required=True, help="as the figures name it; --json FILE may stand in it")
    adding.add_argument("--machine", help="where the report does not tell it")
    given = parser.parse_args(arguments)
    book = Book.read()
    if given.check:
        if PAGE.read_text(encoding="utf-8") != page(book):
            sys.exit("docs/benchmarks.md is not up to date: run python -m tests.bench.figures")
        return
    if given.action == "add":
        try:
            take(book, given.report, given.command, given.machine)
        except (OSError, ValueError) as error:
            sys.exit(str(error))
        book.write()
    PAGE.write_text(page(book), encoding="utf-8")


def take(book: Book, path: Path, command: str, machine: str | None) -> None:
    """Bring figures up to date from a report and tell how; raises OSError and ValueError."""
    report = json.loads(path.read_text(encoding="utf-8"))
    if machine is not None and machine not in book.front.machines:
        raise ValueError(f"describe machine {machine} in page.json first")
    name = machine or machine_of(report, book.front.machines)
    today = datetime.datetime.now(datetime.UTC).date()
    for change in add(book, report, command=command, machine=name, today=today):
        before, after = (f"{each.value:,.{each.shown_decimals}f}" for each in (change.before, change.after))
        sys.stdout.write(f"{change.section}: {change.after.label}: {before} -> {after} {change.after.unit}\n")
    for section, figure in book.figures():
        if figure.command == plain(command) and not figure.source:
            sys.stdout.write(f"{section}: {figure.label}: typed by hand, so look at it yourself\n")


if __name__ == "__main__":
    main()
