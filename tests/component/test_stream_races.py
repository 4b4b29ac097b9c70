"""Races between a stream's lane and whoever listens to it, each named after what went wrong."""

from __future__ import annotations

import asyncio

import pytest

from audio.frames import ANALYSIS_HZ, samples_for
from pipelines.engines import Hypothesis, StreamSpec
from pipelines.lanes.streams import StreamLane
from pipelines.virtual_time import virtual_clock
from tests.fakes.words import Heard, Lexicon, WordRecogniser, audio_of

pytestmark = pytest.mark.virtual


async def test_words_of_an_abandoned_segment_that_come_late_race() -> None:
    """A backchannel is dropped while its audio is being decoded: its words must not become those of what follows."""
    samples = samples_for(400, ANALYSIS_HZ)
    lexicon = Lexicon()
    dropped, kept = (lexicon.add_word(Heard(text, samples)) for text in ("okay", "which"))
    told: list[tuple[str, bool]] = []
    abandoned = False

    def listen(hypothesis: Hypothesis) -> None:
        told.append((hypothesis.text, abandoned))

    recogniser = WordRecogniser(lexicon, feed_ms=300.0)
    lane = StreamLane(lambda: recogniser, isolation="thread", workers=1, clock=virtual_clock(), name="recogniser")
    await lane.start()
    handle = lane.open(StreamSpec("race"), listen)
    handle.feed(audio_of(dropped, samples, 0))
    await asyncio.sleep(0.1)  # it is being decoded, and will be for 200 ms
    handle.reset()
    abandoned = True
    handle.feed(audio_of(kept, samples, 0))
    handle.finish()
    await asyncio.sleep(2.0)
    await lane.stop()
    assert [text for text, after in told if after] == ["which", "which"]
    assert ("okay", False) not in told
