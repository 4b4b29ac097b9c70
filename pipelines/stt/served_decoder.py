"""A recogniser that reads on another machine of the operator's: a `SegmentDecoder` whose work is asked for over HTTP.

What serves it is `pipelines/stt/ray_replica.py`, or anything that speaks the same form. Sound goes to the address that
is set and nowhere else: no proxy is used, and no redirect is followed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from common.errors import EngineError
from pipelines.engines import DecodedBatch, DecodeRequest, EngineInfo
from pipelines.responders.remote.allowed_addresses import may_be_private, read_address
from pipelines.stt.decode_wire import pack_requests, unpack_batch, unpack_info

if TYPE_CHECKING:
    import httpx2

SETTING = "engines.recogniser_address"
CONNECT_S = 2.0


def check_address(text: str) -> str:
    """Return the address of a served recogniser; raises EngineError for what is none, or none of one's own."""
    if "://" not in text:
        raise EngineError(f"{SETTING}: write the whole address, such as http://10.0.0.7:8100/, not '{text}'")
    address = read_address(text, setting=SETTING, path="/")
    if not may_be_private(address.origin.host):
        raise EngineError(
            f"{SETTING}: '{address.origin.host}' is not on a private network; candidates have not agreed that their "
            "voice goes to anybody else"
        )
    return f"{address.origin}{address.path}"


class ServedDecoder:
    """Asks a recogniser that is served; one connection is kept open for each thread that has such an engine."""

    def __init__(self, *, address: str, timeout_s: float) -> None:
        self._address = address
        self._timeout_s = timeout_s
        self._client: httpx2.Client | None = None
        # What the last reading took there, and no part of the way; None where nobody says.
        self.read_ms: float | None = None
        self.info = EngineInfo("recogniser", "served", demonstration=False, isolation="thread", detail=address)

    def warm(self) -> None:
        """Ask whether it is there and what it is, and have it read a moment of silence; raises EngineError."""
        import numpy as np

        self.info = unpack_info(self._ask("GET", b""), at=self._address)
        self.decode([DecodeRequest(np.zeros(1_600, dtype=np.int16))])

    def decode(self, requests: Sequence[DecodeRequest]) -> DecodedBatch:
        """Have all requests read; raises EngineError."""
        batch = unpack_batch(self._ask("POST", pack_requests(requests)))
        if len(batch.results) != len(requests):
            raise EngineError(f"{self._address} answered {len(batch.results)} of {len(requests)} requests")
        return batch

    def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _ask(self, method: str, body: bytes) -> bytes:
        import httpx2

        if self._client is None:
            waits = httpx2.Timeout(self._timeout_s, connect=CONNECT_S)
            self._client = httpx2.Client(timeout=waits, trust_env=False, follow_redirects=False)
        try:
            told = self._client.request(method, self._address, content=body)
        except httpx2.HTTPError as error:
            raise EngineError(
                f"the recogniser at {self._address} does not answer ({type(error).__name__}); start it, or set "
                f"{SETTING} to one that runs"
            ) from None
        if told.status_code != 200:
            raise EngineError(f"the recogniser at {self._address} answered {told.status_code}: {told.text[:200]}")
        took = re.fullmatch(r"read;dur=([0-9.]+)", told.headers.get("Server-Timing", ""))
        self.read_ms = float(took[1]) if took is not None else None
        return told.content
