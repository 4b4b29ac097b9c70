"""What a replay asks of a server by HTTP, and what it says when it gets no answer or a refusal."""

from __future__ import annotations

import asyncio
import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from audio.text import well_formed
from common.errors import ProtocolError

TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A server's answer: its body, and the address in its `Location`."""

    body: bytes
    location: str = ""


async def ask(
    url: str, *, headers: Mapping[str, str], body: bytes | None = None, method: str | None = None
) -> HttpAnswer:
    """Ask a server (GET without a body, else POST, unless told); raises ProtocolError with its own words and code.

    The code is `replay.server` where it answered nothing that has one, and `replay.url` for what is no address.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise ProtocolError(f"'{url}' is no http address", code="replay.url")

    def call() -> HttpAnswer:
        request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)  # noqa: S310 - checked
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
            return HttpAnswer(response.read(), response.headers.get("Location", ""))

    try:
        return await asyncio.to_thread(call)
    except urllib.error.HTTPError as error:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            told = parsed(error.read())["error"]
            raise ProtocolError(f"the server refused: {told['message']}", code=str(told["code"])) from None
        raise ProtocolError(f"the server answered {error.code}", code="replay.server") from None
    except (OSError, ValueError) as error:
        raise no_server(url, error) from None


async def ask_json(url: str, *, headers: Mapping[str, str], body: bytes | None = None) -> dict[str, Any]:
    """Ask a server for a JSON object; raises ProtocolError."""
    answer = await ask(url, headers=headers, body=body)
    try:
        return parsed(answer.body)
    except ValueError as error:
        raise no_server(url, error) from None


def no_server(url: str, error: Exception) -> ProtocolError:
    """Return what to say where no server of ours answers."""
    reason = getattr(error, "reason", error)
    return ProtocolError(f"no server answers at {url} ({reason}); is it running?", code="replay.server")


def parsed(text: str | bytes) -> dict[str, Any]:
    """Return a server's JSON object, fit to be shown and kept, whatever server it is; raises ValueError."""
    if isinstance(text, bytes):
        text = text.decode()
    found: dict[str, Any] = json.loads(text)
    # This is an escape, which may be half a surrogate; audio has none.
    if "\\u" in text:
        found = json.loads(well_formed(json.dumps(found, ensure_ascii=False)))
    return found
