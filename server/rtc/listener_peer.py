"""The peer connection of somebody who only listens: one track out, with our ICE in it, and nothing else."""

from __future__ import annotations

import asyncio

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription

from server.rtc.ice import CallConnection, CallPath
from server.rtc.offer import Offer
from server.rtc.turn_server import IceServer
from server.rtc.voices_track import VoicesTrack
from server.settings.rtc import RtcSettings

# As for calls: nothing at all came for so long. Listeners send reports about once a second.
GONE_S = 15.0
LOOK_S = 0.5


class ListenerPeer:
    """Sends a track; `run` returns once the other end is gone, and nothing is left after `close`."""

    def __init__(self, track: VoicesTrack, settings: RtcSettings, servers: tuple[IceServer, ...]) -> None:
        self._settings = settings
        self._track = track
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        transceiver = self._pc.addTransceiver(track, "sendonly")
        capabilities = RTCRtpSender.getCapabilities("audio")
        transceiver.setCodecPreferences([c for c in capabilities.codecs if c.mimeType.lower() == "audio/opus"])
        self._path = CallPath(transceiver.sender.transport, CallConnection(settings, servers))

    async def answer(self, offer: Offer) -> str:
        """Return the SDP answer; raises CapacityError when no port is free."""
        await self._pc.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        await self._pc.setLocalDescription()
        return self._pc.localDescription.sdp

    async def run(self) -> None:
        """Wait until it is over: it did not connect in time, failed, or nothing came any more."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        while self._pc.connectionState not in ("failed", "closed"):
            await asyncio.sleep(LOOK_S)
            now_s = loop.time()
            if self._pc.connectionState != "connected" and now_s - began_s > self._settings.connect_s:
                return
            if (came_s := self._path.received_s) is not None and now_s - came_s > GONE_S:
                return

    async def close(self) -> None:
        """Close everything; safe to call twice."""
        self._track.stop()
        self._pc.remove_all_listeners()
        await self._path.close()
        await self._pc.close()
