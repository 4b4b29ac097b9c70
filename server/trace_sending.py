"""Sends the trace of each turn to the operator's receiver, by OpenTelemetry (OTLP over HTTP); off unless it is set.

The library's packages are an extra, and are imported only where traces are wanted. Of its own environment variables
none names a receiver: the address that is set is the only one, without a proxy and without following a redirect.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import structlog

from common.errors import SettingsError
from pipelines.events import Audience
from pipelines.log.session_log import LogEntry, SessionLog
from server.metrics import Metrics
from server.settings.tracing import TracingSettings
from server.turn_trace import TurnTrace, TurnTracer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

logger = structlog.get_logger("server.trace_sending")

SERVICE = "interlocutor"
# A turn has six spans: so many are those of a hundred turns, and are sent after two seconds at the latest.
BATCH_SPANS, BATCH_MS = 600, 2_000
# What waits while the receiver is away: a thousand turns, some megabytes.
WAITING_SPANS = 6_000


class Tracing:
    """Makes spans of the traces of all sessions; does nothing without an address."""

    def __init__(self, settings: TracingSettings, metrics: Metrics, *, version: str, environment: str) -> None:
        """Start the thread that sends; raises SettingsError where the packages are missing."""
        if faults := settings.faults():
            raise SettingsError("\n".join(faults))
        self._provider: TracerProvider | None = None
        if settings.endpoint is None:
            return
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON

        # It writes what the receiver answers, again and again; the deliveries tell what matters once.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        facts = {"service.name": SERVICE, "service.version": version, "deployment.environment.name": environment}
        self._deliveries = _Deliveries(_exporter(settings), metrics)
        self._provider = TracerProvider(sampler=ALWAYS_ON, resource=Resource(facts), shutdown_on_exit=False)
        self._provider.add_span_processor(
            BatchSpanProcessor(
                self._deliveries,
                max_queue_size=WAITING_SPANS,
                schedule_delay_millis=BATCH_MS,
                max_export_batch_size=BATCH_SPANS,
                export_timeout_millis=settings.timeout_s * 1000,
            )
        )
        self._tracer = self._provider.get_tracer(SERVICE, version)
        logger.info("traces_are_sent", endpoint=settings.endpoint)

    def follow(self, log: SessionLog) -> None:
        """Trace the turns of a session from now on; what its log has already is known, and not sent again."""
        if self._provider is None:
            return
        turns = TurnTracer()
        for entry in log.read_from(0, Audience.DEVELOPER):
            turns.take(entry)

        def listen(entry: LogEntry) -> None:
            if (trace := turns.take(entry)) is not None:
                self._send(trace)

        log.subscribe(Audience.DEVELOPER, listen)

    def _send(self, trace: TurnTrace) -> None:
        """Queue the spans of a turn; a thread sends them."""
        from opentelemetry.trace import Status, StatusCode, set_span_in_context

        turn = self._tracer.start_span("turn", attributes=trace.facts, start_time=trace.from_ns)
        if trace.failed:
            turn.set_status(Status(StatusCode.ERROR))
        for step, at_ns in trace.steps:
            turn.add_event(step, timestamp=at_ns)
        within = set_span_in_context(turn)
        for part in trace.parts:
            span = self._tracer.start_span(part.name, within, attributes=part.facts, start_time=part.from_ns)
            span.end(part.until_ns)
        turn.end(trace.until_ns)

    def close(self) -> None:
        """Send what waits, if the receiver takes it; blocks for twice the time of a delivery at most."""
        if self._provider is not None:
            self._deliveries.last = True
            self._provider.shutdown()


class _Deliveries:
    """The library's exporter, with what becomes of each delivery counted, and a change of it logged."""

    def __init__(self, exporter: Any, metrics: Metrics) -> None:
        self._exporter = exporter
        self._metrics = metrics
        self._failing = False
        self.last = False  # nobody comes back to what is not delivered now

    def export(self, spans: Sequence[Any]) -> Any:
        """Deliver spans; called by the library in its thread."""
        from opentelemetry.sdk.trace.export import SpanExportResult

        lost = self.last and self._failing
        result = SpanExportResult.FAILURE if lost else self._exporter.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        self._metrics.trace_spans.labels("failed" if failed else "sent").inc(len(spans))
        if failed and not self._failing:
            logger.warning("traces_not_sent", spans=len(spans))
        elif self._failing and not failed:
            logger.info("traces_sent_again")
        self._failing = failed
        return result

    def shutdown(self) -> None:
        """Close the exporter's connections."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        del timeout_millis
        return True


def _exporter(settings: TracingSettings) -> Any:
    """Return the library's exporter, which reaches the address that is set and no other."""
    import requests
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    def refuse_redirect(answer: requests.Response, **_: object) -> None:
        if answer.is_redirect:
            raise requests.TooManyRedirects("the receiver of traces sends us elsewhere")

    session = requests.Session()
    session.trust_env = False  # neither a proxy nor a password of this machine's is for it
    session.hooks["response"].append(refuse_redirect)
    secret = settings.authorization
    return OTLPSpanExporter(
        endpoint=settings.endpoint,
        certificate_file=str(settings.ca_file) if settings.ca_file is not None else None,
        headers={"Authorization": secret.get_secret_value()} if secret is not None else None,
        timeout=settings.timeout_s,
        session=session,
    )
