"""The ways a replay may reach a server, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from bench.replay.remote import RemoteLink, Reserved
from common.errors import SettingsError

if TYPE_CHECKING:
    from bench.replay.webrtc import RtcLink

Transport = Literal["websocket", "webrtc"]
TRANSPORTS: tuple[Transport, ...] = get_args(Transport)


async def open_link(
    reserved: Reserved, transport: Transport, *, binary: bool = True, resume: bool = False
) -> RemoteLink | RtcLink:
    """Connect to a reserved session; raises AppError.

    With `resume` it comes back when its connection is lost; `binary` is for the WebSocket: audio as binary messages.
    """
    if transport == "webrtc":
        from bench.replay.webrtc import RtcLink  # aiortc takes half a second to import

        return await RtcLink.open(reserved, resume=resume)
    return await RemoteLink.open(reserved, binary=binary, resume=resume)


def named_transport(name: str) -> Transport:
    """Return the transport of that name; raises SettingsError."""
    for transport in TRANSPORTS:
        if name == transport:
            return transport
    raise SettingsError(f"--transport is one of {', '.join(TRANSPORTS)}")
