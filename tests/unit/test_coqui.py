"""The Coqui voice's own process: what goes to it and comes back, and what is said when it can't speak."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing
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
from pipelines.stopping import Stopped, Stops
from pipelines.tts.coqui import CoquiSynthesiser, coqui_fault, coqui_folder
from pipelines.tts.coqui_process import CoquiProcess
from pipelines.tts.neural.levels import Wave
from server.settings.tree import load_settings
from tests.coqui_package import put_package

# It prints where our lines go, as the package does, and speaks a tone as long as the text. As an XTTS it makes a tenth
# of a second for each letter, a piece each; a text that is endless never ends.
PACKAGE = """
import itertools, json
import numpy as np

def tone(begin, samples):
    return 0.05 * np.sin(0.2 * np.arange(begin, begin + samples))

class Tensor:
    def __init__(self, array):
        self.array = array
    def cpu(self):
        return self
    def numpy(self):
        return self.array

class Manager:
    name_to_id = {name: {"gpt_cond_latent": name, "speaker_embedding": 1} for name in ("Ann", "Bob")}

class Xtts:
    speaker_manager = Manager
    config = {name: 1 for name in ("temperature", "length_penalty", "repetition_penalty", "top_k", "top_p")}

    def inference_stream(self, text, language, latents, embedding, **settings):
        print("streaming")
        assert (language, latents, settings) == ("en", "Ann", self.config)
        yield Tensor(np.zeros(1600, dtype=np.float32))
        for index in itertools.count() if "endless" in text else range(len(text)):
            if text[index % len(text)] == "#":
                raise ValueError("no such letter")
            yield Tensor(tone(1600 * index, 1600).astype(np.float32))
        yield Tensor(np.zeros(1600, dtype=np.float32))

class Synthesizer:
    output_sample_rate = 16000
    tts_model = None

    def __init__(self, tts_config_path, **told):
        print("loading", told)
        if json.load(open(tts_config_path)).get("model") == "xtts":
            self.tts_model = Xtts()

    def tts(self, text, speaker_name=None, split_sentences=True):
        print("speaking")
        if "broken" in text:
            raise ValueError("no such\\nletter")
        return list(tone(0, 1600 * len(text)))
"""

TORCH = """
def manual_seed(seed): pass

class cuda:
    is_available = staticmethod(lambda: False)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a package in the place of coqui-tts and torch; return a model's folder."""
    packages = put_package(tmp_path, monkeypatch, synthesizer=PACKAGE)
    (packages / "torch.py").write_text(TORCH)
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model_file.pth").write_bytes(b"")
    return model


@pytest.fixture
def xtts(package: Path) -> Path:
    """Return the folder of a model that speaks in pieces."""
    (package / "config.json").write_text('{"model": "xtts"}')
    (package / "model_file.pth").rename(package / "model.pth")
    return package


def said_by(process: CoquiProcess, text: str, speaker: str = "") -> Wave:
    with closing(process.speak(text, speaker)) as pieces:
        return np.concatenate(list(pieces))


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
        said_by(process, "broken")
    assert len(said_by(process, "whole")) == 8_000
    process.close()


def test_a_process_that_dies_comes_back_with_the_next_clause(package: Path) -> None:
    process = CoquiProcess(Path(sys.executable), package)
    first = process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert len(said_by(process, "whole")) == 8_000
    assert process.pid != first
    process.close()


