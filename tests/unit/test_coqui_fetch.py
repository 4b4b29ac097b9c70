"""A model of coqui-tts is downloaded when its licence is agreed to, and lies where the server looks for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.tts import coqui_fetch
from tests.coqui_package import put_package

XTTS = "tts_models/multilingual/multi-dataset/xtts_v2"
PLAIN = "tts_models/en/ljspeech/glow-tts"
# A hub's models lie in a cache of its own, as the package has it.
MANAGER = """
import os
from pathlib import Path

LICENSE_URLS = {"cpml": "https://licence.invalid/cpml", "mit": "https://licence.invalid/mit"}

class ModelManager:
    def __init__(self, progress_bar):
        self.output_prefix = Path(os.environ["TTS_HOME"]) / "tts"
        xtts = {"license": "CPML", "tos_required": True, "repo_id": "hub/xtts", "default_vocoder": None}
        plain = {"license": "MIT", "default_vocoder": "vocoder_models/en/ljspeech/multiband"}
        self.models_dict = {
            "tts_models": {
                "multilingual": {"multi-dataset": {"xtts_v2": xtts}}, "en": {"ljspeech": {"glow-tts": plain}}
            }
        }

    def download_model(self, name):
        print("downloading", name)
        folder = self.output_prefix / name.replace("/", "--")
        if "xtts" in name:
            assert (folder / "tos_agreed.txt").is_file()
            folder = self.output_prefix.parent / "hub"
        folder.mkdir(parents=True, exist_ok=True)
        for file in ("config.json", "model.pth"):
            (folder / file).write_text(name)
        return folder / "model.pth", folder / "config.json", {}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a manager in the place of the package's; return where models lie."""
    put_package(tmp_path, monkeypatch, manage=MANAGER)
    monkeypatch.setenv("TTS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "tts"


def fetched(*told: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    program = [sys.executable, coqui_fetch.__file__, *told]
    return subprocess.run(program, input=answer, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("answer", ["", "n\n", "\n", "maybe\n"])
def test_without_a_yes_nothing_is_downloaded(home: Path, answer: str) -> None:
    done = fetched(XTTS, answer=answer)
    assert done.returncode == 1
    assert "purposes that earn no money" in done.stdout
    assert "https://licence.invalid/cpml" in done.stdout
    assert "Not agreed, so nothing was done" in done.stderr
    assert "downloading" not in done.stdout
    assert not home.exists()


@pytest.mark.parametrize(("told", "answer"), [([XTTS], "y\n"), ([XTTS, "--accept-licence"], "")])
def test_a_yes_lies_beside_the_model_and_is_not_asked_for_again(home: Path, told: list[str], answer: str) -> None:
    done = fetched(*told, answer=answer)
    assert done.returncode == 0, done.stderr
    folder = home / XTTS.replace("/", "--")
    assert (folder / "tos_agreed.txt").read_text() == "I have read, understood and agreed to the Terms and Conditions."
    assert (folder / "model.pth").read_text() == XTTS
    again = fetched(XTTS)
    assert again.returncode == 0, again.stderr
    assert "agree to it?" not in again.stdout


def test_another_model_comes_with_its_vocoder_and_says_its_licence(home: Path) -> None:
    done = fetched(PLAIN)
    assert done.returncode == 0, done.stderr
    assert f"The licence of {PLAIN}: MIT https://licence.invalid/mit" in done.stdout
    assert (home / "vocoder_models--en--ljspeech--multiband" / "model.pth").is_file()
    assert not (home / PLAIN.replace("/", "--") / "tos_agreed.txt").exists()


def test_the_folder_of_an_xtts_is_only_asked_about(home: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    done = fetched(str(own), answer="yes\n")
    assert done.returncode == 0, done.stderr
    assert (own / "tos_agreed.txt").is_file()
    assert "downloading" not in done.stdout


def test_a_name_that_the_package_does_not_know_is_told(home: Path) -> None:
    done = fetched("tts_models/en/none/such")
    assert done.returncode == 1
    assert "coqui-tts knows no model tts_models/en/none/such" in done.stderr
