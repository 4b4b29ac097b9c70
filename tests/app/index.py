"""A package index on loopback: simple pages (PEP 503) and wheels, as a real one answers, and with its failures."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

from pipelines.models.sources import Wheel
from tests.app.loopback import serving

LOGIN = b"<html><body>Welcome to the network. Please <a href='/login'>log in</a>.</body></html>"


@dataclass
class LoopbackIndex:
    """What the index has and how it fails; a test sets it, and reads what was asked."""

    wheels: dict[str, bytes] = field(default_factory=dict)  # by their file names
    page: bytes | None = None  # answer every question for a project with this
    content_type: str = "text/html"
    status: int = 200  # and with this
    silent: bool = False  # hang up without an answer
    short_bytes: int | None = None  # send that many bytes of a wheel, and hang up
    # The index sends that many bytes of a wheel, and the rest when told to `go_on`.
    stall_after: int | None = None
    asked: list[str] = field(default_factory=list)
    stalled: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def url(self) -> str:
        """The address of its simple pages."""
        return f"http://127.0.0.1:{self.port}/simple"

    @property
    def environment(self) -> dict[str, str]:
        """What makes pip ask it, and nobody else."""
        host = f"127.0.0.1:{self.port}"
        alone = {"PIP_CONFIG_FILE": "/dev/null", "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": "", "PIP_NO_INDEX": ""}
        return alone | {"PIP_INDEX_URL": self.url, "PIP_TRUSTED_HOST": host, "NO_PROXY": "127.0.0.1"}

    def add_wheel(self, name: str, members: Mapping[str, bytes], *, takes: Mapping[str, str]) -> Wheel:
        """Offer a wheel with these members, and return what a catalogue says of one that `takes` files from it."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, content in members.items():
                archive.writestr(member, content)
            dist = f"{name.replace('-', '_')}-1.0.0.dist-info"
            archive.writestr(f"{dist}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n")
            archive.writestr(f"{dist}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{dist}/RECORD", "")
        return self.offer(name, packed.getvalue(), takes=takes)

    def offer(self, name: str, content: bytes, *, takes: Mapping[str, str]) -> Wheel:
        """Offer any bytes as the wheel of this name."""
        self.wheels[f"{name.replace('-', '_')}-1.0.0-py3-none-any.whl"] = content
        return Wheel(
            name=name,
            version="1.0.0",
            sha256=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content),
            members=dict(takes),
        )


@contextmanager
def running_index() -> Iterator[LoopbackIndex]:
    """Run an index on a free port until the block ends."""
    index = LoopbackIndex()

    class Handler(_Handler):
        state = index

    with serving(Handler) as index.port:
        try:
            yield index
        finally:
            index.go_on.set()


class _Handler(BaseHTTPRequestHandler):
    state: LoopbackIndex
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        index, path = self.state, unquote(urlsplit(self.path).path)
        index.asked.append(path)
        if index.silent:
            self.close_connection = True
        elif path.startswith("/files/"):
            self._send_wheel(index.wheels[path.removeprefix("/files/")])
        elif index.page is not None:
            self._answer(index.status, index.page, index.content_type)
        else:
            project = path.removeprefix("/simple/").strip("/").replace("-", "_")
            names = [name for name in index.wheels if name.startswith(f"{project}-")]
            links = "".join(f'<a href="/files/{name}">{name}</a>' for name in names)
            page = f"<!DOCTYPE html><html><body>{links}</body></html>"
            self._answer(200 if names else 404, page.encode(), "text/html")

    def _send_wheel(self, content: bytes) -> None:
        index = self.state
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if index.short_bytes is not None:
            self.wfile.write(content[: index.short_bytes])
            self.close_connection = True
        elif index.stall_after is not None:
            first, rest = content[: index.stall_after], content[index.stall_after :]
            self.wfile.write(first)
            self.wfile.flush()
            index.stalled.set()
            index.go_on.wait()
            with suppress(OSError):  # nobody may wait for the rest any more
                self.wfile.write(rest)
        else:
            self.wfile.write(content)

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
