"""The patient's audio as a telephone gets it: whole, in place, and begun anew where it breaks off."""

from __future__ import annotations

import numpy as np
import pytest

from audio.frames import WIRE_HZ, Pcm
from audio.g711 import G711_HZ, Law, decode_g711, encode_g711
from audio.playout import PlayoutChunk
from audio.resample import resample_whole
from server.protocol.encodings import PatientEncoder, pcm_of

CHUNK = 960  # 40 ms
TONE: Pcm = (8_000 * np.sin(np.arange(WIRE_HZ) / 20)).astype(np.int16)


def chunks(samples: Pcm, reply: int = 1) -> list[PlayoutChunk]:
    return [
        PlayoutChunk(reply, 0, 1000.0 * place / WIRE_HZ, samples[place : place + CHUNK])
        for place in range(0, len(samples), CHUNK)
    ]


def test_a_reply_comes_whole_and_without_seams() -> None:
    encoder = PatientEncoder()
    data = b"".join(encoder.encode(chunk, "audio/pcmu") for chunk in chunks(TONE))
    assert len(data) == G711_HZ - 29  # what the filter still waits for
    data += encoder.rest(1, "audio/pcmu")
    assert len(data) == G711_HZ
    wanted = resample_whole(TONE, from_hz=WIRE_HZ, to_hz=G711_HZ).astype(int)
    assert np.abs(decode_g711(data, Law.MU) - wanted).max() < 8_000 / 16  # a step of the loudest segment


def test_another_reply_and_another_place_begin_anew() -> None:
    encoder = PatientEncoder()
    first, second, third = chunks(TONE[: 3 * CHUNK])
    alone = PatientEncoder().encode(third, "audio/pcma")
    encoder.encode(first, "audio/pcma")
    assert encoder.encode(third, "audio/pcma") == alone  # the second was dropped
    assert encoder.encode(PlayoutChunk(2, 0, 0.0, third.samples), "audio/pcma") == alone
    assert encoder.rest(1, "audio/pcma") == b""  # it is over, and another is under way
    assert len(encoder.encode(second, "audio/pcma")) == len(alone)


def test_pcm_passes_as_it_is() -> None:
    (chunk,) = chunks(TONE[:CHUNK])
    encoder = PatientEncoder()
    assert encoder.encode(chunk, "audio/pcm") == chunk.samples.tobytes()
    assert encoder.rest(1, "audio/pcm") == b""
    assert pcm_of(b"\x01\x02", "audio/pcm") == b"\x01\x02"


@pytest.mark.parametrize(("encoding", "law"), [("audio/pcmu", Law.MU), ("audio/pcma", Law.A)])
def test_what_a_telephone_sends_is_read_as_pcm(encoding: str, law: Law) -> None:
    data = encode_g711(TONE[:161], law)
    read = np.frombuffer(pcm_of(data, encoding), dtype="<i2")  # type: ignore[arg-type]
    assert np.array_equal(read, decode_g711(data, law))
