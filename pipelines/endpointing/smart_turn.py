"""Smart Turn v3: whether a turn sounds finished, by a small Whisper encoder with a classifier on top (ONNX).

It hears the newest 8 s of a turn as a log-mel spectrogram, silence before it where there is less, the wave brought to
mean 0 and variance 1 first (pipecat-ai/smart-turn, BSD-2). A wrong front end still gives plausible numbers: a test
compares ours with the one that pipecat ships.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio.frames import ANALYSIS_HZ, Pcm, samples_for
from common.errors import EngineError
from pipelines.engines import EndOfTurn, EndOfTurnRequest, EngineInfo
from pipelines.onnx_session import open_session

WINDOW_S = 8
MEL_BANDS, MEL_FRAMES = 80, 800
INPUT = "input_features"
_SMALLEST_VARIANCE = 1e-7


class SmartTurn:
    """The detector; `threads` of the processor work on a call at once."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self.info = EngineInfo("turn_detector", "smart-turn", demonstration=False, isolation="thread")
        self._folder = folder
        self._threads = threads
        self._session: Any = None
        self._mel: Any = None

    def warm(self) -> None:
        """Load the model and run it once; raises EngineError (`model.format`) for a file that can't be run."""
        self.detect(EndOfTurnRequest(np.zeros(ANALYSIS_HZ, dtype=np.int16)))

    def detect(self, request: EndOfTurnRequest) -> EndOfTurn:
        """Return how surely the turn is finished."""
        session = self._loaded()
        (answer,) = session.run(None, {INPUT: self.features(request.samples)})
        return EndOfTurn(float(np.clip(np.asarray(answer).reshape(-1)[0], 0.0, 1.0)))

    def features(self, samples: Pcm) -> NDArray[np.float32]:
        """Return what the model hears of int16 mono at 16 kHz: float32 (1, 80, 800), log-mel."""
        if self._mel is None:
            extractors: Any = importlib.import_module("faster_whisper.feature_extractor")
            self._mel = extractors.FeatureExtractor(feature_size=MEL_BANDS, chunk_length=WINDOW_S)
        length = samples_for(1000.0 * WINDOW_S, ANALYSIS_HZ)
        wave = np.zeros(length, dtype=np.float32)
        newest = samples[-length:].astype(np.float32) / 32_768.0
        wave[length - len(newest) :] = newest
        wave = (wave - wave.mean()) / np.sqrt(wave.var() + _SMALLEST_VARIANCE)
        mel = self._mel(wave, padding=0)[:, :MEL_FRAMES]
        return np.asarray(mel, dtype=np.float32)[np.newaxis]

    def _loaded(self) -> Any:
        if self._session is None:
            file = next(iter(sorted(self._folder.glob("*.onnx"))), None)
            if file is None:
                raise EngineError(f"{self._folder} holds no ONNX file", code="model.format")
            self._session = open_session(file, threads=self._threads, name=str(file))
        return self._session
