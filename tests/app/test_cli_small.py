"""The small commands: what they print, their exit codes, and that no one ever sees a traceback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from bench import cli
from common.errors import EngineError
from pipelines.models.model_memory import available_to_process
from server.capacity import Places
from server.cli import doctor
from server.settings.aliases import ALIASES
from server.settings.tree import LEAVES, Settings
from server.vault.key_text import new_key_word

ROOT = Path(__file__).parents[2]
SECRET = "pQ7vZc1L0mX4sR9tB2nK6wJ8yH3dF5gA0eU7iO1c"
CARD = "nursing-leg-wound"


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them, and lines from being broken."""
    names = {alias.name for alias in ALIASES}
    for name in list(os.environ):
        if name in names or name.startswith("INTERLOCUTOR__"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture
def capture(capsys: pytest.CaptureFixture[str]) -> pytest.CaptureFixture[str]:
    return capsys


def run(capture: pytest.CaptureFixture[str], *arguments: str) -> Outcome:
    """Run the command line in this process."""
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    printed = capture.readouterr()
    code = stopped.value.code
    assert code is None or isinstance(code, int)
    return Outcome(code or 0, printed.out, printed.err)


def execute(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


# ------------------------------------------------------------------ the whole


def test_version(capture: pytest.CaptureFixture[str]) -> None:
    assert run(capture, "--version") == Outcome(0, f"interlocutor {metadata.version('interlocutor')}\n", "")


@pytest.mark.parametrize("arguments", [["--help"], ["config", "--help"], ["cards", "--help"], ["doctor", "--help"]])
def test_help_names_what_there_is(capture: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    outcome = run(capture, *arguments)
    assert outcome.code == 0
    assert "Usage:" in outcome.out


def test_every_command_and_option_is_explained() -> None:
    from typer.main import get_command

    seen = []
    todo = [("interlocutor", get_command(cli.app))]
    while todo:
        path, command = todo.pop()
        seen.append(path)
        assert command.help, f"{path} needs a help text"
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{path} {parameter.name} needs a help text"
        todo += [(f"{path} {name}", sub) for name, sub in getattr(command, "commands", {}).items()]
    assert {"interlocutor config show", "interlocutor cards check", "interlocutor doctor"} <= set(seen)


def test_starting_imports_nothing_heavy() -> None:
    heavy = ["numpy", "pydantic", "structlog", "starlette", "onnxruntime", "pocketsphinx", "faster_whisper", "psutil"]
    done = execute(["-c", f"import bench.cli, sys; print([name for name in {heavy} if name in sys.modules])"])
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_an_error_is_one_clear_line_and_no_traceback() -> None:
    done = execute(["-c", "from server.cli import main; main(['cards', 'show', 'nobody'])"])
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: there is no card 'nobody'; choose one of: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["sing"], ["config", "show", "--loud"], ["cards", "show"]])
def test_wrong_usage_exits_with_2(capture: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    outcome = run(capture, *arguments)
    assert outcome.code == 2
    assert "Usage:" in outcome.err


# ------------------------------------------------------------------ config


def test_config_show_tells_values_and_origins_but_no_secret(
    capture: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", SECRET)
    monkeypatch.setenv("GUNICORN_WORKERS", "4")
    outcome = run(capture, "config", "show", "--set", "server.port=9000")
    assert outcome.code == 0
    assert SECRET not in outcome.out + outcome.err
    lines = {line.split()[0]: line.split() for line in outcome.out.splitlines() if line.strip()}
    assert lines["server.port"][1:3] == ["9000", "--set"]
    assert lines["log.format"][1:3] == ["console", "dev.yaml"]
    assert lines["secret_key"][1:3] == ["********", "SECRET_KEY"]
    assert set(LEAVES) <= set(lines)
    assert outcome.err.startswith("note: GUNICORN_WORKERS has no effect here, because ")


def test_config_show_as_json(capture: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", SECRET)
    shown = json.loads(run(capture, "config", "show", "--json", "--set", "session.idle_s=30").out)
    assert set(shown["settings"]) == set(LEAVES)
    assert shown["settings"]["session.idle_s"] == {"value": 30, "origin": "--set"}
    assert shown["settings"]["secret_key"] == {"value": "********", "origin": "SECRET_KEY"}


def test_faults_in_settings_are_a_line_each_and_exit_with_2(capture: pytest.CaptureFixture[str]) -> None:
    outcome = run(capture, "config", "show", "--set", "server.prot=1", "--set", "vad=ears")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.splitlines() == [
        "error: server.prot: there is no such setting; did you mean server.port? (from --set)",
        "error: vad: input should be 'auto', 'silero' or 'webrtc', not 'ears' (from --set)",
    ]


def test_config_check(capture: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert run(capture, "config", "check").out.startswith("settings for dev can be used (digest ")
    refused = run(capture, "config", "check", "--set", "environment=production", "--set", "engines.backend=embedded")
    assert refused.code == 2
    assert [line.split(":")[1].strip() for line in refused.err.splitlines()] == [
        "secret_key",
        "engines.backend",
        "vault.key_file",
    ]
    monkeypatch.setenv("SECRET_KEY", SECRET)
    monkeypatch.setenv("INTERLOCUTOR__VAULT__KEY", new_key_word())
    # Without a model `auto` comes to engines for demonstration, which production has to be told to accept.
    by_auto = run(capture, "config", "check", "--set", "environment=production", "--set", f"models.path={tmp_path}")
    assert by_auto.code == 2
    assert [line.split(":")[1].strip() for line in by_auto.err.splitlines()] == [
        "engines.recogniser",
        "engines.interpreter",
        "engines.synthesiser",
        "engines.synthesiser",
    ]
    assert by_auto.err.count("server.allow_embedded_in_production=true") == 4
    allow = ["--set", "server.allow_embedded_in_production=true"]
    assert run(capture, "config", "check", "--set", "environment=production", *allow).code == 0
    missing = run(capture, "config", "check", "--set", "engines.backend=cloud")
    assert missing.code == 2
    assert missing.err.startswith("error: engines.remote: ")
    no_cards = run(capture, "config", "check", "--set", f"cards_path={tmp_path}")
    assert no_cards.code == 2
    assert no_cards.err.startswith(f"error: cards_path: {tmp_path}: holds no cards")


def test_config_can_come_from_another_folder(capture: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("retention: {practice_days: 5}")
    shown = json.loads(run(capture, "config", "show", "--json", "--config", str(tmp_path)).out)
    assert shown["settings"]["retention.practice_days"] == {"value": 5, "origin": "base.yaml"}


# ------------------------------------------------------------------ cards


def test_cards_list(capture: pytest.CaptureFixture[str]) -> None:
    outcome = run(capture, "cards", "list")
    assert outcome.code == 0
    ids = [line.split()[0] for line in outcome.out.splitlines()[1:]]
    assert CARD in ids
    assert ids == sorted(path.stem for path in (ROOT / "configs" / "cards").glob("*.yaml"))


def test_cards_show(capture: pytest.CaptureFixture[str]) -> None:
    whole = run(capture, "cards", "show", CARD).out
    candidate = run(capture, "cards", "show", CARD, "--candidate").out
    assert whole.startswith(candidate)
    assert "CUES" in whole
    assert "PATIENT" not in candidate


def test_cards_check(capture: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(capture, "cards", "check").out.endswith("cards can be used\n")
    (tmp_path / "a.yaml").write_text("id: a")
    (tmp_path / "b.yaml").write_text("- no card")
    outcome = run(capture, "cards", "check", str(tmp_path))
    assert outcome.code == 1
    lines = outcome.err.splitlines()
    assert all(line.startswith(f"error: {tmp_path.name}/") for line in lines)
    assert {line.split(":")[1].strip() for line in lines} == {f"{tmp_path.name}/a.yaml", f"{tmp_path.name}/b.yaml"}


def test_cards_check_warns_of_what_cant_be_read_aloud(capture: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    card = (ROOT / "configs" / "cards" / "nursing-leg-wound.yaml").read_text(encoding="utf-8")
    first = yaml.safe_load(card)["lines"]["greeting"][0]
    (tmp_path / "nursing-leg-wound.yaml").write_text(card.replace(first, "Hello, I am on xqzt."), encoding="utf-8")
    no_models = ("--set", f"models.path={tmp_path / 'models'}")
    outcome = run(capture, "cards", "check", str(tmp_path), *no_models)
    assert outcome.code == 0
    assert outcome.out.endswith("1 card can be used\n")
    note, line = outcome.err.splitlines()
    assert note.startswith("note: without a text encoder")
    assert line.startswith(f"warning: {tmp_path.name}/nursing-leg-wound.yaml: lines.greeting.0: 'xqzt'")
    assert run(capture, "cards", "check", *no_models).err.splitlines() == [note]


def test_cards_check_finds_no_example_of_ours_that_asks_for_another_item(
    capture: pytest.CaptureFixture[str], real_encoder: Path
) -> None:
    assert run(capture, "cards", "check", "--set", f"models.path={real_encoder.parent}").err == ""


# ------------------------------------------------------------------ doctor


def test_doctor_finds_this_machine_fit(capture: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    outcome = run(capture, "doctor", "--json", "--set", "server.port=0", "--set", f"data_path={tmp_path / 'data'}")
    checks = {check["name"]: check for check in json.loads(outcome.out)}
    assert outcome.code == 0, checks
    for name in ("Python", "Packages", "Silero (onnxruntime)", "PocketSphinx", "espeak-ng", "Settings", "Port"):
        assert checks[name]["status"] == "ok"
    assert not (tmp_path / "data").exists()


def test_doctor_fails_with_what_to_do(
    capture: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor, "check_engines", lambda settings: [])
    (tmp_path / "file").write_text("")
    outcome = run(capture, "doctor", "--set", "server.port=0", "--set", f"data_path={tmp_path / 'file'}")
    assert outcome.code == 1
    (line,) = [line for line in outcome.out.splitlines() if line.startswith("fail")]
    assert "Data folder" in line
    assert "set data_path" in line


def test_a_port_in_use_is_found() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert doctor.check_port("127.0.0.1", port).status == "fail"
    assert doctor.check_port("127.0.0.1", port).status == "ok"
    assert doctor.check_port("no.such.host.invalid", 80).status == "fail"


def test_an_engine_that_fails_is_a_warning_where_another_stands_in() -> None:
    def broken() -> None:
        raise EngineError("it is not installed; install it")

    def crashed() -> None:
        raise RuntimeError("no symbol\nmore")

    assert doctor.check_engine("x", broken, needed=True) == doctor.Check(
        "x", "fail", "it is not installed", "install it"
    )
    assert doctor.check_engine("x", broken, needed=False).status == "warn"
    assert doctor.check_engine("x", crashed, needed=True).found == "can't be loaded (RuntimeError: no symbol)"
    assert doctor.check_engine("x", lambda: None, needed=True).status == "ok"


def test_limits_are_judged() -> None:
    gib = 1024**3
    assert doctor.check_python((3, 10, 9)).status == "fail"
    assert doctor.check_python((3, 13, 0)).status == "ok"
    assert doctor.check_packages(["numpy>=1", "no-such-package-here>=1", "mypy; extra == 'dev'"]).found == (
        "missing: no-such-package-here"
    )
    assert [doctor.judge_space(size).status for size in (gib // 10, gib, 10 * gib)] == ["fail", "warn", "ok"]
    assert [doctor.check_cores(cores).status for cores in (1, 2)] == ["warn", "ok"]
    assert [doctor.check_memory(size, 16).status for size in (gib // 2, gib, 8 * gib)] == ["fail", "warn", "ok"]
    places = Places(6, "2 cores")
    assert doctor.judge_places(0, places).found == "6 sessions at once, or 3 by calls: 2 cores"
    assert doctor.judge_places(4, places).status == "ok"
    assert doctor.judge_places(16, places).advice == "set server.max_sessions to 6, or to 0"
    assert "server.max_sessions to 4," in doctor.check_memory(gib, 16).advice
    assert [doctor.check_files(limit, 16).status for limit in (100, 256, None)] == ["warn", "ok", "ok"]
    assert available_to_process() > gib // 10
    assert doctor.open_files_limit() is None or (doctor.open_files_limit() or 0) > 0


def test_settings_that_would_not_start_are_a_failed_check(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"environment": "production", "cards_path": tmp_path, "models": {"path": tmp_path}}
    )
    check = doctor.check_settings(settings)
    named = "secret_key, vault.key_file, engines.recogniser, engines.interpreter, cards_path"
    assert (check.status, check.found) == ("fail", named)
    assert "SECRET_KEY" in check.advice
    assert doctor.check_settings(Settings()).status == "ok"
