"""What the server counts and measures, in a Prometheus registry of its own; made once per app, no globals.

Labels are closed sets: a value outside its set is counted as `other`, so that no client can make series at will.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from typing import get_args

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Summary,
    generate_latest,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipelines import events
from pipelines.log.session_log import LogEntry
from pipelines.responders.remote.failures import FailureCode
from pipelines.responders.remote.spending import Spending, Sums
from server.closed_labels import OTHER, closed
from server.gpu import GpuReader
from server.instance_metrics import InstanceMetrics
from server.judge_metrics import JUDGE_LABELS, JudgedCollector
from server.keeping_metrics import KEEPING_LABELS, KeepingMetrics

SERVICES = ("recogniser", "interpreter", "responder", "synthesiser", OTHER)
# The engines that are tried now and then; synthesiser first, since the next two hear what it says.
TRIED = ("synthesiser", "recogniser", "turn_detector", "interpreter", "responder")
GUARD_ACTIONS = ("allow", "warn", "block", OTHER)
TAKE_OVERS = ("blocked", "failed", "late", "busy", "empty", "too_long", OTHER)
STATUSES = ("ok", "failed", "cancelled", OTHER)
ADMISSIONS = ("admitted", "full", "limited", "draining", "refused", OTHER)
STAGES = ("voice_to_voice", "endpoint", "recognise", "respond", "speak", "deliver")
OUTCOMES = ("remote", "finished", "card", OTHER)
REASONS = ("none", *get_args(FailureCode), "remote.incomplete", OTHER)
TRANSPORTS = ("websocket", "webrtc", OTHER)
DELIVERIES = ("sent", "failed")
INCIDENTS = ("failed", "hung", "died", "restarted", OTHER)
CUTS = ("first_byte", "headers", "body", "answer", "closing", "address", "full", "pings", "parts", "blamed", OTHER)
CLOSE_CODES = (
    "1000", "1001", "1003", "1005", "1006", "1007", "1008", "1009", "1011", "1012", "1013",
    "4401", "4403", "4404", "4408", "4409", "4429", "4440", OTHER,
)  # fmt: skip

LABEL_VALUES: dict[str, dict[str, tuple[str, ...]]] = {
    "ai_requests_total": {"service": SERVICES, "status": STATUSES},
    "ai_request_duration_seconds": {"service": SERVICES},
    "voice_admissions_total": {"result": ADMISSIONS},
    "voice_turn_latency_seconds": {"stage": STAGES},
    "voice_websocket_closes_total": {"code": CLOSE_CODES},
    "voice_engine_incidents_total": {"engine": SERVICES, "what": INCIDENTS},
    "voice_engine_trial_failing": {"engine": TRIED},
    "voice_engine_threads_given_up": {"engine": TRIED},
    "voice_guard_decisions_total": {"action": GUARD_ACTIONS},
    "voice_guard_card_took_over_total": {"reason": TAKE_OVERS},
    "http_connections_cut_total": {"reason": CUTS},
    "voice_connections_lost_total": {"transport": TRANSPORTS},
    "voice_connections_resumed_total": {"transport": TRANSPORTS},
    "ai_remote_replies_total": {"outcome": OUTCOMES},
    "ai_remote_card_words_total": {"reason": REASONS},
    "ai_remote_tokens_total": {"kind": ("in", "out")},
    "voice_trace_spans_total": {"outcome": DELIVERIES},
    **JUDGE_LABELS,
    **KEEPING_LABELS,
}
"""The closed sets of labels; `model` and `gpu_id` are closed by what is installed."""

# A turn is wanted in under a second and tolerated up to two: fine steps there, coarse ones outside.
TURN_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0)
REQUEST_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 5.0, 15.0)
GUARD_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)  # it comes before each clause is heard
SCORE_BUCKETS = (0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
AWAY_BUCKETS_S = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)  # a client may come back for a minute
LAG_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)  # a frame is 0.02: later is heard


class Metrics:
    """All series of one app; each attribute is a metric that may be used directly."""

    def __init__(
        self, version: str | None = None, *, gpu_utilization: Callable[[], Mapping[str, float]] | None = None
    ) -> None:
        """Make the series at zero.

        `version` is the one installed if not given; `gpu_utilization` returns percent by card (default: what the
        graphics driver says, if there is one).
        """
        self.registry = registry = CollectorRegistry(auto_describe=False)
        self.ai_requests = Counter(
            "ai_requests_total", "Requests to engines, by how they ended.", ("service", "status"), registry=registry
        )
        self.ai_request_duration = Histogram(
            "ai_request_duration_seconds",
            "Time that an engine took for a request; for the recogniser, from the end of a segment to its final "
            "transcript.",
            ("service",),
            buckets=REQUEST_BUCKETS_S,
            registry=registry,
        )
        self.model_memory = Gauge(
            "ai_model_memory_usage_bytes", "Memory that a loaded model uses.", ("model",), registry=registry
        )
        self._models: set[str] = set()
        registry.register(_GpuCollector(gpu_utilization or GpuReader().read))
        self.prediction_latency = Summary(
            "prediction_latency_ms", "Voice-to-voice latency of a turn in milliseconds.", registry=registry
        )
        self.prediction_confidence = Summary(
            "prediction_confidence",
            "Mean confidence (0 to 1) of the words of a recognised segment, from engines that report it.",
            registry=registry,
        )
        self.escalations = Counter(
            "escalations_total", "Turns of candidates that told of danger or distress.", registry=registry
        )
        self.retrievals = Counter(
            "retrievals_total", "Look-ups of what a candidate said among a card's texts.", registry=registry
        )
        self.clauses_kept = Counter(
            "voice_clauses_kept_total",
            "Clauses that patients said as they had been spoken ahead, while nobody talked.",
            registry=registry,
        )
        self.sessions_begun = Counter("voice_sessions_begun_total", "Role-plays that began.", registry=registry)
        self.consents = Counter(
            "voice_consents_total",
            "Role-plays that began with the candidate's consent to what the page told them first.",
            registry=registry,
        )
        self.sessions_active = Gauge("voice_sessions_active", "Running sessions.", registry=registry)
        self.session_capacity = Gauge(
            "voice_session_capacity", "Most sessions that this server holds at the same time.", registry=registry
        )
        self.keeping = KeepingMetrics(registry)
        self.instances = InstanceMetrics(registry)
        self.admissions = Counter(
            "voice_admissions_total", "Requests to open a session, by their result.", ("result",), registry=registry
        )
        self.turn_latency = Histogram(
            "voice_turn_latency_seconds",
            "Latency of a turn from the candidate's last sound to the reply's first, and its five parts.",
            ("stage",),
            buckets=TURN_BUCKETS_S,
            registry=registry,
        )
        self.interruptions = Counter(
            "voice_interruptions_total", "Replies that the candidate interrupted.", registry=registry
        )
        self.audio_missing = Counter(
            "voice_audio_missing_seconds_total",
            "Audio that never arrived and was replaced by silence, in seconds.",
            registry=registry,
        )
        self.audio_refused = Counter(
            "voice_audio_refused_seconds_total",
            "Audio refused because it came faster than real time, in seconds.",
            registry=registry,
        )
        self.synthesis_behind = Counter(
            "voice_synthesis_behind_seconds_total",
            "Silence in the middle of replies, since the voice was slower than its own audio, in seconds.",
            registry=registry,
        )
        self.event_loop_lag = Histogram(
            "voice_event_loop_lag_seconds",
            "How much later than asked the event loop ran a timer.",
            buckets=LAG_BUCKETS_S,
            registry=registry,
        )
        self.websocket_closes = Counter(
            "voice_websocket_closes_total", "Closed WebSockets, by close code.", ("code",), registry=registry
        )
        self.storage_failures = Counter(
            "storage_failures_total", "Writes to the data folder that failed.", registry=registry
        )
        self.storage_failing = Gauge(
            "storage_failing", "1 while the data folder can't be written, else 0.", registry=registry
        )
        self.connections = Gauge(
            "http_connections", "Connections to the server at this moment, sockets included.", registry=registry
        )
        self.connections_cut = Counter(
            "http_connections_cut_total",
            "Connections that the server cut off or refused, by the limit that they met.",
            ("reason",),
            registry=registry,
        )
        self.connections_lost = Counter(
            "voice_connections_lost_total",
            "Lost connections of running sessions whose clients may reconnect.",
            ("transport",),
            registry=registry,
        )
        self.connections_resumed = Counter(
            "voice_connections_resumed_total",
            "Sessions whose client reconnected, by its new transport.",
            ("transport",),
            registry=registry,
        )
        self.away = Histogram(
            "voice_connection_away_seconds",
            "How long the clients that reconnected were away.",
            buckets=AWAY_BUCKETS_S,
            registry=registry,
        )
        self.sessions_detached = Gauge(
            "voice_sessions_detached", "Running sessions that wait for their client to reconnect.", registry=registry
        )
        self.guard_decisions = Counter(
            "voice_guard_decisions_total",
            "Clauses of a language model that the guard read, by what it did: allow, warn or block.",
            ("action",),
            registry=registry,
        )
        self.guard_took_over = Counter(
            "voice_guard_card_took_over_total",
            "Replies that the card's own words ended in place of the language model's, by why.",
            ("reason",),
            registry=registry,
        )
        self.guard_duration = Histogram(
            "voice_guard_duration_seconds",
            "How long the guard took to read a clause.",
            buckets=GUARD_BUCKETS_S,
            registry=registry,
        )
        self.guard_score = Histogram(
            "voice_guard_unreleased_score",
            "How likely (0 to 1) a clause told what may not be told, by the guard's text encoder.",
            buckets=SCORE_BUCKETS,
            registry=registry,
        )
        self.engine_incidents = Counter(
            "voice_engine_incidents_total",
            "Failures of engines, and workers that died or restarted.",
            ("engine", "what"),
            registry=registry,
        )
        self.trial_failing = Gauge(
            "voice_engine_trial_failing",
            "1 while an engine fails the small piece of real work that it is tried with, else 0.",
            ("engine",),
            registry=registry,
        )
        self.threads_given_up = Gauge(
            "voice_engine_threads_given_up",
            "Threads of an engine that stand still and were given up; at four no more are begun, and /ready says so.",
            ("engine",),
            registry=registry,
        )
        self.remote_replies = Counter(
            "ai_remote_replies_total",
            "Replies that a remote mind was to word: by it, finished by the card's words, or the card's words alone.",
            ("outcome",),
            registry=registry,
        )
        self.remote_card_words = Counter(
            "ai_remote_card_words_total",
            "Replies in which the card's words stood in for a remote mind, by the reason.",
            ("reason",),
            registry=registry,
        )
        self.remote_first_token = Histogram(
            "ai_remote_first_token_seconds",
            "Time from asking a remote mind to its first words.",
            buckets=REQUEST_BUCKETS_S,
            registry=registry,
        )
        self.trace_spans = Counter(
            "voice_trace_spans_total",
            "Spans of turns that went to the receiver of traces, or could not.",
            ("outcome",),
            registry=registry,
        )
        self.judged = JudgedCollector()
        registry.register(self.judged)
        self._spending = _SpendingCollector()
        registry.register(self._spending)
        self._build_info = Gauge(
            "voice_build_info", "1, with the version of the server as a label.", ("version",), registry=registry
        )
        self._build_info.labels(version or package_version()).set(1)
        self._start_at_zero()

    def observe_event(self, record: LogEntry) -> None:
        """Count what follows from one record of a session's log; subscribe it with the INTERNAL audience.

        Engine incidents are not counted here: every session that uses an engine logs the same one. See count_incident.
        """
        match record.event:
            case events.TurnLatency() as turn:
                self.prediction_latency.observe(turn.voice_to_voice_ms)
                for stage in STAGES:
                    self.turn_latency.labels(stage).observe(getattr(turn, f"{stage}_ms") / 1000.0)
            case events.SessionSetup():
                self.sessions_begun.inc()
            case events.ConsentGiven():
                self.consents.inc()
            case events.SegmentHeard() as segment:
                self.observe_request("recogniser", "ok", duration_s=segment.latency_ms / 1000.0)
                known = [word.confidence for word in segment.words if word.confidence is not None]
                if known:
                    self.prediction_confidence.observe(sum(known) / len(known))
            case events.ReplyFinished(status="interrupted"):
                self.interruptions.inc()
            case events.UtteranceInterpreted():
                self.retrievals.inc()
            case events.DistressNoticed():
                self.escalations.inc()
            case events.ClauseGuarded(action=action, took_ms=took_ms, scores=scores):
                self.guard_decisions.labels(closed(action, GUARD_ACTIONS)).inc()
                self.guard_duration.observe(took_ms / 1000.0)
                if "unreleased" in scores:
                    self.guard_score.observe(scores["unreleased"])
            case events.CardTookOver(reason=reason):
                self.guard_took_over.labels(closed(reason, TAKE_OVERS)).inc()
            case events.ConnectionLost(transport=transport):
                self.connections_lost.labels(closed(transport, TRANSPORTS)).inc()
            case events.ConnectionResumed(transport=transport, away_ms=away_ms):
                self.connections_resumed.labels(closed(transport, TRANSPORTS)).inc()
                self.away.observe(away_ms / 1000.0)
            case events.RemoteMindAsked() as asked:
                self.remote_replies.labels(closed(asked.outcome, OUTCOMES)).inc()
                if asked.outcome != "remote":
                    self.remote_card_words.labels(closed(asked.reason or "none", REASONS)).inc()
                if asked.first_token_ms is not None:
                    self.remote_first_token.observe(asked.first_token_ms / 1000.0)
            case events.MediaGap() as gap:
                self.audio_missing.inc(gap.missing_ms / 1000.0)
                self.audio_refused.inc(gap.refused_ms / 1000.0)
            case events.SynthesisBehind() as behind:
                self.synthesis_behind.inc(behind.late_ms / 1000.0)

    def watch_spending(self, spending: Spending) -> None:
        """Show what a remote mind costs whenever the series are read: drafts that nobody heard are in it too."""
        self._spending.spending = spending

    def observe_request(self, service: str, status: str, *, duration_s: float | None = None) -> None:
        """Count a request to an engine, and its duration where it is known; observe_event does the recogniser's."""
        service = closed(service, SERVICES)
        self.ai_requests.labels(service, closed(status, STATUSES)).inc()
        if duration_s is not None:
            self.ai_request_duration.labels(service).observe(duration_s)

    def count_admission(self, result: str) -> None:
        """Count an asked-for session: admitted, full, limited, draining or refused."""
        self.admissions.labels(closed(result, ADMISSIONS)).inc()

    def count_incident(self, engine: str, what: str) -> None:
        """Count that an engine failed, or that its worker died or was restarted; once, where the lane tells of it."""
        self.engine_incidents.labels(closed(engine, SERVICES), closed(what, INCIDENTS)).inc()

    def count_cut(self, reason: str) -> None:
        """Count a connection that met a limit of the door."""
        self.connections_cut.labels(closed(reason, CUTS)).inc()

    def count_close(self, code: int) -> None:
        """Count a closed WebSocket by its close code."""
        self.websocket_closes.labels(closed(str(code), CLOSE_CODES)).inc()

    def show_models(self, memory_bytes: Mapping[str, int]) -> None:
        """Show what the loaded models take, and no others: one that was unloaded has no series any more."""
        for gone in self._models - set(memory_bytes):
            self.model_memory.remove(gone)
        for model, used in memory_bytes.items():
            self.model_memory.labels(model).set(used)
        self._models = set(memory_bytes)

    def render(self) -> tuple[bytes, str]:
        """Return all series in Prometheus' text format, and its content type."""
        return generate_latest(_WithoutCreated(self.registry)), CONTENT_TYPE_PLAIN_0_0_4

    def _start_at_zero(self) -> None:
        # A series that appears with its first event hides that event from rate(); all but the histograms are small.
        counters = {
            "ai_requests_total": self.ai_requests,
            "voice_admissions_total": self.admissions,
            "voice_websocket_closes_total": self.websocket_closes,
            "voice_engine_incidents_total": self.engine_incidents,
            "http_connections_cut_total": self.connections_cut,
            "voice_connections_lost_total": self.connections_lost,
            "voice_connections_resumed_total": self.connections_resumed,
            "ai_remote_replies_total": self.remote_replies,
            "ai_remote_card_words_total": self.remote_card_words,
            "voice_guard_decisions_total": self.guard_decisions,
            "voice_guard_card_took_over_total": self.guard_took_over,
            "voice_trace_spans_total": self.trace_spans,
        }
        for name, counter in counters.items():
            for values in itertools.product(*LABEL_VALUES[name].values()):
                counter.labels(*values)
        for stage in STAGES:
            self.turn_latency.labels(stage)
        for engine in TRIED:
            self.trial_failing.labels(engine)
            self.threads_given_up.labels(engine)


