"""Voice detectors: chunked equals whole, noises are no speech, and the choice says why."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from audio import vad as vad_module
from audio.files import mono_at, read_recording
from audio.frames import Pcm
from audio.vad import SileroVad, Vad, WebRtcVad, make_vad, silero_model_path
from common.errors import AudioError, EngineError


def voice_like(seconds: float = 2.0) -> Pcm:
    """Syllables of a voice whose pitch and three formants move, with short closures: speech enough for a detector."""
    rate, rng = 16_000, np.random.default_rng(5)
    n = round(rate * seconds)
    t = np.arange(n) / rate

    def glide(low: float, high: float, every_s: float) -> NDArray[np.float64]:
        knots = np.arange(0, seconds + 2 * every_s, every_s)
        return np.interp(t, knots, rng.uniform(low, high, len(knots)))

    pitch = glide(95, 150, 0.25)
    formants = [(glide(300, 800, 0.12), 90.0), (glide(900, 2200, 0.12), 120.0), (glide(2300, 2900, 0.12), 180.0)]
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voice = np.zeros(n)
    for harmonic in range(1, 36):
        hz = harmonic * pitch
        gain = sum(1 / (1 + ((hz - centre) / width) ** 2) / (1 + i) for i, (centre, width) in enumerate(formants))
        voice += gain / harmonic**0.3 * np.sin(harmonic * phase)
    syllables = np.clip(1.6 * np.abs(np.sin(np.pi * 2.7 * t)) - 0.15, 0, 1)
    signal = voice * syllables + rng.normal(0, 0.003, n)
    return np.asarray(signal / np.abs(signal).max() * 12_000, dtype=np.int16)


@pytest.mark.parametrize("make", [SileroVad, WebRtcVad])
@pytest.mark.parametrize("sizes", [[320], [1], [511, 513, 64], [160, 4000]])
def test_chunks_give_exactly_the_probabilities_of_the_whole(make: type[Vad], sizes: list[int]) -> None:
    samples = voice_like(0.4 if sizes == [1] else 2.0)
    whole = make().process(samples)
    detector, chunked, at, turn = make(), [], 0, 0
    while at < len(samples):
        size = sizes[turn % len(sizes)]
        chunked += detector.process(samples[at : at + size])
        at, turn = at + size, turn + 1
    assert chunked == whole
    assert len(whole) == len(samples) // detector.window_samples
    assert len(set(whole)) > 1 or make is WebRtcVad


def test_a_long_recording_is_run_in_pieces_with_the_state_carried_along(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = voice_like(2.0)
    whole = SileroVad().process(samples)
    monkeypatch.setattr(vad_module, "SILERO_ROWS", 7)
    assert SileroVad().process(samples) == whole


def test_reset_forgets_everything() -> None:
    for detector in (SileroVad(), WebRtcVad()):
        first = detector.process(voice_like(1.0)[:15_000])
        detector.reset()
        assert detector.process(voice_like(1.0)[:15_000]) == first


def test_streams_do_not_disturb_each_other_though_they_share_the_model() -> None:
    samples, alone = voice_like(1.0), SileroVad().process(voice_like(1.0))
    one, other = SileroVad(), SileroVad()
    mixed: list[float] = []
    for at in range(0, len(samples), 512):
        mixed += one.process(samples[at : at + 512])
        other.process(np.full(512, 9000, dtype=np.int16))
    assert mixed == alone


def test_webrtc_says_nothing_of_its_first_tenth_of_a_second() -> None:
    decisions = WebRtcVad(mode=0).process(voice_like(1.0))
    assert decisions[:5] == [0.0] * 5
    assert 1.0 in decisions[5:]


@pytest.mark.parametrize("samples", [np.zeros(512, dtype=np.float32), np.zeros((512, 2), dtype=np.int16)])
def test_sound_of_a_wrong_shape_or_type_is_refused(samples: Pcm) -> None:
    with pytest.raises(AudioError, match="needs mono int16"):
        SileroVad().process(samples)


def test_each_name_gives_its_detector_and_a_reason() -> None:
    assert make_vad("auto").vad.name == "silero"
    assert make_vad("silero").vad.name == "silero"
    assert make_vad("webrtc").vad.name == "webrtc"
    assert not any(make_vad(name).fallback for name in ("auto", "silero", "webrtc"))


def test_auto_falls_back_to_webrtc_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise EngineError("the Silero voice detection model was not found; install faster-whisper 1.2.1 or later")

    monkeypatch.setattr(vad_module, "_silero_session", missing)
    choice = make_vad("auto")
    assert choice.vad.name == "webrtc"
    assert choice.fallback
    assert "webrtc instead of silero" in choice.reason
    assert "install faster-whisper" in choice.reason
    with pytest.raises(EngineError, match="install faster-whisper"):
        make_vad("silero")


def test_a_model_that_is_not_there_or_broken_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model")
    monkeypatch.setattr(vad_module, "silero_model_path", lambda: broken)
    with pytest.raises(EngineError, match="reinstall onnxruntime"):
        vad_module._silero_session.__wrapped__()
    monkeypatch.undo()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EngineError, match="install faster-whisper"):
        silero_model_path()


def test_speech_is_speech() -> None:
    assert np.mean(np.array(SileroVad().process(voice_like(4.0))) > 0.5) > 0.7
    recorded = Path(os.environ.get("INTERLOCUTOR_FIXTURES", "")) / "audio" / "jfk.flac"
    if recorded.is_file():  # the speaker is silent for a third of it
        samples = mono_at(read_recording(recorded), 16_000)
        assert 0.5 < np.mean(np.array(SileroVad().process(samples)) > 0.5) < 0.85
