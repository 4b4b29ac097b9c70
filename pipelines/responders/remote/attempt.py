"""One try at one host: the request, its stream, and what each way of failing is called."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator, Mapping
from typing import TypeVar

import httpx2

from pipelines.responders.remote.failures import RemoteFailure
from pipelines.responders.remote.forms import Asking, Delta, ProviderForm
from pipelines.responders.remote.remote_host import RemoteHost
from pipelines.responders.remote.server_sent import EventReader
from pipelines.responders.remote.settings import RemoteWaits

T = TypeVar("T")

# The end of a body comes with its last event, or soon after.
_READ_OUT_S = 0.2
# What a header says beyond a day is taken for a mistake.
_MOST_RETRY_AFTER_S = 86_400.0


async def stream_answer(
    client: httpx2.AsyncClient,
    host: RemoteHost,
    form: ProviderForm,
    asking: Asking,
    *,
    waits: RemoteWaits,
    until_s: float,
    first_until_s: float,
) -> AsyncGenerator[Delta, None]:
    """Yield what the host answers until the end that its form has; raises RemoteFailure.

    Nothing is waited for beyond `until_s` of the loop's time, the first words not beyond `first_until_s`. Closing the
    iterator closes the connection at once.
    """
    request = client.build_request(
        "POST",
        host.address.url(form.path),
        content=json.dumps(form.body(asking)).encode(),
        headers={
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
            "User-Agent": "interlocutor",
            **form.headers(host.key),
        },
    )
    loop = asyncio.get_running_loop()
    due_s, silence = min(first_until_s, loop.time() + waits.first_token_s), "did not begin to answer in time"
    with named_failures():
        response = await _within(due_s, silence, client.send(request, stream=True))
        try:
            _require_stream(response)
            reader, chunks, finished = EventReader(), aiter(response.aiter_bytes()), False
            while (chunk := await _within(due_s, silence, anext(chunks, None))) is not None:
                for data in reader.feed(chunk):
                    delta = form.read(data)
                    if delta.text:
                        # What says nothing, such as a ping, does not count.
                        due_s, silence = min(until_s, loop.time() + waits.idle_s), "stopped in the middle of its answer"
                    finished = finished or delta.finished
                    yield delta
                    if delta.last:
                        await _read_out(chunks)
                        return
            if not finished:
                raise RemoteFailure("remote.broken", "ended its answer early")
        finally:
            await response.aclose()


async def _read_out(chunks: AsyncIterator[bytes]) -> None:
    """Wait a little for the end of the body after the last event: only then can the connection be used again."""
    with contextlib.suppress(TimeoutError, httpx2.HTTPError):
        async with asyncio.timeout(_READ_OUT_S):
            async for _ in chunks:
                pass


async def _within(due_s: float, what: str, awaited: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout_at(due_s):
            return await awaited
    except TimeoutError:
        raise RemoteFailure("remote.timeout", what) from None


@contextlib.contextmanager
def named_failures() -> Iterator[None]:
    """Turn failures of the network into RemoteFailure; its words hold no address and nothing that was sent."""
    try:
        yield
    except (httpx2.ConnectTimeout, httpx2.PoolTimeout):
        raise RemoteFailure("remote.unreachable", "can't be connected to in time") from None
    except httpx2.ConnectError as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise RemoteFailure("remote.unreachable", "has a certificate that is not trusted") from None
        raise RemoteFailure("remote.unreachable", "refuses the connection") from None
    except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError, httpx2.DecodingError):
        raise RemoteFailure("remote.broken", "broke the connection off") from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise RemoteFailure("remote.broken", f"can't be spoken to ({type(error).__name__})") from None


def _require_stream(response: httpx2.Response) -> None:
    """Raise RemoteFailure unless this is the beginning of a streamed answer."""
    status = response.status_code
    if status == 429:
        raise RemoteFailure("remote.busy", "is busy (429)", retry_after_s=retry_after_s(response.headers))
    if status >= 500:
        raise RemoteFailure("remote.failed", f"failed ({status})", retry_after_s=retry_after_s(response.headers))
    if status in (401, 403):
        raise RemoteFailure("remote.key", f"refuses the key ({status}); check engines.remote.keys")
    if status == 404:
        raise RemoteFailure(
            "remote.refused", "does not know the address or the model (404); check engines.remote.model"
        )
    if 300 <= status < 400:
        raise RemoteFailure("remote.broken", f"sends us to another address ({status}), where nothing is sent")
    if status >= 400:
        raise RemoteFailure("remote.refused", f"refuses the request ({status})")
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if status != 200 or kind != "text/event-stream":
        shown = kind if kind.replace("/", "").replace("-", "").isalnum() else "no kind"
        raise RemoteFailure("remote.broken", f"answers with {shown[:40]}, which is no stream; check its address")


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After header, which has seconds or a date; None without one that can be read."""
    text = headers.get("Retry-After", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    # NaN is no time.
    return min(max(0.0, seconds), _MOST_RETRY_AFTER_S) if seconds == seconds else None
