"""A name is of one thing: whoever searches for a class or a module finds that one."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

ROOMS = ("common", "audio", "pipelines", "server", "bench")
# These are called by what they set, or by what they command.
NAMED_AFTER_OTHERS = ("server/settings/", "server/cli/", "bench/cli/")
# Each part has settings of its own, and they are found by the part's name.
MODULES = {"__init__", "settings"}


def sources() -> list[Path]:
    return [path for room in ROOMS for path in Path(room).rglob("*.py")]


def more_than_once(names: list[str]) -> dict[str, int]:
    return {name: count for name, count in Counter(names).items() if count > 1}


def test_no_two_classes_have_one_name() -> None:
    found = [
        node.name
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert len(found) > 500
    assert more_than_once(found) == {}


def test_no_two_modules_have_one_name() -> None:
    found = [
        path.stem
        for path in sources()
        if not path.as_posix().startswith(NAMED_AFTER_OTHERS) and path.stem not in MODULES
    ]
    assert len(found) > 300
    assert more_than_once(found) == {}
