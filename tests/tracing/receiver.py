"""A receiver of traces on loopback (OTLP over HTTP, protobuf), as a collector is one; and what came to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATH = "/v1/traces"
PATIENCE_S = 60.0


@dataclass
class Receiver:
    """What came, request by request; `status` is what it answers from now on."""

    port: int = 0
    status: int = 200
    location: str = ""
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    _came: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        """The whole address of its traces."""
        return f"http://127.0.0.1:{self.port}{PATH}"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        """Note a request."""
        with self._came:
            self.paths.append(path)
            self.headers.append(headers)
            self.bodies.append(body)
            self._came.notify_all()

    def wait_for(self, there: Callable[[], bool]) -> None:
        """Return once `there()` holds; fails when it does not in a minute."""
        with self._came:
            assert self._came.wait_for(there, PATIENCE_S), f"{len(self.bodies)} requests came"

    @property
    def spans(self) -> list[Any]:
        """All spans that came, as OpenTelemetry's messages."""
        return [span for group in self._groups() for scope in group.scope_spans for span in scope.spans]

    @property
    def resources(self) -> list[dict[str, Any]]:
        """What the sender says of itself, once for each request."""
        return [facts_of(group.resource) for group in self._groups()]

    def _groups(self) -> list[Any]:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        return [group for body in self.bodies for group in ExportTraceServiceRequest.FromString(body).resource_spans]


def facts_of(one: Any) -> dict[str, Any]:
    """Return the attributes of a span, an event or a resource."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in one.attributes}


@contextmanager
def receiving(*, port: int = 0) -> Iterator[Receiver]:
    """Listen on a free port, or on this one, until the block ends."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            receiver.take(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(receiver.status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST
        do_CONNECT = do_POST

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    class Listening(ThreadingHTTPServer):
        daemon_threads = True

    with Listening(("127.0.0.1", port), Handler) as server:
        receiver.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="receiver")
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
