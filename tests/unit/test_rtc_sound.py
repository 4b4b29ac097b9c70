"""Audio of a call, in and out: media time stays true, and what was heard is known."""

from __future__ import annotations

from collections.abc import Iterator

import av
import numpy as np
import pytest
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

from audio.frames import FRAME_MS, WIRE_HZ, Pcm, samples_for
from audio.playout import PlayoutChunk
from audio.resample import resample_whole
from bench.degradations import opposite_channels
from server.rtc.inbound_audio import InboundAudio, concealment
from server.rtc.jitter import Ordered
from server.rtc.opus import FRAME_SAMPLES, OpusDecoder, OpusEncoder
from server.rtc.outbound import FADE_SAMPLES, HeardPlaces, ReplyQueue, SentFrame

FRAME = 960  # timestamps


def tone(duration_ms: float, *, hz: float = 440.0) -> Pcm:
    times = np.arange(samples_for(duration_ms, WIRE_HZ)) / WIRE_HZ
    return (8_000 * np.sin(2 * np.pi * hz * times)).astype(np.int16)


def packets(audio: Pcm) -> Iterator[bytes]:
    encoder = OpusEncoder()
    for number, at in enumerate(range(0, len(audio) - FRAME_SAMPLES + 1, FRAME_SAMPLES)):
        packet = encoder.encode(audio[at : at + FRAME_SAMPLES], number)
        assert packet is not None
        assert packet.pts == number * FRAME
        yield bytes(packet)


class Ear:
    """What came of packets; `missing_ms` is what the session would have inserted."""

    def __init__(self, rate_hz: int = WIRE_HZ) -> None:
        self.rate_hz = rate_hz
        self.missing_ms = 0.0
        self.heard: list[Pcm] = []
        self.audio = InboundAudio(
            rate_hz=lambda: self.rate_hz, hear=self.heard.append, missing_ms=lambda: self.missing_ms
        )

    def take_payload(self, payload: bytes, number: int, *, lost: int = 0, restarted: bool = False) -> None:
        timestamp = (number * FRAME + 0xFFFF_F000) % 0x1_0000_0000  # it wraps round after a few packets
        self.audio.take_packet(Ordered(payload, timestamp, lost, restarted))

    @property
    def ms(self) -> float:
        return sum(len(part) for part in self.heard) * 1000.0 / self.rate_hz


def test_sound_comes_through_opus_as_loud_as_it_went_in() -> None:
    audio = tone(1_000.0)
    decoder = OpusDecoder()
    out = np.concatenate([decoder.decode(payload) for payload in packets(audio)])
    assert len(out) == 48_000
    assert np.std(out[4_800:]) == pytest.approx(np.std(audio), rel=0.05)


def test_silence_is_encoded_once_and_what_follows_sounds_as_ever() -> None:
    """Packets that were not computed are the very ones that would have been."""
    silent = np.zeros(samples_for(1_000.0, WIRE_HZ), dtype=np.int16)
    audio = np.concatenate([tone(400.0), silent, tone(400.0)])
    quick = list(packets(audio))
    count = len(tone(400.0)) // FRAME_SAMPLES
    stable = set(quick[count + 5 : count + 50])
    assert len(stable) == 1
    barely = audio.copy()
    barely[len(tone(400.0)) : -len(tone(400.0)) : FRAME_SAMPLES] = 1  # one step in each frame: none is quite silent
    assert len(set(packets(barely))) > len(set(quick))
    decoder = OpusDecoder()
    out = np.concatenate([decoder.decode(payload) for payload in quick])
    middle, last = out[samples_for(500.0, 48_000) : samples_for(1_300.0, 48_000)], out[-samples_for(300.0, 48_000) :]
    assert np.abs(middle).max() <= 1
    assert np.std(last) == pytest.approx(np.std(tone(400.0)), rel=0.05)


@pytest.mark.parametrize("payload", [b"", b"\xff\xff\xff"])
def test_what_is_no_opus_is_left_out(payload: bytes) -> None:
    ear = Ear()
    good = list(packets(tone(100.0)))
    for number, each in enumerate([*good[:2], payload, *good[3:]]):
        ear.take_payload(each, number, restarted=number == 0)
    assert ear.audio.counts.undecodable == 1
    assert ear.ms == pytest.approx(100.0 - FRAME_MS)  # the hole is filled with the next packet


def test_each_packet_completes_a_frame() -> None:
    """What would wait for the next packet would be 15 ms late, always."""
    ear = Ear()
    for number, payload in enumerate(packets(tone(400.0))):
        ear.take_payload(payload, number, restarted=number == 0)
    assert {len(part) for part in ear.heard} == {FRAME_SAMPLES}
    assert len(ear.heard) == 19


