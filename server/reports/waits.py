"""Why each turn was waited for, out of a session's log: as plain data for scripts and pages, and in words.

The log is read as a developer may: a candidate is told none of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from pipelines.events import PauseJudged
from pipelines.log.session_log import LogEntry
from server.reports.pause_report import Look, Pause, pauses_of
from server.reports.wait_words import judged_in_words, looked_in_words, paused_in_words, share, waited_in_words


def waits_of(log: Iterable[LogEntry]) -> dict[int, dict[str, Any]]:
    """Return why each turn in a log was waited for, by its number, as plain data and in words; milliseconds.

    A turn has `silence_ms` and `words` of its last pause, and all its `pauses`.
    """
    turns = pauses_of(log)
    listens = any(pause.looks for pauses in turns.values() for pause in pauses.values())
    return {turn: _turn(turn, list(pauses.values()), listens=listens) for turn, pauses in turns.items()}


def _turn(number: int, pauses: list[Pause], *, listens: bool) -> dict[str, Any]:
    # Speech that went on within a frame of the last voiced sample was no pause.
    told = [pause for pause in pauses if pause.judged or not pause.went_on] or pauses[-1:]
    written = [_pause(pause, listens=listens) for pause in told]
    return {
        "turn": number,
        "silence_ms": written[-1]["silence_ms"],
        "words": written[-1]["words"],
        "pauses": written,
    }


def _pause(pause: Pause, *, listens: bool) -> dict[str, Any]:
    last = pause.judged[-1] if pause.judged else None
    news = [now for before, now in pairwise([None, *pause.judged]) if now is not None and _is_news(now, before)]
    late = bool(pause.looks) and all(look.answered_ms is None for look in pause.looks)
    in_words = paused_in_words if pause.went_on else waited_in_words
    return {
        "silence_ms": _rounded(pause.silence_ms),
        "went_on": pause.went_on,
        "wait_ms": _rounded(last.wait_ms) if last is not None else None,
        "words": in_words(pause.silence_ms, pause.judged, late=late, listens=listens),
        "looks": [_look(look) for look in pause.looks],
        "judged": [_judged(now, before, pause.looks) for before, now in pairwise([None, *news]) if now is not None],
    }


def _look(look: Look) -> dict[str, Any]:
    return {
        "asked_ms": _rounded(look.asked_ms),
        "answered_ms": _rounded(look.answered_ms),
        "goes_on": None if look.finished is None else round(1.0 - look.finished, 3),
        "words": looked_in_words(look.finished),
    }


def _is_news(now: PauseJudged, before: PauseJudged | None) -> bool:
    """Return whether a judgement says more than that the recogniser changed its mind on the same words."""
    return before is None or (now.worth, now.wait_ms) != (before.worth, before.wait_ms)


def _judged(judged: PauseJudged, before: PauseJudged | None, looks: Sequence[Look]) -> dict[str, Any]:
    """Return one judgement; `look` is the place of the turn detector's answer that it was the first to weigh."""
    answered = [place for place, look in enumerate(looks) if (look.answered_ms or math.inf) <= judged.silent_ms]
    known = None if before is None else before.evidence.get("sound")
    text, sound, asks = judged.worth.get("text"), judged.evidence.get("sound"), judged.evidence.get("asks")
    return {
        "after_ms": _rounded(judged.silent_ms),
        "wait_ms": _rounded(judged.wait_ms),
        "rule": judged.rule,
        "ending": judged.ending,
        "text_goes_on": None if text is None else round(share(text), 3),
        "text_asks": asks if asks is None else round(asks, 3),
        "voice_goes_on": None if sound is None else round(share(-sound), 3),
        "goes_on": round(share(sum(judged.worth.values())), 3) if judged.worth else None,
        "stretch": round(judged.stretch, 2),
        "patience": round(judged.patience, 2),
        "look": answered[-1] if answered and sound not in (None, known) else None,
        "words": judged_in_words(judged, before),
    }


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 1)
