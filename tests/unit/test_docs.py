"""The documents say what the code says: everything has its line, and what they name is there."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from bench.cli import app
from common import errors
from pipelines.conversation.states import State
from pipelines.conversation.table import TABLE
from pipelines.events import EVENT_TYPES
from pipelines.patient.card import Card
from server.metrics import Metrics
from server.protocol.client_events import MESSAGES
from server.protocol.codes import CLOSE_CODES, OTHER_CODES, WIRE_CODES
from server.protocol.refusal import Code
from server.protocol.server_events import EVENTS
from server.settings.tree import LEAVES
from server.wire import connection

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "tests" / "README.md"])
ROOMS = ("common", "audio", "pipelines", "server", "bench")
LEFT_OPEN = r"\b(TO MEASURE|TODO|TBD|FIXME|PRODUCT)\b"

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def all_docs() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in sorted(DOCS.rglob("*.md")))


def sources() -> Iterator[tuple[Path, str]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")


def rows(page: str, *, first: str) -> dict[str, list[str]]:
    """Return the rows of every table whose first column is called `first`, by the code in that column."""
    found: dict[str, list[str]] = {}
    inside = False
    for line in read(page).splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        if not cells:
            inside = False
        elif cells[0] == first:
            inside = True
        elif inside and not set(cells[0]) <= set("-:"):
            name = cells[0].strip("`")
            assert name not in found, f"{page}: {name} has two lines"
            found[name] = cells
    return found


def spans(text: str) -> list[str]:
    """Return the inline code of a page, without its code blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S))


def blocks(text: str, *languages: str) -> list[str]:
    found = re.findall(r"^ *```(\w+)\n(.*?)^ *```", text, flags=re.M | re.S)
    return [body for language, body in found if language in languages]


# ------------------------------------------------------------------ everything has its line


@pytest.mark.parametrize("path", LEAVES)
def test_every_setting_has_its_line(path: str) -> None:
    assert path in rows("docs/settings.md", first="Setting")


def test_every_metric_has_its_line() -> None:
    known = rows("docs/metrics.md", first="Metric")
    for metric in Metrics("0", gpu_utilization=dict).registry.collect():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        assert name in known


def test_every_message_and_server_event_has_its_place() -> None:
    page = read("docs/protocol.md")
    for kind in (*MESSAGES, *EVENTS):
        assert f"### `{kind}`\n" in page, kind


def test_every_event_of_the_log_has_its_line_and_audience() -> None:
    table = rows("docs/architecture.md", first="Event")
    assert {kind: cells[1] for kind, cells in table.items()} == {
        kind: cls.audience.name.lower() for kind, cls in EVENT_TYPES.items()
    }


def test_every_close_code_has_its_line() -> None:
    table = rows("docs/protocol.md", first="Code")
    for code in (*CLOSE_CODES, *connection.CLOSE_CODES.values()):
        assert str(code) in table, code


def test_every_log_line_has_its_row() -> None:
    known = set(spans(read("docs/operations.md")))
    for path, text in sources():
        for name in re.findall(r'\blogger\.(?:debug|info|warning|error|exception)\(\s*"([a-z_]+)"', text):
            assert name in known, f"{path}: '{name}' is not in docs/operations.md"


def commands() -> dict[str, Any]:
    """Return every command of the command line by its words."""
    found: dict[str, Any] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        for name, sub in getattr(command, "commands", {}).items():
            walk(sub, (*words, name))
        if not hasattr(command, "commands"):
            found[" ".join(words)] = command

    walk(typer.main.get_command(app), ())
    return found


@pytest.mark.parametrize("words", commands())
def test_every_command_has_its_line(words: str) -> None:
    assert re.search(rf"\binterlocutor {words}\b", all_docs())


def test_every_locked_package_is_in_the_notice() -> None:
    packages = set(re.findall(r"^([A-Za-z0-9._-]+)==", read("requirements/base.lock"), flags=re.M))
    named = {line.split()[0].lower() for line in read("NOTICE").splitlines() if line[:1].strip()}
    assert packages, "requirements/base.lock names nothing"
    assert {name for name in packages if name.lower() not in named} == set()


# ------------------------------------------------------------------ error codes


AT_THE_DOOR = ("server/http/", "server/sessions/")


class Raised:
    """What the source raises under one code: HTTP statuses and close codes, and the files that do it."""

    def __init__(self) -> None:
        self.http: set[int] = set()
        self.close: set[int] = set()
        self.files: set[str] = set()


def raised_codes() -> dict[str, Raised]:
    kinds = {
        name: cls for name, cls in vars(errors).items() if isinstance(cls, type) and issubclass(cls, errors.AppError)
    }
    found: dict[str, Raised] = {}
    for path, text in sources():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds:
                kind = kinds[node.func.id]
                given = {k.arg: k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)}
                one = found.setdefault(str(given.get("code", kind.code)), Raised())
                one.http.add(int(str(given.get("http_status", kind.http_status))))
                one.close.add(int(str(given.get("close_code", kind.close_code))))
                one.files.add(str(path))
    for path, text in sources():
        for close, member in re.findall(r"\b_?(?:give_up|abandon)\((\d{4}), Code\.(\w+)", text):
            found.setdefault(Code[member].value, Raised()).close.add(int(close))
            found[Code[member].value].files.add(str(path))
        for close in re.findall(r"\babandon\((\d{4}), error\.code\)", text):
            found["audio.too_fast"].close.add(int(close))  # the one error that a connection takes there
    return found


