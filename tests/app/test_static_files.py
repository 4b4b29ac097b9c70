"""The page's files on the wire: compressed for those who take it, whole for those who don't, not sent twice."""

from __future__ import annotations

import gzip

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from server.http.static_files import CompressedFiles
from server.paths import STATIC

APP = Starlette(routes=[Mount("/static", CompressedFiles(STATIC))])
SCRIPT = "/static/app.js"
PLAIN = {"Accept-Encoding": "identity"}


def test_a_script_is_sent_compressed_once_and_plain_to_whoever_asks_so() -> None:
    source = (STATIC / "app.js").read_bytes()
    with TestClient(APP) as client, client.stream("GET", SCRIPT, headers={"Accept-Encoding": "gzip, br"}) as packed:
        sent = b"".join(packed.iter_raw())
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["vary"] == "Accept-Encoding"
        assert packed.headers["content-type"].startswith("text/javascript")
        assert int(packed.headers["content-length"]) == len(sent) < len(source) / 2
        assert gzip.decompress(sent) == source
        plain = client.get(SCRIPT, headers=PLAIN)
        assert "content-encoding" not in plain.headers
        assert plain.content == source
        assert plain.headers["etag"] != packed.headers["etag"]
        for etag, encoding in ((packed.headers["etag"], "gzip"), (plain.headers["etag"], "identity")):
            again = client.get(SCRIPT, headers={"Accept-Encoding": encoding, "If-None-Match": etag})
            assert (again.status_code, again.content) == (304, b"")


def test_what_is_not_there_and_what_is_outside_is_not_sent() -> None:
    with TestClient(APP) as client:
        assert client.get("/static/none.js").status_code == 404
        assert client.get("/static/..%2f..%2fpyproject.toml").status_code == 404
        part = client.get(SCRIPT, headers={"Range": "bytes=0-9"})
        assert (part.status_code, len(part.content)) == (206, 10)
