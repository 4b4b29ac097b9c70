"""A real PostgreSQL for the tests, from Debian's package: one cluster a run, on a socket in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

WHY = "no PostgreSQL is here"
START_S = 60


@cache
def programs() -> Path | None:
    """Return the folder of the newest PostgreSQL that is installed, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    return found[-1].parent if found else None


def lacking() -> str | None:
    """Return why no PostgreSQL can be started here, or None."""
    if programs() is None:
        return f"{WHY}: apt-get install postgresql"
    return None if os.geteuid() != 0 or _owner() is not None else f"{WHY}: it does not run as root"


def _owner() -> str | None:
    """Return the user of Debian's package, whom root starts it as."""
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return None


@contextlib.contextmanager
def cluster(password: str | None = None) -> Iterator[str]:
    """Run a PostgreSQL that may forget everything; yield its address but for the database's name.

    With a password it asks for it, and listens on this machine's loopback; the address does not have the password.
    """
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path may have a hundred letters at most
    data, bin_folder = folder / "data", programs()
    assert bin_folder is not None
    try:
        if os.geteuid() == 0:
            owner = _owner()
            assert owner is not None
            shutil.chown(folder, owner)
        how: tuple[object, ...] = ("-A", "trust")
        listens, address = "", f"postgresql://tests@/{{name}}?host={folder}"
        if password is not None:
            (folder / "password").write_text(password)
            if owner := _owner() if os.geteuid() == 0 else None:
                shutil.chown(folder / "password", owner)
            how = ("-A", "scram-sha-256", f"--pwfile={folder / 'password'}")
            port = _free_port()
            listens, address = f"127.0.0.1 -c port={port}", f"postgresql://tests@127.0.0.1:{port}/{{name}}"
        _run(bin_folder / "initdb", "-D", data, "-U", "tests", *how, "-E", "UTF8", "--locale=C", "--no-sync")
        options = (
            f"-c listen_addresses={listens} -c unix_socket_directories={folder} -c fsync=off -c full_page_writes=off "
            "-c synchronous_commit=off -c shared_buffers=16MB -c max_connections=40"
        )
        control = (bin_folder / "pg_ctl", "-D", data, "-w", "-t", START_S)
        _run(*control, "-l", folder / "log", "-o", options, "start")
        try:
            yield address
        finally:
            _run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _run(*words: object) -> None:
    owner = _owner() if os.geteuid() == 0 else None
    told = subprocess.run(
        [str(word) for word in words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        timeout=120,
        user=owner,
    )
    assert told.returncode == 0, told.stdout.decode()
