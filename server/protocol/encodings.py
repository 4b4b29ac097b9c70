"""How messages of JSON write audio: 16-bit PCM, or G.711 as telephones have it. Binary messages are always PCM."""

from __future__ import annotations

from typing import Literal

from audio.frames import WIRE_HZ, pcm_to_bytes, samples_for, silence
from audio.g711 import G711_HZ, Law, decode_g711, encode_g711
from audio.playout import PlayoutChunk
from audio.resample import StreamResampler

Encoding = Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
PCM: Encoding = "audio/pcm"
LAWS: dict[Encoding, Law] = {"audio/pcmu": Law.MU, "audio/pcma": Law.A}


def rates_of(encoding: Encoding, *others: int) -> tuple[int, ...]:
    """Return the rates that an encoding may have, the usual one first; `others` are those of PCM beside it."""
    return (G711_HZ,) if encoding in LAWS else (WIRE_HZ, *(rate_hz for rate_hz in others if rate_hz != WIRE_HZ))


def pcm_of(data: bytes, encoding: Encoding) -> bytes:
    """Return bytes of an encoding as 16-bit little-endian PCM of the same rate."""
    return pcm_to_bytes(decode_g711(data, LAWS[encoding])) if encoding in LAWS else data


class PatientEncoder:
    """Writes the patient's audio, chunk by chunk, as the client asked for it."""

    def __init__(self) -> None:
        self._resampler = StreamResampler(WIRE_HZ, G711_HZ)
        self._reply = -1
        self._place = 0  # samples of the reply that were taken

    def encode(self, chunk: PlayoutChunk, encoding: Encoding) -> bytes:
        """Return a chunk's bytes; with G.711 each byte is as long as three samples, and the last 4 ms wait for more."""
        if encoding not in LAWS:
            return pcm_to_bytes(chunk.samples)
        place = samples_for(chunk.from_ms, WIRE_HZ)
        if (chunk.reply, place) != (self._reply, self._place):  # another reply, or this one from another place
            self._resampler.reset()
        self._reply, self._place = chunk.reply, place + len(chunk.samples)
        return encode_g711(self._resampler.process(chunk.samples), LAWS[encoding])

    def rest(self, reply: int, encoding: Encoding) -> bytes:
        """Return the bytes of a reply that still wait, once there is no more of it."""
        if encoding not in LAWS or reply != self._reply:
            return b""
        self._reply = -1
        return encode_g711(self._resampler.process(silence(0, WIRE_HZ), last=True), LAWS[encoding])
