"""Smart Turn with its real weights: the numbers that pipecat's own class gives, and clear words where it can't run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from audio.files import mono_at, read_recording
from audio.frames import ANALYSIS_HZ, Pcm, samples_for
from common.errors import EngineError
from pipelines.endpointing.smart_turn import SmartTurn
from pipelines.engines import EndOfTurnRequest
from pipelines.models.model_folders import installed_turn_detectors
from pipelines.models.verify import kind_of, verify_folder
from pipelines.truth import load_truth

DATA = Path(__file__).parents[1] / "data"
CLIPS = yaml.safe_load((DATA / "smart_turn.yaml").read_text(encoding="utf-8"))
# The weights are rounded to 8 bits: a difference in the sixth digit of a spectrogram moves one answer in five by 0.02
# to 0.15, and the others not at all.
NEAR, ROUNDED, FEW = 0.02, 0.2, 4


@pytest.fixture(scope="module")
def detector(real_smart_turn: Path) -> SmartTurn:
    made = SmartTurn(real_smart_turn)
    made.warm()
    return made


def heard(clip: dict[str, object]) -> EndOfTurnRequest:
    path = DATA / str(clip["file"])
    recording, truth = read_recording(path), load_truth(path)
    assert truth is not None
    channel = {"left": 0, "right": 1}.get(truth.speech_in) if recording.channels > 1 else None
    samples = mono_at(recording, ANALYSIS_HZ, channel)
    from_ms, to_ms = float(str(clip["from_ms"])), float(str(clip["to_ms"]))
    return EndOfTurnRequest(samples[samples_for(from_ms, ANALYSIS_HZ) : samples_for(to_ms, ANALYSIS_HZ)])


def differences(detector: SmartTurn, change: Callable[[Pcm], Pcm] = lambda samples: samples) -> list[float]:
    """Return how far each answer is from what pipecat's class says of the clip."""
    said = (detector.detect(EndOfTurnRequest(change(heard(clip).samples))).probability for clip in CLIPS)
    return [abs(probability - float(clip["probability"])) for probability, clip in zip(said, CLIPS, strict=True)]


def test_it_says_what_pipecats_own_class_says(detector: SmartTurn) -> None:
    off = differences(detector)
    assert sum(difference > NEAR for difference in off) <= FEW
    assert max(off) < ROUNDED


def test_a_front_end_that_is_a_little_wrong_shows(detector: SmartTurn) -> None:
    """The same clips with the silence after them instead of before: plausible numbers, and far from the right ones."""
    window = samples_for(8_000, ANALYSIS_HZ)
    off = differences(detector, lambda samples: np.pad(samples, (0, window - len(samples))))
    assert sum(difference > NEAR for difference in off) > FEW
    assert max(off) > ROUNDED


def test_clips_differ_so_that_a_wrong_front_end_would_show() -> None:
    said = [float(clip["probability"]) for clip in CLIPS]
    assert len(said) == 20
    assert min(said) < 0.05
    assert max(said) > 0.8


@pytest.mark.parametrize("length_ms", [0.0, 1.0, 20.0, 30_000.0])
def test_any_length_is_heard(detector: SmartTurn, length_ms: float) -> None:
    rng = np.random.default_rng(1)
    samples = rng.integers(-3_000, 3_000, samples_for(length_ms, ANALYSIS_HZ)).astype(np.int16)
    assert 0.0 <= detector.detect(EndOfTurnRequest(samples)).probability <= 1.0


def test_only_the_newest_seconds_count(detector: SmartTurn) -> None:
    rng = np.random.default_rng(2)
    newest = rng.integers(-3_000, 3_000, samples_for(8_000, ANALYSIS_HZ)).astype(np.int16)
    older = rng.integers(-30_000, 30_000, samples_for(4_000, ANALYSIS_HZ)).astype(np.int16)
    alone = detector.detect(EndOfTurnRequest(newest)).probability
    assert detector.detect(EndOfTurnRequest(np.concatenate((older, newest)))).probability == alone


def test_an_installed_one_is_known_and_verified(real_smart_turn: Path) -> None:
    folder = real_smart_turn
    assert kind_of(folder) == "turn_detector"
    assert verify_folder(folder, "turn_detector") == []
    assert folder.name in installed_turn_detectors(folder.parent)


def test_a_missing_cut_or_foreign_file_is_told(real_smart_turn: Path, tmp_path: Path) -> None:
    folder = tmp_path / "smart-turn"
    folder.mkdir()
    assert [fault.code for fault in verify_folder(folder, "turn_detector")] == ["model.format"]
    whole = next(real_smart_turn.glob("*.onnx")).read_bytes()
    file = folder / "model-of-ours.onnx"
    file.write_bytes(whole[: len(whole) // 2])
    (fault,) = verify_folder(folder, "turn_detector")
    assert "cut off" in fault.message
    with pytest.raises(EngineError, match="can't be run"):
        SmartTurn(folder).warm()
    file.write_bytes(b"no model at all")
    assert verify_folder(folder, "turn_detector")[0].code == "model.format"
    # A name in the graph that another model has: Silero's voice detector is one that is here.
    import faster_whisper

    silero = next(Path(faster_whisper.__file__).parent.rglob("silero*.onnx"))
    file.write_bytes(silero.read_bytes())
    (foreign,) = verify_folder(folder, "turn_detector")
    assert foreign.code == "model.architecture"
