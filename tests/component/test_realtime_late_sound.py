"""Audio that could not be sent is in the recording where it was spoken, and the log's words are where it is."""

from __future__ import annotations

import asyncio
import base64
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio.frames import Pcm, pcm_to_bytes
from audio.recorder import RECORDING_NAME
from pipelines.events import SegmentHeard, TurnCommitted
from tests.component.realtime_talk import Talk, talking

pytestmark = pytest.mark.virtual

PIECE_MS = 100
WORD_MS = 300  # of the scripted recogniser, which tells whole words


class Microphone:
    """Speaks whole sentences whatever becomes of the connection, and keeps what it captured."""

    def __init__(self, one: Talk, rate_hz: int) -> None:
        self._one = one
        self.rate_hz = rate_hz
        self.captured: list[Pcm] = []
        self._unsent: list[tuple[float, Pcm]] = []  # (when its first sample was captured, audio)
        self.connected = True

    async def capture(self, level: int, duration_ms: int) -> None:
        """Capture a tone, each piece unlike all others, and send it while there is a connection."""
        count = self.rate_hz * PIECE_MS // 1000
        for _ in range(duration_ms // PIECE_MS):
            began_s = asyncio.get_running_loop().time()
            time_s = (len(self.captured) * count + np.arange(count)) / self.rate_hz
            tone = level * np.sin(2 * np.pi * (200 + 5 * time_s) * time_s)
            self.captured.append(tone.astype(np.int16))
            await asyncio.sleep(PIECE_MS / 1000.0)
            if self.connected and not self._unsent:
                self._send(self.captured[-1])
            else:
                self._unsent.append((began_s, self.captured[-1]))

    async def send_late(self, network_s: float = 0.0) -> None:
        """Send what was kept, and what is captured meanwhile, over a network that takes its time for each piece."""
        self.connected = True
        while self._unsent:
            began_s, samples = self._unsent[0]
            late_ms = 1000.0 * (asyncio.get_running_loop().time() - began_s)
            await asyncio.sleep(network_s)
            self._send(samples, late_ms=round(late_ms))
            self._unsent.pop(0)

    def _send(self, samples: Pcm, **late: float) -> None:
        audio = base64.b64encode(pcm_to_bytes(samples)).decode()
        self._one.send("input_audio_buffer.append", audio=audio, **late)

    def whole(self) -> Pcm:
        """Return all that was captured."""
        return np.concatenate(self.captured)


def candidate_of(folder: Path) -> Pcm:
    samples, rate_hz = soundfile.read(folder / RECORDING_NAME, dtype="int16")
    assert rate_hz == 24_000
    return np.asarray(samples[:, 0], dtype=np.int16)


@pytest.mark.parametrize("network_s", [0.0, 0.008])
@pytest.mark.parametrize("away_ms", [300, 2_000, 9_000])
async def test_an_utterance_that_a_cut_goes_through_is_recorded_sample_for_sample(
    tmp_path: Path, away_ms: int, network_s: float
) -> None:
    async with talking(folder=tmp_path) as one:
        await one.ask_to_resume()
        microphone = Microphone(one, 24_000)
        await microphone.capture(6_000, 800)
        microphone.connected = False
        await one.lose()
        await microphone.capture(6_000, away_ms)
        one.come_back()
        await one.wait("interlocutor.session.resumed")
        sending = asyncio.create_task(microphone.send_late(network_s))
        await microphone.capture(6_000, 600)
        await microphone.capture(0, 2_000)
        await sending
        await one.wait("response.created")
    recorded, sent = candidate_of(tmp_path), microphone.whole()
    begins = int(np.flatnonzero(recorded)[0]) - int(np.flatnonzero(sent)[0])
    assert np.array_equal(recorded[begins : begins + len(sent)], sent)

    # The log speaks of the same places: the words cover the audio, and nothing else.
    (committed,) = one.logged(TurnCommitted)
    words = [word for event in one.logged(SegmentHeard) for word in event.words]
    voiced = np.flatnonzero(np.abs(recorded) > 300) / 24.0
    assert words[0].start_ms == pytest.approx(voiced[0], abs=40)
    assert voiced[-1] - WORD_MS <= words[-1].end_ms <= voiced[-1] + 40
    assert committed.from_ms == pytest.approx(voiced[0], abs=40)
    assert all(abs(one.end_ms - other.start_ms) <= 20 for one, other in pairwise(words))


async def test_sound_that_was_not_kept_leaves_a_hole_and_the_rest_is_in_its_place(tmp_path: Path) -> None:
    async with talking(folder=tmp_path) as one:
        await one.ask_to_resume()
        microphone = Microphone(one, 24_000)
        await microphone.capture(6_000, 800)
        microphone.connected = False
        await one.lose()
        await microphone.capture(6_000, 14_000)
        del microphone._unsent[:40]  # ten seconds are kept
        one.come_back()
        await one.wait("interlocutor.session.resumed")
        await microphone.send_late()
        await microphone.capture(6_000, 600)
        await microphone.capture(0, 2_000)
    recorded, sent = candidate_of(tmp_path), microphone.whole()
    begins = int(np.flatnonzero(recorded)[0]) - int(np.flatnonzero(sent)[0])
    until, after = 800 * 24, 4_800 * 24
    assert np.array_equal(recorded[begins : begins + until], sent[:until])
    assert not recorded[begins + until : begins + after - 2_400].any()
    shift = max(range(-2_400, 2_401), key=lambda by: _alike(recorded, sent, begins + after + by, after))
    assert abs(shift) <= 2_400  # as far as media time is behind where nothing comes
    assert np.array_equal(recorded[begins + after + shift :][: len(sent) - after - 2_400], sent[after:][:-2_400])


def _alike(recorded: Pcm, sent: Pcm, at: int, place: int) -> int:
    return int(np.count_nonzero(recorded[at : at + 2_400] == sent[place : place + 2_400]))


@pytest.mark.parametrize("rate_hz", [8_000, 48_000])
async def test_late_sound_of_another_rate_has_no_seam_that_is_heard(tmp_path: Path, rate_hz: int) -> None:
    async with talking(folder=tmp_path) as one:
        one.send("session.update", session={"type": "realtime", "audio": {"input": {"format": _pcm(rate_hz)}}})
        await one.wait("session.updated")
        await one.ask_to_resume()
        microphone = Microphone(one, rate_hz)
        await microphone.capture(6_000, 800)
        microphone.connected = False
        await one.lose()
        await microphone.capture(6_000, 3_000)
        one.come_back()
        await one.wait("interlocutor.session.resumed")
        await microphone.send_late()
        await microphone.capture(6_000, 600)
        await microphone.capture(0, 2_000)
    recorded = candidate_of(tmp_path).astype(np.int32)
    first, last = np.flatnonzero(np.abs(recorded) > 300)[[0, -1]]
    assert (last - first) / 24.0 == pytest.approx(4_400, abs=30)
    # No stretch of silence: a period of the tone lasts at most 5 ms.
    windows = np.abs(recorded[first : last - (last - first) % 120]).reshape(-1, 120)[:-1].max(axis=1)
    assert windows.min() > 3_000


def _pcm(rate_hz: int) -> dict[str, object]:
    return {"type": "audio/pcm", "rate": rate_hz}
