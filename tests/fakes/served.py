"""A decoder that is served over HTTP by this process, without Ray: the same form, the same answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from common.errors import AppError
from pipelines.engines import SegmentDecoder
from pipelines.stt.decode_wire import answer, pack_info


@contextmanager
def served(decoder: SegmentDecoder) -> Iterator[str]:
    """Serve a decoder on a free port of loopback while the block runs; yield its address."""
    one = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._tell(200, pack_info(decoder.info))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                with one:
                    self._tell(200, answer(decoder, body))
            except AppError as error:
                self._tell(400, error.message.encode())

        def _tell(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    class Listening(ThreadingHTTPServer):
        daemon_threads = True

    with Listening(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="served")
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()
