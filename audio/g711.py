"""G.711, as telephones have it: one byte a sample at 8 kHz, by the µ-law or the A-law of ITU-T G.711 (1988)."""

from __future__ import annotations

from enum import StrEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from audio.frames import Pcm

G711_HZ = 8_000

# Each law has eight segments of sixteen steps; a segment's steps are twice as wide as those of the one before it.
_SEGMENTS = np.repeat(np.arange(8), 16)
_STEPS = np.tile(np.arange(16), 8)
# Every other bit of an A-law byte is turned over, and all bits of a µ-law byte, so that silence has edges for a line.
_EVEN_BITS = 0x55
_POSITIVE = 0x80


class Law(StrEnum):
    """How 16 bits become eight."""

    MU = "mu"
    A = "a"


def decode_g711(data: bytes, law: Law) -> Pcm:
    """Return G.711 bytes as int16 of shape (len(data),)."""
    decoded: Pcm = _levels(law)[np.frombuffer(data, dtype=np.uint8)]
    return decoded


def encode_g711(samples: Pcm, law: Law) -> bytes:
    """Return int16 of shape (n,) as n bytes of G.711."""
    return _codes(law)[samples.view(np.uint16)].tobytes()


@cache
def _levels(law: Law) -> Pcm:
    """Return the sample that each byte stands for, int16 of shape (256,)."""
    if law is Law.MU:
        magnitudes = (((_STEPS << 3) + 132) << _SEGMENTS) - 132
    else:
        magnitudes = ((_STEPS << 4) + np.where(_SEGMENTS, 264, 8)) << np.maximum(_SEGMENTS - 1, 0)
    codes = np.arange(256)
    plain = codes ^ (0xFF if law is Law.MU else _EVEN_BITS)
    negative = (plain & _POSITIVE != 0) == (law is Law.MU)
    levels: Pcm = np.where(negative, -magnitudes[plain & 0x7F], magnitudes[plain & 0x7F]).astype(np.int16)
    return levels


@cache
def _codes(law: Law) -> NDArray[np.uint8]:
    """Return the byte of each sample, uint8 of shape (65536,), by the sample as an unsigned number."""
    samples = np.arange(65_536).astype(np.uint16).view(np.int16).astype(np.int32)
    # The standard's samples have 14 bits for the µ-law and 13 for the A-law; those of the A-law have no zero.
    if law is Law.MU:
        scaled = samples >> 2
        magnitudes = np.minimum(np.abs(scaled), 8_158) + 33
        segments = np.floor(np.log2(magnitudes)).astype(np.int32) - 5
        steps = (magnitudes >> (segments + 1)) & 0xF
        mask = np.where(scaled < 0, 0x7F, 0xFF)
    else:
        scaled = samples >> 3
        magnitudes = np.where(scaled < 0, -scaled - 1, scaled)
        segments = np.maximum(np.floor(np.log2(np.maximum(magnitudes, 1))).astype(np.int32) - 4, 0)
        steps = (magnitudes >> np.maximum(segments, 1)) & 0xF
        mask = np.where(scaled < 0, _EVEN_BITS, _EVEN_BITS | _POSITIVE)
    codes: NDArray[np.uint8] = (((segments << 4) | steps) ^ mask).astype(np.uint8)
    return codes
