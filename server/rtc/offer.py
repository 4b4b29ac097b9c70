"""SDP offers, checked before anything is made for them: what a call needs is there, and nothing besides."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from aiortc import RTCIceParameters
from aiortc.sdp import SessionDescription

from common.errors import ProtocolError
from server.settings.rtc import RtcSettings

# Chromium's offer of one audio track and a data channel has 2 to 4 KiB.
MAX_SDP_BYTES = 65_536
MAX_CANDIDATES = 100  # a laptop with a few networks has about ten
MAX_LINES = 2_000
_FINGERPRINTS = {"sha-256", "sha-384", "sha-512"}


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer that can be answered: one section of audio with Opus, one of data, on one transport."""

    sdp: str
    ice: RTCIceParameters


def check_offer(body: bytes, settings: RtcSettings, *, listens: bool = False) -> Offer:
    """Return a request's body as an offer; raises ProtocolError with a code that begins with `rtc.`.

    With `listens` it is of somebody who only listens: one section of audio, to receive, and no data.
    It has only those of its candidates that we may send to before they have sent to us.
    """
    if len(body) > MAX_SDP_BYTES:
        raise ProtocolError(
            f"the offer is larger than {MAX_SDP_BYTES} bytes; send one with a track of sound and a data channel only",
            code="rtc.too_big",
            http_status=413,
        )
    try:
        text = body.decode("utf-8")
        if not text.strip() or not text.lstrip().startswith("v=0"):
            raise ValueError("no SDP")
        if text.count("\n") > MAX_LINES:
            raise ValueError("too many lines")
        _check_candidates(text)
        description = SessionDescription.parse(text)
    except ProtocolError:
        raise
    except Exception:
        # The parser asserts, indexes and looks up: whatever it raises, the text is no offer.
        raise _bad("the body is no SDP offer; send the text of RTCPeerConnection.createOffer()") from None
    return Offer(_without_strangers(text, settings), _sections(description, listens=listens))


def _check_candidates(text: str) -> None:
    count = len(re.findall(r"^a=candidate:", text, flags=re.M))
    if count > MAX_CANDIDATES:
        raise ProtocolError(
            f"the offer has {count} candidates, where {MAX_CANDIDATES} are the most; offer fewer addresses",
            code="rtc.too_many_candidates",
        )


def _sections(description: SessionDescription, *, listens: bool) -> RTCIceParameters:
    """Return the ICE parameters of an offer that has all that is needed."""
    kinds = [media.kind for media in description.media]
    if "audio" not in kinds:
        raise ProtocolError("the offer has no sound; add the microphone's track before it is made", code="rtc.no_audio")
    if "application" not in kinds and not listens:
        raise ProtocolError(
            "the offer has no data channel; create oai-events before it is made", code="rtc.no_data_channel"
        )
    if listens and kinds != ["audio"]:
        raise _bad("offer one track of sound, and nothing else")
    if not listens and kinds != ["audio", "application"]:
        raise _bad("offer one track of sound and then the data channel, and nothing else")
    audio = description.media[0]
    if not any(codec.mimeType.lower() == "audio/opus" and codec.clockRate == 48_000 for codec in audio.rtp.codecs):
        raise ProtocolError("the offer's sound is not in Opus, which alone is taken", code="rtc.no_opus")
    if listens and audio.direction != "recvonly":
        raise _bad(f"the sound is offered as {audio.direction}; offer recvonly, to hear")
    if not listens and audio.direction not in (None, "sendrecv"):
        raise _bad(f"the sound is offered as {audio.direction}; offer sendrecv, to speak and to hear")
    mids = [media.rtp.muxId for media in description.media]
    bundles = [group.items for group in description.group if group.semantic == "BUNDLE"]
    if not all(mids) or bundles != [mids]:
        raise _bad("sound and data must share one transport; use the bundle policy max-bundle")
    for media in description.media:
        if media.dtls is None or not any(f.algorithm.lower() in _FINGERPRINTS for f in media.dtls.fingerprints):
            raise _bad("a fingerprint or setup is missing")
    data = description.media[-1]
    if not listens and data.profile.endswith("DTLS/SCTP") and data.fmt != ["webrtc-datachannel"]:
        raise _bad("the data channel is in an old form")
    ice = audio.ice
    if ice is None or not ice.usernameFragment or not ice.password:
        raise _bad("ice-ufrag or ice-pwd is missing")
    if ice.iceLite:
        raise _bad("it comes from an ICE-lite agent")
    return ice


def _without_strangers(text: str, settings: RtcSettings) -> str:
    """Return an offer without the candidates that we must not send to first, and without the word that these were all.

    Anybody can write anybody's address into an offer. The checks of whoever made it tell us the address in any case, so
    they are waited for. Only a server that is reached through servers of ICE must knock first.
    """
    kept = [
        line
        for line in text.splitlines()
        if not line.startswith("a=end-of-candidates")
        and not (line.startswith("a=candidate:") and not _may_send_to(line.split(), settings))
    ]
    return "\r\n".join(kept) + "\r\n"


def _may_send_to(parts: list[str], settings: RtcSettings) -> bool:
    """Whether a candidate may be checked from here: of UDP, a public address or one of the networks that are set."""
    if not settings.use_ice_servers or len(parts) < 8 or parts[2].lower() != "udp":
        return False
    try:
        address = ip_address(parts[4])
    except ValueError:
        # A name: browsers hide addresses behind those that only mDNS resolves.
        return False
    return any(address in ip_network(network) for network in settings.peer_networks) or (
        address.is_global and not address.is_multicast
    )


def _bad(why: str) -> ProtocolError:
    return ProtocolError(f"the offer can't be answered: {why}", code="rtc.bad_offer")
