"""Sends a file that may be sealed, whole or the range that was asked for (RFC 9110, section 14), piece by piece."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from common.sealed_files import CHUNK_BYTES

_RANGE = re.compile(r"^bytes=(\d{0,18})-(\d{0,18})$")


@dataclass(frozen=True, slots=True)
class _Part:
    """Bytes `first` to `end`, which is not in it."""

    first: int
    end: int


async def send_file(
    request: Request, open_file: Callable[[], BinaryIO], *, version: str, media_type: str, filename: str
) -> Response:
    """Return the answer to a request for a file; raises OSError, and StorageError when it does not open.

    `version` is another one once the file says something else. Several ranges at once are answered with the whole: no
    player asks for them.
    """
    file = await asyncio.to_thread(open_file)
    try:
        size = await asyncio.to_thread(file.seek, 0, os.SEEK_END)
        tag = hashlib.sha256(f"{version} {size}".encode()).hexdigest()[:32]
        told = {
            "Accept-Ranges": "bytes",
            "ETag": f'"{tag}"',
            "Content-Disposition": f'attachment; filename="{quote(filename)}"',
        }
        part = _asked(request.headers, size, told["ETag"])
        if part is None:
            await asyncio.to_thread(file.close)
            return Response(status_code=416, headers=told | {"Content-Range": f"bytes */{size}"})
        # What was changed is found here, while another answer can still be given; later it can only end the connection.
        first = await asyncio.to_thread(_read, file, part.first, min(CHUNK_BYTES, part.end - part.first))
    except BaseException:
        file.close()
        raise
    whole = part == _Part(0, size)
    told["Content-Length"] = str(part.end - part.first)
    if not whole:
        told["Content-Range"] = f"bytes {part.first}-{part.end - 1}/{size}"
    status = 200 if whole else 206
    if request.method == "HEAD":
        file.close()
        return Response(b"", status, told, media_type)
    return StreamingResponse(_pieces(file, first, part), status, told, media_type)


def _asked(headers: Headers, size: int, tag: str) -> _Part | None:
    """Return what of a file is asked for; None if it has nothing of that."""
    found = _RANGE.match(headers.get("range", ""))
    if found is None or found.groups() == ("", "") or headers.get("if-range", tag) != tag:
        return _Part(0, size)
    begins, ends = found.groups()
    if not begins:
        part = _Part(max(0, size - int(ends)), size)
    else:
        part = _Part(int(begins), min(size, int(ends) + 1) if ends else size)
        if ends and int(ends) < int(begins):
            return _Part(0, size)
    return part if part.first < part.end else None


async def _pieces(file: BinaryIO, first: bytes, part: _Part) -> AsyncIterator[bytes]:
    try:
        yield first
        at = part.first + len(first)
        while at < part.end:
            piece = await asyncio.to_thread(_read, file, at, min(CHUNK_BYTES, part.end - at))
            if not piece:
                return
            yield piece
            at += len(piece)
    finally:
        file.close()


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)
