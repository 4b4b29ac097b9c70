"""One call of a client's to a server, with aiortc: the microphone's track out, the patient's in, the data channel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from audio.frames import WIRE_HZ, Pcm
from bench.replay.http import ask
from common.errors import ProtocolError
from server.rtc.data_channel import LABEL
from server.rtc.inbound_audio import InboundAudio
from server.rtc.jitter import AudioJitterBuffer, Ordered
from server.rtc.opus import OpusEncoder, OpusPacket

CALLS = "/v1/realtime/calls"

Change = Callable[[str], Awaitable[str]]


async def unchanged(sdp: str) -> str:
    """Leave an SDP as it is."""
    return sdp


@dataclass(frozen=True, slots=True)
class RelayedWay:
    """How offers and answers are changed on their way, so that a call goes by a relay."""

    offer: Change = unchanged
    answer: Change = unchanged


DIRECT = RelayedWay()


def configured(
    servers: Iterable[RTCIceServer] = (), policy: RTCIceTransportPolicy = RTCIceTransportPolicy.ALL
) -> RTCConfiguration:
    """Return how a call finds its way: through these servers and no others, or (policy) through nothing else."""
    return RTCConfiguration(
        iceServers=list(servers), iceTransportPolicy=policy, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE
    )


class Microphone(MediaStreamTrack):
    """A track of the frames that it is given, one packet for each."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._frames: asyncio.Queue[Pcm] = asyncio.Queue()
        self._encoder = OpusEncoder()
        self._number = 0

    def put(self, samples: Pcm) -> None:
        """Queue 20 ms of int16 mono at 24 kHz."""
        self._frames.put_nowait(samples)

    async def recv(self) -> OpusPacket:
        """Return the next packet once there is one."""
        while self.readyState == "live":
            packet = self._encoder.encode(await self._frames.get(), self._number)
            self._number += 1
            if packet is not None:
                return packet
        raise MediaStreamError


class ClientCall:
    """A call from its offer to its end; `hear` is given the patient's audio, int16 mono at 24 kHz.

    `ice`: how it finds its way, directly unless told.
    """

    def __init__(
        self,
        *,
        hear: Callable[[Pcm], None],
        take: Callable[[str | bytes], None],
        ice: RTCConfiguration | None = None,
    ) -> None:
        self.location = ""
        self.opened = asyncio.Event()
        self.closed = asyncio.Event()
        self.heard_s = _now_s()  # when something last came
        self.microphone = Microphone()
        self.jitter = AudioJitterBuffer(self._arrived)
        self.inbound = InboundAudio(rate_hz=lambda: WIRE_HZ, hear=hear, missing_ms=lambda: 0.0)
        self._take = take
        self.pc = RTCPeerConnection(ice or configured())
        transceiver = self.pc.addTransceiver(self.microphone, "sendrecv")
        self.jitter.install(transceiver.receiver)
        self.channel: RTCDataChannel = self.pc.createDataChannel(LABEL)
        self.channel.on("open", self.opened.set)
        self.channel.on("message", self._received)
        self.channel.on("close", self.closed.set)

    async def connect(
        self, base_url: str, headers: dict[str, str], *, within_s: float, way: RelayedWay = DIRECT
    ) -> None:
        """Call the server; returns once messages can be sent. Raises ProtocolError."""
        await self.offer(base_url, headers, way=way)
        try:
            async with asyncio.timeout(within_s):
                await self.opened.wait()
        except TimeoutError:
            raise ProtocolError(
                "the call did not connect; are the server's UDP ports open?", code="replay.server"
            ) from None

    async def offer(self, base_url: str, headers: dict[str, str], *, way: RelayedWay = DIRECT) -> None:
        """Make the offer and take the answer; raises ProtocolError."""
        await self.pc.setLocalDescription()
        offer = await way.offer(self.pc.localDescription.sdp)
        answer, self.location = await post_offer(f"{base_url.rstrip('/')}{CALLS}", offer, headers)
        await self.pc.setRemoteDescription(RTCSessionDescription(await way.answer(answer), "answer"))

    def put(self, text: str) -> bool:
        """Send a message if the channel is open; return whether it is."""
        if self.channel.readyState != "open":
            return False
        self.channel.send(text)
        return True

    async def close(self) -> None:
        """Let go of everything without a word."""
        self.pc.remove_all_listeners()
        self.microphone.stop()
        await self.pc.close()
        self.inbound.close()
        self.closed.set()

    def _received(self, message: str | bytes) -> None:
        self.heard_s = _now_s()
        self._take(message)

    def _arrived(self, packet: Ordered) -> None:
        self.heard_s = _now_s()
        self.inbound.take_packet(packet)


async def post_offer(url: str, offer: str, headers: dict[str, str], *, method: str = "POST") -> tuple[str, str]:
    """Send an SDP offer; return the answer and the call's address. Raises ProtocolError with the server's own words."""
    answer = await ask(url, headers={"Content-Type": "application/sdp", **headers}, body=offer.encode(), method=method)
    return answer.body.decode(), answer.location


def _now_s() -> float:
    return asyncio.get_running_loop().time()
