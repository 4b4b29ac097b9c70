"""A clause's edges are faded, whatever the pieces that it comes in, and its peaks stay below the ceiling."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.tts.neural.levels import Wave, faded, to_pcm

RATE_HZ = 22_050


def pieces(wave: Wave, size: int) -> list[Wave]:
    return [wave[at : at + size] for at in range(0, len(wave), size)]


@pytest.mark.parametrize("size", [10, 700, 4_000, 30_000])
def test_only_the_edges_change_and_pieces_make_no_difference(size: int) -> None:
    wave = np.full(22_050, 0.5, dtype=np.float32)
    made = np.concatenate(list(faded(pieces(wave, size), RATE_HZ)))
    assert len(made) == len(wave)
    assert made[0] == made[-1] == 0.0
    assert np.all(made[100:-300] == 0.5)
    assert np.all(np.abs(np.diff(made)) < 0.01), "no step is left"
    assert wave[0] == 0.5, "what was given is not changed"


@pytest.mark.parametrize("samples", [0, 1, 50])
def test_a_clause_that_is_shorter_than_its_fades_ends_in_silence(samples: int) -> None:
    made = list(faded([np.ones(samples, dtype=np.float32)], RATE_HZ))
    assert sum(map(len, made)) == samples
    assert samples < 2 or made[-1][-1] == 0.0


def test_no_peak_goes_beyond_the_ceiling() -> None:
    loud = to_pcm(np.linspace(-4.0, 4.0, 999, dtype=np.float32), 1.5)
    assert np.max(np.abs(loud.astype(int))) < 0.8 * 32_768
    quiet = np.linspace(-0.3, 0.3, 999, dtype=np.float32)
    assert np.allclose(to_pcm(quiet, 1.0) / 32_767, quiet, atol=1e-4)
