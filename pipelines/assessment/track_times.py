"""When the candidate spoke and paused, to ten milliseconds: read from the sound of the candidate's own track.

The log has these times as they were noticed in the talk, by a detector that must be quick. Afterwards there is time to
look at the sound itself: voiced is what is within 25 dB of the turn's loudest 10 ms, as in the definition of latency,
and above the room.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from audio.frames import Pcm, samples_for
from audio.loudness import VOICED_RANGE_DB, WINDOW_MS, window_levels
from pipelines.assessment.spoken import SpokenPause, SpokenRecord
from pipelines.log.recorded_turns import RecordedTurn

# So far before and after its noted ends a turn may begin and end: detectors need some time.
AROUND_MS = 250.0
# So much beside a turn tells how loud the room is.
ROOM_MS = 500.0
ABOVE_ROOM_DB = 6.0
LOUD_ROOM_DB = 12.0
# Shorter silences are closures of consonants.
PAUSE_MS = 200.0


def timed_by_sound(spoken: SpokenRecord, track: Pcm, rate_hz: int) -> SpokenRecord:
    """Return what was said with the candidate's turns and pauses placed by the track, int16 (n,) at `rate_hz`."""
    turns: list[RecordedTurn] = []
    pauses = dict(spoken.pauses)
    own = [turn for turn in spoken.turns if turn.role == "candidate" and not turn.typed]
    for turn in spoken.turns:
        if turn.role != "candidate" or turn.typed:
            turns.append(turn)
            continue
        place = own.index(turn)
        earliest_ms = own[place - 1].to_ms if place else 0.0
        latest_ms = own[place + 1].from_ms if place + 1 < len(own) else float("inf")
        from_ms = max(earliest_ms, turn.from_ms - AROUND_MS)
        found = voiced_stretch(track, rate_hz, from_ms, min(latest_ms, turn.to_ms + AROUND_MS))
        if found is None:
            turns.append(turn)
            continue
        begins_ms, ends_ms, inside = found
        turns.append(replace(turn, from_ms=begins_ms, to_ms=ends_ms))
        pauses[turn.number] = inside
    return replace(spoken, turns=tuple(turns), pauses=pauses)


def voiced_stretch(
    track: Pcm, rate_hz: int, from_ms: float, to_ms: float
) -> tuple[float, float, tuple[SpokenPause, ...]] | None:
    """Return the first and the last voiced moment of a stretch and the pauses between; None where nobody is heard."""
    first = samples_for(max(0.0, from_ms - ROOM_MS), rate_hz)
    around = window_levels(track[first : samples_for(to_ms + ROOM_MS, rate_hz)], rate_hz)
    before = round((from_ms - 1000.0 * first / rate_hz) / WINDOW_MS)
    levels = around[before : before + round((min(to_ms, 1000.0 * len(track) / rate_hz) - from_ms) / WINDOW_MS)]
    if not len(levels) or not np.isfinite(levels.max()):
        return None
    room = np.concatenate([around[:before], around[before + len(levels) :]])
    threshold = levels.max() - VOICED_RANGE_DB
    if len(room):
        # In a loud room what is within 25 dB of the voice is still the room.
        threshold = max(threshold, min(float(np.median(room)) + ABOVE_ROOM_DB, levels.max() - LOUD_ROOM_DB))
    voiced = np.flatnonzero(levels >= threshold)
    start_ms = 1000.0 * first / rate_hz + before * WINDOW_MS
    gaps = np.flatnonzero(np.diff(voiced) * WINDOW_MS > PAUSE_MS)
    inside = tuple(
        SpokenPause(start_ms + (float(voiced[gap]) + 1) * WINDOW_MS, start_ms + float(voiced[gap + 1]) * WINDOW_MS)
        for gap in gaps
    )
    return start_ms + float(voiced[0]) * WINDOW_MS, start_ms + (float(voiced[-1]) + 1) * WINDOW_MS, inside
