"""How many patients one core can voice at once before one of them falls silent in the middle of a reply."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from audio.frames import WIRE_HZ
from bench.report_figures import Figure
from bench.voice.speed import CLAUSES, RATE_WPM
from pipelines.engines import SpeakRequest, Synthesiser, Voice

MOST = 200
# Each patient speaks so many replies, one after the other without a pause, which no conversation has.
REPLIES = 3
_FIRST, _LATER = 0, 10


@dataclass(frozen=True, slots=True)
class VoicedPiece:
    """A piece of a clause: what making it took, and how long it is heard."""

    took_ms: float
    sound_ms: float


Reply = Sequence[Sequence[VoicedPiece]]


def at_once_figures(name: str, one_core: Synthesiser, *, voice: Voice) -> list[Figure]:
    """Return how many patients this voice, made on one core, speaks for at once; raises EngineError."""
    reply = [_pieces(one_core, text, voice) for text in (*CLAUSES.values(), *CLAUSES.values())]
    return [Figure(f"voiced_at_once/{name}", float(most_at_once(reply)), "sessions", note="on one core, none behind")]


def most_at_once(reply: Reply) -> int:
    """Return the most patients, all speaking such replies all the time, of whom none falls behind; 0 for none."""
    count = 0
    while count < MOST and not falls_behind(reply, count + 1):
        count += 1
    return count


def falls_behind(reply: Reply, patients: int) -> bool:
    """Tell whether one of so many patients runs out of audio, on one worker that does first clauses first.

    They begin evenly spread over a reply; how long one waits for the first sound of a reply is another figure.
    """
    length_ms = sum(piece.sound_ms for clause in reply for piece in clause)
    waiting: list[tuple[int, int, int, int]] = []
    begins = [(length_ms * patient / patients, patient, 0) for patient in range(patients)]
    heapq.heapify(begins)
    until = [0.0] * patients
    order, now_ms = 0, 0.0
    while begins or waiting:
        if not waiting:
            now_ms = max(now_ms, begins[0][0])
        while begins and begins[0][0] <= now_ms:
            _, patient, number = heapq.heappop(begins)
            for clause in range(len(reply)):
                heapq.heappush(waiting, (_LATER if clause else _FIRST, order, patient, number * len(reply) + clause))
                order += 1
        _, _, patient, clause = heapq.heappop(waiting)
        number, clause = divmod(clause, len(reply))
        for place, piece in enumerate(reply[clause]):
            now_ms += piece.took_ms
            first = clause == place == 0
            if not first and now_ms > until[patient]:
                return True
            until[patient] = (now_ms if first else until[patient]) + piece.sound_ms
        if clause == len(reply) - 1 and number + 1 < REPLIES:
            heapq.heappush(begins, (until[patient], patient, number + 1))
    return False


def _pieces(synthesiser: Synthesiser, text: str, voice: Voice) -> list[VoicedPiece]:
    return list(_timed(synthesiser, SpeakRequest("bench", text, Voice(voice.sex, voice.age, voice.accent, RATE_WPM))))


def _timed(synthesiser: Synthesiser, request: SpeakRequest) -> Iterator[VoicedPiece]:
    from_s = time.perf_counter()
    for chunk in synthesiser.speak(request):
        if len(chunk.samples):
            yield VoicedPiece(1000.0 * (time.perf_counter() - from_s), 1000.0 * len(chunk.samples) / WIRE_HZ)
            from_s = time.perf_counter()
