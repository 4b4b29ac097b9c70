"""The heart is made of plain parts: each owns its fields, none inherits from another, only the machine has states."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HEART = Path(__file__).resolve().parents[2] / "pipelines" / "conversation"
MODULES = sorted(HEART.rglob("*.py"))
NAMES = {node.name for path in MODULES for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)}
# Those that decide what happens by the state: the table, the machine that keeps it, and what reads it for others.
KNOW_STATES = {"states.py", "table.py", "machine.py", "core.py"}

each_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(HEART)))


@each_module
def test_an_object_changes_its_own_fields_alone(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in [part for each in targets for part in (each.elts if isinstance(each, ast.Tuple) else [each])]:
            if isinstance(target, ast.Attribute):
                assert ast.unparse(target.value) == "self", f"{path.name}:{target.lineno} sets {ast.unparse(target)}"


@each_module
def test_no_part_inherits_from_another(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef):
            assert not {ast.unparse(base) for base in node.bases} & NAMES, f"{node.name} inherits"


@each_module
def test_nobody_but_the_machine_asks_for_the_state(path: Path) -> None:
    if path.name in KNOW_STATES:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Compare | ast.Match | ast.IfExp):
            assert ".state" not in ast.unparse(node), f"{path.name}:{node.lineno} asks for the state"
        if isinstance(node, ast.Compare):
            assert "State." not in ast.unparse(node), f"{path.name}:{node.lineno} asks for the state"


def test_the_core_is_told_and_read_but_never_set_from_outside() -> None:
    rooms = [HEART.parent, HEART.parents[1] / "server", HEART.parents[1] / "bench"]
    for path in [path for room in rooms for path in room.rglob("*.py") if HEART not in path.parents]:
        for node in ast.walk(ast.parse(path.read_text())):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            for target in targets:
                if isinstance(target, ast.Attribute):
                    owner = ast.unparse(target.value)
                    assert not re.search(r"\bcore\b", owner), f"{path.name}:{target.lineno} sets {owner}"
            if isinstance(node, ast.Compare):
                assert "core.state" not in ast.unparse(node), f"{path.name}:{node.lineno} asks for the state"
