"""Kills one of two hosts of a remote mind in mid-reply, again and again, and looks at what the patient says.

    python -m tests.bench.failover --times 50 --json FILE

The hosts are processes that speak OpenAI's form and say the same answer, a word every 30 ms. One is killed with
`kill -9` as soon as the first clause of its answer is there, and started again.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from bench.report_figures import Figure, print_figures, write_figures
from pipelines.engines import Clause, RemoteUse
from pipelines.responders.remote.remote_responder import RemoteResponder
from server.logs import quiet_logs
from server.measures import percentile
from tests.fakes.provider import ANSWER, KEY
from tests.fakes.remote import remote_responder, remote_settings, request

SENTENCES = [f"{sentence}." for sentence in ANSWER.removesuffix(".").split(". ")]
# A slow machine starts and answers slowly; what is measured is what is said.
WAITS = {"first_token_s": 10.0, "idle_s": 10.0, "whole_s": 60.0, "open_s": 0.1}


class KillableHost:
    """A provider in a process of its own."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        """Start it; `wait` until it answers."""
        command = [sys.executable, "-m", "tests.fakes.provider", str(self.port)]
        self._process = subprocess.Popen(command, env=os.environ)

    def wait(self) -> None:
        """Return once it answers."""
        headers = {"Authorization": f"Bearer {KEY}"}
        while self._process is not None and self._process.poll() is None:
            with contextlib.suppress(httpx2.TransportError):
                httpx2.get(f"{self.url}/models", headers=headers, trust_env=False)
                return
            time.sleep(0.02)
        raise RuntimeError("the host ended by itself")

    def kill(self) -> None:
        """Kill it as `kill -9` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a reply came to whose host was killed: its words, who finished it, and the gap until it went on."""

    text: str
    outcome: str
    failures: tuple[str, ...]
    gap_ms: float

    @property
    def whole(self) -> bool:
        """Whether every sentence of the answer was said."""
        return all(sentence in self.text for sentence in SENTENCES)

    @property
    def repeated(self) -> int:
        """How many sentences were said again."""
        return sum(self.text.count(sentence) - 1 for sentence in SENTENCES if sentence in self.text)


@contextmanager
def two_hosts() -> Iterator[list[KillableHost]]:
    """Serve two hosts until the block ends."""
    with ExitStack() as stack:
        hosts = [KillableHost(), KillableHost()]
        for host in hosts:
            stack.callback(host.kill)
            host.start()
        for host in hosts:
            host.wait()
        yield hosts


def kill_often(times: int) -> list[Spoken]:
    """Have so many replies spoken, and kill the host of each in the middle of it."""
    with two_hosts() as hosts:
        settings = remote_settings(waits=WAITS, hosts=[host.url for host in hosts])
        with remote_responder(settings) as responder:
            return [speak_and_kill(responder, hosts, turn) for turn in range(times)]


def speak_and_kill(responder: RemoteResponder, hosts: list[KillableHost], turn: int) -> Spoken:
    """Have one reply spoken, and kill its host once it has begun."""
    texts: list[str] = []
    killed_s = gap_ms = 0.0
    victim: KillableHost | None = None
    use: RemoteUse | None = None
    for part in responder.respond(request(reply=turn)):
        if isinstance(part, Clause):
            texts.append(part.text)
            if victim is None:
                (busy,) = [host for host in responder.mind.hosts.all if host.outstanding]
                victim = next(host for host in hosts if str(busy).endswith(f":{host.port}"))
                victim.kill()
                killed_s = time.monotonic()
            elif not gap_ms:
                gap_ms = 1000.0 * (time.monotonic() - killed_s)
        elif isinstance(part, RemoteUse):
            use = part
    assert victim is not None
    assert use is not None
    victim.start()
    victim.wait()
    return Spoken(" ".join(texts), use.outcome, use.failures, gap_ms)


def figures_of(spoken: list[Spoken]) -> list[Figure]:
    """Return what is told of these replies."""
    count = len(spoken)
    gaps_ms = [one.gap_ms for one in spoken]
    return [
        Figure("answered_by_a_host", float(sum(one.outcome == "remote" for one in spoken)), "replies", n=count),
        Figure("whole", float(sum(one.whole for one in spoken)), "replies", n=count),
        Figure("finished_by_the_other_host", float(sum(bool(one.failures) for one in spoken)), "replies", n=count),
        Figure("most_sentences_repeated", float(max(one.repeated for one in spoken)), "sentences", n=count),
        Figure("gap_p50_ms", percentile(gaps_ms, 0.5), "ms", n=count, note="to the next clause, 5 words"),
        Figure("gap_p95_ms", percentile(gaps_ms, 0.95), "ms", n=count),
    ]


def main() -> None:
    """Run from the command line; exit 1 when a reply was not answered or said more than a sentence twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    quiet_logs("ERROR")  # each kill is a warning
    spoken = kill_often(asked.times)
    figures = figures_of(spoken)
    print_figures(f"{asked.times} hosts killed in mid-reply", figures)
    if asked.json is not None:
        write_figures(asked.json, figures)
    sys.exit(any(not one.whole or one.repeated > 1 for one in spoken))


if __name__ == "__main__":
    main()