def test_xtts_is_heard_piece_by_piece_without_a_seam(xtts: Path) -> None:
    made = CoquiSynthesiser(xtts, python=Path(sys.executable), speaker="Ann")
    made.warm()
    chunks = list(made.speak(SpeakRequest("", "Take 5 mg twice.", Voice())))
    assert sum(len(chunk.samples) > 0 for chunk in chunks) > 10
    samples = np.concatenate([chunk.samples for chunk in chunks])
    words = [word for chunk in chunks for word in chunk.words]
    assert [word.text for word in words] == ["Take", "5", "mg", "twice."]
    starts = [word.start_ms for word in words]
    assert starts == sorted(starts)
    assert words[-1].end_ms <= 1000 * len(samples) / WIRE_HZ
    # "take five milligrams twice.", a tenth of a second for each letter; 10 ms of silence are left on each side.
    assert len(samples) / WIRE_HZ == pytest.approx(0.1 * len("take five milligrams twice.") + 0.02, abs=0.01)
    assert programme_loudness(samples, WIRE_HZ).lufs == pytest.approx(-20.0, abs=1.5)
    # A tone of 509 Hz goes up by an eighth of its height at most from one sample to the next: a seam is a jump.
    inside = samples[WIRE_HZ // 50 : -WIRE_HZ // 50].astype(float)
    assert np.max(np.abs(np.diff(inside))) < 0.14 * np.max(np.abs(inside))


def test_the_first_piece_comes_before_the_last_is_made_and_the_next_clause_is_whole(xtts: Path) -> None:
    process = CoquiProcess(Path(sys.executable), xtts)
    first = process.pid
    with closing(process.speak("endless", "Ann")) as pieces:
        assert not np.any(next(pieces))
        assert np.any(next(pieces))
    assert len(said_by(process, "whole", "Ann")) == 7 * 1600
    assert process.pid == first
    process.close()


def test_a_clause_that_is_cancelled_ends_in_its_middle(xtts: Path) -> None:
    process = CoquiProcess(Path(sys.executable), xtts)
    stops = Stops()

    def cancelled() -> None:
        for index, _ in enumerate(process.speak("endless", "Ann")):
            if index == 2:
                stops.ask(1)

    with stops.working(1), pytest.raises(Stopped):
        cancelled()
    assert len(said_by(process, "whole", "Ann")) == 7 * 1600
    process.close()


def test_an_error_in_the_middle_ends_the_clause_alone(xtts: Path) -> None:
    process = CoquiProcess(Path(sys.executable), xtts)
    pieces = process.speak("ab#", "Ann")
    assert [len(next(pieces)) for _ in range(3)] == [1600] * 3
    with pytest.raises(EngineError, match="no such letter"):
        next(pieces)
    assert len(said_by(process, "whole", "Ann")) == 7 * 1600
    process.close()


@pytest.mark.parametrize(
    ("speaker", "said"), [("", "it has several speakers"), ("Cid", "it has no speaker 'Cid'"), ("ann", "no speaker")]
)
def test_a_speaker_that_is_missing_or_unknown_is_told_with_some_that_are_there(
    xtts: Path, speaker: str, said: str
) -> None:
    with pytest.raises(EngineError, match=said) as caught:
        CoquiSynthesiser(xtts, python=Path(sys.executable), speaker=speaker).warm()
    assert "set engines.coqui_speaker to one of Ann, Bob" in caught.value.message
    assert caught.value.code == "model.speaker"


def test_a_licence_that_nobody_agreed_to_keeps_xtts_out(xtts: Path, tmp_path: Path) -> None:
    models = ModelSettings(path=tmp_path / "models")
    engines = EngineSettings(coqui_model=str(xtts), coqui_python=Path(sys.executable), coqui_speaker="Ann")
    reason = choose_engines(engines, models).synthesiser.reason
    assert "nobody has agreed to its licence" in reason
    assert f"run ./scripts/setup-coqui {xtts}" in reason
    (xtts / "tos_agreed.txt").write_text("I have")
    chosen = choose_engines(engines, models).synthesiser
    assert [(voice.engine, voice.speaker) for voice in chosen.voices] == [("coqui", "Ann")]
    kept = tmp_path / "tts_models--multilingual--multi-dataset--xtts_v2"
    xtts.rename(kept)
    (kept / "tos_agreed.txt").unlink()
    assert "setup-coqui tts_models/multilingual/multi-dataset/xtts_v2" in coqui_fault(Path(sys.executable), kept)


def test_a_model_that_reads_phonemes_says_what_makes_them(
    package: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (package / "config.json").write_text('{"use_phonemes": true, "phonemizer": "espeak"}')
    assert "apt-get install espeak-ng" in coqui_fault(Path(sys.executable), package)
    (package / "config.json").write_text('{"use_phonemes": false, "phonemizer": "espeak"}')
    assert coqui_fault(Path(sys.executable), package) == ""


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
