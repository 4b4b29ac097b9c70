"""Models are pulled from a hub on loopback: whole, continued, checked, and refused with advice."""

from __future__ import annotations

import io
import resource
import shutil
import socket
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.errors import EngineError
from pipelines.models.catalogue import CatalogueEntry, ModelFile, unlisted
from pipelines.models.hub import Hub
from pipelines.models.hub_access import HubAccess
from pipelines.models.hub_waits import Patience
from pipelines.models.model_store import ModelStore, Provenance, checksum_faults, sha256_of
from pipelines.models.pull import memory_warning, pull, ways_of
from pipelines.models.sources import ArchiveSource, HubSource
from pipelines.models.verify import verify_folder
from tests.app.hub import COMMIT, TOKEN, LoopbackHub, running_hub
from tests.app.tiny_models import write_language_model, write_whisper

REPOSITORY = "Systran/faster-whisper-tiny.en"
QUICK = Patience(tries=3, first_wait_s=0.01, silence_s=5)


class Watched:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.bytes: dict[str, int] = {}
        self.begun_bytes: dict[str, int] = {}
        self.spoke = threading.Event()
        self._label = ""

    def say(self, text: str) -> None:
        self.said.append(text)
        self.spoke.set()

    def begin(self, label: str, *, done_bytes: int, total_bytes: int | None) -> None:
        self._label = label
        self.bytes[label] = self.begun_bytes[label] = done_bytes

    def advance(self, count: int) -> None:
        self.bytes[self._label] += count

    def end(self) -> None:
        self._label = ""


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_whisper(tmp_path_factory.mktemp("whisper"))


@pytest.fixture
def hub(whisper: Path) -> Iterator[LoopbackHub]:
    with running_hub() as running:
        running.add_folder(REPOSITORY, whisper)
        yield running


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


def entry(**changes: object) -> CatalogueEntry:
    return unlisted(REPOSITORY).model_copy(update={"id": "tiny.en", **changes})


def bring(
    hub: LoopbackHub,
    store: ModelStore,
    what: CatalogueEntry | None = None,
    *,
    token: str | None = None,
    watch: Watched | None = None,
) -> Path:
    return pull_with(HubAccess(hub.url, token=token), store, what, watch)


def pull_with(
    access: HubAccess, store: ModelStore, what: CatalogueEntry | None = None, watch: Watched | None = None
) -> Path:
    with Hub(access, QUICK) as hub:
        what = what or entry()
        return pull(what, store, ways_of(what.sources, hub), watch or Watched())


def refused(
    hub: LoopbackHub, store: ModelStore, what: CatalogueEntry | None = None, *, token: str | None = None
) -> EngineError:
    with pytest.raises(EngineError) as caught:
        bring(hub, store, what, token=token)
    assert "\n" not in caught.value.message
    assert not store.folder("tiny.en").exists()
    return caught.value


# ------------------------------------------------------------------ all is well


def test_a_model_comes_whole_and_is_written_down(hub: LoopbackHub, store: ModelStore, whisper: Path) -> None:
    watch = Watched()
    folder = bring(hub, store, watch=watch)
    assert folder == store.folder("tiny.en")
    for path in whisper.iterdir():
        assert (folder / path.name).read_bytes() == path.read_bytes()
        assert watch.bytes[path.name] == path.stat().st_size
    assert verify_folder(folder, "recogniser") == []
    provenance = Provenance.read(folder)
    assert provenance is not None
    assert (provenance.origin, provenance.source, provenance.revision) == ("hub", REPOSITORY, COMMIT)
    assert {file.path for file in provenance.files} == {path.name for path in whisper.iterdir()}
    assert checksum_faults(folder, provenance) == []
    assert store.state(entry()) == "installed"
    assert not store.partial("tiny.en").exists()


def test_what_is_there_is_not_asked_for_again(hub: LoopbackHub, store: ModelStore) -> None:
    bring(hub, store)
    before = len(hub.asked)
    bring(hub, store)
    assert len(hub.asked) == before


def test_what_is_there_and_broken_is_replaced(hub: LoopbackHub, store: ModelStore) -> None:
    folder = bring(hub, store)
    content = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(content[:1000])
    watch = Watched()
    bring(hub, store, watch=watch)
    assert "it is replaced" in watch.said[0]
    assert (folder / "model.bin").read_bytes() == content
    assert not (store.root / ".partial" / "tiny.en.old").exists()


