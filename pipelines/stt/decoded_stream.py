"""A segment decoder as a recogniser of streams, without a lane: for benches, and for the contract of recognisers."""

from __future__ import annotations

from dataclasses import replace

from audio.frames import ANALYSIS_HZ, Pcm, samples_for
from pipelines.engines import Hypothesis, SegmentDecoder, StreamSpec
from pipelines.stt.growing import CAPTION_EVERY_MS, LULL_EVERY_MS, GrowingSegment, Growth
from pipelines.stt.reading_plan import Purpose

# However audio is fed, captions are read at the same places.
STEP_SAMPLES = samples_for(20, ANALYSIS_HZ)


class DecodedRecogniser:
    """Opens streams on a segment decoder; captions are read as the lane reads them for somebody who speaks alone.

    Without `caption_every_ms` there are none.
    """

    def __init__(
        self,
        decoder: SegmentDecoder,
        *,
        caption_every_ms: float | None = CAPTION_EVERY_MS,
        growth: Growth | None = None,
    ) -> None:
        self.info = decoder.info
        self.decoder = decoder
        self.growth = growth or Growth()
        self.caption_every_ms = caption_every_ms

    def warm(self) -> None:
        """Load the decoder."""
        self.decoder.warm()

    def open(self, spec: StreamSpec) -> DecodedStream:
        """Open a stream for one speaker."""
        return DecodedStream(self, spec)


class DecodedStream:
    """One speaker's segments; made by `DecodedRecogniser.open`."""

    def __init__(self, recogniser: DecodedRecogniser, spec: StreamSpec) -> None:
        self._recogniser = recogniser
        self._spec = spec
        self.reset()

    def feed(self, samples: Pcm) -> Hypothesis | None:
        """Take int16 mono at 16 kHz, any length; return a caption when one was due."""
        found: Hypothesis | None = None
        every_ms = self._recogniser.caption_every_ms
        if every_ms is None:
            self._segment.add_audio(samples)
            return None
        while len(samples):
            step = STEP_SAMPLES - self._segment.samples % STEP_SAMPLES
            self._segment.add_audio(samples[:step])
            samples = samples[step:]
            if self._segment.samples % STEP_SAMPLES == 0:
                purpose = self._segment.caption_due(every_ms=every_ms, in_lull_ms=LULL_EVERY_MS)
                found = self._read(purpose) or found if purpose is not None else found
        return found

    def interim(self) -> Hypothesis:
        """Read the segment so far."""
        if self._segment.samples and not self._segment.is_read:
            self._read("interim")
        return self._segment.known()

    def finish(self) -> Hypothesis:
        """End the segment and return its final hypothesis."""
        if self._segment.samples and not self._segment.is_read:
            self._read("final")
        final = self._segment.final()
        self.reset()
        return replace(final, final=True)

    def reset(self) -> None:
        """Abandon the segment."""
        self._segment = GrowingSegment(self._spec.vocabulary, self._recogniser.growth)

    def close(self) -> str | None:
        """End the stream; a decoder keeps nothing of a speaker."""
        self.reset()
        return None

    def _read(self, purpose: Purpose) -> Hypothesis | None:
        while True:
            reading = self._segment.reading(purpose)
            (decoded,) = self._recogniser.decoder.decode((reading.request,)).results
            hypothesis = self._segment.take_decoded(reading, decoded)
            if reading.to_samples >= self._segment.samples or purpose == "caption":
                return hypothesis
