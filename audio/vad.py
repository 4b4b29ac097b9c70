"""Voice activity detection: a probability of speech for each window of 16 kHz audio."""

from __future__ import annotations

import importlib
import importlib.util
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from audio.frames import ANALYSIS_HZ, Pcm, pcm_to_bytes
from common.errors import AudioError, EngineError

VadName = Literal["auto", "silero", "webrtc"]

SILERO_WINDOW_SAMPLES = 512  # 32 ms, the window the model was trained on
# The model sees the 4 ms before each window; zeros there flip 15 of 343 decisions.
SILERO_CONTEXT_SAMPLES = 64
# One run takes 8 s of audio, which keeps the memory for a long recording negligible.
SILERO_ROWS = 256

WEBRTC_WINDOW_SAMPLES = 320  # 20 ms, a length this detector knows
# This is the strictest mode: modes 0 to 2 take mains hum for speech, modes 0 and 1 steady noise too.
WEBRTC_MODE = 3
# The detector's noise model starts from nothing, and its first decisions are "speech" even in noise.
WEBRTC_WARM_WINDOWS = 5


class Vad(Protocol):
    """A detector for one stream; `window_samples` at 16 kHz is what one probability stands for."""

    name: str
    window_samples: int

    def process(self, samples: Pcm) -> list[float]:
        """Take int16 (n,) at 16 kHz, any n; return one probability 0..1 for each window that is now complete."""

    def reset(self) -> None:
        """Forget the stream so far, the started window too."""


class _Windows:
    """Cuts a stream into whole windows and keeps the remainder."""

    def __init__(self, window_samples: int) -> None:
        self._window_samples = window_samples
        self._rest: Pcm = np.zeros(0, dtype=np.int16)

    def cut_windows(self, samples: Pcm) -> Pcm:
        """Return int16 (windows, window_samples), possibly of no windows."""
        if samples.dtype != np.int16 or samples.ndim != 1:
            raise AudioError(f"voice detection needs mono int16, not {samples.dtype} of shape {samples.shape}")
        joined = np.concatenate([self._rest, samples])
        count = len(joined) // self._window_samples
        end = count * self._window_samples
        self._rest = joined[end:].copy()
        return joined[:end].reshape(count, self._window_samples)


class SileroVad:
    """Silero VAD v6 on one stream at 16 kHz; the model itself is loaded once for the whole process.

    One window costs about 0.11 ms on one core. Chunked feeding gives exactly the probabilities of the whole file.
    Raises EngineError when the model can't be loaded. Source: github.com/snakers4/silero-vad.
    """

    name = "silero"
    window_samples = SILERO_WINDOW_SAMPLES

    def __init__(self) -> None:
        self._session = _silero_session()
        self.reset()

    def reset(self) -> None:
        """Forget the stream so far."""
        self._h: NDArray[np.float32] = np.zeros((1, 1, 128), dtype=np.float32)
        self._c: NDArray[np.float32] = np.zeros((1, 1, 128), dtype=np.float32)
        self._context: NDArray[np.float32] = np.zeros(SILERO_CONTEXT_SAMPLES, dtype=np.float32)
        self._windows = _Windows(self.window_samples)

    def process(self, samples: Pcm) -> list[float]:
        """Return the probability of speech for each 512-sample window completed by `samples` (int16 (n,), 16 kHz)."""
        windows = self._windows.cut_windows(samples).astype(np.float32) / 32768.0
        probabilities: list[float] = []
        for start in range(0, len(windows), SILERO_ROWS):
            probabilities += self._run(windows[start : start + SILERO_ROWS])
        return probabilities

    def _run(self, windows: NDArray[np.float32]) -> list[float]:
        rows = np.empty((len(windows), SILERO_CONTEXT_SAMPLES + self.window_samples), dtype=np.float32)
        rows[:, SILERO_CONTEXT_SAMPLES:] = windows
        rows[0, :SILERO_CONTEXT_SAMPLES] = self._context
        rows[1:, :SILERO_CONTEXT_SAMPLES] = windows[:-1, -SILERO_CONTEXT_SAMPLES:]
        self._context = windows[-1, -SILERO_CONTEXT_SAMPLES:].copy()
        # The model's first dimension is time, not batch: rows are run one after another with the state carried along.
        speech, self._h, self._c = self._session.run(
            ["speech_probs", "hn", "cn"], {"input": rows, "h": self._h, "c": self._c}
        )
        return [float(probability) for probability in np.ravel(speech)]


