"""How loud a voice is to an ear, by EBU R 128 (ITU-R BS.1770-4), and its true peak: FFmpeg's measure, through PyAV."""

from __future__ import annotations

from dataclasses import dataclass
from math import log10

import av
from av.filter import Graph

from audio.frames import Pcm

# The measure can't tell what is quieter from silence.
SILENCE_LUFS = -70.0


@dataclass(frozen=True, slots=True)
class ProgrammeLoudness:
    """Gated loudness in LUFS (silence is -70), and the highest true peak in dB relative to full scale."""

    lufs: float
    peak_dbtp: float


def programme_loudness(samples: Pcm, rate_hz: int) -> ProgrammeLoudness:
    """Measure int16 (n,) of any rate; less than 0.4 s counts as silence, as the gate needs that much."""
    graph = Graph()
    source = graph.add_abuffer(sample_rate=rate_hz, format="s16", layout="mono")
    measure, sink = graph.add("ebur128", "metadata=1:peak=true"), graph.add("abuffersink")
    source.link_to(measure)
    measure.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate, frame.pts = rate_hz, 0
    said: dict[str, str] = {}
    if len(samples):
        graph.push(frame)
    graph.push(None)
    while True:
        try:
            pulled = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            break
        # A last piece shorter than 100 ms says nothing.
        said = dict(pulled.metadata) or said
    peak = float(said.get("lavfi.r128.true_peak", "0"))
    lufs = float(said.get("lavfi.r128.I", str(SILENCE_LUFS)))
    return ProgrammeLoudness(max(SILENCE_LUFS, lufs), 20 * log10(peak) if peak > 0 else float("-inf"))
