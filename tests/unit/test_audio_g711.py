"""G.711 against Python's own, sample by sample."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from audio.frames import pcm_to_bytes
from audio.g711 import Law, decode_g711, encode_g711

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

ENCODE = {Law.MU: audioop.lin2ulaw, Law.A: audioop.lin2alaw}
DECODE = {Law.MU: audioop.ulaw2lin, Law.A: audioop.alaw2lin}
EVERY_SAMPLE = np.arange(-32_768, 32_768).astype(np.int16)
EVERY_BYTE = bytes(range(256))


@pytest.mark.parametrize("law", Law)
def test_every_sample_is_written_as_python_writes_it(law: Law) -> None:
    assert encode_g711(EVERY_SAMPLE, law) == ENCODE[law](pcm_to_bytes(EVERY_SAMPLE), 2)


@pytest.mark.parametrize("law", Law)
def test_every_byte_is_read_as_python_reads_it(law: Law) -> None:
    assert pcm_to_bytes(decode_g711(EVERY_BYTE, law)) == DECODE[law](EVERY_BYTE, 2)


@pytest.mark.parametrize("law", Law)
def test_a_voice_comes_back_with_little_noise(law: Law) -> None:
    loud = (8_000 * np.sin(np.arange(8_000) / 3)).astype(np.int16)
    noise = decode_g711(encode_g711(loud, law), law).astype(float) - loud
    assert 20 * np.log10(np.std(loud) / np.std(noise)) > 35  # the standard's own figure is 38 dB


@pytest.mark.parametrize("law", Law)
def test_nothing_stays_nothing_and_a_view_is_written_too(law: Law) -> None:
    assert encode_g711(EVERY_SAMPLE[:0], law) == b""
    assert decode_g711(b"", law).shape == (0,)
    assert encode_g711(EVERY_SAMPLE[::2], law) == encode_g711(EVERY_SAMPLE[::2].copy(), law)
