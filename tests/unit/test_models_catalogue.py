"""The catalogue of models is complete, and one that is wrong says where."""

from __future__ import annotations

from pathlib import Path

import faster_whisper.utils
import pytest

from common.errors import EngineError
from pipelines.models.catalogue import Catalogue, unlisted
from pipelines.models.sources import HubSource, PackageSource
from server.settings.tree import CONFIG_FOLDER

GOOD = """
hub: https://hub.example
models:
  one:
    kind: recogniser
    summary: "a model"
    sources: [{repository: some/one}]
    files: [{path: model.bin}]
    licence: MIT
    download_mib: 1
    memory_mib: 1
    languages: [en]
"""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load(CONFIG_FOLDER / "models.yaml")


def load(tmp_path: Path, text: str) -> Catalogue:
    path = tmp_path / "models.yaml"
    path.write_text(text, encoding="utf-8")
    return Catalogue.load(path)


def test_every_size_of_whisper_comes_from_where_its_library_takes_it(catalogue: Catalogue) -> None:
    known = faster_whisper.utils._MODELS
    whispers = [entry for entry in catalogue.models if entry.kind == "recogniser"]
    sizes = {"tiny", "base", "small", "medium"}
    wanted = {*sizes, *(f"{size}.en" for size in sizes), "large-v2", "large-v3", "turbo", "distil-small.en"}
    assert {entry.id for entry in whispers} == wanted
    for entry in whispers:
        for name in (entry.id, *entry.aliases):
            assert (known[name],) == entry.repositories
        needed = {file.path for file in entry.files}
        assert {"config.json", "model.bin", "tokenizer.json"} < needed
        assert any(path.startswith("vocabulary.") for path in needed)
        assert next(file for file in entry.files if file.path == "model.bin").sha256
        (hub,) = [source for source in entry.sources if isinstance(source, HubSource)]
        assert len(hub.revision) == 40


def test_what_must_be_converted_says_so(catalogue: Catalogue) -> None:
    forms = {
        "recogniser": None,
        "encoder": None,
        "responder": "ctranslate2",
        "synthesiser": None,
        "turn_detector": None,
    }
    for entry in catalogue.models:
        checkpoint = any(".pth" in file.path for file in entry.files)
        if entry.convert:
            assert entry.export is None
            assert [file.path for file in entry.files if file.path.endswith(f".{entry.convert}")]
            continue
        assert entry.export == ("onnx" if checkpoint else forms[entry.kind])
        assert (entry.speakers > 0) == (entry.kind == "synthesiser")
    assert catalogue.find("llama-3.2-1b-instruct").gated


def test_memory_is_more_than_the_weights_take(catalogue: Catalogue) -> None:
    for entry in catalogue.models:
        of_int8 = 0.5 if entry.export != "onnx" else 0.4  # a checkpoint has parts that only training needs
        assert entry.memory_mib >= entry.download_mib * of_int8, entry.id


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("base.en", "base.en"),
        ("large", "large-v3"),
        ("Systran/faster-whisper-small", "small"),
        ("tts_models/en/vctk/vits", "vctk-vits"),
    ],
)
def test_a_model_is_found_by_any_of_its_names(catalogue: Catalogue, name: str, found: str) -> None:
    assert catalogue.find(name).id == found


def test_a_repository_that_is_not_listed_is_taken_for_a_whisper(catalogue: Catalogue) -> None:
    entry = catalogue.find("Somebody/Whisper-Medical")
    assert (entry.id, entry.kind) == ("somebody--whisper-medical", "recogniser")
    assert entry.repositories == ("Somebody/Whisper-Medical",)


@pytest.mark.parametrize(("wrong", "near"), [("base-en", "base.en"), ("Turbo3", "turbo"), ("qwen2.5-0.5b", "qwen2.5")])
def test_a_wrong_id_gets_ids_near_it(catalogue: Catalogue, wrong: str, near: str) -> None:
    with pytest.raises(EngineError, match=f"did you mean .*{near}") as caught:
        catalogue.find(wrong)
    assert caught.value.code == "model.unknown"


def test_an_id_near_nothing_is_sent_to_the_list(catalogue: Catalogue) -> None:
    with pytest.raises(EngineError, match="models list"):
        catalogue.find("zzzzzz")