def test_every_error_code_is_in_the_table_and_nothing_else() -> None:
    written = {
        code
        for _, text in sources()
        for pair in re.findall(r'\bcode="([a-z_]+(?:\.[a-z_]+)*)"|\bProblem\("([a-z_.]+)"', text)
        for code in pair
        if code
    }
    classes = {cls.code for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.AppError)}
    known = set(rows("docs/errors.md", first="Code"))
    wanted = written | classes | {code.value for code in Code} | set(WIRE_CODES) | set(OTHER_CODES)
    assert wanted - known == set(), "codes without a line"
    assert known - wanted == set(), "lines without a code"


def test_the_table_of_errors_has_the_sources_numbers() -> None:
    raised = raised_codes()
    for code, (_, http, close, meaning, advice) in rows("docs/errors.md", first="Code").items():
        assert meaning
        assert advice
        source = raised.get(code, Raised())
        if http != "-":
            assert {int(status) for status in http.split(", ")} == source.http, f"{code}: {sorted(source.http)}"
        if close != "-":
            assert int(close) in source.close, f"{code}: {sorted(source.close)}"
        at_the_door = {file for file in source.files if file.startswith(AT_THE_DOOR)}
        assert not at_the_door or http != "-", f"{code} is raised by {at_the_door}: give its HTTP status"


# ------------------------------------------------------------------ what is named is there


def state_rows() -> list[str]:
    lines = []
    for state in State:
        rules = [rule for (at, _), rule in TABLE.items() if at is state and rule.to]
        ways = [f"`{rule.signal.__name__}` → {', '.join(f'`{to}`' for to in rule.to)}" for rule in rules]
        lines.append(f"| `{state}` | {'; '.join(ways) or '-'} |")
    return lines


def test_the_table_of_states_is_the_codes() -> None:
    page = read("docs/architecture.md").splitlines()
    begin = page.index("| State | Signal → where it may lead |") + 2
    expected = state_rows()
    assert page[begin : begin + len(expected) + 1] == [*expected, ""]


@by_page
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.is_file(), f"{target}: no such file"
        if anchor:
            assert anchor in anchors(file.read_text(encoding="utf-8")), f"{target}: no such heading"


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@by_page
def test_paths_that_are_named_exist(page: Path) -> None:
    folders = tuple(
        f"{room}/" for room in (*ROOMS, "static", "configs", "scripts", "tests", "requirements", "docs", "deploy")
    )
    for span in spans(page.read_text(encoding="utf-8")):
        if span.startswith(folders) and re.fullmatch(r"[\w./-]+", span):
            assert (ROOT / span).exists(), f"{span} is not in the repository"


@by_page
def test_tests_that_are_named_exist(page: Path) -> None:
    for span in spans(page.read_text(encoding="utf-8")):
        if found := re.fullmatch(r"(tests/[\w/]+\.py)::(\w+)", span):
            text = (ROOT / found[1]).read_text(encoding="utf-8")
            assert re.search(rf"^(?:async )?def {found[2]}\(", text, re.M), f"{span}: no such test"


@by_page
def test_commands_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    lines = [line.removeprefix("$ ") for block in blocks(text, "sh", "console") for line in block.splitlines()]
    for line in [*lines, *spans(text)]:
        check_command(line.partition(" #")[0].strip())


def check_command(line: str) -> None:
    words = line.split()
    if not words:
        return
    if words[0].startswith("./scripts/"):
        assert (ROOT / words[0]).is_file(), f"{line}: no such script"
    elif words[:2] == ["python", "-m"] and len(words) > 2:
        assert importlib.util.find_spec(words[2]) is not None, f"{line}: no such module"
    elif words[0] in ("interlocutor", ".venv/bin/interlocutor") and len(words) > 1:
        check_interlocutor(line, words[1:])
    for word in words[1:]:
        if word.startswith("tests/"):
            assert (ROOT / word).exists(), f"{line}: {word} is not there"


def check_interlocutor(line: str, words: list[str]) -> None:
    known = commands()
    name = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in known), None)
    assert name is not None, f"{line}: there is no such command"
    options = {option for parameter in known[name].params for option in parameter.opts} | {"--help"}
    for word in words:
        assert not re.match(r"--?[a-z]", word) or word in options, f"{line}: there is no option {word}"
    for setting in re.findall(r"--set ([\w.]+)=", line):
        assert setting in LEAVES, f"{line}: there is no setting {setting}"


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.name != "protocol.md"],  # full of fields of messages, which look like settings
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_settings_and_metrics_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    sections = {path.partition(".")[0] for path in LEAVES if "." in path}
    codes = set(WIRE_CODES) | set(OTHER_CODES)
    for span in spans(text):
        section, dot, rest = span.partition(": ")[0].partition(".")
        if dot and section in sections and re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", rest):
            name = f"{section}.{rest}"
            others = name in codes or name in MESSAGES or name in EVENTS
            assert name in LEAVES or others, f"{name} is no setting, code or message"
    known = set(rows("docs/metrics.md", first="Metric"))
    for name in re.findall(r"\b(?:voice|ai)_[a-z_]+_(?:seconds|total|bytes|percent|active|capacity|bucket)\b", text):
        assert name.removesuffix("_bucket") in known, f"{name} is no metric"


def test_the_example_card_is_one() -> None:
    (example,) = blocks(read("docs/cards.md"), "yaml")
    card = Card.model_validate(yaml.safe_load(example))
    assert f"{card.id}.yaml" in example


# ------------------------------------------------------------------ nothing is left open


@by_page
def test_nothing_is_left_open(page: Path) -> None:
    assert re.search(LEFT_OPEN, page.read_text(encoding="utf-8")) is None


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(path.name[:3]) for path in sorted((DOCS / "decisions").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))
    for path in (DOCS / "decisions").glob("*.md"):
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {path.name[:3]}: ")
        for part in ("**Context.**", "**Decision.**", "**Consequence.**"):
            assert part in text, f"{path.name}: no {part}"
