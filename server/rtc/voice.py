"""The patient's voice on a call: a track that is paused, moved and cleared here, not by the client."""

from __future__ import annotations

from audio.playout import MIN_LEAD_MS, PlayoutChunk
from server.protocol import server_events as e
from server.protocol.translate import response_id
from server.rtc.outbound import PatientTrack
from server.wire.live import LiveSession


class TrackVoice:
    """Speaks through a track. The client is told when the patient's audio begins, ends and is cleared.

    How much of it was heard is computed from what the track has sent, so this voice always acknowledges.
    """

    def __init__(self, live: LiveSession, track: PatientTrack) -> None:
        self._live = live
        self._track = track
        track.audio.began = self._began
        track.audio.ended = self._ended

    def play(self, chunk: PlayoutChunk) -> None:
        """Queue a chunk of the patient's audio."""
        self._track.play(chunk)

    def clear(self, reply: int, heard_ms: float) -> None:
        """Fall silent within 10 ms."""
        del heard_ms
        self._track.clear(reply)
        self._live.put(e.OutputCleared(response_id=response_id(reply)))

    def hold(self, reply: int) -> None:
        """Pause within 10 ms; the place is acknowledged with the next frame."""
        self._track.hold(reply)

    def resume(self, reply: int, from_ms: float) -> None:
        """Go on from that place."""
        self._track.resume(reply, from_ms)

    def restart(self, reply: int, from_ms: float) -> None:
        """Begin a reply anew: its audio comes again from that place on."""
        self._track.restart(reply, from_ms)

    def lead_ms(self) -> float:
        """Return how far ahead audio should be here: the track sends it at its time, whatever the network is like."""
        return MIN_LEAD_MS

    def acknowledges(self) -> bool:
        """Say that it is known what was heard."""
        return True

    def acknowledged(self, reply: int, played_ms: float) -> None:
        """Learn nothing from an acknowledgement: this voice makes them."""

    def delayed(self, delay_ms: float) -> None:
        """Count what was sent as heard so much later."""
        self._track.places.page_buffer_ms = delay_ms

    def _began(self, reply: int) -> None:
        self._live.put(e.OutputStarted(response_id=response_id(reply)))

    def _ended(self, reply: int) -> None:
        self._live.put(e.OutputStopped(response_id=response_id(reply)))
