"""The lists of packages to install: what our code imports is in each, and a graphics card's has one onnxruntime."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from server.paths import ROOT

OURS = {"audio", "bench", "common", "pipelines", "server", "static", "configs", "tests"}
ROOMS = ("audio", "bench", "common", "pipelines", "server")
# They are imported where somebody asks for what needs them, and said to be missing otherwise.
OPTIONAL = {
    *("torch", "transformers", "TTS", "safetensors", "sentence_transformers", "ctranslate2_converters"),
    *("opentelemetry", "ray", "requests"),
}


def pins(name: str) -> dict[str, str]:
    """Return the packages of a list with their versions."""
    text = (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)", text, re.MULTILINE))


def imported() -> set[str]:
    """Return the names of what our code imports at the top of a module or in a function, ours and Python's aside."""
    found: set[str] = set()
    for room in ROOMS:
        for file in Path(ROOT, room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_bytes())):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                    found.add(node.module.partition(".")[0])
    return found - OURS - set(sys.stdlib_module_names) - OPTIONAL


def test_a_graphics_card_needs_the_same_packages_with_the_other_onnxruntime() -> None:
    base, card = pins("base"), pins("gpu")
    assert "onnxruntime" not in card, "both write one module"
    assert card["onnxruntime-gpu"] == base["onnxruntime"]
    assert {name: version for name, version in base.items() if name != "onnxruntime"}.items() <= card.items()
    assert {name.partition("-")[0] for name in card.keys() - base.keys()} == {"onnxruntime", "nvidia"}


@pytest.mark.parametrize("extra", ["tracing", "ray"])
def test_what_is_installed_beside_the_servers_packages_changes_none_of_them(extra: str) -> None:
    base, more = pins("base"), pins(extra)
    shared = base.keys() & more.keys()
    assert "protobuf" in shared
    assert {name: more[name] for name in shared} == {name: base[name] for name in shared}


@pytest.mark.parametrize("lock", ["base", "gpu", "dev"])
def test_every_package_is_pinned_with_its_hashes(lock: str) -> None:
    blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / "requirements" / f"{lock}.lock").read_text(encoding="utf-8"))
    # One that differs with the version of Python or the system is there more than once.
    assert len(blocks) >= len(pins(lock)) > 30
    assert all("--hash=sha256:" in block for block in blocks)


@pytest.mark.parametrize("lock", ["base", "gpu"])
def test_what_our_code_imports_is_installed_from_the_list(lock: str) -> None:
    made_by, known = packages_distributions(), pins(lock)
    lacking = {}
    for name in imported():
        makers = {maker.lower().replace("_", "-").replace(".", "-") for maker in made_by.get(name, [])}
        makers |= {"onnxruntime-gpu"} if name == "onnxruntime" else set()
        if makers and not makers & {pin.replace(".", "-").replace("_", "-") for pin in known}:
            lacking[name] = makers
    assert not lacking
