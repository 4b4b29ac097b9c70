"""Imports point one way: bench -> server -> pipelines -> audio -> common, and within the server; never in a circle."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("common", "audio", "pipelines", "server", "bench", "tests")
MAY_NOT_IMPORT = {room: set(ROOMS[index + 1 :]) for index, room in enumerate(ROOMS[:-1])}

# Of the server's parts, each may import those before it.
SERVER = (
    "reports",
    "settings",
    "marking",
    "vault",
    "store",
    "protocol",
    "wire",
    "rtc",
    "records",
    "opinions",
    "judging",
    "backups",
    "sessions",
    "accounts",
    "exams",
    "door",
    "desk",
    "instances",
    "host",
    "http",
    "app",
    "running",
    "cli",
)


def module_of(path: Path) -> str:
    """Return a file's dotted name; a package's is its folder's."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for room in MAY_NOT_IMPORT for path in (ROOT / room).rglob("*.py")}


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports, wherever it does: of a package, the module that is meant."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            within = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in MODULES else str(node.module) for name in within)


@pytest.mark.parametrize("room", MAY_NOT_IMPORT)
def test_no_module_reaches_up(room: str) -> None:
    offenders = [
        f"{path}: {name}"
        for path in (ROOT / room).rglob("*.py")
        for name in imported(path)
        if name.split(".")[0] in MAY_NOT_IMPORT[room]
    ]
    assert offenders == []


@pytest.mark.parametrize("part", SERVER)
def test_no_part_of_the_server_reaches_up(part: str) -> None:
    above = {f"server.{name}" for name in SERVER[SERVER.index(part) + 1 :]}
    mine = {name: path for name, path in MODULES.items() if f"{name}.".startswith(f"server.{part}.")}
    assert mine, f"server has no part {part}"
    offenders = [
        f"{module}: {name}"
        for module, path in mine.items()
        for name in imported(path)
        if ".".join(name.split(".")[:2]) in above
    ]
    assert offenders == []


def test_no_parts_of_the_server_import_each_other() -> None:
    graph: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        part = module.split(".")[1:2]
        if module.startswith("server."):
            theirs = {name.split(".")[1] for name in imported(path) if name.startswith("server.")}
            graph.setdefault(part[0], set()).update(theirs - set(part))
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the parts


def test_no_modules_import_each_other() -> None:
    graph = {module: {name for name in imported(path) if name in MODULES} for module, path in MODULES.items()}
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("room", MAY_NOT_IMPORT)
def test_no_module_names_the_tests_to_import_them_late(room: str) -> None:
    for path in (ROOT / room).rglob("*.py"):
        texts = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
        assert not [text for text in texts if isinstance(text, str) and re.match(r"tests\.\w", text)], path


@pytest.mark.parametrize("room", MAY_NOT_IMPORT)
def test_no_module_is_too_long(room: str) -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in (ROOT / room).rglob("*.py")}
    assert {name: n for name, n in lengths.items() if n > 750} == {}