@pytest.mark.parametrize("rate_hz", [16_000, 24_000, 48_000])
def test_holes_are_filled_so_that_time_stays_true(rate_hz: int) -> None:
    ear = Ear(rate_hz)
    sent = list(packets(tone(10_000.0)))
    lost = {7, 8, 100, 200, 201, 202, 203}
    before = 0
    for number, payload in enumerate(sent):
        if number in lost:
            before += 1
            continue
        ear.take_payload(payload, number, lost=before, restarted=number == 0)
        before = 0
    assert ear.ms == pytest.approx(10_000.0, abs=20.0)  # the filter still has the rest
    assert ear.audio.counts.concealed_ms == pytest.approx(len(lost) * FRAME_MS)


def test_what_the_session_has_filled_is_not_filled_twice() -> None:
    ear = Ear()
    sent = list(packets(tone(2_000.0)))
    for number in range(20):
        ear.take_payload(sent[number], number, restarted=number == 0)
    ear.missing_ms = 480.0  # of 600 ms in which nothing came
    for number in range(50, 100):
        ear.take_payload(sent[number], number, lost=30 if number == 50 else 0)
    assert ear.ms == pytest.approx(2_000.0 - 480.0 - FRAME_MS)  # the first packet fills the filter


def test_a_pause_that_the_sender_leaves_out_is_silence() -> None:
    ear = Ear()
    sent = list(packets(tone(200.0)))
    ear.take_payload(sent[0], 0, restarted=True)
    ear.take_payload(sent[1], 11)  # the next number, 200 ms later: nothing was lost
    assert ear.audio.counts.silent_ms == 200.0
    assert ear.ms == pytest.approx(240.0 - FRAME_MS)
    assert not np.any(np.concatenate(ear.heard)[samples_for(60.0, WIRE_HZ) : samples_for(180.0, WIRE_HZ)])


def test_another_source_has_no_hole_before_it() -> None:
    ear = Ear()
    sent = list(packets(tone(200.0)))
    ear.take_payload(sent[0], 0, restarted=True)
    ear.take_payload(sent[1], 5_000, restarted=True)
    assert ear.ms == pytest.approx(20.0)  # the first packet fills the filter


def test_concealment_fades_and_is_as_long_as_the_hole() -> None:
    last = tone(20.0)
    filling = concealment(last, 4_800)
    assert len(filling) == 4_800
    assert abs(int(filling[0]) - int(last[-1])) <= 1
    assert np.abs(filling[len(last) :]).max() == 0
    assert len(concealment(last[:0], 960)) == 960


# ------------------------------------------------------------------ out


def chunk(reply: int, from_ms: float, audio: Pcm) -> PlayoutChunk:
    return PlayoutChunk(reply, 0, from_ms, audio)


def drained(audio: ReplyQueue, frames: int) -> Pcm:
    return np.concatenate([audio.frame().samples for _ in range(frames)])


def test_a_reply_goes_out_whole_and_silence_around_it() -> None:
    audio = ReplyQueue()
    told: list[tuple[str, int]] = []
    audio.began = lambda reply: told.append(("began", reply))
    audio.ended = lambda reply: told.append(("ended", reply))
    assert not np.any(drained(audio, 3))
    said = tone(105.0)
    audio.play(chunk(1, 0.0, said[:1_000]))
    audio.play(chunk(1, 1_000 / 24, said[1_000:]))
    out = drained(audio, 30)
    assert np.array_equal(out[: len(said)], said)
    assert not np.any(out[len(said) :])
    assert told == [("began", 1), ("ended", 1)]
    assert audio.gaps == 0


def test_a_hold_falls_silent_within_10_ms_and_goes_on_from_where_it_is_told() -> None:
    audio = ReplyQueue()
    said = tone(1_000.0)
    audio.play(chunk(1, 0.0, said))
    drained(audio, 10)
    audio.hold(1)
    paused = audio.frame()
    assert not np.any(paused.samples[FADE_SAMPLES:])
    assert paused.place == samples_for(210.0, WIRE_HZ)
    assert not np.any(drained(audio, 20))
    audio.resume(1, 100.0)
    out = drained(audio, 45)
    assert np.array_equal(out[FADE_SAMPLES:], said[samples_for(100.0, WIRE_HZ) + FADE_SAMPLES :])


def test_going_on_is_never_further_than_what_was_sent() -> None:
    audio = ReplyQueue()
    audio.play(chunk(1, 0.0, tone(1_000.0)))
    drained(audio, 10)
    audio.hold(1)
    audio.frame()
    audio.resume(1, 900.0)
    assert audio.frame().place == samples_for(230.0, WIRE_HZ)


def test_what_was_played_is_kept_for_a_second_and_a_half_and_not_for_ever() -> None:
    audio = ReplyQueue()
    for at_ms in range(0, 20_000, 100):
        audio.play(chunk(1, at_ms, tone(100.0)))
        drained(audio, 5)
    audio.hold(1)
    audio.frame()
    audio.resume(1, 0.0)
    place_ms = 1000.0 * audio.frame().place / WIRE_HZ
    assert 16_000.0 < place_ms <= 18_540.0


