"""The page's files, compressed: a third of the bytes on the way to a phone. Each is compressed once and kept."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

TEXTS = (".js", ".css", ".svg", ".html")


class CompressedFiles(StaticFiles):
    """Serves a folder; texts go out as gzip to whoever takes that."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory)
        # By path, the time of the last change and the compressed bytes; there are as many as there are files.
        self._kept: dict[str, tuple[float, bytes]] = {}

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Return a file as it is asked for."""
        asked = Headers(scope=scope)
        path = os.fspath(full_path)
        if not path.endswith(TEXTS):
            return super().file_response(full_path, stat_result, scope, status_code)
        plain = FileResponse(path, status_code=status_code, stat_result=stat_result)  # for its headers
        plain.headers["Vary"] = "Accept-Encoding"
        if "gzip" not in asked.get("accept-encoding", "") or "range" in asked:
            return NotModifiedResponse(plain.headers) if self.is_not_modified(plain.headers, asked) else plain
        headers = {name: plain.headers[name] for name in ("content-type", "last-modified", "vary")}
        headers |= {"etag": plain.headers["etag"][:-1] + '-gzip"', "content-encoding": "gzip"}
        response = Response(self._compressed(path, stat_result.st_mtime), status_code=status_code, headers=headers)
        return NotModifiedResponse(response.headers) if self.is_not_modified(response.headers, asked) else response

    def _compressed(self, path: str, modified_s: float) -> bytes:
        kept = self._kept.get(path)
        if kept is None or kept[0] != modified_s:
            kept = self._kept[path] = (modified_s, gzip.compress(Path(path).read_bytes(), mtime=0))
        return kept[1]
