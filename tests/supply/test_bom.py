"""The bill of materials, by CycloneDX's own library: complete, proved by its schema, the same each time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.supply.parts import ROOT, debian, inside, locked, models, serving

PYTHON = Path(os.environ.get("INTERLOCUTOR_SUPPLY_TOOLS", "")) / "python"
Part = dict[str, Any]


def made(parts: Part, to: Path) -> subprocess.CompletedProcess[str]:
    words = [str(PYTHON), "-m", "tests.supply.cyclonedx_bom", "--output", str(to), "--date", "2026-12-01"]
    return subprocess.run(words, input=json.dumps(parts), capture_output=True, text=True, cwd=ROOT, timeout=120)


def bom(parts: Part, to: Path) -> Part:
    done = made(parts, to)
    assert done.returncode == 0, done.stderr
    read: Part = json.loads(to.read_text())
    return read


@pytest.fixture
def whole(tmp_path: Path) -> Part:
    return bom(serving("base", None), tmp_path / "sbom.json")


def test_it_has_every_part_that_serves(whole: Part) -> None:
    assert (whole["bomFormat"], whole["specVersion"]) == ("CycloneDX", "1.6")
    found = {part["bom-ref"]: part for part in whole["components"]}
    for one in locked("base"):
        part = found[f"pkg:pypi/{one.name}@{one.version}"]
        assert part["licenses"]
        (files,) = part["externalReferences"]
        assert {digest["content"] for digest in files["hashes"]} == set(one.sha256)
    assert {f"pkg:deb/debian/{name}?distro=bookworm" for name in debian()} <= set(found)
    assert {f"notice/{one.name}" for one in inside()} | {"static/vendor/uplot"} <= set(found)
    root = whole["metadata"]["component"]
    assert (root["type"], root["name"]) == ("application", "interlocutor")
    needs = {one["ref"]: set(one.get("dependsOn", ())) for one in whole["dependencies"]}
    assert needs["interlocutor"] == set(found)


def test_it_has_the_digest_of_every_file_of_a_model_that_is_known(whole: Part) -> None:
    found = {part["name"]: part for part in whole["components"] if part["type"] == "machine-learning-model"}
    for entry in models():
        files = {file["name"]: file["hashes"][0]["content"] for file in found[entry.id].get("components", ())}
        assert files == {file.path: file.sha256 for file in entry.files if file.sha256}


def test_of_a_folder_of_models_it_has_what_came(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "tiny.en"
    folder.mkdir(parents=True)
    files = [{"path": "model.bin", "size_bytes": 5, "sha256": "ab" * 32}]
    (folder / "provenance.json").write_text(json.dumps({"id": "tiny.en", "revision": "7", "files": files}))
    read = bom(serving("gpu", tmp_path / "models"), tmp_path / "sbom.json")
    (model,) = (part for part in read["components"] if part["type"] == "machine-learning-model")
    assert (model["name"], model["version"]) == ("tiny.en", "7")
    assert [(file["name"], file["hashes"][0]["content"]) for file in model["components"]] == [("model.bin", "ab" * 32)]
    assert any(part["name"] == "onnxruntime-gpu" for part in read["components"])


def test_the_same_parts_on_the_same_day_are_the_same_file(whole: Part, tmp_path: Path) -> None:
    bom(serving("base", None), tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "sbom.json").read_bytes()
    other = serving("base", None)
    assert serving("gpu", None)["digest"] != other["digest"]


def test_what_the_schema_does_not_allow_is_not_written(tmp_path: Path) -> None:
    parts = serving("base", None)
    parts["models"][0]["files"] = [{"path": "model.bin", "sha256": "no digest"}]
    done = made(parts, tmp_path / "sbom.json")
    assert done.returncode == 1
    assert "not as CycloneDX wants it" in done.stderr
    assert not (tmp_path / "sbom.json").exists()


def test_a_place_where_nothing_can_be_written_is_one_clear_line(tmp_path: Path) -> None:
    done = made(serving("base", None), tmp_path / "none" / "sbom.json")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [f"{tmp_path}/none/sbom.json can't be written (No such file or directory)"]


def test_a_folder_that_is_none_is_one_clear_line(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "tests.supply.parts", "--models", str(tmp_path / "none")]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(f"{tmp_path / 'none'} is no folder")
