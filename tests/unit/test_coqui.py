"""The Coqui voice's own process: what goes to it and comes back, and what is said when it can't speak."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from audio.frames import WIRE_HZ
from audio.programme_loudness import programme_loudness
from common.errors import EngineError
from pipelines.engine_choices import choose_engines
from pipelines.engine_settings import EngineSettings
from pipelines.engines import SpeakRequest, Voice
from pipelines.models.settings import ModelSettings
from pipelines.tts.coqui import CoquiProcess, CoquiSynthesiser, coqui_folder
from server.settings.tree import load_settings

# It prints where our lines go, as the package does, and speaks a tone as long as the text.
PACKAGE = """
import numpy as np

class Synthesizer:
    output_sample_rate = 16000

    def __init__(self, **told):
        print("loading", told)

    def tts(self, text, speaker_name=None, split_sentences=True):
        print("speaking")
        if "broken" in text:
            raise ValueError("no such\\nletter")
        return list(0.05 * np.sin(0.2 * np.arange(1600 * len(text))))
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a package in the place of coqui-tts and torch; return a model's folder."""
    utils = tmp_path / "packages" / "TTS" / "utils"
    utils.mkdir(parents=True)
    for folder in (utils.parent, utils):
        (folder / "__init__.py").write_text("")
    (utils / "synthesizer.py").write_text(PACKAGE)
    (tmp_path / "packages" / "torch.py").write_text("def manual_seed(seed): pass\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "packages"))
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model_file.pth").write_bytes(b"")
    return model


def test_a_clause_comes_back_levelled_with_its_words_in_order(package: Path) -> None:
    made = CoquiSynthesiser(package, python=Path(sys.executable))
    chunks = list(made.speak(SpeakRequest("", "Take 5 mg twice.", Voice())))
    samples = np.concatenate([chunk.samples for chunk in chunks])
    words = [word for chunk in chunks for word in chunk.words]
    assert [word.text for word in words] == ["Take", "5", "mg", "twice."]
    starts = [word.start_ms for word in words]
    assert starts == sorted(starts)
    assert starts[0] == 0 < starts[-1] < 1000 * len(samples) / WIRE_HZ
    assert programme_loudness(samples, WIRE_HZ).lufs == pytest.approx(-20.0, abs=1.5)
    assert not any(len(chunk.samples) for chunk in made.speak(SpeakRequest("", "💊", Voice())))


def test_what_the_package_says_is_one_line_and_the_next_clause_speaks(package: Path) -> None:
    process = CoquiProcess(Path(sys.executable), package)
    with pytest.raises(EngineError, match=r"can't speak \(ValueError: no such letter\)"):
        process.speak("broken", "")
    assert len(process.speak("whole", "")) == 8_000
    process.close()


def test_a_process_that_dies_comes_back_with_the_next_clause(package: Path) -> None:
    process = CoquiProcess(Path(sys.executable), package)
    first = process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert len(process.speak("whole", "")) == 8_000
    assert process.pid != first
    process.close()


def test_an_environment_without_the_package_says_so(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"can't speak \(ModuleNotFoundError: No module named '(torch|TTS)'"):
        CoquiSynthesiser(tmp_path, python=Path(sys.executable)).warm()


def test_a_named_model_speaks_for_its_sex_and_one_that_is_not_here_is_told_of(package: Path, tmp_path: Path) -> None:
    models = ModelSettings(path=tmp_path / "models")
    engines = EngineSettings(coqui_model=str(package), coqui_sex="male", coqui_python=Path(sys.executable))
    chosen = choose_engines(engines, models).synthesiser
    assert chosen.reason == "auto; model speaks for men, women speak with a plain voice"
    assert [voice.engine for voice in chosen.voices] == ["coqui"]
    lacking = engines.model_copy(update={"coqui_python": tmp_path / "none"})
    assert "run ./scripts/setup-coqui" in choose_engines(lacking, models).synthesiser.reason
    lacking = engines.model_copy(update={"coqui_model": "tts_models/en/x/y"})
    assert "tts_models--en--x--y has no config.json" in choose_engines(lacking, models).synthesiser.reason


def test_a_name_of_the_package_is_where_it_keeps_its_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTS_HOME", "/var/voices")
    name = "tts_models/en/ljspeech/tacotron2-DDC"
    assert coqui_folder(name) == Path("/var/voices/tts/tts_models--en--ljspeech--tacotron2-DDC")
    assert load_settings(environ={"TTS_MODEL_NAME": name}).engines.coqui_model == name