def test_pulled_anew_on_demand(hub: LoopbackHub, store: ModelStore) -> None:
    folder = bring(hub, store)
    hub.repositories[REPOSITORY]["config.json"] = b'{"lang_ids": []}'
    with Hub(HubAccess(hub.url), QUICK) as client:
        pull(entry(), store, ways_of(entry().sources, client), Watched(), again=True)
    assert (folder / "config.json").read_bytes() == b'{"lang_ids": []}'


def test_the_model_before_is_kept_and_can_be_put_back(
    hub: LoopbackHub, store: ModelStore, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bring(hub, store)
    before = (store.folder("tiny.en") / "model.bin").read_bytes()
    with Hub(HubAccess(hub.url), QUICK) as again:
        pull(entry(), store, ways_of(entry().sources, again), Watched(), again=True)
    assert not store.former("tiny.en").exists(), "the same model is none before"
    hub.add_folder(REPOSITORY, write_whisper(tmp_path_factory.mktemp("another"), seed=7))
    with Hub(HubAccess(hub.url), QUICK) as newer:
        pull(entry(), store, ways_of(entry().sources, newer), Watched(), again=True)
    after = (store.folder("tiny.en") / "model.bin").read_bytes()
    assert after != before
    for expected in (before, after, before):
        provenance = store.go_back("tiny.en")
        assert (store.folder("tiny.en") / "model.bin").read_bytes() == expected
        assert checksum_faults(store.folder("tiny.en"), provenance) == []
    (store.former("tiny.en") / "model.bin").write_bytes(b"broken")
    with pytest.raises(EngineError, match="is not the file that was pulled"):
        store.go_back("tiny.en")
    assert (store.folder("tiny.en") / "model.bin").read_bytes() == before
    store.remove("tiny.en")
    with pytest.raises(EngineError, match=r"there is no earlier tiny\.en"):
        store.go_back("tiny.en")


def test_the_token_goes_to_the_hub_and_not_where_it_sends_us(hub: LoopbackHub, store: ModelStore) -> None:
    bring(hub, store, token=TOKEN)
    sent_on = [one for one in hub.asked if one.path.startswith("/cdn/")]
    at_home = [one for one in hub.asked if not one.path.startswith("/cdn/")]
    assert sent_on
    assert {one.headers.get("Authorization") for one in sent_on} == {None}
    assert {one.headers.get("Authorization") for one in at_home} == {f"Bearer {TOKEN}"}


def test_the_hub_is_asked_for_the_models_files_and_nothing_else(hub: LoopbackHub, store: ModelStore) -> None:
    hub.repositories[REPOSITORY]["README.md"] = b"# a card"
    bring(hub, store)
    assert not any("README" in one.path for one in hub.asked)
    assert {one.path.split("/")[1] for one in hub.asked} <= {"api", "Systran", "cdn"}
    assert {one.headers["User-Agent"] for one in hub.asked} == {"interlocutor"}


def test_a_mirror_is_taken_from_the_environment(hub: LoopbackHub, store: ModelStore) -> None:
    access = HubAccess.from_environment("https://hub.invalid", {"HF_ENDPOINT": f"{hub.url}/", "HOME": "/nowhere"})
    pull_with(access, store)
    assert store.folder("tiny.en").is_dir()


@pytest.fixture
def voice(hub: LoopbackHub) -> CatalogueEntry:
    """A voice in an archive, which also holds a name that leads out of it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("tts_models--en--x--vits/model_file.pth", b"weights" * 10_000)
        archive.writestr("tts_models--en--x--vits/config.json", b"{}")
        archive.writestr("../../escaped/config.json.txt", b"no")
    hub.repositories["voices"] = {"vits.zip": packed.getvalue()}
    return CatalogueEntry(
        id="voice",
        kind="synthesiser",
        summary="a voice",
        sources=(ArchiveSource(archive=f"{hub.url}/cdn/voices/vits.zip"),),
        files=(ModelFile(path="model_file.pth*"), ModelFile(path="config.json")),
        licence="none",
        download_mib=1,
        memory_mib=1,
        languages=("en",),
        export="onnx",
    )


def test_a_voice_is_unpacked_from_its_archive(hub: LoopbackHub, store: ModelStore, voice: CatalogueEntry) -> None:
    folder = bring(hub, store, voice)
    assert folder == store.source("voice")
    assert {path.name for path in folder.iterdir()} == {"model_file.pth", "config.json", "provenance.json"}
    assert store.state(voice) == "to export"


def test_a_voice_that_can_not_be_reached_names_its_own_host(
    hub: LoopbackHub, store: ModelStore, voice: CatalogueEntry
) -> None:
    address = "http://voices.invalid/vits.zip"
    elsewhere = voice.model_copy(update={"sources": (ArchiveSource(archive=address),)})
    with pytest.raises(EngineError, match=r"^voices\.invalid can't be reached for http") as caught:
        bring(hub, store, elsewhere)
    assert caught.value.code == "model.hub_unreachable"
    assert "HF_ENDPOINT" not in caught.value.message
    gone = voice.model_copy(update={"sources": (ArchiveSource(archive=f"http://localhost:{hub.port}/gone.zip"),)})
    with pytest.raises(EngineError, match=rf"^localhost:{hub.port} has no http.*: correct the catalogue") as caught:
        bring(hub, store, gone)
    assert caught.value.code == "model.not_on_hub"


def test_an_archive_that_had_come_whole_is_not_sent_again(
    hub: LoopbackHub, store: ModelStore, voice: CatalogueEntry
) -> None:
    staged = store.partial("voice") / "vits"
    staged.mkdir(parents=True)
    (staged / "archive.zip.part").write_bytes(hub.repositories["voices"]["vits.zip"])
    bring(hub, store, voice)
    assert [one.range for one in hub.transfers("vits.zip")] == [f"bytes={len(hub.repositories['voices']['vits.zip'])}-"]


def test_an_archive_that_is_damaged_or_lacks_a_file(hub: LoopbackHub, store: ModelStore, voice: CatalogueEntry) -> None:
    with pytest.raises(EngineError, match=r"the archive has no speaker_ids\.json") as caught:
        bring(hub, store, voice.model_copy(update={"files": (ModelFile(path="speaker_ids.json"),)}))
    assert caught.value.code == "model.format"
    store.remove("voice")
    hub.repositories["voices"]["vits.zip"] = b"<html>not found</html>"
    with pytest.raises(EngineError, match="came damaged and is deleted") as caught:
        bring(hub, store, voice)
    assert caught.value.code == "model.checksum"
    assert not store.source("voice").exists()
    with pytest.raises(EngineError, match="came damaged"):
        bring(
            hub,
            store,
            voice.model_copy(
                update={"sources": (ArchiveSource(archive=voice.sources[0].name, archive_sha256="0" * 64),)}
            ),
        )


# ------------------------------------------------------------------ what breaks off


def test_a_cut_connection_is_gone_on_with_and_only_the_rest_is_asked_for(hub: LoopbackHub, store: ModelStore) -> None:
    hub.cuts = [70_000]
    bring(hub, store)
    first, second = hub.transfers("model.bin")
    assert first.range is None
    assert second.range == "bytes=70000-"


def test_a_pull_that_gave_up_is_gone_on_with_by_the_next(hub: LoopbackHub, store: ModelStore) -> None:
    hub.cuts = [70_000, 0, 0, 0]
    assert refused(hub, store).code == "model.hub_unreachable"
    assert store.state(entry()) == "partial"
    parts = list(store.partial("tiny.en").rglob("*.part"))
    assert [(part.name, part.stat().st_size) for part in parts] == [("model.bin.part", 70_000)]
    hub.cuts, hub.asked = [], []
    watch = Watched()
    bring(hub, store, watch=watch)
    assert [one.range for one in hub.transfers("model.bin")] == ["bytes=70000-"]
    assert watch.begun_bytes["model.bin"] == 70_000
    assert hub.transfers("config.json") == []  # it had come whole


def test_a_hub_that_knows_no_ranges_sends_everything_again(hub: LoopbackHub, store: ModelStore, whisper: Path) -> None:
    hub.ignores_ranges = True
    hub.cuts = [70_000]
    watch = Watched()
    folder = bring(hub, store, watch=watch)
    assert sha256_of(folder / "model.bin") == sha256_of(whisper / "model.bin")
    assert watch.bytes["model.bin"] == (whisper / "model.bin").stat().st_size


def test_a_hub_that_fails_for_a_moment_is_asked_again(hub: LoopbackHub, store: ModelStore) -> None:
    hub.statuses = [503, 500]
    bring(hub, store)


def test_a_hub_that_goes_on_failing_is_given_up(hub: LoopbackHub, store: ModelStore) -> None:
    hub.statuses = [503] * 9
    error = refused(hub, store)
    assert error.code == "model.hub_failed"
    assert "503" in error.message


def test_fewer_bytes_than_announced_are_an_error(hub: LoopbackHub, store: ModelStore) -> None:
    hub.short_bytes = 60_000
    error = refused(hub, store)
    assert error.code == "model.incomplete"
    assert "60000 of" in error.message


def test_other_bytes_are_found_out_and_deleted(hub: LoopbackHub, store: ModelStore) -> None:
    hub.damaged = True
    error = refused(hub, store)
    assert error.code == "model.checksum"
    assert "deleted" in error.message
    assert list(store.partial("tiny.en").rglob("*.part")) == []
    hub.damaged = False
    bring(hub, store)


def test_small_files_are_checked_too(hub: LoopbackHub, store: ModelStore) -> None:
    hub.damaged = True
    error = refused(hub, store, entry(files=(ModelFile(path="config.json"),)))
    assert (error.code, "config.json" in error.message) == ("model.checksum", True)


def test_a_hub_that_has_something_else_than_the_catalogue_knows(hub: LoopbackHub, store: ModelStore) -> None:
    files = (ModelFile(path="model.bin", sha256="0" * 64), *entry().files[:1], *entry().files[2:])
    error = refused(hub, store, entry(files=files))
    assert error.code == "model.checksum"
    assert "do not use it" in error.message


def test_the_second_of_two_pulls_waits_and_finds_it_there(hub: LoopbackHub, store: ModelStore) -> None:
    hub.stall_after = 60_000
    first = threading.Thread(target=bring, args=(hub, store))
    first.start()
    assert hub.stalled.wait(20)
    hub.stall_after = None
    watch = Watched()
    second = threading.Thread(target=bring, args=(hub, store), kwargs={"watch": watch})
    second.start()
    assert watch.spoke.wait(20)
    hub.go_on.set()
    first.join(20)
    second.join(20)
    assert "waiting for them" in watch.said[0]
    assert "is there already" in watch.said[1]
    assert len(hub.transfers("vocabulary.json")) == 1


# ------------------------------------------------------------------ what is refused


def test_offline_nothing_is_asked(hub: LoopbackHub, store: ModelStore) -> None:
    access = HubAccess.from_environment(hub.url, {"HF_HUB_OFFLINE": "1", "HOME": "/nowhere"})
    with pytest.raises(EngineError, match="HF_HUB_OFFLINE is set") as caught:
        pull_with(access, store)
    assert caught.value.code == "model.offline"
    assert hub.asked == []


def test_a_hub_that_nobody_answers_at(store: ModelStore) -> None:
    with socket.socket() as taken:
        # The port is bound and not listening: nobody else can take it, and a connection is refused.
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(EngineError, match="can't be reached") as caught:
            pull_with(HubAccess(url), store)
    assert caught.value.code == "model.hub_unreachable"


def test_a_host_that_does_not_exist(store: ModelStore) -> None:
    with pytest.raises(EngineError, match="can't be reached"):
        pull_with(HubAccess("http://hub.invalid"), store)


@pytest.mark.parametrize("url", ["hub.example", "ftp://hub.example", "http://[", "http://127.0.0.1:99999"])
def test_an_address_that_is_none(store: ModelStore, url: str) -> None:
    with pytest.raises(EngineError) as caught:
        pull_with(HubAccess(url), store)
    assert "HF_ENDPOINT" in caught.value.message


def test_something_that_is_no_hub(hub: LoopbackHub, store: ModelStore) -> None:
    hub.login_page = True
    assert "does not answer like a model hub" in refused(hub, store).message


def test_a_repository_that_is_not_there(hub: LoopbackHub, store: ModelStore) -> None:
    error = refused(hub, store, unlisted("Systran/faster-wisper").model_copy(update={"id": "tiny.en"}))
    assert error.code == "model.not_on_hub"
    assert "private" in error.message
    error = refused(hub, store, unlisted("Systran/faster-wisper").model_copy(update={"id": "tiny.en"}), token=TOKEN)
    assert error.code == "model.not_on_hub"
    assert "private" not in error.message


def test_a_revision_that_is_not_there(hub: LoopbackHub, store: ModelStore) -> None:
    error = refused(hub, store, entry(sources=(HubSource(repository=REPOSITORY, revision="v9"),)))
    assert (error.code, "revision" in error.message) == ("model.not_on_hub", True)


def test_a_gated_model_without_a_token(hub: LoopbackHub, store: ModelStore) -> None:
    hub.gated.add(REPOSITORY)
    error = refused(hub, store)
    assert error.code == "model.not_logged_in"
    assert f"{hub.url}/{REPOSITORY}" in error.message
    assert "HF_TOKEN" in error.message


def test_a_gated_model_whose_licence_is_not_accepted(hub: LoopbackHub, store: ModelStore) -> None:
    hub.gated.add(REPOSITORY)
    error = refused(hub, store, token=TOKEN)
    assert error.code == "model.licence_not_accepted"
    assert f"open {hub.url}/{REPOSITORY}" in error.message
    hub.accepted.add(TOKEN)
    bring(hub, store, token=TOKEN)


def test_a_token_without_the_scope(hub: LoopbackHub, store: ModelStore) -> None:
    hub.gated.add(REPOSITORY)
    hub.scopeless.add(TOKEN)
    error = refused(hub, store, token=TOKEN)
    assert (error.code, "read scope" in error.message) == ("model.token_scope", True)


def test_a_token_that_the_hub_does_not_know(hub: LoopbackHub, store: ModelStore) -> None:
    error = refused(hub, store, token="hf_expired")
    assert (error.code, "make a new one" in error.message) == ("model.not_logged_in", True)
    assert "hf_expired" not in error.message


def test_a_repository_of_something_else(hub: LoopbackHub, store: ModelStore) -> None:
    hub.repositories[REPOSITORY] = {"model.safetensors": b"x", "config.json": b"{}"}
    error = refused(hub, store)
    assert error.code == "model.format"
    assert "model.bin" in error.message


def test_a_model_of_another_architecture_is_not_kept(hub: LoopbackHub, store: ModelStore, tmp_path: Path) -> None:
    hub.add_folder(REPOSITORY, write_language_model(tmp_path / "gpt"))
    error = refused(hub, store)
    assert error.code == "model.architecture"
    assert REPOSITORY in error.message
    assert store.state(entry()) == "absent"


def test_a_name_that_leaves_the_folder_is_not_taken(hub: LoopbackHub, store: ModelStore, tmp_path: Path) -> None:
    hub.repositories[REPOSITORY]["../../../vocabulary.txt"] = b"out"
    bring(hub, store)
    assert not any("vocabulary.txt" in one.path for one in hub.asked)


# ------------------------------------------------------------------ the machine


def test_a_disk_with_too_little_room_is_seen_before(
    hub: LoopbackHub, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=100 << 20))
    error = refused(hub, store)
    assert error.code == "model.disk_full"
    assert "100 MiB" in error.message
    assert hub.transfers("model.bin") == []


def test_a_disk_that_fills_meanwhile_keeps_what_came(hub: LoopbackHub, store: ModelStore) -> None:
    # The kernel refuses to let a file grow, as it does on a full disk, with an error of the same family.
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
    try:
        error = refused(hub, store)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert error.code == "model.disk_full"
    assert "goes on from there" in error.message
    hub.asked.clear()
    bring(hub, store)
    assert [one.range for one in hub.transfers("model.bin")] == ["bytes=100000-"]


def test_a_device_without_room_says_so(hub: LoopbackHub) -> None:
    from pipelines.models.model_store import writing

    with pytest.raises(EngineError, match="the disk is full") as caught, writing(Path("/dev/full")):  # noqa: SIM117
        with open("/dev/full", "wb", buffering=0) as full:
            full.write(b"x")
    assert caught.value.code == "model.disk_full"


def test_a_folder_that_may_not_be_written(hub: LoopbackHub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EngineError, match="can't be written") as caught:
        bring(hub, ModelStore(tmp_path / "file" / "models"))
    assert caught.value.code == "model.folder"


def test_a_model_beyond_the_memory_that_is_allowed_is_warned_of() -> None:
    large = entry(memory_mib=3600)
    assert memory_warning(large, 3600 << 20) is None
    warning = memory_warning(large, 3599 << 20)
    assert warning is not None
    assert "3600 MiB" in warning
