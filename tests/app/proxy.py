"""A real nginx in front of a server, as `docs/operations.md` has it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WHY = "there is no nginx: apt-get install nginx-light"
PATIENCE_S = 20.0

_CONFIGURATION = """
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
daemon off;
events {{ worker_connections 10000; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  limit_conn_zone $binary_remote_addr zone=connections:10m;
  limit_req_zone $binary_remote_addr zone=sockets:10m rate=5r/s;
  upstream servers {{
{upstream}
  }}
  server {{
    listen {listen};
    proxy_connect_timeout 2s;
    client_header_timeout 10s;
    client_body_timeout 10s;
    limit_conn connections 512;
    proxy_http_version 1.1;
    proxy_set_header Host {host};
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    proxy_buffering off;
    proxy_read_timeout 180s;
    location {prefix}/ {{ proxy_pass http://servers{slash}; }}
    location {prefix}/v1/ {{
      limit_req zone=sockets burst=100 delay=10;
      limit_req_status 429;
      proxy_pass http://servers{sockets};
    }}
  }}
}}
"""


def has_nginx() -> bool:
    """Return whether there is one on this machine."""
    return shutil.which("nginx") is not None


@contextmanager
def nginx(
    target: str,
    folder: Path,
    *others: str,
    prefix: str = "",
    strip: bool = True,
    host: str = "$http_host",
    address: str = "127.0.0.1",
    bare: bool = False,
) -> Iterator[str]:
    """Proxy to `target`, or to it and `others` in turn, below `prefix`; yield its page's address without a last slash.

    With `strip` the server is asked without the prefix, as most proxies are set up. `bare`: nothing is said of whom it
    asks for, in the version that nginx speaks by itself since 1.29.7.
    """
    folder.mkdir(parents=True, exist_ok=True)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as free:
        free.bind((address, 0))
        port = free.getsockname()[1]
    shown = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    targets = (target, *others)
    slash = "/" if strip and prefix else ""
    sockets = "/v1/" if slash else ""
    text = _CONFIGURATION.format(
        folder=folder,
        listen=shown,
        prefix=prefix,
        upstream="\n".join(f"    server {each.partition('//')[2]} max_fails=1 fail_timeout=2s;" for each in targets),
        slash=slash,
        sockets=sockets,
        host=host,
    )
    if bare:
        told = (line for line in text.splitlines() if "proxy_set_header" not in line)
        text = "\n".join(told).replace("http://servers", target)
    (folder / "nginx.conf").write_text(text)
    process = subprocess.Popen(
        ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    )
    try:
        until_open(address, port, family)
        yield f"http://{shown}{prefix}"
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def until_open(address: str, port: int, family: int) -> None:
    """Wait until somebody takes connections there; raises ConnectionRefusedError."""
    until_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            with socket.socket(family) as knock:
                knock.connect((address, port))
            return
        except ConnectionRefusedError:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.02)  # another program's start: there is no event to wait for
