"""Audio as binary messages, for clients that ask for it by subprotocol: a small header, then 16-bit PCM.

Little-endian, 12 bytes: kind (1 byte), flags (1), reply (2), place (4), late_ms (4).

- kind 1, from the client: the candidate's audio at the session's input rate. It acknowledges playout: `place`
  milliseconds of the patient's item `item_p<reply>` were played (reply 0: nothing plays). Flag 1: the audio is late,
  captured `late_ms` ago.
- kind 2, from the server: the patient's audio at 24 kHz, `place` samples into that item.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from audio.frames import WIRE_HZ, pcm_to_bytes, samples_for
from audio.playout import PlayoutChunk
from server.protocol.client_events import MAX_AUDIO_BYTES, MAX_LATE_MS, MAX_PLAYED_MS
from server.protocol.refusal import Code, Refused

SUBPROTOCOL = "interlocutor.binary.v1"
HEADER = struct.Struct("<BBHII")
CANDIDATE, PATIENT = 1, 2
LATE = 1
MAX_BINARY_BYTES = HEADER.size + MAX_AUDIO_BYTES


@dataclass(frozen=True, slots=True)
class CandidateAudioMessage:
    """What a client's binary message says; `pcm` is 16-bit little-endian, `reply` 0 where nothing plays."""

    pcm: bytes
    reply: int = 0
    played_ms: int = 0
    late_ms: int | None = None


@dataclass(frozen=True, slots=True)
class PatientAudioMessage:
    """What a server's binary message says: audio of a reply, `place` samples into it."""

    reply: int
    place: int
    pcm: bytes


def pack_candidate(audio: CandidateAudioMessage) -> bytes:
    """Return a client's binary message."""
    flags = 0 if audio.late_ms is None else LATE
    return HEADER.pack(CANDIDATE, flags, audio.reply, audio.played_ms, audio.late_ms or 0) + audio.pcm


def pack_patient(chunk: PlayoutChunk) -> bytes:
    """Return a server's binary message."""
    place = samples_for(chunk.from_ms, WIRE_HZ)
    return HEADER.pack(PATIENT, 0, chunk.reply & 0xFFFF, place, 0) + pcm_to_bytes(chunk.samples)


def parse_candidate(data: bytes) -> CandidateAudioMessage:
    """Return what a client's binary message says; raises Refused."""
    if len(data) > MAX_BINARY_BYTES:
        raise Refused(f"a binary message has at most {MAX_BINARY_BYTES} bytes; send shorter ones", code=Code.TOO_BIG)
    if len(data) < HEADER.size:
        raise Refused(f"a binary message begins with {HEADER.size} bytes of header", code=Code.BAD_BINARY)
    kind, flags, reply, played_ms, late_ms = HEADER.unpack_from(data)
    if kind != CANDIDATE or flags & ~LATE or played_ms > MAX_PLAYED_MS or late_ms > MAX_LATE_MS:
        raise Refused("the header of a binary message says something unknown or out of bounds", code=Code.BAD_BINARY)
    if len(data) % 2:
        raise Refused("the sound is not whole 16-bit samples; send an even number of bytes", code=Code.ODD_LENGTH)
    return CandidateAudioMessage(data[HEADER.size :], reply, played_ms, late_ms if flags & LATE else None)


def parse_patient(data: bytes) -> PatientAudioMessage:
    """Return what a server's binary message says; raises ValueError."""
    if len(data) < HEADER.size or len(data) % 2 or data[0] != PATIENT:
        raise ValueError("not a message of the patient's sound")
    _, _, reply, place, _ = HEADER.unpack_from(data)
    return PatientAudioMessage(reply, place, data[HEADER.size :])
