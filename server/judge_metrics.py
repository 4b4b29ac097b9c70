"""What `interlocutor judge` found out about replies, as series: read from its file whenever they are asked for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from server.judging.judge_rules import JUDGE_RULES
from server.judging.judge_scores import CARD_WORDS, SpeakerScores, read_scores

JUDGE_LABELS: dict[str, dict[str, tuple[str, ...]]] = {"voice_judged_broken": {"rule": tuple(JUDGE_RULES)}}


class JudgedCollector(Collector):
    """Shows the scores of the model whose replies were judged last; all are zero where nobody judged."""

    def __init__(self) -> None:
        self.folder: Path | None = None

    def collect(self) -> Iterable[Metric]:
        last = self._last()
        broken = GaugeMetricFamily(
            "voice_judged_broken", "Of these replies, how many break a rule, by the rule.", labels=("rule",)
        )
        for name in JUDGE_RULES:
            broken.add_metric([name], last.broken[name] if last is not None else 0)
        return [
            GaugeMetricFamily(
                "voice_judged_replies",
                "Latest replies of a language model that a judge judged; of the model that was judged last.",
                value=last.replies if last is not None else 0,
            ),
            broken,
            GaugeMetricFamily(
                "voice_judged_timestamp_seconds",
                "Time of the last verdict, in seconds since 1970; 0: there is none.",
                value=datetime.fromisoformat(last.made).timestamp() if last is not None else 0,
            ),
        ]

    def _last(self) -> SpeakerScores | None:
        of_models = [] if self.folder is None else read_scores(self.folder)
        return max((each for each in of_models if each.speaker != CARD_WORDS), key=lambda each: each.made, default=None)
