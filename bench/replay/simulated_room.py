"""The simulated candidate's room: what of the loudspeaker's sound comes back into the microphone."""

from __future__ import annotations

import numpy as np

from audio.frames import WIRE_HZ, Pcm, samples_for

REVERB_MS = 300  # until 60 dB less: a furnished room
REVERB_DB = -6.0  # of all reflections against the direct sound
LOWEST_HZ, HIGHEST_HZ = 250.0, 5_000.0  # what a small loudspeaker plays
ROUGHNESS_DB = 5.0  # of its response, up and down


class SimulatedRoom:
    """Gives back, quieter and later, what is played in it; int16 mono at 24 kHz.

    `level_db` is the echo's level against the audio as played, `delay_ms` all delays together: devices, buffers, air.
    """

    def __init__(self, *, level_db: float, delay_ms: float, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        size = samples_for(REVERB_MS, WIRE_HZ)
        response = rng.standard_normal(size) * 10.0 ** (-3.0 * np.arange(size) / size)
        response *= 10.0 ** (REVERB_DB / 20.0) / np.sqrt(np.sum(response**2))
        response[0] = 1.0
        hz = np.maximum(np.fft.rfftfreq(2 * size, 1.0 / WIRE_HZ), 1.0)
        colour = 1.0 / (1.0 + (LOWEST_HZ / hz) ** 4) / (1.0 + (hz / HIGHEST_HZ) ** 4)
        places = np.linspace(0.0, WIRE_HZ / 2, 12)
        colour *= 10.0 ** (np.interp(hz, places, rng.uniform(-ROUGHNESS_DB, ROUGHNESS_DB, 12)) / 20.0)
        response = np.fft.irfft(np.fft.rfft(response, 2 * size) * colour)[:size]
        # As loud as speech comes back: most of its power lies below 1 kHz.
        speech = np.where((hz > LOWEST_HZ) & (hz < 1_000.0), 1.0, 0.0)
        power = np.sum((np.abs(np.fft.rfft(response, 2 * size)) * speech) ** 2) / np.sum(speech)
        response *= 10.0 ** (level_db / 20.0) / np.sqrt(power)
        self._response = np.concatenate((np.zeros(samples_for(delay_ms, WIRE_HZ)), response))
        self._coming = np.zeros(0)

    def hear(self, played: Pcm) -> Pcm:
        """Return what comes back while this is played."""
        size = len(played) + len(self._response)
        coming = np.fft.irfft(np.fft.rfft(played, size) * np.fft.rfft(self._response, size), size)
        coming[: len(self._coming)] += self._coming
        self._coming = coming[len(played) :]
        back: Pcm = np.clip(np.rint(coming[: len(played)]), -32_768, 32_767).astype(np.int16)
        return back
