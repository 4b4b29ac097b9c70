"""Opus, one packet at a time: libopus through PyAV.

Patient and candidate are mono. The encoder is given the 24 kHz that synthesisers make: no resampling, and none of the
3 dB that a mono frame loses where it is upmixed. Stereo of a candidate is mixed to mono here, not by the decoder: that
would add two channels of opposite polarity up to silence.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TypeAlias

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.stream import Stream

from audio.frames import FRAME_MS, WIRE_HZ, Pcm, samples_for
from audio.mono import MonoMixer

OPUS_HZ = 48_000  # what it decodes to, and the clock of its timestamps
FRAME_SAMPLES = samples_for(FRAME_MS, WIRE_HZ)
# Speech at 12 kHz bandwidth is transparent at about 24 kbit/s.
BITS_PER_S = 32_000
# Each packet carries a coarse copy of the one before: a browser that lost one packet of a patient's word plays that.
EXPECTED_LOSS_PERCENT = 5
# After so many frames of digital silence each gives the same packet, and none has to be computed.
SETTLED_FRAMES = 5
STEREO_BIT = 0b100  # of a packet's first byte (RFC 6716, section 3.1)
TIME_BASE = Fraction(1, OPUS_HZ)

OpusPacket: TypeAlias = "av.Packet[Stream]"


class OpusDecoder:
    """Decodes packets of one stream to int16 mono at 48 kHz; from its first stereo packet on, as stereo."""

    def __init__(self) -> None:
        self._codec = _decoder("mono")
        self._mixer: MonoMixer | None = None  # of a stream that is stereo

    def decode(self, payload: bytes) -> Pcm:
        """Return a packet's audio, int16 (n,), 2.5 to 120 ms of it; empty when the packet is no Opus."""
        if not payload:
            return np.zeros(0, dtype=np.int16)  # to FFmpeg an empty packet is the end of the stream
        if self._mixer is None and payload[0] & STEREO_BIT:
            self._codec, self._mixer = _decoder("stereo"), MonoMixer(OPUS_HZ)
        try:
            frames = self._codec.decode(av.Packet(payload))
        except av.FFmpegError:
            return np.zeros(0, dtype=np.int16)
        samples = np.concatenate([np.zeros(0, dtype=np.int16), *(frame.to_ndarray()[0] for frame in frames)])
        return samples if self._mixer is None else self._mixer.process(samples.reshape(-1, 2))


def _decoder(layout: str) -> AudioCodecContext:
    codec = av.CodecContext.create("libopus", "r")
    assert isinstance(codec, AudioCodecContext)  # noqa: S101 - for the type checker
    codec.format, codec.layout, codec.sample_rate = av.AudioFormat("s16"), av.AudioLayout(layout), OPUS_HZ
    return codec


class OpusEncoder:
    """Encodes 20 ms frames of int16 at 24 kHz, mono (n,) or, with two channels, (n, 2)."""

    def __init__(self, channels: int = 1) -> None:
        self._layout = "stereo" if channels == 2 else "mono"
        codec = av.CodecContext.create("libopus", "w")
        assert isinstance(codec, AudioCodecContext)  # noqa: S101 - for the type checker
        codec.format, codec.layout, codec.sample_rate = av.AudioFormat("s16"), av.AudioLayout(self._layout), WIRE_HZ
        codec.bit_rate, codec.time_base = BITS_PER_S * channels, Fraction(1, WIRE_HZ)
        codec.options = {"application": "voip", "fec": "1", "packet_loss": str(EXPECTED_LOSS_PERCENT)}
        self._codec = codec
        self._samples = 0
        self._silent_frames = 0  # in a row, the last one included
        self._silence = b""  # the packet of the last of them

    def encode(self, samples: Pcm, number: int) -> OpusPacket | None:
        """Return 480 samples as the packet of the frame with this number, its time in 48 kHz samples."""
        self._silent_frames = 0 if samples.any() else self._silent_frames + 1
        if self._silent_frames > SETTLED_FRAMES and self._silence:
            return _packet(self._silence, number)
        payload = self._silence = self._encoded(samples)
        return _packet(payload, number) if payload else None

    def _encoded(self, samples: Pcm) -> bytes:
        # Packed: the samples of the channels take turns.
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=self._layout)
        frame.sample_rate, frame.pts, frame.time_base = WIRE_HZ, self._samples, Fraction(1, WIRE_HZ)
        self._samples += len(samples)
        return b"".join(bytes(packet) for packet in self._codec.encode(frame))


def _packet(payload: bytes, number: int) -> OpusPacket:
    packet: OpusPacket = av.Packet(payload)
    packet.pts, packet.time_base = number * samples_for(FRAME_MS, OPUS_HZ), TIME_BASE
    return packet