def test_a_name_can_never_leave_the_folder_of_models(catalogue: Catalogue) -> None:
    for name in ("..", "../x", "/etc", "a/../b", ".locks"):
        with pytest.raises(EngineError):
            catalogue.find(name)
    assert unlisted("a/b").id == "a--b"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("kind: recogniser", "kind: listener", "one.kind: Input should be 'recogniser'"),
        ("licence: MIT", "license: MIT", "one.licence: Field required"),
        ("licence: MIT", "licence: MIT\n    colour: blue", "one.colour: Extra inputs"),
        ("path: model.bin", "path: ../model.bin", "must lie inside"),
        ("path: model.bin", "path: model.bin, sha256: abc", "one.files.0.sha256: String should match"),
        ("repository: some/one", "repository: some", "one.sources.0.hub.repository: String should match"),
        (
            "{repository: some/one}",
            "{revision: main}",
            "one.sources.0: name a repository, an archive or wheels",
        ),
        ("hub: https://hub.example", "hub: hub.example", "hub: String should match"),
        ("languages: [en]", "languages: [en]\n    aliases: [one]", "two models are called one"),
        ("  one:", "  One Model:", "One Model.id: String should match"),
        ("models:", "models: [", "this is not YAML"),
    ],
)
def test_a_wrong_catalogue_says_where(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert load(tmp_path, GOOD).models[0].id == "one"
    with pytest.raises(EngineError) as caught:
        load(tmp_path, GOOD.replace(old, new))
    assert caught.value.code == "model.catalogue"
    assert said in caught.value.message
    assert str(tmp_path / "models.yaml") in caught.value.message


@pytest.mark.parametrize("text", ["", "3", "models: 3", "[]", "models: {a: 3}", "hub: https://a.b\nmodels: [3]"])
def test_a_catalogue_of_another_shape(tmp_path: Path, text: str) -> None:
    with pytest.raises(EngineError):
        load(tmp_path, text)


def test_a_catalogue_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="can't be read"):
        Catalogue.load(tmp_path / "none.yaml")


PACKAGED = """
hub: https://hub.example
models:
  one:
    kind: recogniser
    summary: "a model"
    sources:
      - {repository: some/one}
      - wheels:
          - name: some-one
            version: 1.0.0
            sha256: HASH
            size_bytes: 5
            members: {one/b.1: model.bin, one/b.2: model.bin, one/config.json: config.json}
    files:
      - {path: model.bin, size_bytes: 4, sha256: HASH}
      - {path: config.json, size_bytes: 4, sha256: HASH}
    licence: MIT
    download_mib: 1
    memory_mib: 1
    languages: [en]
""".replace("HASH", "a" * 64)


def test_a_package_is_a_mirror_of_files_that_are_known(tmp_path: Path) -> None:
    _, packages = load(tmp_path, PACKAGED).find("one").sources
    assert isinstance(packages, PackageSource)
    assert packages.wheels[0].requirement == "some-one==1.0.0"
    assert packages.made == {"model.bin", "config.json"}
    assert packages.name == "some-one 1.0.0"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (f"size_bytes: 4, sha256: {'a' * 64}}}\n      - {{path: c", "size_bytes: 4}\n      - {path: c", "of model.bin"),
        ("config.json, size_bytes: 4,", "config.json,", "one: Value error, a model with packages needs size_bytes"),
        (", one/config.json: config.json", "", "no member of the packages makes config.json"),
        ("config.json}", "other.json}", "packages bring other.json, which is none of the model's files"),
        ("config.json}", "../config.json}", "packages bring ../config.json"),
        ("name: some-one", 'name: "--index-url=x"', "one.sources.1.package.wheels.0.name: String should match"),
        ("version: 1.0.0", 'version: "1.0 --x"', "one.sources.1.package.wheels.0.version: String should match"),
        ("            size_bytes: 5\n", "", "one.sources.1.package.wheels.0.size_bytes: Field required"),
        ("- {repository: some/one}", "- {repository: some/one, archive: x}", "one.sources.0: name a repository, an"),
    ],
)
def test_packages_that_are_described_wrongly(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in PACKAGED
    with pytest.raises(EngineError) as caught:
        load(tmp_path, PACKAGED.replace(old, new))
    assert caught.value.code == "model.catalogue"
    assert said in caught.value.message
