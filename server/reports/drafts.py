"""Replies that were prepared while the candidate paused: which became the answer, and which were thrown away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.events import DraftDiscarded, DraftMade, TurnCommitted
from pipelines.log.session_log import LogEntry


@dataclass(frozen=True, slots=True)
class PreparedDraft:
    """A draft from when it was asked for until its turn was over, or it was thrown away; media time in milliseconds.

    `reason` and `cost_ms`, of computation in vain, are of one that was thrown away.
    """

    made_ms: float
    done_ms: float
    reason: str | None = None
    cost_ms: float | None = None

    @property
    def kept(self) -> bool:
        """Whether it became the reply."""
        return self.reason is None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def drafts_of(log: Iterable[LogEntry]) -> list[PreparedDraft]:
    """Return the drafts in a log, as a developer may read it, in the order of their ends."""
    made: dict[tuple[int, int], float] = {}
    drafts: list[PreparedDraft] = []
    for record in log:
        now_ms = record.envelope.media_ms
        match record.event:
            case DraftMade(turn=turn, revision=revision):
                made[turn, revision] = now_ms
            case DraftDiscarded(turn=turn, revision=revision, reason=reason, cost_ms=cost_ms):
                drafts.append(PreparedDraft(made.pop((turn, revision), now_ms), now_ms, reason, cost_ms))
            case TurnCommitted(turn=turn):
                kept = [key for key in made if key[0] == turn]
                drafts += [PreparedDraft(made.pop(key), now_ms) for key in kept]
    return drafts