class WebRtcVad:
    """WebRTC's detector on one stream at 16 kHz: 0.0 or 1.0 per 20 ms window; light, but fooled by music and clicks.

    Its first five windows (100 ms) are reported as 0.0: it calls anything speech until its noise model has settled.
    """

    name = "webrtc"
    window_samples = WEBRTC_WINDOW_SAMPLES

    def __init__(self, mode: int = WEBRTC_MODE) -> None:
        self._mode = mode
        self.reset()

    def reset(self) -> None:
        """Forget the stream so far."""
        try:
            # By name: neither package has types, and neither is to be loaded before it is needed.
            webrtcvad: Any = importlib.import_module("webrtcvad")
        except ImportError as error:
            raise EngineError(
                "the webrtc voice detector is not installed; install webrtcvad-wheels", code="engine.vad"
            ) from error
        self._vad = webrtcvad.Vad(self._mode)
        self._warming = WEBRTC_WARM_WINDOWS
        self._windows = _Windows(self.window_samples)

    def process(self, samples: Pcm) -> list[float]:
        """Return 0.0 or 1.0 for each 320-sample window completed by `samples` (int16 (n,), 16 kHz)."""
        decisions: list[float] = []
        for window in self._windows.cut_windows(samples):
            speech = self._vad.is_speech(pcm_to_bytes(window), ANALYSIS_HZ)
            if self._warming:
                self._warming -= 1
                speech = False
            decisions.append(1.0 if speech else 0.0)
        return decisions


@dataclass(frozen=True, slots=True)
class VadChoice:
    """The detector that was made, and why that one: to be logged and shown, so that a fallback is never silent."""

    vad: Vad
    reason: str
    fallback: bool = False


def make_vad(name: VadName) -> VadChoice:
    """Make a detector for one stream: `auto` is Silero, or webrtc with the reason when Silero can't be loaded.

    Raises EngineError when the one asked for by name can't be had.
    """
    if name == "webrtc":
        return VadChoice(WebRtcVad(), "webrtc was asked for")
    try:
        vad = SileroVad()
    except EngineError as error:
        if name == "silero":
            raise
        return VadChoice(WebRtcVad(), f"webrtc instead of silero: {error.message}", fallback=True)
    return VadChoice(vad, "silero was asked for" if name == "silero" else "silero is installed and the more accurate")


def silero_model_path() -> Path:
    """Return where the Silero model lies; raises EngineError when the package that carries it is not installed.

    The package is found, not imported: importing it would load a whole inference library.
    """
    spec = importlib.util.find_spec("faster_whisper")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        path = Path(folder) / "assets" / "silero_vad_v6.onnx"
        if path.is_file():
            return path
    raise EngineError(
        "the Silero voice detection model was not found; install faster-whisper 1.2.1 or later", code="engine.vad"
    )


@cache
def _silero_session() -> Any:
    path = silero_model_path()
    # From 1.29 on it reports the machine and its models to its maker, and keeps a device's id under the home folder; a
    # server that examines people sends nothing to anybody. It reads this once, when it is loaded.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        onnxruntime: Any = importlib.import_module("onnxruntime")
        options = onnxruntime.SessionOptions()
        # One window is 0.1 ms of work: more threads would only cost time and compete for cores.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(str(path), sess_options=options, providers=["CPUExecutionProvider"])
    # The runtime raises its own types of errors, which are not derived from one public base.
    except Exception as error:
        raise EngineError(
            "the Silero voice detection model can't be loaded; reinstall onnxruntime and faster-whisper",
            code="engine.vad",
        ) from error
