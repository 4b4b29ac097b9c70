"""deploy/nginx.conf in a real nginx, but for its addresses: a conversation through TLS, and what it refuses."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from tests.app.process import KEY, running
from tests.app.proxy import until_open
from tests.app.wire import CARD, Wire
from tests.deploy.manifests import DEPLOY

NAME = "oet.example.org"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Front:
    """A running nginx: where it listens, with TLS and without."""

    def __init__(self, folder: Path, target: str) -> None:
        self.folder = folder
        self.tls, self.plain = free_port(), free_port()
        made = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout tls_key -out tls_certificate"
        subprocess.run([*made.split(), "-subj", f"/CN={NAME}"], cwd=folder, check=True, capture_output=True)
        text = (DEPLOY / "nginx.conf").read_text()
        for before, after in {
            "listen 8443 ssl": f"listen 127.0.0.1:{self.tls} ssl",
            "listen 8080": f"listen 127.0.0.1:{self.plain}",
            "http://server:8000": target,
            "/tmp/": f"{folder}/",
            "/run/secrets/": f"{folder}/",
        }.items():
            assert before in text
            text = text.replace(before, after)
        self.file = folder / "nginx.conf"
        self.file.write_text(text)

    def asked(self, path: str, *, tls: bool = True) -> tuple[int, dict[str, str], bytes]:
        """Ask for a path; return status, headers, body."""
        if tls:
            unproved = ssl._create_unverified_context()
            link: http.client.HTTPConnection = http.client.HTTPSConnection(
                "127.0.0.1", self.tls, context=unproved, timeout=30
            )
        else:
            link = http.client.HTTPConnection("127.0.0.1", self.plain, timeout=30)
        try:
            link.request("GET", path, headers={"Host": NAME})
            answer = link.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            link.close()


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("front")
    with running(folder / "data", "engines.backend=mock", f"server.allowed_hosts={NAME}") as server:
        one = Front(folder, server.url)
        process = subprocess.Popen(["nginx", "-p", str(folder), "-e", "stderr", "-c", str(one.file)])
        try:
            until_open("127.0.0.1", one.tls, socket.AF_INET)
            yield one
        finally:
            process.terminate()
            process.wait(20)


def test_the_page_comes_through_tls_alone(front: Front) -> None:
    status, headers, page = front.asked("/")
    assert status == 200
    assert b"Interlocutor" in page
    assert headers["strict-transport-security"] == "max-age=31536000"
    status, headers, _ = front.asked("/login?next=%2F", tls=False)
    assert (status, headers["location"]) == (308, f"https://{NAME}/login?next=%2F")


def test_figures_are_not_for_the_world(front: Front) -> None:
    assert front.asked("/metrics")[0] == 403
    assert front.asked("/health")[0] == 200


@pytest.mark.asyncio
async def test_a_conversation_goes_through_and_knows_that_it_is_encrypted(front: Front) -> None:
    info = json.loads((await asyncio.to_thread(front.asked, "/api/info"))[2])
    assert info["version"]
    unproved = ssl._create_unverified_context()
    socket_ = await connect(
        f"wss://{NAME}/v1/realtime?model=card:{CARD}",
        host="127.0.0.1",
        port=front.tls,
        ssl=unproved,
        subprotocols=["realtime", f"openai-insecure-api-key.{KEY}"],  # type: ignore[list-item]
        origin=f"https://{NAME}",  # type: ignore[arg-type]
    )
    wire = Wire(socket_)
    try:
        assert await wire.answered() < 25.0
        assert await wire.end() == 1000
    finally:
        await wire.drop()


def test_who_opens_sockets_without_end_is_told_to_wait(front: Front) -> None:
    answers = [front.asked("/v1/nothing")[0] for _ in range(130)]
    assert set(answers) == {404, 429}
    assert answers.index(429) >= 100, "a class behind one address comes in"
