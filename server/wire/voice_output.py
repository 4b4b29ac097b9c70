"""How the patient's audio leaves on one connection: a transport brings its own voice, the session speaks with it."""

from __future__ import annotations

import asyncio
from typing import Protocol

from audio.playout import PlayoutChunk, Sink
from server.protocol.binary import pack_patient
from server.protocol.translate import Translator, patient_item
from server.wire.outbox import BinaryAudio, Outbox
from server.wire.round_trip import RoundTrip


class VoiceOutput(Sink, Protocol):
    """A sink of audio for as long as its connection lasts; it tells its client of holds and clears by its own means."""

    def acknowledged(self, reply: int, played_ms: float) -> None:
        """The client says how much of a reply it has played."""

    def delayed(self, delay_ms: float) -> None:
        """The client says how long audio waits there before it is heard."""


class LinkHolder(Protocol):
    """What a voice of messages needs of its session: the link to the client."""

    outbox: Outbox
    translator: Translator
    acks: bool  # whether the client reports what it has played


class MessageVoice:
    """Audio as messages among the others, in their order; what the client is to do with it overtakes it."""

    def __init__(self, speaker: LinkHolder) -> None:
        self._speaker = speaker
        self._outbox = speaker.outbox
        self._translator = speaker.translator
        self._round_trip = RoundTrip()

    def play(self, chunk: PlayoutChunk) -> None:
        """Queue a chunk of the patient's audio."""
        self._round_trip.sent(chunk.reply, _now_ms())
        self._outbox.put(*self._translator.audio(chunk))

    def clear(self, reply: int, heard_ms: float) -> None:
        """Drop the reply's audio that was not sent, and have the client drop what it has not played."""
        self._outbox.drop_audio(patient_item(reply))
        self._outbox.put(*self._translator.cleared(reply, heard_ms))

    def hold(self, reply: int) -> None:
        """Have the client pause the reply's audio, which then tells nothing of the network."""
        self._round_trip.forget(reply)
        self._outbox.overtake(patient_item(reply), self._translator.held(reply))

    def resume(self, reply: int, from_ms: float) -> None:
        """Have the client go on with the reply's audio."""
        self._outbox.overtake(patient_item(reply), self._translator.resumed(reply, from_ms))

    def restart(self, reply: int, from_ms: float) -> None:
        """Have the client begin anew with the reply's audio."""
        self._round_trip.forget(reply)
        self._outbox.drop_audio(patient_item(reply))
        self._outbox.put(self._translator.restarted(reply, from_ms))

    def lead_ms(self) -> float:
        """Return how far ahead of this client its audio should be."""
        return self._round_trip.lead_ms()

    def acknowledges(self) -> bool:
        """Return whether the client reports what it has played."""
        return self._speaker.acks

    def acknowledged(self, reply: int, played_ms: float) -> None:
        """Learn the round trip from what the client says it has played."""
        self._round_trip.acknowledged(reply, played_ms, _now_ms())

    def delayed(self, delay_ms: float) -> None:
        """Learn nothing: this client says what it has played."""


class BinaryVoice(MessageVoice):
    """Audio as binary messages among the others."""

    def play(self, chunk: PlayoutChunk) -> None:
        """Queue a chunk of the patient's audio."""
        self._round_trip.sent(chunk.reply, _now_ms())
        self._outbox.put(BinaryAudio(patient_item(chunk.reply), pack_patient(chunk)))


def _now_ms() -> float:
    return asyncio.get_running_loop().time() * 1000.0
