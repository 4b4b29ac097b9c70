"""The page, docs/benchmarks.md, made from the figures."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence

from tests.bench.figures.book import Book, Figure, Section, Table

_MADE = "<!-- Made by `python -m tests.bench.figures` from docs/benchmarks/*.json; change those, not this page. -->"
_WIDTH = 120
# In spaces of inline code no line is broken: it would be code no longer.
_UNBROKEN = "\N{NO-BREAK SPACE}"

_SOURCES = ("command", "machine", "date")
_TITLES = {"bar": "Promised", "command": "Command", "machine": "Machine", "date": "Date"}
_SHOWN: dict[str, Callable[[Figure], str]] = {
    "bar": lambda figure: _promise(figure),
    "command": lambda figure: f"`{figure.command}`",
    "machine": lambda figure: figure.machine,
    "date": lambda figure: figure.date.isoformat(),
}


def page(book: Book) -> str:
    """Return the page's text."""
    lines = [f"# {book.front.title}", "", _MADE, "", *_paragraphs(book.front.intro)]
    lines += [_wrapped(f"- **Machine {name}**: {each.description}") for name, each in book.front.machines.items()]
    lines.append("")
    for section in book.sections.values():
        lines += _section(section)
    return "\n".join(lines).rstrip("\n") + "\n"


def _section(section: Section) -> Iterator[str]:
    yield from ("#" * section.level + " " + section.title, "")
    yield from _paragraphs(section.intro)
    if section.points:
        yield from (_wrapped(f"- {point}") for point in section.points)
        yield ""
    for table in section.tables:
        yield from _paragraphs(table.intro)
        yield from _table(table)
        yield from _paragraphs(table.outro)
    yield from _paragraphs(section.outro)


def _table(table: Table) -> Iterator[str]:
    """Yield a table and its sources.

    What all figures have in common stands below it, so does what those of each column have, the rest in columns.
    """
    columns = _unique(figure.column for figure in table.figures)
    apart = [name for name in _SOURCES if len({_SHOWN[name](figure) for figure in table.figures}) > 1]
    sources = {
        column: _unique(_shown(figure, apart) for figure in table.figures if figure.column == column)
        for column in columns
    }
    by_column = bool(apart) and len(columns) > 1 and all(len(each) == 1 for each in sources.values())
    promised = ["bar"] if any(figure.bar for figure in table.figures) else []
    extra = promised if by_column else promised + apart
    yield _row([table.heading, *(column or "Value" for column in columns), *(_TITLES[name] for name in extra)])
    yield "|" + "---|" * (1 + len(columns) + len(extra))
    for label in _unique(figure.figure for figure in table.figures):
        row = [figure for figure in table.figures if figure.figure == label]
        cells = {figure.column: _cell(figure, table.heading) for figure in row}
        told = [_promises(row) if name == "bar" else _joined(_SHOWN[name](figure) for figure in row) for name in extra]
        notes = _joined(figure.note for figure in row)
        yield _row([f"{label} ({notes})" if notes else label, *(cells.get(column, "") for column in columns), *told])
    yield ""
    if by_column:
        yield from (f"- {column or 'Value'}: {sources[column][0]}" for column in columns)
        yield ""
    common = [f"{_TITLES[name]}: {_SHOWN[name](table.figures[0])}" for name in _SOURCES if name not in apart]
    if common:
        yield from (" · ".join(common), "")


def _cell(figure: Figure, heading: str) -> str:
    """Return a figure's number, and its unit unless that stands beside it: a word in its row, column or heading."""
    number = f"{figure.value:,.{figure.shown_decimals}f}"
    if figure.of is not None:
        return f"{number} of {figure.of:,}"
    beside = re.findall(r"[\w-]+", f"{heading} {figure.label}".lower())
    return number if len(figure.unit) > 2 and figure.unit in beside else f"{number} {figure.unit}"


def _promises(row: Sequence[Figure]) -> str:
    """Return what a row's figures are held to; where they have one promise and not all keep it, which miss it."""
    held = [figure for figure in row if figure.bar]
    missed = [figure.column for figure in held if not figure.kept]
    if len({figure.bar for figure in held}) == 1 and missed and len(missed) < len(held):
        return f"{_promise(next(figure for figure in held if not figure.kept))} ({', '.join(missed)})"
    return _joined(_promise(figure) for figure in row)


def _promise(figure: Figure) -> str:
    if not figure.bar:
        return ""
    way, _, limit = figure.bar.rpartition(" ")
    promise = f"{way} {float(limit):,g} {figure.unit}"
    return promise if figure.kept else f"{promise}: **missed**"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _paragraphs(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from (_wrapped(text), "")


def _wrapped(text: str) -> str:
    parts = text.split("`")
    parts[1::2] = [code.replace(" ", _UNBROKEN) for code in parts[1::2]]
    indent = "  " if text.startswith("- ") else ""
    filled = textwrap.fill(
        "`".join(parts), _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return filled.replace(_UNBROKEN, " ")


def _shown(figure: Figure, names: Iterable[str]) -> str:
    return ", ".join(_SHOWN[name](figure) for name in names)


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(_unique(text for text in texts if text))


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
