"""An interpreter that takes every turn for what it is told to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pipelines.engines import EngineInfo, IndexRequest, Interpretation, InterpretRequest
from pipelines.intent.acts import Act


class ScriptedInterpreter:
    """Answers by `judge`, which is given the request; costs `cost_ms` each time."""

    def __init__(
        self,
        judge: Callable[[InterpretRequest], Interpretation] = lambda _request: Interpretation(Act.STATEMENT),
        *,
        cost_ms: float = 0.0,
    ) -> None:
        self.info = EngineInfo("interpreter", "scripted", demonstration=True, isolation="thread")
        self._judge = judge
        self._cost_ms = cost_ms

    def warm(self) -> None:
        """There is nothing to load."""

    def index(self, request: IndexRequest) -> None:
        """Nothing depends on the card."""

    def interpret(self, request: InterpretRequest) -> Interpretation:
        """Return what the script says."""
        return replace(self._judge(request), cost_ms=self._cost_ms)
