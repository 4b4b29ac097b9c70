"""One call's peer connection: aiortc's, with our ICE, our jitter buffer and our track in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.rtcsctptransport import LOCAL_MAX_MESSAGE_SIZE
from aiortc.stats import RTCRemoteInboundRtpStreamStats

from audio.frames import Pcm
from server.rtc.data_channel import DataChannel
from server.rtc.ice import CallConnection, CallPath
from server.rtc.inbound_audio import InboundAudio
from server.rtc.jitter import AudioJitterBuffer, Ordered
from server.rtc.offer import Offer
from server.rtc.outbound import PatientTrack
from server.rtc.turn_server import IceServer
from server.settings.rtc import RtcSettings

logger = structlog.get_logger("server.rtc.peer")

# Without a limit, aiortc would keep messages that never end.
MOST_UNFINISHED_BYTES = 4 * LOCAL_MAX_MESSAGE_SIZE


class CallPeer:
    """A peer connection with one track each way and the data channel; makes nothing on the network before `answer`.

    `hear` gets the candidate's audio, int16 mono at the rate that `rate_hz` tells; `heard(reply, played_ms)` is told
    how much of the patient's was heard.
    """

    def __init__(
        self,
        settings: RtcSettings,
        *,
        servers: tuple[IceServer, ...],
        rate_hz: Callable[[], int],
        hear: Callable[[Pcm], None],
        heard: Callable[[int, float], None],
        missing_ms: Callable[[], float],
        hang_up: Callable[[], None],
    ) -> None:
        self.channel = DataChannel(hang_up=hang_up)
        self.track = PatientTrack(heard)
        self.inbound = InboundAudio(rate_hz=rate_hz, hear=hear, missing_ms=missing_ms)
        self.jitter = AudioJitterBuffer(self._arrived)
        self.audio_s: float | None = None  # loop time of the last packet of audio
        self._settings = settings
        self._servers = servers
        self._ice_username = ""
        # No ICE servers: aiortc would ask one of its own choice if this were left out, and ours are `CallConnection`'s.
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        transceiver = self._pc.addTransceiver(self.track, "sendrecv")
        capabilities = RTCRtpSender.getCapabilities("audio")
        transceiver.setCodecPreferences([c for c in capabilities.codecs if c.mimeType.lower() == "audio/opus"])
        self._sender = transceiver.sender
        self.jitter.install(transceiver.receiver)
        self._path = CallPath(transceiver.receiver.transport, CallConnection(settings, servers))
        self._pc.on("datachannel", self.channel.open)
        self._pc.on("connectionstatechange", self._changed)

    @property
    def state(self) -> str:
        """aiortc's state of the connection: new, connecting, connected, failed or closed."""
        return self._pc.connectionState

    @property
    def received_s(self) -> float | None:
        """Loop time of the last datagram of any kind."""
        return self._path.received_s

    async def answer(self, offer: Offer) -> str:
        """Return the SDP answer to an offer: the first, one that changes nothing of the way, or an ICE restart.

        Raises CapacityError when no port is free.
        """
        if self._ice_username and offer.ice.usernameFragment != self._ice_username:
            await self._path.begin_restart(CallConnection(self._settings, self._servers), offer.ice)
        self._ice_username = offer.ice.usernameFragment or ""
        await self._pc.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        await self._pc.setLocalDescription()
        return self._pc.localDescription.sdp

    async def measure_round_trip(self) -> None:
        """Take the round trip that RTCP tells, if it does yet."""
        for report in (await self._sender.getStats()).values():
            if isinstance(report, RTCRemoteInboundRtpStreamStats) and report.roundTripTime is not None:
                self.track.places.round_trip_ms = max(0.0, 1000.0 * report.roundTripTime)

    @property
    def flooded(self) -> bool:
        """Whether the other end keeps sending a message that never ends."""
        sctp = self._pc.sctp
        return sctp is not None and sctp._advertised_rwnd < -MOST_UNFINISHED_BYTES

    async def close(self) -> None:
        """Close everything; safe to call twice."""
        self.channel.lost()
        self._pc.remove_all_listeners()
        await self._path.close()
        await self._pc.close()
        self.track.stop()
        self.inbound.close()

    def _changed(self) -> None:
        if self.state in ("failed", "closed"):
            self.channel.lost()

    def _arrived(self, packet: Ordered) -> None:
        self.audio_s = asyncio.get_running_loop().time()
        self.inbound.take_packet(packet)
