"""Conversions run in an environment of their own: made once, continued, and failing with advice.

What converts needs torch, so a stand-in lies in its place here; environment, pip and programs are real.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from common.errors import EngineError
from pipelines.models.catalogue import Catalogue, CatalogueEntry
from pipelines.models.export import ROOM_BYTES, conversion, export, make_environment, quiet_environment
from pipelines.models.model_store import ModelStore, Provenance
from server.settings.tree import CONFIG_FOLDER
from tests.app.tiny_models import write_language_model

CONVERTER = """
import shutil, sys
arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))
print("converting")
if {fails!r}:
    sys.exit({fails!r})
shutil.copytree({model!r}, arguments["--output_dir"])
"""


@pytest.fixture(scope="module")
def entry() -> CatalogueEntry:
    return Catalogue.load(CONFIG_FOLDER / "models.yaml").find("qwen2.5-0.5b-instruct")


@pytest.fixture(scope="module")
def requirements(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("requirements") / "none.txt"
    path.write_text("# nothing\n")
    return path


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, requirements: Path) -> ModelStore:
    """A store with an environment in it, which takes seconds to make."""
    store = ModelStore(tmp_path_factory.mktemp("models"))
    said: list[str] = []
    make_environment(store, "ctranslate2", said.append, requirements=requirements)
    assert "making an environment" in said[0]
    return store


@pytest.fixture
def pulled(store: ModelStore, entry: CatalogueEntry) -> Path:
    folder = store.source(entry.id)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    Provenance(entry.id, entry.kind, "Qwen/x", "abc", ()).write(folder)
    return folder


def put_converter(store: ModelStore, *, model: Path, fails: str = "") -> None:
    (site,) = (store.root / ".export-env" / "ctranslate2" / "lib").glob("python3*/site-packages")
    package = site / "ctranslate2" / "converters"
    package.mkdir(parents=True, exist_ok=True)
    (package / "transformers.py").write_text(CONVERTER.format(fails=fails, model=str(model)))


def test_a_conversion_ends_in_a_model_that_can_be_loaded(
    store: ModelStore, entry: CatalogueEntry, pulled: Path, requirements: Path, tmp_path: Path
) -> None:
    put_converter(store, model=write_language_model(tmp_path / "gpt"))
    said: list[str] = []
    folder = export(entry, store, said.append, requirements=requirements)
    assert folder == store.folder(entry.id)
    assert "  converting" in said
    assert not any("making an environment" in line for line in said)
    provenance = Provenance.read(folder)
    assert provenance is not None
    assert (provenance.source, provenance.revision, provenance.made_by) == ("Qwen/x", "abc", "export, int8_float32")
    assert store.state(entry) == "installed"


def test_a_conversion_that_fails_says_why_and_where(
    store: ModelStore, entry: CatalogueEntry, pulled: Path, requirements: Path, tmp_path: Path
) -> None:
    put_converter(store, model=tmp_path, fails="ValueError: no loader for this architecture")
    with pytest.raises(EngineError, match="no loader for this architecture; all it said is in") as caught:
        export(entry, store, lambda line: None, requirements=requirements)
    assert caught.value.code == "model.export_failed"
    assert "\n" not in caught.value.message


def test_a_conversion_to_something_else_is_not_installed(
    entry: CatalogueEntry, store: ModelStore, pulled: Path, requirements: Path, tmp_path: Path
) -> None:
    (tmp_path / "model").mkdir()
    put_converter(store, model=tmp_path / "model")
    if store.folder(entry.id).exists():
        store.folder(entry.id).rename(tmp_path / "kept")
    with pytest.raises(EngineError, match="went wrong"):
        export(entry, store, lambda line: None, requirements=requirements)
    assert not store.folder(entry.id).exists()


def test_packages_that_can_not_be_had(tmp_path: Path, store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    wanted = tmp_path / "wanted.txt"
    wanted.write_text("a-package-that-nobody-has-made==9\n")
    with pytest.raises(EngineError, match="PIP_INDEX_URL") as caught:
        make_environment(store, "ctranslate2", lambda line: None, requirements=wanted)
    assert caught.value.code == "model.export_failed"


def test_an_environment_needs_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requirements: Path) -> None:
    monkeypatch.setitem(ROOM_BYTES, "onnx", 1 << 60)
    with pytest.raises(EngineError, match="an environment with torch needs") as caught:
        make_environment(ModelStore(tmp_path), "onnx", lambda line: None, requirements=requirements)
    assert caught.value.code == "model.disk_full"


def test_the_command_names_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    command = conversion("ctranslate2", Path("/env/python"), tmp_path, Path("/out"), quantization="float16")
    assert command[:5] == ["/env/python", "-I", "-u", "-m", "ctranslate2.converters.transformers"]
    assert command[command.index("--quantization") + 1] == "float16"
    assert command[command.index("--copy_files") + 1 :] == ["tokenizer.json"]
    assert "--trust_remote_code" not in command


def test_the_voices_script_needs_nothing_of_ours(tmp_path: Path, store: ModelStore) -> None:
    python = store.root / ".export-env" / "ctranslate2" / "bin" / "python"
    command = conversion("onnx", python, tmp_path, tmp_path / "out", quantization="int8")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr.strip().endswith("No module named 'TTS'")


def test_nothing_is_looked_up_on_a_hub_meanwhile() -> None:
    environment = quiet_environment({"PATH": "/bin", "PYTHONPATH": "/here", "HF_HUB_OFFLINE": "0"})
    assert environment["HF_HUB_OFFLINE"] == environment["HF_HUB_DISABLE_TELEMETRY"] == "1"
    assert "PYTHONPATH" not in environment