@pytest.mark.parametrize("held", [False, True])
def test_a_cleared_reply_is_gone_and_the_next_one_sounds(held: bool) -> None:
    audio = ReplyQueue()
    audio.play(chunk(1, 0.0, tone(1_000.0)))
    drained(audio, 10)
    if held:
        audio.hold(1)
        drained(audio, 5)
    audio.clear(1)
    rest = drained(audio, 5)
    assert not np.any(rest[FADE_SAMPLES:])
    said = tone(100.0, hz=880.0)
    audio.play(chunk(2, 0.0, said))
    assert np.array_equal(drained(audio, 5), said)


def test_a_reply_cleared_before_it_sounded_never_sounds() -> None:
    audio = ReplyQueue()
    audio.play(chunk(1, 0.0, tone(100.0)))
    audio.play(chunk(2, 0.0, tone(100.0)))
    audio.clear(2)
    out = drained(audio, 20)
    assert not np.any(out[samples_for(100.0, WIRE_HZ) :])


def test_a_reply_begun_anew_counts_from_its_place() -> None:
    audio = ReplyQueue()
    audio.play(chunk(1, 0.0, tone(500.0)))
    drained(audio, 5)
    audio.restart(1, 300.0)
    audio.play(chunk(1, 300.0, tone(100.0)))
    assert audio.frame().place == samples_for(320.0, WIRE_HZ)


def test_late_sound_in_a_reply_is_counted_once() -> None:
    audio = ReplyQueue()
    audio.play(chunk(1, 0.0, tone(40.0)))
    drained(audio, 6)
    audio.play(chunk(1, 40.0, tone(40.0)))
    drained(audio, 40)
    assert audio.gaps == 1


def test_what_was_heard_is_what_was_sent_less_the_way() -> None:
    places = HeardPlaces()
    places.round_trip_ms, places.page_buffer_ms = 60.0, 50.0
    for n in range(50):
        places.sent(SentFrame(tone(20.0), 1, (n + 1) * FRAME_SAMPLES), n * 20.0)
    assert places.heard(99.0) is None
    assert places.heard(100.0) == (1, 20.0)
    assert places.heard(100.0) is None
    assert places.heard(500.0) == (1, 420.0)
    assert places.heard(10_000.0) == (1, 1_000.0)
    assert places.heard(20_000.0) is None


def test_what_was_sent_after_the_last_sign_of_the_listener_counts_as_heard_only_once_there_is_another() -> None:
    places = HeardPlaces()
    places.alive_ms = 200.0
    for n in range(50):
        places.sent(SentFrame(tone(20.0), 1, (n + 1) * FRAME_SAMPLES), n * 20.0)
    assert places.heard(10_000.0) == (1, 220.0)
    assert places.heard(10_000.0) is None
    assert places.reached(10_000.0) == (1, 220.0)
    places.alive_ms = 10_000.0
    assert places.heard(10_000.0) == (1, 1_000.0)
    places.forget()
    assert places.reached(10_000.0) is None


def test_what_is_dropped_is_not_sent_and_comes_again_with_a_restart() -> None:
    audio = ReplyQueue()
    audio.play(chunk(1, 0.0, tone(500.0)))
    drained(audio, 5)
    audio.drop()
    assert audio.frame().reply is None
    audio.restart(1, 80.0)
    audio.play(chunk(1, 80.0, tone(100.0)))
    assert audio.frame().place == samples_for(100.0, WIRE_HZ)


def stereo_packets(audio: NDArray[np.int16]) -> Iterator[bytes]:
    """Encode int16 (n, 2) at 48 kHz as a browser with a stereo microphone may."""
    codec = av.CodecContext.create("libopus", "w")
    assert isinstance(codec, AudioCodecContext)
    codec.format, codec.layout, codec.sample_rate = av.AudioFormat("s16"), av.AudioLayout("stereo"), 48_000
    codec.bit_rate = 64_000
    for at in range(0, len(audio) - FRAME + 1, FRAME):
        frame = av.AudioFrame.from_ndarray(audio[at : at + FRAME].reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.pts = 48_000, at
        yield from (bytes(packet) for packet in codec.encode(frame))


def test_a_call_in_stereo_whose_channels_cancel_is_heard() -> None:
    audio = resample_whole(tone(1_000.0), from_hz=WIRE_HZ, to_hz=48_000)
    decoder = OpusDecoder()
    out = np.concatenate([decoder.decode(payload) for payload in stereo_packets(opposite_channels(audio))])
    assert len(out) == len(audio)
    assert np.std(out[4_800:]) == pytest.approx(np.std(audio), rel=0.1)


def test_a_call_that_turns_to_stereo_goes_on() -> None:
    decoder, ear = OpusDecoder(), tone(200.0)
    stereo = np.repeat(resample_whole(ear, from_hz=WIRE_HZ, to_hz=48_000)[:, np.newaxis], 2, axis=1)
    out = [decoder.decode(payload) for payload in (*packets(ear), *stereo_packets(stereo), *packets(ear))]
    assert {len(part) for part in out} == {FRAME}
    assert np.std(np.concatenate(out)) == pytest.approx(np.std(ear), rel=0.15)
