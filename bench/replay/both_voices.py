"""The whole of a replay as both voices: what each said when, what was prepared meanwhile, and the sound itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio.frames import WIRE_HZ
from bench.replay.loudspeaker import HeardStretch
from bench.replay.simulated_candidate import TurnResult
from pipelines.log.recorded_turns import recorded_turns
from pipelines.log.session_log import LogEntry
from server.reports.drafts import drafts_of


def voices_of(
    run: Sequence[TurnResult],
    *,
    stereo: NDArray[np.int16],
    log: Sequence[LogEntry] = (),
    heard: Sequence[HeardStretch] = (),
) -> dict[str, Any]:
    """Return {turns, drafts, length_ms, sound} of one run as plain data; `sound` is Ogg Opus in base64.

    Turns are as in a session's record. `stereo` is int16 (n, 2) at 24 kHz; without a `log`, the session's on another
    machine, they have no words with places, and nobody knows of drafts.
    """
    said = [turn.as_json({}) for turn in recorded_turns(log)] if log else _without_log(run, heard)
    return {
        "turns": sorted(said, key=lambda turn: turn["from_ms"]),
        "drafts": [draft.as_json() for draft in drafts_of(log)],
        "length_ms": round(1_000.0 * len(stereo) / WIRE_HZ),
        "sound": base64.b64encode(as_opus(stereo)).decode(),
    }


def as_opus(stereo: NDArray[np.int16]) -> bytes:
    """Return sound, int16 (n, 2) at 24 kHz, as Ogg Opus: a tenth of its samples."""
    file = io.BytesIO()
    soundfile.write(file, stereo, WIRE_HZ, format="OGG", subtype="OPUS")
    return file.getvalue()


def _without_log(run: Sequence[TurnResult], heard: Sequence[HeardStretch]) -> list[dict[str, Any]]:
    mine = [
        _turn("candidate", " ".join(turn.heard) or turn.planned.text or "", begin_ms(turn), turn.voiced_end_ms)
        for turn in run
        if turn.voiced_end_ms > 0
    ]
    spoken: dict[int, list[HeardStretch]] = {}
    for span in heard:
        spoken.setdefault(span.reply, []).append(span)
    texts = [text for turn in run for text in turn.said]
    theirs = [
        _turn("patient", texts[place] if place < len(texts) else "", spans[0].at_ms, spans[-1].to_ms)
        for place, (_, spans) in enumerate(sorted(spoken.items()))
    ]
    return mine + theirs


def begin_ms(turn: TurnResult) -> float:
    """Return where the candidate's voice began in a turn, on the same clock as its end."""
    return turn.voiced_end_ms - (turn.planned.voiced_to_ms - turn.planned.voiced_from_ms)


def _turn(role: str, text: str, from_ms: float, to_ms: float) -> dict[str, Any]:
    return {"role": role, "text": text, "from_ms": round(from_ms), "to_ms": round(to_ms), "words": []}