def package_version() -> str:
    """Return the installed version, or `unknown` when the code runs from a folder that was never installed."""
    try:
        return metadata.version("interlocutor")
    except metadata.PackageNotFoundError:
        return "unknown"


class _GpuCollector(Collector):
    """Asks for the cards' utilisation when the series are read; without a card there is no series."""

    def __init__(self, read: Callable[[], Mapping[str, float]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(
            "ai_gpu_utilization_percent", "How busy a graphics card is; absent without one.", labels=("gpu_id",)
        )
        for gpu_id, percent in self._read().items():
            family.add_metric([gpu_id], percent)
        return [family]


class _SpendingCollector(Collector):
    """Asks the account of a remote mind when the series are read; all are zero without one."""

    def __init__(self) -> None:
        self.spending: Spending | None = None

    def collect(self) -> Iterable[Metric]:
        spending = self.spending
        total, today = (spending.total, spending.today) if spending is not None else (Sums(), Sums())
        tokens = CounterMetricFamily("ai_remote_tokens", "Tokens that a remote mind was paid for.", labels=("kind",))
        tokens.add_metric(["in"], total.tokens_in)
        tokens.add_metric(["out"], total.tokens_out)
        return [
            tokens,
            CounterMetricFamily("ai_remote_cost", "What that cost, in the currency of the prices.", value=total.cost),
            GaugeMetricFamily("ai_remote_cost_today", "What it cost on this day (UTC).", value=today.cost),
            GaugeMetricFamily(
                "ai_remote_budget_used_ratio",
                "Largest share of a day's budget that is used up, 0 to 1; alert on it.",
                value=spending.used() if spending is not None else 0.0,
            ),
            CounterMetricFamily(
                "ai_remote_budget_refusals",
                "Requests that a budget refused.",
                value=spending.refusals if spending is not None else 0,
            ),
        ]


class _WithoutCreated(Collector):
    """The registry less the time each series was made: it doubles their number and nothing here asks for it.

    The library's own switch for it is global to the process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
