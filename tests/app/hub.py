"""A model hub on loopback: the listing and the files of repositories, as the real one answers, and with its failures.

Large files are sent on to another host's address, as the real hub does, so that it shows whether a token follows.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.app.loopback import serving

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE_BYTES = 50_000
TOKEN = "hf_a_token_with_read_scope"


@dataclass(frozen=True)
class Asked:
    """A request that came in."""

    path: str
    headers: dict[str, str]

    @property
    def range(self) -> str | None:
        """The range that was asked for."""
        return self.headers.get("Range")


@dataclass
class LoopbackHub:
    """What the hub has and how it fails; a test sets it, and reads what was asked."""

    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    accepted: set[str] = field(default_factory=set)  # tokens whose people accepted the licences
    # These are fine-grained tokens without the right to gated repositories.
    scopeless: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=lambda: {TOKEN})
    # The next transfers of a large file break off after these numbers of bytes.
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)  # failures of the next requests
    # The hub sends so many bytes of a large file and calls it whole.
    short_bytes: int | None = None
    damaged: bool = False  # send other bytes than the listing told of
    ignores_ranges: bool = False
    # The hub answers every question with a page, as the network of a hotel does.
    login_page: bool = False
    # The hub sends that many bytes of a large file, and then nothing until `go_on`.
    stall_after: int | None = None
    asked: list[Asked] = field(default_factory=list)
    stalled: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def add_folder(self, repository: str, folder: Path) -> None:
        """Offer the files of a folder."""
        self.repositories[repository] = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    def transfers(self, name: str) -> list[Asked]:
        """Return the requests for the bytes of a file, the ones that were sent on left out."""
        asked = [one for one in self.asked if one.path.endswith(f"/{name}")]
        return [one for one in asked if "/cdn/" in one.path] or asked


@contextmanager
def running_hub() -> Iterator[LoopbackHub]:
    """Run a hub on a free port until the block ends."""
    hub = LoopbackHub()

    class Handler(_Handler):
        state = hub

    with serving(Handler) as hub.port:
        try:
            yield hub
        finally:
            hub.go_on.set()


class _Handler(BaseHTTPRequestHandler):
    state: LoopbackHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        hub, path = self.state, unquote(urlsplit(self.path).path)
        hub.asked.append(Asked(path, dict(self.headers.items())))
        if hub.statuses:
            self._refuse(hub.statuses.pop(0), "", "")
        elif hub.login_page:
            self._answer(200, b"<html>Welcome, please log in</html>", {"Content-Type": "text/html"})
        elif path.startswith("/cdn/"):
            repository, _, name = path.removeprefix("/cdn/").rpartition("/")
            self._send_file(hub.repositories[repository][name])
        elif path.startswith("/api/models/"):
            repository, _, revision = path.removeprefix("/api/models/").partition("/revision/")
            if self._may(repository, of_files=False):
                self._list(repository, revision)
        elif "/resolve/" in path:
            repository, _, rest = path.removeprefix("/").partition("/resolve/")
            if self._may(repository, of_files=True):
                self._resolve(repository, rest.partition("/")[2])
        else:
            self._refuse(404, "", "")

    def _may(self, repository: str, *, of_files: bool) -> bool:
        hub = self.state
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and token not in hub.known:
            self._refuse(401, "", "Invalid credentials in Authorization header")
        elif repository not in hub.repositories:
            # Without a token it does not tell whether there is a private one.
            self._refuse(404 if token else 401, "RepoNotFound", "Repository not found")
        elif repository in hub.gated and token in hub.scopeless:
            words = "Please enable access to public gated repositories in your fine-grained token settings to view this"
            self._refuse(403, "", words)
        elif repository in hub.gated and of_files and not token:
            words = f"Access to model {repository} is restricted. You must have access to it and be authenticated."
            self._refuse(401, "GatedRepo", words)
        elif repository in hub.gated and of_files and token not in hub.accepted:
            words = f"Access to model {repository} is restricted and you are not in the authorized list."
            self._refuse(403, "GatedRepo", words)
        else:
            return True
        return False

    def _list(self, repository: str, revision: str) -> None:
        if revision not in ("main", COMMIT):
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return
        siblings = []
        for name, content in self.state.repositories[repository].items():
            git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
            item: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": git}
            if len(content) > LARGE_BYTES:
                sha = hashlib.sha256(content).hexdigest()
                item["lfs"] = {"sha256": sha, "size": len(content), "pointerSize": 134}
            siblings.append(item)
        answer = {"id": repository, "sha": COMMIT, "gated": repository in self.state.gated, "siblings": siblings}
        self._answer(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _resolve(self, repository: str, name: str) -> None:
        content = self.state.repositories[repository].get(name)
        if content is None:
            self._refuse(404, "EntryNotFound", "Entry not found")
        elif len(content) > LARGE_BYTES:
            sha = hashlib.sha256(content).hexdigest()
            headers = {"X-Repo-Commit": COMMIT, "X-Linked-Etag": f'"{sha}"', "X-Linked-Size": str(len(content))}
            self._answer(
                302, b"", headers | {"Location": f"http://localhost:{self.state.port}/cdn/{repository}/{name}"}
            )
        else:
            self._send_file(content)

    def _send_file(self, content: bytes) -> None:
        hub = self.state
        large = len(content) > LARGE_BYTES
        if hub.damaged:
            content = bytes(byte ^ 0x55 for byte in content[:64]) + content[64:]
        if hub.short_bytes is not None and large:
            content = content[: hub.short_bytes]
        start = 0
        asked = self.headers.get("Range")
        if asked and not hub.ignores_ranges:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self._answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                return
        self.send_response(206 if start else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        body = content[start:]
        if large and hub.cuts:
            self.wfile.write(body[: hub.cuts.pop(0)])
            self.close_connection = True
        elif large and hub.stall_after is not None:
            self.wfile.write(body[: hub.stall_after])
            self.wfile.flush()
            hub.stalled.set()
            hub.go_on.wait()
            self.close_connection = True
        else:
            self.wfile.write(body)

    def _refuse(self, status: int, code: str, message: str) -> None:
        headers = {"X-Error-Code": code} if code else {}
        self._answer(status, b"{}", headers | ({"X-Error-Message": message} if message else {}))

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
