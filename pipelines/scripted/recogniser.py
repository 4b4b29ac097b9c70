"""A recogniser that hears what it is told to, at moments that depend on the samples fed alone."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from audio.frames import ANALYSIS_HZ, Pcm, samples_for
from common.errors import EngineError
from pipelines.engines import EngineInfo, Hypothesis, Isolation, StreamSpec, Word

_WINDOW_SAMPLES = samples_for(10, ANALYSIS_HZ)
_VOICED_PEAK = 300  # about -40 dBFS


@dataclass(frozen=True, slots=True)
class ScriptedSegment:
    """A segment of the script: its words are revealed evenly over `voiced_ms` of voiced audio, or by the clock."""

    text: str
    voiced_ms: int | None = None


Script = Sequence[str | ScriptedSegment]


class ScriptedRecogniser:
    """Hears the script's segments in order, or by stream id; silent segments are empty and use up no line.

    A word is revealed per `word_ms` of voiced audio, or evenly over `Said.voiced_ms`. Beyond the script, and without
    one, segments are "word1 word2 ..." in the number their audio has room for. `fail_on` and `crash_on` are sample
    values: audio that contains one raises EngineError or ends the process.
    """

    def __init__(
        self,
        script: Script | Mapping[str, Script] | None = None,
        *,
        word_ms: int = 300,
        feed_cost_ms: float = 2.0,
        finish_cost_ms: float = 15.0,
        isolation: Isolation = "thread",
        fail_on: int | None = None,
        crash_on: int | None = None,
    ) -> None:
        self.info = EngineInfo(kind="recogniser", name="scripted", demonstration=True, isolation=isolation)
        self.script: tuple[ScriptedSegment, ...] = () if isinstance(script, Mapping) else _read(script or ())
        self.by_stream = {key: _read(lines) for key, lines in script.items()} if isinstance(script, Mapping) else {}
        self.word_ms = word_ms
        self.feed_cost_ms = feed_cost_ms
        self.finish_cost_ms = finish_cost_ms
        self.fail_on = fail_on
        self.crash_on = crash_on

    def warm(self) -> None:
        """Nothing to load."""

    def open(self, spec: StreamSpec) -> ScriptedStream:
        """Open a stream at the script's beginning, or at the line where the speaker's earlier stream stopped."""
        return ScriptedStream(self, spec)


class ScriptedStream:
    """One speaker's segments; its state is the number of the script's next line."""

    def __init__(self, engine: ScriptedRecogniser, spec: StreamSpec) -> None:
        self._engine = engine
        self._script = engine.by_stream.get(spec.stream_id, engine.script)
        self._line = int(spec.speaker_state or 0)
        self._clear()

    def _clear(self) -> None:
        self._fed_samples = 0
        self._window_peak = 0
        self._window_fill = 0
        self._voiced_ends: list[int] = []  # in samples of the segment
        self._shown = 0

    def feed(self, samples: Pcm) -> Hypothesis | None:
        """Take int16 at 16 kHz; return a partial when a word more can be told, all but the last word stable."""
        engine = self._engine
        if engine.crash_on is not None and bool((samples == engine.crash_on).any()):
            os._exit(70)
        if engine.fail_on is not None and bool((samples == engine.fail_on).any()):
            raise EngineError("the scripted recogniser was told to fail; feed something else")
        self._listen(samples)
        words = self._words(final=False)
        if len(words) <= self._shown:
            return None
        self._shown = len(words)
        text = " ".join(word.text for word in words)
        return Hypothesis(text, words, stable_words=len(words) - 1, cost_ms=engine.feed_cost_ms)

    def interim(self) -> Hypothesis:
        """Return what `finish` would."""
        words = self._words(final=True)
        text = " ".join(word.text for word in words)
        return Hypothesis(text, words, stable_words=len(words), cost_ms=self._engine.feed_cost_ms)

    def finish(self) -> Hypothesis:
        """Return the whole line when anything was voiced, however much."""
        words = self._words(final=True)
        if words:
            self._line += 1
        self._clear()
        text = " ".join(word.text for word in words)
        return Hypothesis(text, words, final=True, stable_words=len(words), cost_ms=self._engine.finish_cost_ms)

    def reset(self) -> None:
        """Abandon the segment; its line is still to come."""
        self._clear()

    def close(self) -> str | None:
        """Return the number of the next line."""
        return str(self._line)

    def _listen(self, samples: Pcm) -> None:
        levels = np.abs(samples.astype(np.int32))
        position = 0
        while position < len(levels):
            taken = levels[position : position + _WINDOW_SAMPLES - self._window_fill]
            self._window_peak = max(self._window_peak, int(taken.max()))
            self._window_fill += len(taken)
            self._fed_samples += len(taken)
            position += len(taken)
            if self._window_fill == _WINDOW_SAMPLES:
                if self._window_peak >= _VOICED_PEAK:
                    self._voiced_ends.append(self._fed_samples)
                self._window_fill = self._window_peak = 0

    def _words(self, *, final: bool) -> tuple[Word, ...]:
        if not self._voiced_ends:
            return ()
        voiced_ms = 10 * len(self._voiced_ends)
        if self._line < len(self._script):
            said = self._script[self._line]
            texts = said.text.split()
            word_ms = said.voiced_ms / max(1, len(texts)) if said.voiced_ms else float(self._engine.word_ms)
        else:
            word_ms = float(self._engine.word_ms)
            texts = [f"word{number + 1}" for number in range(max(1, int(voiced_ms / word_ms)))]
        if final and voiced_ms < word_ms * len(texts):
            word_ms = voiced_ms / max(1, len(texts))
        count = len(texts) if final else min(len(texts), int(voiced_ms / word_ms))
        return tuple(
            Word(text, self._voiced_time(index * word_ms), self._voiced_time((index + 1) * word_ms), 1.0)
            for index, text in enumerate(texts[:count])
        )

    def _voiced_time(self, voiced_ms: float) -> int:
        """Return when, in ms of the segment, so much had been voiced."""
        windows = self._voiced_ends
        if voiced_ms < 10:
            return round(1000 * (windows[0] - _WINDOW_SAMPLES) / ANALYSIS_HZ)
        index = min(len(windows), max(1, int(voiced_ms / 10)))
        return round(1000 * windows[index - 1] / ANALYSIS_HZ)


def _read(lines: Script) -> tuple[ScriptedSegment, ...]:
    return tuple(ScriptedSegment(line) if isinstance(line, str) else line for line in lines)
