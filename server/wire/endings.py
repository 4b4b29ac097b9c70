"""How sessions end: the close code for each reason, and what a client is told that never began."""

from __future__ import annotations

from server.protocol import server_events as e

CLOSE_CODES = {
    "ended": 1000, "time_limit": 4440, "idle": 4408, "not_started": 4408, "draining": 1012, "failed": 1011,
    "disconnected": 1001,
}  # fmt: skip
"""Close codes by the reason of the session's end."""


def not_started(within_s: float) -> e.ProblemMessage:
    """Return what a client is told that connected and did not begin its role-play within so many seconds."""
    return e.ProblemMessage(
        code="session.not_started",
        message=f"the role-play was not begun within {within_s:.0f} seconds, so its place was given up; open a new one",
    )


def gave_way() -> e.ProblemMessage:
    """Return what a client is told that had not begun its role-play when all places were taken and others asked."""
    return e.ProblemMessage(
        code="session.not_started",
        message="all places were taken and this role-play had not begun, so its place went to somebody else; "
        "nothing was recorded; open a new one, and begin it when you are connected",
    )
