"""Replays the Dockerfile without a container engine, and tries out what comes of it.

`scripts/container-replay` runs this as root in mount and process namespaces of its own. A bare Debian with its Python
stands for the image of Python that the Dockerfile begins with; all else is done as the Dockerfile says. What came of it
then runs as its user, on a root that can't be written, with a network that leads nowhere: it answers a recording, and
is told to stop while it answers another one.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import json
import os
import re
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server.vault.key_text import new_key_word
from tests.bench.container_build import ROOT, Built, bare_root, bind, build, say, size_mb
from tests.bench.container_weight import heaviest

MOST_MB = 900.0  # without models
READY_S = 180.0
TURN = ROOT / "tests" / "data" / "thinking-pause.flac"
SECRET = "/run/secrets/secret_key"
URL = "http://127.0.0.1:8000"
ACTIVE = re.compile(r"^voice_sessions_active ([1-9]\S*)$", flags=re.M)
CLONE_NEWNET, SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x40000000, 0x8913, 0x8914, 0x1


def main() -> int:
    """Build, start, replay one turn, tell the figures; 1 when something is not as it should be."""
    parser = argparse.ArgumentParser(description="Replay the Dockerfile in a bare root and try out what comes of it.")
    parser.add_argument("--work", type=Path, required=True, help="Folder for the roots; the caller deletes it.")
    parser.add_argument("--target", default="cpu", help="What is built: cpu, or gpu, which takes 7 GB more.")
    parser.add_argument("--models", type=Path, help="Folder of models that stands for the volume /models.")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE", help='As MODELS="tiny.en".')
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="For the server.")
    parser.add_argument("--base", type=Path, help="Keep the bare root in this tar file, and use it when it is there.")
    parser.add_argument("--audio", type=Path, default=TURN, help="What is replayed: a recording with its truth file.")
    parser.add_argument("--json", type=Path, help="Write the figures there too.")
    given = parser.parse_args()
    if given.models is not None and not given.models.is_dir():
        parser.error(f"{given.models} is no folder; models are brought into the image by --build-arg MODELS=tiny.en")
    began_s = time.monotonic()
    base = bare_root(given.work / "base", given.base)
    base_s, began_s = time.monotonic() - began_s, time.monotonic()
    built = build(base, given.work, _pairs(given.build_arg), given.target)
    build_s = time.monotonic() - began_s
    models_mb = size_mb(built.root / "models")
    whole_mb, base_mb = size_mb(built.root) - models_mb, size_mb(base)
    weights = heaviest(built.root, base)
    say(f"the bare root: {base_s:.0f} s, {base_mb:.0f} MB")
    say(f"the target {given.target}: {build_s:.0f} s, {whole_mb:.0f} MB without models, {models_mb:.0f} MB of models")
    say("of them " + ", ".join(f"{name} {mb:.0f}" for name, mb in weights.items()))
    faults = [] if whole_mb <= MOST_MB or given.target == "gpu" else [f"{whole_mb:.0f} MB are more than {MOST_MB:.0f}"]
    tried = try_out(built, given)
    faults += tried.faults
    say("\n".join(f"FAULT: {fault}" for fault in faults) or "all is well")
    if given.json is not None:
        sizes = {"whole_mb": whole_mb, "base_mb": base_mb, "models_mb": models_mb, "weights_mb": weights}
        report = {"build_s": build_s, **sizes, **tried.figures, "faults": faults}
        given.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 1 if faults else 0


def _pairs(given: list[str]) -> dict[str, str]:
    return dict(each.partition("=")[::2] for each in given)


@dataclass(slots=True)
class Tried:
    """What came of trying an image out."""

    figures: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def try_out(built: Built, given: argparse.Namespace) -> Tried:
    """Start the server as the image would, ask it for what it offers, replay, stop it within a role-play."""
    audio = mount_for_running(built, given)
    leave_network()
    environ = built.environ | {
        "INTERLOCUTOR__SECRET_KEY_FILE": SECRET,
        "INTERLOCUTOR__VAULT__KEY": new_key_word(),
        "INTERLOCUTOR__SERVER__ALLOW_EMBEDDED_IN_PRODUCTION": "true",
        "INTERLOCUTOR__AUTH__MODE": "guests",  # the replay has no account
        **_pairs(given.env),
    }
    began_s = time.monotonic()
    server = subprocess.Popen(built.as_user(*built.entrypoint, *built.command), env=environ)
    replays: list[Replayed] = []
    try:
        ready_s = until(lambda: asked("/ready")[0] == 200, server) - began_s
        user = Path(f"/proc/{server.pid}/status").read_text()
        (uid,) = (line.split()[1] for line in user.splitlines() if line.startswith("Uid:"))
        page = asked("/")[1]
        health = subprocess.run(built.as_user(*built.healthcheck), env=environ).returncode
        info = json.loads(asked("/api/info")[1])
        replays.append(Replayed(built, environ, audio))
        replays[0].finish()
        replays.append(Replayed(built, environ, audio))
        until(lambda: bool(ACTIVE.search(asked("/metrics")[1].decode())), server)
        server.send_signal(signal.SIGTERM)
        stopped_s = time.monotonic()
        refuses = until(lambda: asked("/ready")[0] == 503, server) >= stopped_s
        replays[1].finish()
        stopped = server.wait(READY_S)
    finally:
        server.kill()
        for replay in replays:
            replay.process.kill()
    drained_s = time.monotonic() - stopped_s
    engines = ", ".join(engine["name"] for engine in info["engines"].values() if engine["name"])
    say(f"ready after {ready_s:.1f} s as user {uid} with {engines}, in {info['env']}")
    say(f"page: {len(page)} bytes; health check: {health}; turns: {[len(replay.turns) for replay in replays]}")
    say(f"told to stop within a role-play: ended {drained_s:.1f} s later with {stopped}")
    checks = {
        "it runs as root": uid != "0" and uid == built.user.partition(":")[0],
        "the page does not answer": b"Interlocutor" in page,
        "the health check fails": health == 0,
        "a replay failed": all(replay.turns for replay in replays),
        "a turn was not answered": all(turn["said"] for replay in replays for turn in replay.turns),
        "it takes new role-plays while it stops": refuses,
        "it did not end well when it was told to": stopped == 0,
        "its root can be written": not writable(built),
        "it keeps no record": any((built.root / "data" / "sessions").iterdir()),
    }
    figures = {"ready_s": ready_s, "drained_s": drained_s, "turns": sum(len(replay.turns) for replay in replays)}
    return Tried(figures, [what for what, well in checks.items() if not well])


class Replayed:
    """A recording that is replayed to the server by the image's own command; it begins at once."""

    def __init__(self, built: Built, environ: dict[str, str], audio: str) -> None:
        self._report = built.root / "tmp" / "replay.json"
        self._report.unlink(missing_ok=True)
        words = built.as_user("interlocutor", "replay", audio, "--url", URL, "--json", "/tmp/replay.json")
        self.process = subprocess.Popen(words, env=environ)
        self.turns: list[dict[str, Any]] = []

    def finish(self) -> None:
        """Wait for its end; a replay that failed has no turns."""
        if self.process.wait(READY_S) == 0:
            self.turns = json.loads(self._report.read_text(encoding="utf-8"))["turns"]


