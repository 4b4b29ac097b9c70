"""The sink of the patient's audio: out by the voice of whatever connection there is."""

from __future__ import annotations

from audio.playout import PlayoutChunk
from server.wire.client_link import ClientLink


class LinkSink:
    """The sink of a session whose connections change."""

    def __init__(self, link: ClientLink) -> None:
        self._link = link

    def play(self, chunk: PlayoutChunk) -> None:
        """Send a chunk of the patient's audio."""
        self._link.translator.audio_sent(chunk)
        self._link.voice.play(chunk)

    def clear(self, reply: int, heard_ms: float) -> None:
        """Have the client drop the reply's audio that it has not played."""
        self._link.voice.clear(reply, heard_ms)

    def hold(self, reply: int) -> None:
        """Have the client pause the reply's audio."""
        self._link.voice.hold(reply)

    def resume(self, reply: int, from_ms: float) -> None:
        """Have the client go on with the reply's audio."""
        self._link.voice.resume(reply, from_ms)

    def restart(self, reply: int, from_ms: float) -> None:
        """Have the client drop what it has of the reply's audio; what is sent from now on begins at `from_ms`."""
        self._link.voice.restart(reply, from_ms)

    def lead_ms(self) -> float:
        """Return how far ahead of this client its audio should be."""
        return self._link.voice.lead_ms()

    def acknowledges(self) -> bool:
        """Return whether the client reports what it has played."""
        return self._link.voice.acknowledges()
