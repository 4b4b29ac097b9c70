"""A consultation held by a call over a network that loses packets: what was understood, when it was answered, and
whether time stayed true."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio.clock import LoopClock
from audio.files import read_recording
from audio.frames import WIRE_HZ, Pcm, samples_for
from bench.replay.plan import Plan
from bench.replay.remote import reserve
from bench.replay.simulated_candidate import SimulatedCandidate
from bench.replay.webrtc import RtcLink
from bench.replay.webrtc_call import RelayedWay
from pipelines.engine_settings import EngineSettings
from pipelines.events import SessionEnded, SessionStarted
from pipelines.log.jsonl import read_jsonl
from pipelines.stt.wer import word_errors
from server.measures import percentile
from server.rtc.call import Call
from server.rtc.jitter import Ordered
from tests.app.inside import serving, until
from tests.rtc.relay import Relay, through_relay, without_addresses
from tests.sealed import seal_of

# A delay within this of the usual one is the usual one.
BACK_MS = 15.0
SEARCH_MS = 600.0
NEVER = float("inf")


@dataclass
class Consultation:
    """What one consultation over a lossy network came to; times in milliseconds."""

    loss: float
    sent: int = 0  # the candidate's packets
    lost: int = 0  # of them, on the way
    missed: int = 0  # of them, by the server's count
    planned: list[str] = field(default_factory=list)  # what was said, turn by turn
    heard: list[str] = field(default_factory=list)  # what was understood of it
    voice_to_voice_ms: list[float] = field(default_factory=list)
    # This is the delay of each packet, from its arrival until the session had it.
    delays_ms: list[float] = field(default_factory=list)
    # After each loss it took so long until the delay was the usual one again.
    returns_ms: list[float] = field(default_factory=list)
    recorded_ms: float = 0.0
    lasted_ms: float = 0.0  # by the session's clock
    # The server inserted this silence where audio was late, beyond the audio that never came: media time is ahead by
    # this much.
    put_in_ms: float = 0.0
    # Each is how much later a turn is in the recording than it was said.
    shifts_ms: list[float] = field(default_factory=list)

    @property
    def understood(self) -> int:
        """How many turns were understood at all."""
        return sum(bool(text) for text in self.heard)

    @property
    def drift_ms(self) -> float:
        """How far turns lie from where they were said, one against the other."""
        return max(self.shifts_ms) - min(self.shifts_ms) if self.shifts_ms else NEVER

    def wrong(self, reference: list[str]) -> float:
        """Return the share of words that were understood wrong, against these texts of the turns."""
        found = [word_errors(text, heard) for text, heard in zip(reference, self.heard, strict=True)]
        return sum(wrong for wrong, _ in found) / max(1, sum(count for _, count in found))

    def time_ms(self, share: float) -> float | None:
        """Return a percentile of voice to voice."""
        return percentile(self.voice_to_voice_ms, share)


async def consult(folder: Path, plan: Plan, card: str, loss: float, engines: EngineSettings) -> Consultation:
    """Hold a consultation with that share of the media lost each way; its data stay in `folder`."""
    found = Consultation(loss, planned=[turn.text or "" for turn in plan.turns])
    relays: list[Relay] = []
    handed_on: list[tuple[int, float]] = []

    async with serving(folder, engines=engines) as (address, server):

        async def relayed(answer: str) -> str:
            changed, relay = await through_relay(answer, loss=loss)
            relays.append(relay)
            ((_, call, _),) = server.calls._calls.values()
            _watch(call, handed_on)
            return changed

        reserved = await reserve(f"http://{address}", card)
        link = await RtcLink.open(reserved, way=RelayedWay(without_addresses, relayed))
        ((_, call, _),) = server.calls._calls.values()
        candidate = SimulatedCandidate(plan, link, LoopClock())
        await candidate.run()
        assert call.live is not None
        driver = call.live.driver
        await link.close()
        await until(lambda: len(server.calls) == 0)
        recording = folder / "sessions" / reserved.id / "recording.flac"
        await until(recording.exists)
    (relay,) = relays
    relay.close()
    found.put_in_ms = driver.missing_ms if driver is not None else 0.0
    found.sent, found.lost, found.missed = relay.up.audio, relay.up.sound_lost, call.peer.jitter.counts.lost
    found.lasted_ms = _lasted_ms(recording.parent)
    found.heard = [" ".join(result.heard) for result in candidate.results]
    found.voice_to_voice_ms = [r.voice_to_voice_ms for r in candidate.results if r.voice_to_voice_ms is not None]
    _time(found, relay, handed_on)
    _place(found, read_recording(recording).samples, candidate)
    return found


def _lasted_ms(folder: Path) -> float:
    """Return how long a session lasted by its own clock."""
    times = {entry.envelope.type: entry.envelope.session_ms for entry in read_jsonl(folder, seal_of(folder))}
    return times[SessionEnded.type_name()] - times[SessionStarted.type_name()]


def _watch(call: Call, handed_on: list[tuple[int, float]]) -> None:
    """Note when each packet is handed on to the session."""
    hand_on = call.peer.inbound.take_packet

    def take_packet(packet: Ordered) -> None:
        handed_on.append((packet.timestamp, asyncio.get_running_loop().time()))
        hand_on(packet)

    call.peer.inbound.take_packet = take_packet  # type: ignore[method-assign]


def _time(found: Consultation, relay: Relay, handed_on: list[tuple[int, float]]) -> None:
    """Compute each packet's delay, and for how long after each loss it was more than usual."""
    sent_s = {timestamp: at_s for timestamp, passed, at_s in relay.said if passed}
    taken_s = dict(handed_on)
    delays = {at: 1000.0 * (taken_s[at] - at_s) for at, at_s in sent_s.items() if at in taken_s}
    found.delays_ms = list(delays.values())
    usual_ms = float(np.median(found.delays_ms))
    begun_s: float | None = None
    for timestamp, passed, at_s in relay.said:
        if not passed:
            begun_s = at_s if begun_s is None else begun_s
        elif begun_s is not None and timestamp in delays and delays[timestamp] <= usual_ms + BACK_MS:
            found.returns_ms.append(1000.0 * (taken_s[timestamp] - begun_s))
            begun_s = None


def _place(found: Consultation, stereo: NDArray[np.int16], candidate: SimulatedCandidate) -> None:
    """Find each turn in the candidate's track of the recording, and compare with where it was said."""
    track = stereo.reshape(-1, 2)[:, 0]
    found.recorded_ms = 1000.0 * len(track) / WIRE_HZ
    said = np.concatenate(candidate.sent)
    for result in candidate.results:
        start = samples_for(result.voiced_end_ms - result.planned.voiced_to_ms, WIRE_HZ)
        found.shifts_ms.append(_shift_ms(said, track, start, start + len(result.planned.samples)))


def _shift_ms(said: Pcm, track: Pcm, start: int, end: int) -> float:
    """Return how much later in the track this stretch is than it was said, by the best correlation within 0.6 s."""
    reach = samples_for(SEARCH_MS, WIRE_HZ)
    first = max(0, start - reach)
    there, wanted = track[first : end + reach], said[start:end]
    size = 1 << (len(there) + len(wanted)).bit_length()
    spectrum = np.fft.rfft(there, size) * np.fft.rfft(wanted, size).conj()
    lags = np.fft.irfft(spectrum, size)[: len(there) - len(wanted) + 1]
    return 1000.0 * (first + int(np.argmax(lags)) - start) / WIRE_HZ
