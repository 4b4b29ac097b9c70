"""A call over a network that loses packets, and what both ends made of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import numpy as np

from audio.frames import FRAME_MS, WIRE_HZ
from bench.replay.remote import reserve
from bench.replay.webrtc_call import RelayedWay
from server.rtc.jitter import Ordered
from tests.app.inside import until
from tests.app.process import ServerProcess
from tests.app.wire import CARD
from tests.rtc.caller import CallWire, calling
from tests.rtc.relay import Counts, Relay, through_relay, without_addresses

ALLOWED = 0.01  # of what was sent
LAST = 3  # packets that nothing came after; nobody knows of them


@dataclass(frozen=True, slots=True)
class Loss:
    """What one call over a lossy network came to."""

    loss: float
    sent: int  # the candidate's packets of audio
    lost: int  # of them, by the relay
    missed: int  # of them, by the server's count
    # This is the longest gap between the patient's packets, as they were handed on at the caller.
    longest_gap_ms: float
    # So many of these gaps were longer than three packets' time.
    waits: int
    concealed_ms: float


async def measure(server: ServerProcess, loss: float, duration_s: float) -> Loss:
    """Hold a call with that share of its media lost each way; raises AssertionError where more was lost than that."""
    relays: list[Relay] = []

    async def relayed(answer: str) -> str:
        changed, relay = await through_relay(answer, loss=loss)
        relays.append(relay)
        return changed

    reserved = await reserve(server.url, CARD)
    async with calling(reserved, way=RelayedWay(without_addresses, relayed)) as wire:
        call_id = wire.call.location.rpartition("/")[2]
        arrived: list[float] = []
        wire.microphone()
        await _listen(wire, arrived, duration_s)
        await wire.end()
        await until(lambda: bool(_over(server, call_id)))
    (relay,) = relays
    relay.close()
    (there,) = _over(server, call_id)
    here = wire.call.jitter.counts
    check(int(there["lost"]), relay.up)
    check(here.lost, relay.down)
    assert int(there["late"]) == here.late == 0
    heard_ms = 1000.0 * sum(len(part) for part in wire.call.heard) / WIRE_HZ
    # Holes are filled, and so is what the server left out when it stood still: time stays true.
    made_ms = (relay.down.audio + int(there["skipped"])) * FRAME_MS
    assert abs(heard_ms - made_ms) <= 6 * FRAME_MS, (heard_ms, made_ms)
    gaps = np.diff(arrived)
    return Loss(
        loss=loss,
        sent=relay.up.audio,
        lost=relay.up.sound_lost,
        missed=int(there["lost"]),
        longest_gap_ms=round(float(gaps.max()), 1),
        waits=int((gaps > 3.5 * FRAME_MS).sum()),
        concealed_ms=float(there["concealed_ms"]),
    )


def check(missed: int, counts: Counts) -> None:
    """Raise AssertionError unless an end missed what was lost on the way."""
    assert abs(missed - counts.sound_lost) <= max(LAST, ALLOWED * counts.audio), (missed, counts)


def _over(server: ServerProcess, call_id: str) -> list[dict[str, float]]:
    lines = [line["data"] for line in server.log if line["event"] == "call_over"]
    return [data for data in lines if data["call"] == call_id]


async def _listen(wire: CallWire, arrived: list[float], duration_s: float) -> None:
    """Note when each packet of the patient's is handed on, for so long."""
    hand_on = wire.call.inbound.take_packet

    def take_packet(packet: Ordered) -> None:
        arrived.append(time.monotonic() * 1000.0)
        hand_on(packet)

    wire.call.inbound.take_packet = take_packet  # type: ignore[method-assign]
    await asyncio.sleep(duration_s)  # the subject is a stretch of time
