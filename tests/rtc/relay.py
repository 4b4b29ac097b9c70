"""A UDP relay between a caller and the server that loses and cuts off packets: a bad network, without privileges."""

from __future__ import annotations

import asyncio
import random
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

Address = tuple[str, int]
# RTP and RTCP have these first bytes (RFC 7983); the other bytes are STUN, DTLS and the data channel.
MEDIA = range(128, 192)


@dataclass(slots=True)
class Counts:
    """Packets of media in one direction; `sound` are those of RTP."""

    passed: int = 0
    lost: int = 0
    audio: int = 0
    sound_lost: int = 0


@dataclass
class Relay(asyncio.DatagramProtocol):
    """Stands in for the server's address; `loss` is the share of media lost each way, `cut` loses everything."""

    server: Address
    loss: float = 0.0
    cut: bool = False
    delay: Callable[[], float] | None = None  # seconds for each packet
    seed: int = 1
    up: Counts = field(default_factory=Counts)
    down: Counts = field(default_factory=Counts)
    told: list[tuple[int, bool]] = field(default_factory=list)  # of the patient's packets: RTP timestamp, passed on
    said: list[tuple[int, bool, float]] = field(default_factory=list)  # of the candidate's; and when, in the loop's s

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._caller: Address | None = None
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self._transport = cast(asyncio.DatagramTransport, transport)  # asyncio's own is none by its class

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Pass a packet on, or lose it."""
        if addr == self.server:
            counts, to = self.down, self._caller
        else:
            self._caller = addr
            counts, to = self.up, self.server
        media = data[0] in MEDIA
        is_sound = media and not 64 <= data[1] & 0x7F < 96  # RTCP's types lie there (RFC 5761)
        counts.audio += is_sound
        lost = self.cut or bool(media and self.loss and self._chance.random() < self.loss)
        if is_sound:
            self._note(counts is self.down, int.from_bytes(data[4:8]), not lost)
        if lost:
            counts.lost += 1
            counts.sound_lost += is_sound
            return
        counts.passed += 1
        if self.delay is not None:
            asyncio.get_running_loop().call_later(self.delay(), self._send, data, to)
        else:
            self._send(data, to)

    def _note(self, down: bool, timestamp: int, passed: bool) -> None:
        if down:
            self.told.append((timestamp, passed))
        else:
            self.said.append((timestamp, passed, asyncio.get_running_loop().time()))

    def _send(self, data: bytes, to: Address | None) -> None:
        if to is not None and self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, to)

    def close(self) -> None:
        """Let the socket go."""
        if self._transport is not None:
            self._transport.close()


async def without_addresses(offer: str) -> str:
    """Return an SDP offer that names no address: the server would check it directly, and audio would go that way."""
    kept = [line for line in offer.splitlines() if not line.startswith(("a=candidate:", "a=end-of-candidates"))]
    return "\r\n".join(kept) + "\r\n"


async def through_relay(answer: str, **options: float) -> tuple[str, Relay]:
    """Return an SDP answer in which the server is a relay that is started here, and the relay."""
    found = re.findall(r"^a=candidate:\S+ 1 udp \d+ (\d+\.\d+\.\d+\.\d+) (\d+) typ host", answer, flags=re.M | re.I)
    host, port = found[0]
    relay = Relay((host, int(port)), **options)  # type: ignore[arg-type]
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.bind((host, 0))
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: relay, sock=own)
    relayed = own.getsockname()[1]
    lines, kept = [], 0
    for line in answer.splitlines():
        if line.startswith("a=candidate:"):
            if f" {host} {port} " not in line:
                continue
            kept += 1
            line = line.replace(f" {host} {port} ", f" {host} {relayed} ")
        lines.append(line)
    assert kept
    return "\r\n".join(lines) + "\r\n", relay
