"""A turn detector that says what it was told to say, at a cost that it is given."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.engines import EndOfTurn, EndOfTurnRequest, EngineInfo


class ScriptedTurnDetector:
    """Answers each question by `judge`, which is given what was heard; costs `cost_ms` each time."""

    def __init__(
        self, judge: Callable[[EndOfTurnRequest], float] = lambda _request: 0.5, *, cost_ms: float = 0.0
    ) -> None:
        self.info = EngineInfo("turn_detector", "scripted", demonstration=True, isolation="thread")
        self._judge = judge
        self._cost_ms = cost_ms

    def warm(self) -> None:
        """There is nothing to load."""

    def detect(self, request: EndOfTurnRequest) -> EndOfTurn:
        """Return what the script says."""
        return EndOfTurn(self._judge(request), self._cost_ms)