def writable(built: Built) -> bool:
    """Return whether the image's own user can write outside of its volumes."""
    touch = built.as_user("/bin/sh", "-c", "touch /opt/written /opt/interlocutor/written 2>/dev/null")
    return subprocess.run(touch, env=built.environ).returncode == 0


def mount_for_running(built: Built, given: argparse.Namespace) -> str:
    """Make the root read-only, with volumes, a secret and a place for temporary files; return where the audio is."""
    root, (uid, gid) = built.root, (int(part) for part in built.user.split(":"))
    secret = given.work / "secret"
    secret.write_text(secrets.token_urlsafe(48))
    os.chown(secret, uid, gid)
    secret.chmod(0o400)
    target = root / SECRET[1:]
    target.parent.mkdir(parents=True)
    target.touch()
    volumes = {"/data": given.work / "data", "/models": given.models or root / "models"}
    volumes["/data"].mkdir(mode=0o700)
    os.chown(volumes["/data"], uid, gid)
    bind(root, root)
    subprocess.run(["mount", "-o", "remount,bind,ro", root], check=True)
    bind(secret, target, read_only=True)
    for inside, outside in volumes.items():
        bind(outside, root / inside[1:], read_only=outside == given.models)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", root / "tmp"], check=True)
    for path in (given.audio, given.audio.with_suffix("").with_suffix(".truth.yaml")):
        if path.is_file():
            shutil.copy(path, root / "tmp" / path.name)
    subprocess.run(["mount", "-t", "proc", "proc", root / "proc"], check=True)
    return f"/tmp/{given.audio.name}"


def leave_network() -> None:
    """Keep loopback alone: whatever the server would ask the world for fails from now on."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "can't leave the network")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked_for = fcntl.ioctl(any_socket, SIOCGIFFLAGS, struct.pack("16sh", b"lo", 0) + bytes(14))
        (flags,) = struct.unpack_from("h", asked_for, 16)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | IFF_UP) + bytes(14))


def asked(path: str) -> tuple[int, bytes]:
    """Ask the server for something; return status and body, status 0 while there is no answer."""
    try:
        with urllib.request.urlopen(f"{URL}{path}", timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def until(holds: Callable[[], bool], server: subprocess.Popen[bytes]) -> float:
    """Wait for something of the running server; return the time then. Raises RuntimeError."""
    give_up_s = time.monotonic() + READY_S
    while time.monotonic() < give_up_s and server.poll() is None:
        if holds():
            return time.monotonic()
        # The state of another process gives no event to wait for.
        time.sleep(0.1)
    raise RuntimeError("the server did not come so far; its own words are above")


if __name__ == "__main__":
    sys.exit(main())
