"""What a client may send, in every wrong way: messages to a session, and packets to a call's ears.

    python -m tests.fuzz.inputs --messages 100000 --packets 100000 --seed 3

Messages are those of the protocol's page with something changed, in any order, to a session with scripted engines under
virtual time; packets are Opus and noise with any numbers and times. Ends with 1 if anything was raised or logged as a
fault, if a session was closed for a fault of ours, or if memory was kept.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gc
import json
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psutil
from structlog.testing import capture_logs

from audio.frames import FRAME_MS, WIRE_HZ, Pcm, samples_for
from pipelines.virtual_time import run_virtual
from server.principal import Principal
from server.protocol.binary import HEADER
from server.protocol.examples import CLIENT_EXAMPLES
from server.rtc.inbound_audio import InboundAudio
from server.rtc.jitter import GIVEN_UP, MOST_HELD, AudioJitterBuffer
from server.rtc.opus import OpusEncoder
from server.wire.live import LiveSession
from tests.component.realtime_talk import Talk, talking

# A session ends after 20 messages that nobody can understand, so many more have to be half right.
MOST_OF_A_SESSION = 400
MOST_KEPT_BYTES = 40_000_000
PAUSES_S = (*[0.0] * 40, *[0.005] * 40, *[0.02] * 20, 0.3, 0.3, 3.0)
FAULTS = ("message_failed", "connection_failed", "session_not_ended")
ROLES = (Principal("candidate", "sess_1"), Principal("developer", None))
NOISE: tuple[Any, ...] = (
    None, True, -1, 0, 1, 7.5, 1e308, 2**70, "", "x" * 5_000, "\ud800", "\0", "é" * 300, [], {}, [[[[]]]], {"type": 1},
    "item_p1", "item_c1", "item_p99", "root", "resp_1", "audio/pcmu", "audio/pcma", 8_000, 48_000, 60_000, "AAA",
    "AA==",
)  # fmt: skip


@dataclass(slots=True)
class Found:
    """What came of it all."""

    sent: int = 0
    faults: list[str] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    kept_bytes: int = 0


def _spots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each place of a message: what holds it, and its key or number."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _spots(value[key])


def a_message(drawn: random.Random) -> str | bytes:
    """Return a message: most as they should be but for a value or two, few of them no JSON at all."""
    message = deepcopy(drawn.choice(CLIENT_EXAMPLES))
    if message["type"] == "interlocutor.session.end" and drawn.random() < 0.95:
        message = deepcopy(CLIENT_EXAMPLES[1])
    if message["type"] == "input_audio_buffer.append":
        samples = np.full(drawn.choice((1, 160, 480, 961)), drawn.choice((0, 9_000)), dtype="<i2")
        message["audio"] = base64.b64encode(samples.tobytes()).decode()
    kind = drawn.random()
    if kind < 0.5:
        holder, key = drawn.choice([spot for spot in _spots(message) if spot[1] != "type"] or [(message, "event_id")])
        if drawn.random() < 0.2:
            holder.pop(key, None) if isinstance(holder, dict) else holder.clear()
        else:
            holder[key] = drawn.choice(NOISE)
    text = json.dumps(message)
    if kind > 0.99:
        at = drawn.randrange(len(text))
        return text[:at] + drawn.choice(("", "\0", "}", '"', "\\u", "é")) + text[at + drawn.randrange(20) :]
    if kind > 0.98:
        return HEADER.pack(drawn.randrange(4), drawn.randrange(3), drawn.randrange(5), 0, 0) + drawn.randbytes(321)
    return text


async def _taken(one: Talk) -> bool:
    """Return once all messages were taken, whether the connection still stands."""
    # Nobody tells when the channel is idle; each step is one turn of the loop.
    while not (one.channel.idle or one.running.done()):  # noqa: ASYNC110
        await asyncio.sleep(0)
    return not one.running.done() and one.channel.closed is None


async def _session(drawn: random.Random, most: int, found: Found) -> None:
    role = drawn.choice(ROLES)
    free = role.role == "developer" and drawn.random() < 0.5
    async with talking(role=role, call=False, session_s=120, knows_ours=drawn.random() < 0.5, free=free) as one:
        await one.wait("session.created")
        one.token = "said"  # goodbye, in the end: it may have asked to come back
        for _ in range(most):
            one.channel.put(a_message(drawn))
            found.sent += 1
            if pause_s := drawn.choice(PAUSES_S):
                await (one.pause(round(1_000 * pause_s)) if drawn.random() < 0.2 else asyncio.sleep(pause_s))
            if not await _taken(one):
                break
        found.codes.update(event["error"]["code"] for event in one.all("error"))
        found.codes.update(event["code"] for event in one.all("interlocutor.problem"))
    found.faults += [f"closed with {one.channel.closed}"] if (one.channel.closed or (0,))[0] == 1011 else []


def fuzz_messages(count: int, drawn: random.Random) -> Found:
    """Send so many messages to one session after the other."""
    found, process, before = Found(), psutil.Process(), 0
    while found.sent < count:
        with capture_logs() as lines:
            try:
                run_virtual(_session(drawn, min(MOST_OF_A_SESSION, count - found.sent), found))
            except Exception as error:
                found.faults.append("".join(traceback.format_exception(error))[-900:])
        found.faults += [json.dumps(line, default=str) for line in lines if line["event"] in FAULTS]
        if before == 0 and found.sent > count / 10:  # what is loaded once is loaded by then
            gc.collect()
            before = process.memory_info().rss
    gc.collect()
    found.kept_bytes = process.memory_info().rss - before
    found.faults += ["a session was kept"] if any(isinstance(one, LiveSession) for one in gc.get_objects()) else []
    return found


def _packets() -> list[bytes]:
    """Return Opus of a tone and of silence."""
    encoder, size = OpusEncoder(), samples_for(FRAME_MS, WIRE_HZ)
    tone: Pcm = (9_000 * np.sin(np.arange(50 * size) / 9)).astype(np.int16)
    made = (encoder.encode(tone[at : at + size], at // size) for at in range(0, len(tone), size))
    return [bytes(packet) for packet in made if packet is not None]


def fuzz_packets(count: int, drawn: random.Random) -> Found:
    """Give so many packets to one jitter buffer and decoder."""
    found, heard = Found(), [0]

    def hear(samples: Pcm) -> None:
        heard[0] += len(samples)

    inbound = InboundAudio(rate_hz=lambda: WIRE_HZ, hear=hear, missing_ms=lambda: 0.0)
    buffer = AudioJitterBuffer(inbound.take_packet)
    good, process, before = _packets(), psutil.Process(), 0
    number, now_ms = drawn.randrange(65_536), 0.0
    for place in range(count):
        jump = drawn.choice((1, 1, 1, 1, 1, 1, 2, 0, -1, -3, drawn.randint(-4_000, 4_000), drawn.randrange(65_536)))
        number, now_ms = (number + jump) % 65_536, now_ms + drawn.choice((0.0, 5.0, 20.0, 20.0, 400.0))
        payload = drawn.choice(good)
        if drawn.random() < 0.3:
            noise = drawn.randbytes(drawn.randrange(400))
            payload = drawn.choice((noise, b"", payload[: drawn.randrange(9)], payload + noise))
        timestamp = drawn.choice((number * 960, drawn.randrange(2**32))) % 2**32
        ssrc = drawn.choice((1, 1, 1, 1, 1, 1, 1, 2))
        try:
            buffer.put(payload, number=number, timestamp=timestamp, ssrc=ssrc, now_ms=now_ms)
        except Exception as error:
            found.faults.append(f"packet {place}: {type(error).__name__}: {error}")
        if buffer.waiting > MOST_HELD or len(buffer._given_up) > GIVEN_UP:
            found.faults.append(f"packet {place}: {buffer.waiting} are held, {len(buffer._given_up)} remembered")
        if place == count // 10:
            gc.collect()
            before = process.memory_info().rss
    found.sent = count
    found.codes.update({"undecodable": inbound.counts.undecodable, "restarts": buffer.counts.restarts})
    found.codes["heard_s"] = heard[0] // WIRE_HZ
    gc.collect()
    found.kept_bytes = process.memory_info().rss - before
    return found


def main() -> int:
    """Send all of it, say what came of it; return 0 if nothing was a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--packets", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=3)
    given = parser.parse_args()
    bad = 0
    for what, fuzz, count in (("packets", fuzz_packets, given.packets), ("messages", fuzz_messages, given.messages)):
        if not count:
            continue
        began_s = time.monotonic()
        found = fuzz(count, random.Random(given.seed))
        if found.kept_bytes > MOST_KEPT_BYTES:
            found.faults.append(f"{found.kept_bytes / 1e6:.0f} MB were kept")
        report = {
            "what": what,
            "sent": found.sent,
            "faults": len(found.faults),
            "first": found.faults[:5],
            "kept_mb": round(found.kept_bytes / 1e6, 1),
            "seconds": round(time.monotonic() - began_s, 1),
            "answers": dict(found.codes.most_common()),
        }
        print(json.dumps(report, indent=1), flush=True)  # noqa: T201 - for the person
        bad += len(found.faults)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
