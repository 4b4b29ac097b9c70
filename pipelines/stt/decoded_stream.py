"""A segment decoder as a recogniser of streams, without a lane: for benches, and for the contract of recognisers."""

from __future__ import annotations

from dataclasses import replace

from audio.frames import ANALYSIS_HZ, Pcm, samples_for
from pipelines.engines import Hypothesis, SegmentDecoder, StreamSpec
from pipelines.stt.growing import CAPTION_EVERY_MS, GrowingSegment, Growth, Purpose


class DecodedRecogniser:
    """Opens streams on a segment decoder; a caption is read after every `caption_every_ms` of new sound."""

    def __init__(
        self, decoder: SegmentDecoder, *, caption_every_ms: float = CAPTION_EVERY_MS, growth: Growth | None = None
    ) -> None:
        self.info = decoder.info
        self.decoder = decoder
        self.growth = growth or Growth()
        self.caption_samples = samples_for(caption_every_ms, ANALYSIS_HZ)

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
        step = self._recogniser.caption_samples
        while len(samples):
            due = step - (self._segment.samples % step)  # however it is fed, captions are read at the same places
            self._segment.add(samples[:due])
            samples = samples[due:]
            if self._segment.samples % step == 0 and self._segment.has_new_voice:
                found = self._read("caption") or found
        return found

    def peek(self) -> Hypothesis:
        """Read the segment so far."""
        if self._segment.samples and not self._segment.is_read:
            self._read("peek")
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
            hypothesis = self._segment.take(reading, decoded)
            if reading.to_samples >= self._segment.samples or purpose == "caption":
                return hypothesis
