"""Whether the time of day can be believed, before anything is deleted by it.

A machine has no second clock that survives a restart. So each look at the time is compared with the one before, and
with the newest line of the audit. After a jump nothing is deleted for a day, in which somebody can notice the alarm.
"""

from __future__ import annotations

from dataclasses import dataclass

from server.settings.retention import DAY_MS

# Clocks are set right by seconds all the time.
SLACK_MS = 5 * 60_000
# More than this between two looks is a jump, or a server that was off; both wait. It is no longer than the grace that
# records are given beyond their days, so that no smaller jump costs one of these days.
JUMP_MS = DAY_MS
GRACE_MS = DAY_MS


@dataclass(frozen=True, slots=True)
class Looks:
    """What is known of time: the last look, since when no clock jumped, and the newest line of the audit."""

    last_ms: int | None
    steady_since_ms: int | None
    newest_line_ms: int | None


@dataclass(frozen=True, slots=True)
class ClockJudgement:
    """Since when the clock is steady, and why nothing may be deleted now, None where it may.

    `alarm`: it jumped just now.
    """

    steady_since_ms: int
    why_not: str | None
    alarm: bool = False


def judge(now_ms: int, looks: Looks) -> ClockJudgement:
    """Judge a time of day by what was known before."""
    newest_ms = max(looks.last_ms or 0, looks.newest_line_ms or 0)
    if now_ms < newest_ms - SLACK_MS:
        behind = f"the clock is {told(newest_ms - now_ms)} behind what was written before: it was set back"
        return ClockJudgement(now_ms, behind, alarm=True)
    if looks.last_ms is None or looks.steady_since_ms is None:
        return ClockJudgement(now_ms, "the clock was never looked at before; the first role-plays go after a day")
    if now_ms > looks.last_ms + JUMP_MS:
        ahead = f"the last look at the clock was {told(now_ms - looks.last_ms)} ago: it jumped, or the server was off"
        return ClockJudgement(now_ms, ahead, alarm=True)
    since_ms = looks.steady_since_ms
    if now_ms < since_ms + GRACE_MS:
        return ClockJudgement(
            since_ms, f"the clock is steady for {told(now_ms - since_ms)} only; role-plays go after a day"
        )
    return ClockJudgement(since_ms, None)


def told(span_ms: int) -> str:
    """Return a span of time in words."""
    hours = span_ms / 3_600_000
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} hours"
