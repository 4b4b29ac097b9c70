"""ICE of one call: aioice's connection with our ports and addresses, and one that can be exchanged for an ICE restart.

aioice binds any port on every address but loopback. Here a port comes from the range that a firewall lets through, the
addresses from the networks that are meant, and every datagram is noted, so that a peer that is gone is noticed within
seconds: aioice itself notices after half a minute.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import socket
from collections.abc import Iterator
from typing import Any

import structlog
from aioice import Candidate, Connection
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import (
    ConnectionEvent,
    StunProtocol,
    get_host_addresses,
    relayed_candidate,
    server_reflexive_candidate,
)
from aioice.stun import Message
from aiortc import RTCIceParameters, RTCIceServer
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcicetransport import RTCIceTransport, connection_kwargs

from common.errors import CapacityError
from server.rtc.turn_server import IceServer
from server.settings.rtc import RtcSettings

logger = structlog.get_logger("server.rtc.ice")

LOOPBACK = ("127.0.0.1", "::1")
# This is for a burst after a stall of the loop, not for a queue: 100 sessions' packets of a second.
RECEIVE_BUFFER_BYTES = 262_144
# STUN and TURN servers have so long to answer; a call is not kept waiting by one that is down.
GATHER_S = 2.0
RETRY_S = 5


class CallConnection(Connection):
    """An ICE connection on our ports and addresses that notes when something came."""

    def __init__(self, settings: RtcSettings, servers: tuple[IceServer, ...] = (), **given: Any) -> None:
        asked = servers if settings.use_ice_servers else ()
        known = [RTCIceServer(s.url, username=s.username, credential=s.credential) for s in asked]
        super().__init__(ice_controlling=False, **connection_kwargs(known), **given)
        self.received_s: float | None = None  # loop time of the last datagram
        self._settings = settings

    def data_received(self, data: bytes, component: int) -> None:
        """Take a datagram that is not STUN."""
        self.received_s = asyncio.get_running_loop().time()
        super().data_received(data, component)

    def request_received(self, message: Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """Take a STUN request: the other end checks that we are there."""
        self.received_s = asyncio.get_running_loop().time()
        super().request_received(message, addr, protocol)

    async def get_component_candidates(self, component: int, addresses: list[str], timeout: int = 5) -> list[Candidate]:
        """Bind a port on each address that is told; ask STUN and TURN servers where that is set."""
        told = []
        for address in _addresses(self._settings.host_networks, addresses):
            protocol = await self._bind(address)
            if protocol is not None:
                host, port = protocol.transport.get_extra_info("sockname")[:2]
                protocol.local_candidate = _host_candidate(component, host, port)
                self._protocols.append(protocol)
                told.append(_host_candidate(component, self._settings.public_address or host, port))
        if not told:
            raise CapacityError("no UDP port is free for a call; try again shortly", retry_after_s=RETRY_S)
        return told + await self._ask_servers(component)

    async def _bind(self, address: str) -> StunProtocol | None:
        loop = asyncio.get_running_loop()
        for port in _ports(self._settings):
            try:
                transport, protocol = await loop.create_datagram_endpoint(
                    lambda: StunProtocol(self), local_addr=(address, port)
                )
            except OSError:
                continue
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            return protocol
        logger.warning("rtc_no_port", address=address)
        return None

    async def _ask_servers(self, component: int) -> list[Candidate]:
        asked: list[asyncio.Task[tuple[Candidate, StunProtocol | None]]] = []
        if self.stun_server is not None:
            own = [p for p in self._protocols if ipaddress.ip_address(p.local_candidate.host).version == 4]
            asked += [asyncio.create_task(server_reflexive_candidate(p, self.stun_server)) for p in own]
        if self.turn_server is not None:
            asked.append(asyncio.create_task(self._relay(component, self.turn_server)))
        if not asked:
            return []
        done, late = await asyncio.wait(asked, timeout=GATHER_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        found = []
        for task in done:
            if (error := task.exception()) is not None:
                logger.warning("rtc_ice_server", error=str(error))
                continue
            candidate, protocol = task.result()
            found.append(candidate)
            if protocol is not None:
                self._protocols.append(protocol)
        return found

    async def _relay(self, component: int, server: tuple[str, int]) -> tuple[Candidate, StunProtocol | None]:
        return await relayed_candidate(
            component=component,
            hide_related_address=True,
            protocol_factory=lambda: StunProtocol(self),
            turn_server=server,
            turn_username=self.turn_username,
            turn_password=self.turn_password,
            turn_ssl=self.turn_ssl,
            turn_transport=self.turn_transport,
        )


class CallPath:
    """The way of a call's packets: a connection in the place of aiortc's own, which an ICE restart exchanges.

    aiortc knows no restart. Here the new connection checks its way while the old one still carries, and takes over
    once it has found one; DTLS and all above it notice nothing.
    """

    def __init__(self, transport: RTCDtlsTransport, connection: CallConnection) -> None:
        self._ice: RTCIceTransport = transport.transport
        self._carrying = connection
        self._restart: asyncio.Task[None] | None = None
        self._next: CallConnection | None = None
        self._ice.iceGatherer._connection = self._ice._connection = connection
        self._ice._recv, self._ice._send = self._receive, self._send

    @property
    def received_s(self) -> float | None:
        """Loop time of the last datagram, on whichever way."""
        times = [c.received_s for c in (self._carrying, self._next) if c is not None and c.received_s is not None]
        return max(times, default=None)

    async def begin_restart(self, connection: CallConnection, remote: RTCIceParameters) -> None:
        """Gather for a new way and start to check it; the answer that is made next describes it."""
        await self._drop_restart()
        await connection.gather_candidates()
        connection.remote_username, connection.remote_password = remote.usernameFragment, remote.password
        self._next = self._ice.iceGatherer._connection = self._ice._connection = connection
        self._restart = asyncio.create_task(self._take_over(connection), name="rtc-ice-restart")

    async def close(self) -> None:
        """Give up a restart that is under way."""
        await self._drop_restart()

    async def _drop_restart(self) -> None:
        if self._restart is not None:
            self._restart.cancel()
            await asyncio.gather(self._restart, return_exceptions=True)
        if self._next is not None:
            await self._next.close()
            self._ice.iceGatherer._connection = self._ice._connection = self._carrying
        self._restart = self._next = None

    async def _take_over(self, connection: CallConnection) -> None:
        try:
            await connection.connect()
        except ConnectionError:
            # The old way may still carry; the call is given up when nothing comes any more.
            return
        old, self._carrying, self._next = self._carrying, connection, None
        # aiortc waits for the old connection's end to call the whole transport failed; it is to wait for the new one's.
        old._emit_event(ConnectionEvent())
        old._closed = True
        await old.close()

    async def _receive(self) -> bytes:
        while True:
            carrying = self._carrying
            try:
                return await carrying.recv()
            except ConnectionError:
                if carrying is self._carrying:
                    raise

    async def _send(self, data: bytes) -> None:
        await self._carrying.send(data)


def _addresses(networks: tuple[str, ...], found: list[str]) -> Iterator[str]:
    """Yield this machine's addresses that are in one of the networks; without networks all that aioice found.

    A machine without any other has loopback alone, and then its browser is on it.
    """
    if not networks:
        yield from found or LOOPBACK[:1]
        return
    nets = [ipaddress.ip_network(network) for network in networks]
    for address in dict.fromkeys((*LOOPBACK, *get_host_addresses(True, True))):
        if any(ipaddress.ip_address(address) in net for net in nets):
            yield address


def _ports(settings: RtcSettings) -> Iterator[int]:
    """Yield the ports to try: those of the range from a random one on, so that calls do not all try the same."""
    first, last = settings.udp_port_min, settings.udp_port_max
    count = last - first + 1
    start = random.randrange(count)  # noqa: S311 - spreads calls, protects nothing
    yield from (first + (start + step) % count for step in range(count))


def _host_candidate(component: int, host: str, port: int) -> Candidate:
    return Candidate(
        foundation=candidate_foundation("host", "udp", host),
        component=component,
        transport="udp",
        priority=candidate_priority(component, "host"),
        host=host,
        port=port,
        type="host",
    )
