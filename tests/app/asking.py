"""Questions to a server over HTTP; a refusal is an answer too."""

from __future__ import annotations

import urllib.error
import urllib.request

PATIENCE_S = 60.0


def answered(
    method: str, url: str, token: str = "", body: bytes | None = None, kind: str | None = None
) -> tuple[int, bytes]:
    """Ask, with a bearer's token and a media type if there are any; return the answer's status and body."""
    request = urllib.request.Request(url, data=body, method=method)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    if kind is not None:
        request.add_header("Content-Type", kind)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
