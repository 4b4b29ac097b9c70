"""deploy/turnserver.conf in a real coturn, started by the line of deploy/compose.yaml but for its paths and ports."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.proxy import until_open
from tests.deploy.manifests import DEPLOY, compose
from tests.deploy.test_proxy_file import free_port
from tests.turn.test_coturn import own_address

SECRET = "a-secret-that-only-this-test-knows"


class Started:
    """A running coturn: its address and its port."""

    def __init__(self, folder: Path) -> None:
        self.address, self.port = own_address(), free_port()
        (folder / "turn_secret").write_text(f"{SECRET}\n")
        made = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout tls_key -out tls_certificate -subj /CN=turn"
        subprocess.run(made.split(), cwd=folder, check=True, capture_output=True)
        text = (DEPLOY / "turnserver.conf").read_text()
        for before, after in {
            "listening-port=3478": f"listening-port={self.port}\nlistening-ip={self.address}\nrelay-ip={self.address}",
            "5349": str(free_port()),
            "/tmp/": f"{folder}/",
            "/run/secrets/": f"{folder}/",
        }.items():
            assert before in text
            text = text.replace(before, after)
        (folder / "turnserver.conf").write_text(text)
        service = compose({"HOST_NAME": "oet.example.org", "PUBLIC_ADDRESS": self.address})["services"]["turn"]
        (line,) = service["command"]
        for before, after in {
            "/tmp/turnserver.conf": f"{folder}/whole.conf",
            "/etc/coturn/": f"{folder}/",
            "/run/secrets/": f"{folder}/",
        }.items():
            assert before in line
            line = line.replace(before, after)
        environ = {"PATH": os.environ["PATH"], **service["environment"]}
        self.folder, self.peer_port = folder, free_port()
        self.healthcheck: list[str] = service["healthcheck"]["test"][1:]
        self.process = subprocess.Popen([*service["entrypoint"], line], env=environ, stdout=subprocess.DEVNULL)

    def asking(self, peer: str, *, name: str, secret: str = SECRET) -> subprocess.Popen[str]:
        """Have coturn's own client send a packet through the relay to a peer and back, as somebody; it says much."""
        user = f"{int(time.time()) + 600}:{name}"
        password = base64.b64encode(hmac.new(secret.encode(), user.encode(), hashlib.sha1).digest()).decode()
        who = f"-u {user} -w {password} -p {self.port}"
        words = f"turnutils_uclient -v -c -n 1 -m 1 {who} -e {peer} -r {self.peer_port} {self.address}".split()
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def asked(self, peer: str, *, name: str, secret: str = SECRET) -> str:
        """Do so; return all that it says."""
        return self.asking(peer, name=name, secret=secret).communicate(timeout=60)[0]


@pytest.fixture(scope="module")
def turn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    if shutil.which("turnserver") is None:
        pytest.skip("there is no coturn: apt-get install coturn")
    started = Started(tmp_path_factory.mktemp("turn"))
    # It sends back what it gets, where a server of role-plays would be.
    peer = subprocess.Popen(f"turnutils_peer -L {started.address} -p {started.peer_port}".split())
    try:
        until_open(started.address, started.port, socket.AF_INET)
        yield started
    finally:
        for process in (started.process, peer):
            process.terminate()
            process.wait(20)


def test_the_secret_is_readable_by_nobody_else(turn: Started) -> None:
    whole = turn.folder / "whole.conf"
    assert f"static-auth-secret={SECRET}\n" in whole.read_text()
    assert whole.stat().st_mode & 0o077 == 0


def test_a_relay_leads_to_the_server_and_to_nothing_private(turn: Started) -> None:
    assert "tot_send_msgs=1, tot_recv_msgs=1" in turn.asked(turn.address, name="a")
    for number, peer in enumerate(("10.1.2.3", "192.168.1.1", "127.0.0.1")):
        assert "error 403 (Forbidden IP)" in turn.asked(peer, name=f"b{number}"), peer


def test_one_visitor_has_no_more_than_four_relays(turn: Started) -> None:
    at_once = [turn.asking(turn.address, name="c") for _ in range(5)]
    said = [one.communicate(timeout=60)[0] for one in at_once]
    refused = ["486 (Allocation Quota Reached)" in each for each in said]
    assert True in refused
    assert False in refused


def test_who_does_not_know_the_secret_has_no_relay(turn: Started) -> None:
    said = turn.asked(turn.address, name="d", secret="of somebody else")
    assert "Cannot complete Allocation" in said
    assert "success" not in said


def test_its_health_is_told(turn: Started) -> None:
    words = [turn.address if word == "127.0.0.1" else word.replace("3478", str(turn.port)) for word in turn.healthcheck]
    assert subprocess.run(words, capture_output=True, timeout=20).returncode == 0
    nowhere = [str(free_port()) if word == str(turn.port) else word for word in words]
    done = subprocess.run(["timeout", "3", *nowhere], capture_output=True)
    assert done.returncode != 0
