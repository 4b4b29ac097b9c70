"""`interlocutor models`: every command from the outside, on a hub of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench import cli
from pipelines.stt.qualification import read_qualification
from tests.app.hub import LoopbackHub, running_hub
from tests.app.tiny_models import write_whisper

ROOT = Path(__file__).parents[2]
CATALOGUE = """
hub: {url}
models:
  tiny.en:
    kind: recogniser
    summary: "a Whisper"
    sources: [{{repository: some/whisper}}]
    files:
      - {{path: config.json}}
      - {{path: model.bin}}
      - {{path: tokenizer.json}}
      - {{path: vocabulary.*}}
    licence: MIT
    download_mib: 1
    memory_mib: 1
    languages: [en]
  huge:
    kind: responder
    summary: "more than any machine has"
    sources: [{{repository: some/huge}}]
    export: ctranslate2
    files: [{{path: model.safetensors}}]
    licence: MIT
    gated: true
    download_mib: 1
    memory_mib: 999999999
    languages: [en, "+7"]
"""


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


class Desk:
    """A command line with a folder of models, a catalogue and a hub of its own."""

    def __init__(self, capture: pytest.CaptureFixture[str], hub: LoopbackHub, folder: Path) -> None:
        self._capture = capture
        self.hub = hub
        self.config = folder / "configs"
        self.models = folder / "models"

    def run(self, *words: str) -> Outcome:
        """Run `models WORDS` in this process."""
        with pytest.raises(SystemExit) as stopped:
            cli.main(["models", *words, "--config", str(self.config)])
        printed = self._capture.readouterr()
        assert "Traceback" not in printed.err
        return Outcome(int(stopped.value.code or 0), printed.out, printed.err)

    def pull(self, model: str) -> Outcome:
        """Pull a model and leave it at that: these weights are random, so trying them would show nothing."""
        return self.run("pull", model, "--no-qualify")

    def fails(self, *words: str) -> str:
        """Run `models WORDS`, which must fail with one line, and return that."""
        outcome = self.run(*words)
        assert outcome.code == 1
        (line,) = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
        return line


@pytest.fixture
def desk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, made_whisper: Path
) -> Iterator[Desk]:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_ENDPOINT", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "nobody"))
    monkeypatch.setenv("MODEL_PATH", str(tmp_path / "models"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    with running_hub() as hub:
        hub.add_folder("some/whisper", made_whisper)
        hub.repositories["some/huge"] = {"model.safetensors": b"weights"}
        desk = Desk(capsys, hub, tmp_path)
        desk.config.mkdir()
        (desk.config / "base.yaml").write_text("{}\n")
        (desk.config / "models.yaml").write_text(CATALOGUE.format(url=hub.url))
        yield desk


@pytest.fixture(scope="module")
def made_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_whisper(tmp_path_factory.mktemp("whisper"))


def test_the_life_of_a_model(desk: Desk) -> None:
    listed = desk.run("list")
    assert (listed.code, listed.err) == (0, "")
    assert "tiny.en" in listed.out
    pulled = desk.pull("tiny.en")
    assert pulled.code == 0
    assert f"pulling tiny.en from {desk.hub.url}/some/whisper" in pulled.err
    assert f"tiny.en is in {desk.models / 'tiny.en'}" in pulled.out
    (row, _) = json.loads(desk.run("list", "--json").out)
    assert (row["state"], row["folder"]) == ("installed", str(desk.models / "tiny.en"))
    verified = desk.run("verify", "tiny.en")
    assert (verified.code, "4 checksums are right" in verified.out) == (0, True)
    assert "a sound recogniser" in desk.run("verify", str(desk.models / "tiny.en"), "--quick").out
    removed = desk.run("remove", "tiny.en", "--yes")
    assert (removed.code, "is removed" in removed.out) == (0, True)
    assert not (desk.models / "tiny.en").exists()
    assert "nothing to remove" in desk.fails("remove", "tiny.en")


def test_a_model_that_the_catalogue_does_not_have(desk: Desk) -> None:
    desk.hub.repositories["Some/Other"] = desk.hub.repositories["some/whisper"]
    assert desk.pull("Some/Other").code == 0
    row = json.loads(desk.run("list", "--json").out)[2]
    assert (row["id"], row["kind"], row["state"]) == ("some--other", "recogniser", "installed")
    assert row["sources"] == [{"kind": "hub", "name": "Some/Other"}]
    assert "4 checksums are right" in desk.run("verify", "some--other").out
    assert desk.run("remove", "some--other", "--yes").code == 0
    assert len(json.loads(desk.run("list", "--json").out)) == 2


def test_remove_asks(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.pull("tiny.en")
    read, write = os.pipe()
    os.write(write, b"n\n")
    os.close(write)
    with os.fdopen(read) as answers:
        monkeypatch.setattr(sys, "stdin", answers)
        outcome = desk.run("remove", "tiny.en")
    assert outcome.code == 1
    assert (desk.models / "tiny.en").is_dir()


def test_a_model_that_must_be_converted_and_is_too_large(desk: Desk) -> None:
    pulled = desk.run("pull", "huge")
    assert pulled.code == 0
    assert "warning: huge needs about 999999999 MiB" in pulled.err
    assert "models export huge" in pulled.out
    assert "models export huge" in desk.fails("verify", "huge")
    assert json.loads(desk.run("list", "--json").out)[1]["state"] == "to export"


def test_verify_finds_what_rotted(desk: Desk) -> None:
    desk.pull("tiny.en")
    path = desk.models / "tiny.en" / "model.bin"
    content = bytearray(path.read_bytes())
    content[-400] ^= 1  # inside the weights: only a checksum can tell
    path.write_bytes(content)
    assert "is a sound recogniser" in desk.run("verify", "tiny.en", "--quick").out
    assert "sha256 differs" in desk.fails("verify", "tiny.en")
    path.write_bytes(content[:5000])
    assert "cut off" in desk.fails("verify", "tiny.en", "--quick")


def test_verify_of_a_folder_with_no_model(desk: Desk, tmp_path: Path) -> None:
    assert "holds no model" in desk.fails("verify", str(tmp_path))


def test_a_wrong_id(desk: Desk) -> None:
    assert "did you mean tiny.en?" in desk.fails("pull", "tini.en")


def test_what_is_not_here(desk: Desk) -> None:
    for command in ("verify", "qualify", "bench"):
        assert "models pull tiny.en" in desk.fails(command, "tiny.en")
    assert "models pull huge` first" in desk.fails("export", "huge")
    assert "needs no conversion" in desk.fails("export", "tiny.en")
    assert "take one of int8" in desk.fails("export", "huge", "--quantization", "int3")


def test_the_ceiling_of_the_settings_is_what_a_model_is_weighed_by(desk: Desk) -> None:
    outcome = desk.run("pull", "tiny.en", "--no-qualify", "--set", "models.max_memory=1MiB")
    assert (outcome.code, "warning" in outcome.err) == (0, False)
    path = desk.config / "models.yaml"
    path.write_text(path.read_text().replace("memory_mib: 1\n", "memory_mib: 200\n"))
    outcome = desk.run("pull", "tiny.en", "--no-qualify", "--set", "models.max_memory=150MiB")
    assert "tiny.en needs about 200 MiB of memory, and 150 MiB are allowed here (models.max_memory)" in outcome.err
    assert "warning" not in desk.run("pull", "tiny.en", "--no-qualify", "--set", "models.max_memory=1GiB").err


def test_offline(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE is set" in desk.fails("pull", "tiny.en")
    assert desk.hub.asked == []


def test_a_gated_model_without_a_token(desk: Desk) -> None:
    desk.hub.gated.add("some/huge")
    assert f"accept its licence at {desk.hub.url}/some/huge" in desk.fails("pull", "huge")


def test_a_token_from_where_its_own_tool_keeps_it(desk: Desk, tmp_path: Path) -> None:
    desk.hub.gated.add("some/huge")
    desk.hub.known.add("hf_kept")
    desk.hub.accepted.add("hf_kept")
    (tmp_path / "nobody").mkdir()
    (tmp_path / "nobody" / "token").write_text("hf_kept\n")
    assert desk.run("pull", "huge").code == 0


def test_a_catalogue_with_a_fault(desk: Desk) -> None:
    path = desk.config / "models.yaml"
    path.write_text(path.read_text().replace("kind: responder", "kind: answerer"))
    assert "huge.kind" in desk.fails("list")


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_what_came_is_kept_when_a_pull_is_stopped(desk: Desk, way: signal.Signals) -> None:
    desk.hub.stall_after = 90_000
    command = [sys.executable, "-m", "server.cli", "models", "pull", "tiny.en", "--config", str(desk.config)]
    with subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=_heed_ctrl_c
    ) as process:
        assert desk.hub.stalled.wait(30)
        part = next(desk.models.rglob("*.part"), None)
        while part is None or part.stat().st_size < 90_000:  # on loopback the bytes are there in a moment
            part = next(desk.models.rglob("*.part"), None)
            assert process.poll() is None
        process.send_signal(way)
        _, told = process.communicate(timeout=30)
    assert "Traceback" not in told
    if way != signal.SIGKILL:
        assert process.returncode == 130
        assert "are kept, and the same command goes on from there" in told
    desk.hub.stall_after = None
    desk.hub.go_on.set()
    assert "model.bin: going on after 90000 bytes" in desk.pull("tiny.en").err
    assert [one.range for one in desk.hub.transfers("model.bin")][-1] == "bytes=90000-"
    assert "is a sound recogniser" in desk.run("verify", "tiny.en").out


def _heed_ctrl_c() -> None:
    """Undo what a shell does to programs in its background, and tests may run as one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_a_pull_ends_with_a_trial_that_is_kept(desk: Desk) -> None:
    desk.hub.add_folder("some/whisper", ROOT / "tests" / "models" / "proof-whisper")
    outcome = desk.run("pull", "tiny.en")
    assert outcome.code == 0, outcome.err
    assert re.search(r"word errors \d+\.\d % \(padded \d+\.\d %\), repeated \d+ of 31 .*invented \d of 4", outcome.out)
    (row,) = [row for row in json.loads(desk.run("list", "--json").out) if row["id"] == "tiny.en"]
    assert row["qualified"] is ("encoded at its own length" in outcome.out)
    assert read_qualification(desk.models / "tiny.en") is not None
    assert "word errors" not in desk.run("pull", "tiny.en").out  # known already
