"""Imports point one way: bench -> server -> pipelines -> audio -> common."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("common", "audio", "pipelines", "server", "bench", "tests")
MAY_NOT_IMPORT = {room: set(ROOMS[index + 1 :]) for index, room in enumerate(ROOMS[:-1])}


@pytest.mark.parametrize("room", MAY_NOT_IMPORT)
def test_no_module_reaches_up(room: str) -> None:
    offenders = []
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            offenders += [f"{path}: {name}" for name in names if name.split(".")[0] in MAY_NOT_IMPORT[room]]
    assert offenders == []


@pytest.mark.parametrize("room", MAY_NOT_IMPORT)
def test_no_module_names_the_tests_to_import_them_late(room: str) -> None:
    for path in (ROOT / room).rglob("*.py"):
        texts = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
        assert not [text for text in texts if isinstance(text, str) and re.match(r"tests\.\w", text)], path


@pytest.mark.parametrize("room", MAY_NOT_IMPORT)
def test_no_module_is_too_long(room: str) -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in (ROOT / room).rglob("*.py")}
    assert {name: n for name, n in lengths.items() if n > 750} == {}
