"""Resampling by libswresample (FFmpeg, through PyAV): streams with a small constant delay, and whole recordings.

Method: polyphase filtering; the filter is a sinc under Kaiser's window (J. F. Kaiser, 1974), whose formulas give the
lengths below. Both filters are named in the taps that fit into the lower rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, gcd
from typing import cast

import numpy as np
from av import AudioFrame
from av.filter import Graph

from audio.frames import ACCEPTED_HZ, Pcm
from common.errors import AudioError

RESAMPLED_HZ = (*ACCEPTED_HZ, 22_050, 44_100)
"""Rates a stream may have: what clients send, and what synthesisers (22.05 kHz) and sound cards (44.1 kHz) make."""


@dataclass(frozen=True, slots=True)
class _Design:
    """A filter: its taps, the place of its half power (1 is half of the lower rate), the shape of Kaiser's window."""

    taps: int
    cutoff: float
    beta: int


# 90 dB, below the noise of 16 bits for speech, reached between 0.9 and 1.1 of the lower rate's half. What is folded
# back lies above 0.9 of it, where speech has next to nothing; a filter that fell within 0.9 and 1 would be twice as
# long, and so late.
_STREAM = _Design(taps=58, cutoff=1.0, beta=9)
# Nothing waits for a whole recording in the middle of it, so the filter is as long as it needs to be: 120 dB at 1.
_WHOLE = _Design(taps=176, cutoff=0.956, beta=12)


class StreamResampler:
    """Converts one mono stream from `from_hz` to `to_hz`, chunk by chunk; equal rates pass through.

    The delay of the filter is compensated: output sample k is the audio at k / to_hz, so positions counted on either
    side name the same media time. What is put in comes out 1 to 4 ms later: 29 samples of the lower rate. Chunks of any
    length give the same samples as the whole at once. Not thread-safe.

    Raises AudioError for rates outside RESAMPLED_HZ.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        for rate_hz in (from_hz, to_hz):
            check_rate(rate_hz)
        self.from_hz = from_hz
        self.to_hz = to_hz
        self.reset()

    def process(self, samples: Pcm, last: bool = False) -> Pcm:
        """Take int16 (n,) at `from_hz` and return what is ready as int16 (m,) at `to_hz`; m may be 0.

        With `last` the stream is flushed to its full length and the next call starts a new one.
        """
        if self._run is None:
            return samples
        out = self._run.process(samples, last=last)
        if last:
            self.reset()
        return out

    def reset(self) -> None:
        """Forget what is under way, as when a stream breaks off."""
        self._run = _Run(self.from_hz, self.to_hz, _STREAM) if self.from_hz != self.to_hz else None


class _Run:
    """One stream of audio on its way through FFmpeg's filter, as if silence lay before and after it."""

    def __init__(self, from_hz: int, to_hz: int, design: _Design) -> None:
        common = gcd(from_hz, to_hz)
        self._from_hz, self._up, self._down = from_hz, to_hz // common, from_hz // common
        # PyAV's parts of a graph don't keep it alive.
        self._graph = graph = Graph()
        # Else each graph has a thread for every core, with nothing to do for them.
        graph.threads = 1
        self._source = graph.add_abuffer(sample_rate=from_hz, format="s16", layout="mono")
        # In float between: with coefficients of 16 bits the filter reaches 74 dB instead of 90.
        options = f"filter_size={design.taps}:cutoff={design.cutoff}:kaiser_beta={design.beta}"
        resampler = graph.add("aresample", f"{to_hz}:{options}:internal_sample_fmt=fltp:out_sample_fmt=s16")
        self._sink = graph.add("abuffersink")
        graph.link_nodes(self._source, resampler, self._sink).configure()
        # FFmpeg puts a mirror image around what it is given, and gives nothing for audio shorter than its filter. So
        # silence goes first: as much as fills the filter, and gives a whole number of samples, which are dropped.
        length = design.taps * max(1.0, self._down / self._up / design.cutoff)
        pieces = ceil((length + 1) / self._down)
        self._silence: Pcm = np.zeros(pieces * self._down, dtype=np.int16)
        self._taken = 0  # samples that were put in
        self._made = -pieces * self._up  # samples that were given out
        self._push(self._silence)

    def process(self, samples: Pcm, *, last: bool) -> Pcm:
        """Take int16 (n,) and return what is ready, int16 (m,); with `last` the rest."""
        self._taken += len(samples)
        if len(samples):
            self._push(samples)
        if last:
            self._push(self._silence)
        parts = [np.zeros(0, dtype=np.int16)]
        while (part := self._pull()) is not None:
            first, self._made = self._made, self._made + len(part)
            parts.append(part[max(0, -first) :])
        out: Pcm = np.concatenate(parts)
        beyond = self._made - ceil(self._taken * self._up / self._down)
        return out[: len(out) - beyond] if beyond > 0 else out

    def _push(self, samples: Pcm) -> None:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples)[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = self._from_hz
        self._source.push(frame)

    def _pull(self) -> Pcm | None:
        try:
            frame = cast(AudioFrame, self._sink.pull())
        except BlockingIOError:
            return None
        samples: Pcm = frame.to_ndarray()[0]
        return samples


def resample_whole(samples: Pcm, *, from_hz: int, to_hz: int) -> Pcm:
    """Resample a whole recording, int16 (n,) -> int16 (m,); any positive rates.

    Its filter is three times as long as a stream's: the delay doesn't matter here.
    """
    if from_hz == to_hz or not len(samples):
        return samples
    return _Run(from_hz, to_hz, _WHOLE).process(samples, last=True)


def check_rate(rate_hz: int) -> None:
    """Raise AudioError unless `rate_hz` is one that streams may have."""
    if rate_hz not in RESAMPLED_HZ:
        known = ", ".join(str(rate) for rate in sorted(RESAMPLED_HZ))
        raise AudioError(f"sample rate {rate_hz} Hz is not supported; use one of {known}", code="audio.rate")
