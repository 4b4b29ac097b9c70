"""A real OpenID Connect provider from npm, run by node; what can't be had is said, and its tests are skipped."""

from __future__ import annotations

import contextlib
import fcntl
import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2

HERE = Path(__file__).resolve().parent
WHY = "no provider of accounts is here"
INSTALL_S = 180.0
START_S = 60.0
SECRET = "a client's secret, with + and % in it"
CLIENT = "interlocutor"


def folder() -> Path:
    """Return where npm puts it: a cache outside the checkout."""
    cache_folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return cache_folder / "interlocutor" / "oidc-provider"


@cache
def lacking() -> str | None:
    """Return why there is none, or None; it is fetched from npm once."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return f"{WHY}: apt-get install nodejs npm"
    place, lock = folder(), (HERE / "package-lock.json").read_text()
    place.mkdir(parents=True, exist_ok=True)
    with (place / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for name in ("package.json", "package-lock.json", "provider.mjs"):
            shutil.copy(HERE / name, place / name)
        made = place / ".made-from"
        if made.is_file() and made.read_text() == lock:
            return None
        words = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        try:
            subprocess.run(words, cwd=place, check=True, capture_output=True, timeout=INSTALL_S)
        except (OSError, subprocess.SubprocessError) as error:
            return f"{WHY}: npm can't bring it ({type(error).__name__})"
        made.write_text(lock)
    return None


@contextlib.contextmanager
def providing(people: dict[str, dict[str, Any]], *, redirect_uri: str, public: bool = False) -> Iterator[str]:
    """Run a provider that knows these people by their claims; yield its issuer."""
    client: dict[str, Any] = {"client_id": CLIENT, "redirect_uris": [redirect_uri]}
    client |= {"token_endpoint_auth_method": "none"} if public else {"client_secret": SECRET}
    told = json.dumps({"people": people, "clients": [client]})
    process = subprocess.Popen(
        ["node", "provider.mjs", told],
        cwd=folder(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = next((text for text in process.stdout if text.startswith("listening at ")), None)
        assert line is not None, "the provider ended before it listened"
        yield line.removeprefix("listening at ").strip()
    finally:
        process.terminate()
        process.wait(START_S)
        if process.stdout is not None:
            process.stdout.close()


async def log_in_there(address: str, login: str, *, until: str) -> str:
    """Log in at the provider as a browser would; return the address, beginning with `until`, that it leads back to."""
    async with httpx2.AsyncClient(timeout=START_S) as browser:
        answer = await browser.get(address)
        for _ in range(12):
            if answer.status_code in (302, 303):
                address = urljoin(str(answer.url), answer.headers["location"])
                if address.startswith(until):
                    return address
                answer = await browser.get(address)
                continue
            action = re.search(r'<form[^>]* action="([^"]+)"', answer.text)
            assert action is not None, answer.text[:500]
            prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
            assert prompt is not None, answer.text[:500]
            fields = {"prompt": prompt[1]} | ({"login": login, "password": "any"} if prompt[1] == "login" else {})
            answer = await browser.post(urljoin(str(answer.url), html.unescape(action[1])), data=fields)
    raise AssertionError("the provider leads nowhere")
