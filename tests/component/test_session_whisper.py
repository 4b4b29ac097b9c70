"""Whole sessions with a trained Whisper behind the batching lane: what is said is understood, what is not is not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from audio.conditioning import AudioSettings
from audio.frames import ANALYSIS_HZ, WIRE_HZ, Pcm, samples_for, silence
from audio.resample import resample_whole
from audio.speech import SpeechSettings
from audio.vad import VadName
from bench.replay.local import LocalLink
from pipelines.conversation.settings import ConversationSettings
from pipelines.engines import DecodedBatch, DecodeRequest
from pipelines.events import (
    Audience,
    EngineIncident,
    Event,
    SegmentHeard,
    TextRejected,
    TranscriptPartial,
    TurnCommitted,
    TurnIgnored,
)
from pipelines.patient.card_library import CardLibrary
from pipelines.stt.wer import normalise
from pipelines.truth import load_truth
from pipelines.virtual_time import virtual_clock
from tests.component.conftest import DATA, ROOT, Replay, Replayed
from tests.component.engines import engines_on_lanes
from tests.fakes.noises import nobody
from tests.models.proof import proof_decoder
from tests.models.reading import sentences

NAME = "consultation.flac"
FRAME_MS = 20.0
COST_MS = 40.0
LOOK_BACK_MS = 160


class Noted:
    """A decoder that notes for what it was asked to read; its cost is modelled, so that every run decides the same."""

    def __init__(self, *, true_length: bool = True) -> None:
        self._decoder = proof_decoder(true_length=true_length)
        self.info = self._decoder.info
        self.read: list[str] = []

    def warm(self) -> None:
        self._decoder.warm()

    def decode(self, requests: Sequence[DecodeRequest]) -> DecodedBatch:
        self.read += [request.purpose for request in requests]
        return replace(self._decoder.decode(requests), cost_ms=COST_MS * len(requests))


@pytest.fixture(scope="module")
def noted() -> Noted:
    return Noted()


def test_a_consultation_is_understood_word_for_word_from_the_readings_of_its_pauses(
    replay: Replay, noted: Noted
) -> None:
    noted.read.clear()
    # The network knows these voices by heart, also what lies below 100 Hz: without that it takes "you use" for "few".
    link_of = partial(LocalLink, conditioning=AudioSettings(high_pass=False))
    replayed = replay(NAME, decoder=lambda: noted, link_of=link_of)
    truth = load_truth(DATA / NAME)
    assert truth is not None
    turns = replayed.events(TurnCommitted)
    assert [normalise(turn.text) for turn in turns] == [normalise(turn.text) for turn in truth.turns]
    segments = replayed.events(SegmentHeard)
    finals = noted.read.count("final")
    assert len(segments) >= len(turns) == 12
    assert finals <= len(segments) / 5, "most pauses had been read, and nothing followed them"
    assert noted.read.count("caption") + noted.read.count("interim") > 60, "captions, most of them in lulls"
    assert replayed.events(EngineIncident) == []
    assert {event.text for event in replayed.events(TextRejected)} <= {""}, "of what was no voice, nothing was read"
    assert_words_lie_in_their_turns(replayed)
    assert_published_words_stay(replayed)


def assert_words_lie_in_their_turns(replayed: Replayed) -> None:
    """Times are those of the session; a segment looks back a little at the audio of the one before."""
    last_ms = 0
    for heard in replayed.events(SegmentHeard):
        last_ms -= LOOK_BACK_MS
        for word in heard.words:
            assert last_ms <= word.start_ms < word.end_ms
            last_ms = word.end_ms


def assert_published_words_stay(replayed: Replayed) -> None:
    stable: dict[int, list[str]] = {}
    seen = 0
    for event in (record.event for record in replayed.records):
        if isinstance(event, TranscriptPartial | TurnCommitted):
            words, before = event.text.split(), stable.get(event.turn, [])
            assert words[: len(before)] == before
            if isinstance(event, TranscriptPartial):
                stable[event.turn] = words[: event.stable_words]
                seen += event.stable_words > 0
    assert seen > 20


@pytest.mark.virtual
@pytest.mark.parametrize("name", ["silence", "noise", "music"])
async def test_nothing_is_understood_in_a_minute_in_which_nobody_speaks(noted: Noted, name: str) -> None:
    assert_nothing_was_understood(await overheard(noted, nobody(60_000)[name], "silero"))


@pytest.mark.virtual
@pytest.mark.parametrize("name", ["pink noise", "music"])
async def test_a_detector_that_is_fooled_does_not_fool_the_recogniser(noted: Noted, name: str) -> None:
    audio = np.concatenate([nobody(12_000)[name], silence(4_000, ANALYSIS_HZ)])
    events = await overheard(noted, audio, "webrtc")
    assert_nothing_was_understood(events)
    # Each stretch that the detector lets through is rejected for itself: how many there are is the detector's affair.
    assert {event.reason for event in events if isinstance(event, TextRejected)} == {"no_voice"}
    assert not any(isinstance(event, TurnCommitted) for event in events)
    assert [event.reason for event in events if isinstance(event, TurnIgnored)] == ["noise"]


def assert_nothing_was_understood(events: Sequence[Event]) -> None:
    """No text is published, and wherever a segment was opened a rejection tells why there is none."""
    texts = [event.text for event in events if isinstance(event, TurnCommitted | TranscriptPartial | SegmentHeard)]
    assert set(texts) <= {""}
    segments = {event.segment for event in events if isinstance(event, SegmentHeard)}
    assert {event.segment for event in events if isinstance(event, TextRejected)} == segments


async def overheard(noted: Noted, audio: Pcm, vad: VadName) -> list[Event]:
    """Return the log of a session in which the microphone hears this (int16 at 16 kHz)."""
    wire = resample_whole(audio, from_hz=ANALYSIS_HZ, to_hz=WIRE_HZ)

    async with engines_on_lanes(decoder=lambda: noted) as engines:
        link = LocalLink(
            card=CardLibrary.load(ROOT / "configs" / "cards")["nursing-leg-wound"],
            engines=engines,
            conversation=ConversationSettings(),
            speech=SpeechSettings(),
            vad=vad,
            clock=virtual_clock(),
            session_s=900,
        )
        link.start()
        step = samples_for(FRAME_MS, WIRE_HZ)
        for start in range(0, len(wire), step):
            link.send(wire[start : start + step])
            await asyncio.sleep(FRAME_MS / 1000.0)
        await asyncio.sleep(3.0)
        await link.close()
    return [record.event for record in link.driver.log.read_from(0, Audience.INTERNAL)]


# ------------------------------------------------------------------ batches


def test_a_reading_is_the_same_alone_and_in_a_batch_whatever_it_begins_with() -> None:
    """Eight clips of different lengths, with beginnings of different lengths, are read together as each by itself."""
    decoder = proof_decoder(true_length=False)  # so that the encoder too is given the same
    known = [one for one in sentences() if one.name.startswith("consultation-") and 3 < len(one.text.split()) < 16]
    requests = [
        DecodeRequest(np.rint(one.samples * 32767.0).astype(np.int16), prefix=tuple(one.text.split()[: index % 4]))
        for index, one in enumerate(known[:8])
    ]
    together = decoder.decode(requests).results
    alone = [decoder.decode([request]).results[0] for request in requests]
    for one, batched, single, request in zip(known, together, alone, requests, strict=False):
        text = [word.text for word in batched.words]
        assert tuple(text[: len(request.prefix)]) == request.prefix
        assert text == [word.text for word in single.words]
        assert normalise(" ".join(text)) == normalise(one.text)
        starts = np.array([[word.start_ms for word in decoded.words] for decoded in (batched, single)])
        assert np.abs(starts[0] - starts[1]).max() <= 40


def test_sounds_of_different_lengths_share_a_batch_at_their_own_length() -> None:
    decoder = proof_decoder(true_length=True)
    known = [one for one in sentences() if one.name.startswith("consultation-") and 3 < len(one.text.split()) < 16]
    requests = [DecodeRequest(np.rint(one.samples * 32767.0).astype(np.int16)) for one in known[:8]]
    for one, decoded in zip(known, decoder.decode(requests).results, strict=False):
        assert normalise(" ".join(word.text for word in decoded.words)) == normalise(one.text)
