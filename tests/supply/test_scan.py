"""The scan of packages, by the real pip-audit: against a database of ours on this machine, and against none."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.test_proxy_file import free_port
from tests.supply.parts import REQUIREMENTS, locked
from tests.supply.scan import NOT_SCANNED, main, scan

AUDIT = Path(os.environ.get("INTERLOCUTOR_SUPPLY_TOOLS", "")) / "pip-audit"
BASE = REQUIREMENTS / "base.lock"


@contextmanager
def database(faults: dict[str, str]) -> Iterator[tuple[str, set[str]]]:
    """Run a database that speaks OSV's protocol and knows some faults; yield its address and who was asked for."""
    asked: set[str] = set()

    class Answers(BaseHTTPRequestHandler):
        """Answers one question after a package."""

        def do_POST(self) -> None:
            """Answer."""
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = question["package"]["name"]
            asked.add(name)
            known = faults.get(name)
            body = json.dumps({"vulns": [advisory(name, known)] if known else []}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def advisory(name: str, mended: str) -> dict[str, Any]:
    """Return a fault of a package in OSV's form."""
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": mended}]}]
    affected = [{"package": {"name": name, "ecosystem": "PyPI"}, "ranges": ranges}]
    return {
        "id": "MADE-2026-1",
        "summary": "made for a test",
        "published": "2026-01-01T00:00:00Z",
        "affected": affected,
    }


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_every_package_that_serves_is_looked_up() -> None:
    with database({}) as (address, asked):
        found = scan(AUDIT, BASE, address)
    assert (found.why_not, found.faults, found.status) == ("", [], 0)
    assert {one.name for one in locked("base")} == asked, "those for other systems too"
    assert found.packages == len({(one.name, one.version) for one in locked("base")})


def test_a_known_fault_is_told_with_the_version_that_mends_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with database({"starlette": "99.0"}) as (address, _):
        words = ["--audit", str(AUDIT), "--osv-url", address, "--json", str(tmp_path / "scan.json")]
        assert main(words) == 1
    said = capsys.readouterr().out
    assert "MADE-2026-1, mended in 99.0" in said
    assert said.endswith("1 faults known\n")
    report = json.loads((tmp_path / "scan.json").read_text())
    assert report["scanned"] is True
    assert [fault["package"] for fault in report["faults"]] == ["starlette"]


def test_without_a_database_it_says_that_it_did_not_scan(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/v1/query"
    words = ["--audit", str(AUDIT), "--osv-url", nobody, "--json", str(tmp_path / "scan.json")]
    assert main(words) == NOT_SCANNED
    assert capsys.readouterr().out == "not scanned, because the database of faults can't be reached from here\n"
    assert json.loads((tmp_path / "scan.json").read_text())["scanned"] is False


def test_without_the_program_it_says_so_too(tmp_path: Path) -> None:
    found = scan(tmp_path / "pip-audit", BASE, None)
    assert (found.status, found.why_not) == (NOT_SCANNED, f"{tmp_path}/pip-audit is not there")
