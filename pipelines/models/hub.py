"""A client of a model hub: which files a repository has, and one file into a part that can be continued.

The hub's own library (huggingface_hub 2.4) is not used: where a download breaks off it deletes what came, so that
nothing could be continued after a restart; it asks the hub about the program that calls it; and it prefers another
protocol of storage. What is needed here is little: one listing, and GET with Range. The hub may send the client on to
another host for the bytes; the access token goes to the hub alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from common.errors import EngineError
from pipelines.models.hub_access import HubAccess, require_address
from pipelines.models.hub_answers import explain, explain_archive
from pipelines.models.hub_waits import Patience, Waits

if TYPE_CHECKING:
    import httpx2

_AGAIN = (408, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository as the hub describes it; git's checksum is told where it has no sha256."""

    path: str
    size_bytes: int | None
    sha256: str | None = None
    git_sha1: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a repository at one commit."""

    commit: str
    files: tuple[RemoteFile, ...]


class Hub:
    """A hub, or one of its mirrors. Every failure is an EngineError that says what to do."""

    def __init__(
        self, access: HubAccess, patience: Patience | None = None, *, say: Callable[[str], None] = lambda text: None
    ) -> None:
        require_address(access.url)
        self.access = access
        self._patience = patience or Patience()
        self._say = say
        self._opened: httpx2.Client | None = None

    def __enter__(self) -> Hub:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the next question opens new ones."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def list_files(self, repository: str, revision: str) -> Listing:
        """Return what a repository has at a revision (branch, tag or commit)."""
        url = f"{self.access.url}/api/models/{quote(repository)}/revision/{quote(revision, safe='')}?blobs=true"
        # Nothing came yet that would be worth a long wait.
        waits = Waits(replace(self._patience, tries=min(self._patience.tries, 3)), self._say)
        while True:
            self._require_network(repository)
            failure: EngineError | None = None
            with self._told(url, repository) as trouble:
                response = self._client().get(url, headers=self._headers(url))
                if response.status_code < 400:
                    return _listing(response, self.access.url, repository)
                failure = self._refusal(response, url, repository)
                if response.status_code in _AGAIN:
                    waits.hint(response.headers.get("Retry-After"))
                else:
                    raise failure
            waits.next(failure or trouble[0])

    def file_url(self, repository: str, commit: str, path: str) -> str:
        """Return the address of a file."""
        return f"{self.access.url}/{quote(repository)}/resolve/{quote(commit, safe='')}/{quote(path)}"

    def download(
        self, url: str, part: Path, *, name: str, size_bytes: int | None, on_bytes: Callable[[int], None]
    ) -> None:
        """Bring a file into `part`, going on after the bytes that are there already.

        Args:
            url: Where it is.
            part: What has come so far; it grows, and is kept whatever happens.
            name: The repository, for messages.
            size_bytes: Its size, or None where the hub has not said it.
            on_bytes: Called with the number of bytes that came; negative if they must be fetched once more.
        """
        waits = Waits(self._patience, self._say)
        while True:
            self._require_network(name)
            before = _size(part)
            if size_bytes is not None and before > size_bytes:
                part.unlink()
                on_bytes(-before)
                before = 0
            if size_bytes is not None and before == size_bytes:
                part.touch()
                return
            failure: EngineError | None = None
            with self._told(url, name) as trouble:
                headers = self._headers(url) | {"Accept-Encoding": "identity"}
                if before:
                    headers["Range"] = f"bytes={before}-"
                with self._client().stream("GET", url, headers=headers) as response:
                    if response.status_code < 400:
                        size_bytes = _receive(response, part, before, size_bytes, on_bytes)
                        if size_bytes is None or _size(part) == size_bytes:
                            return
                        failure = _too_few(name, _size(part), size_bytes)
                    elif response.status_code == 416:
                        if size_bytes is None and before and _whole_size(response.headers, 0) == before:
                            # All of it had come, and nobody had said how much that is.
                            return
                        part.unlink(missing_ok=True)
                        on_bytes(-before)
                        raise _too_few(name, before, size_bytes)
                    else:
                        failure = self._refusal(response, url, name)
                        if response.status_code not in _AGAIN:
                            raise failure
                        waits.hint(response.headers.get("Retry-After"))
            if _size(part) > before:
                waits.reset()
            waits.next(failure or trouble[0])

    def _require_network(self, name: str) -> None:
        if self.access.offline:
            raise EngineError(
                f"HF_HUB_OFFLINE is set, so {name} is not fetched: unset it, or copy the model's folder from another "
                f"machine and check it with `interlocutor models verify`",
                code="model.offline",
            )

    def _client(self) -> httpx2.Client:
        import httpx2

        if self._opened is None:
            limit = httpx2.Timeout(self._patience.silence_s, connect=self._patience.connect_s)
            self._opened = httpx2.Client(follow_redirects=True, timeout=limit)
        return self._opened

    @contextmanager
    def _told(self, url: str, name: str) -> Iterator[list[EngineError]]:
        """Turn failures of the network into what to raise when there is no trying again; they end up in the list."""
        import httpx2

        found: list[EngineError] = []
        host = urlsplit(url).netloc
        setting = " and HF_ENDPOINT" if self._is_ours(url) else ""
        try:
            yield found
        except (httpx2.UnsupportedProtocol, httpx2.InvalidURL, httpx2.TooManyRedirects) as error:
            raise EngineError(
                f"{host} sends us in circles or to no address: check the proxy (HTTPS_PROXY){setting}",
                code="model.hub_failed",
            ) from error
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            host = error.request.url.netloc.decode("ascii")  # it may have sent us on to another
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise EngineError(
                    f"the certificate of {host} is not trusted: if a proxy here opens connections, add its certificate "
                    f"to the system's, or name it in SSL_CERT_FILE",
                    code="model.hub_unreachable",
                ) from error
            found.append(
                EngineError(
                    f"{host} can't be reached for {name}: check the network, the proxy (HTTPS_PROXY){setting}; "
                    f"or copy the model's folder from another machine",
                    code="model.hub_unreachable",
                )
            )
            found[0].__cause__ = error
        except httpx2.TransportError as error:
            found.append(
                EngineError(
                    f"the connection for {name} broke off again and again: pull again, what came is kept",
                    code="model.hub_unreachable",
                )
            )
            found[0].__cause__ = error

    def _headers(self, url: str) -> dict[str, str]:
        headers = {"User-Agent": "interlocutor"}
        target = urlsplit(url)
        # In the clear the token would be anyone's on the way.
        closed = target.scheme == "https" or target.hostname in ("localhost", "127.0.0.1", "::1")
        if self.access.token and self._is_ours(url) and closed:
            headers["Authorization"] = f"Bearer {self.access.token}"
        return headers

    def _is_ours(self, url: str) -> bool:
        """Return whether an address is the hub's; an archive has one of its own."""
        hub, target = urlsplit(self.access.url), urlsplit(url)
        return (hub.scheme, hub.netloc) == (target.scheme, target.netloc)

    def _refusal(self, response: httpx2.Response, url: str, repository: str) -> EngineError:
        if not self._is_ours(url):
            return explain_archive(response.status_code, url)
        return explain(
            response.status_code,
            error_code=response.headers.get("X-Error-Code", ""),
            error_message=response.headers.get("X-Error-Message", ""),
            hub=self.access.url,
            repository=repository,
            has_token=self.access.token is not None,
        )


def _receive(
    response: httpx2.Response, part: Path, before: int, size_bytes: int | None, on_bytes: Callable[[int], None]
) -> int | None:
    """Append an answer's body to the part; return the file's whole size if it is known now."""
    if before and response.status_code != 206:
        # The server knows no ranges, and sends everything once more.
        part.unlink()
        on_bytes(-before)
        before = 0
    told = _whole_size(response.headers, before)
    size_bytes = told if size_bytes is None else size_bytes
    # Unbuffered: what came is on its way to the disk even if this process is killed.
    with part.open("ab", buffering=0) as file:
        # As they come: with a size for the chunks, up to a whole one would be lost where the connection breaks off.
        for chunk in response.iter_raw():
            file.write(chunk)
            on_bytes(len(chunk))
    return size_bytes


def _whole_size(headers: Mapping[str, str], before: int) -> int | None:
    of_range = headers.get("Content-Range", "").rpartition("/")[2]
    if of_range.isdigit():
        return int(of_range)
    length = headers.get("Content-Length", "")
    return before + int(length) if length.isdigit() else None


def _listing(response: httpx2.Response, hub: str, repository: str) -> Listing:
    try:
        data: dict[str, Any] = response.json()
        files = []
        for item in data["siblings"]:
            lfs = item.get("lfs") or {}
            files.append(
                RemoteFile(
                    path=str(item["rfilename"]),
                    size_bytes=lfs.get("size", item.get("size")),
                    sha256=lfs.get("sha256") or lfs.get("oid"),
                    git_sha1=None if lfs else item.get("blobId"),
                )
            )
        # It becomes the name of a folder.
        if not re.fullmatch(r"[0-9A-Za-z][\w.-]*", str(data["sha"])):
            raise ValueError("no commit")
        return Listing(str(data["sha"]), tuple(files))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineError(
            f"{hub} does not answer like a model hub about {repository}: check HF_ENDPOINT, and whether a proxy or "
            f"login page answers in its place",
            code="model.hub_failed",
        ) from error


def _too_few(name: str, came_bytes: int, size_bytes: int | None) -> EngineError:
    return EngineError(
        f"the hub sent {came_bytes} of {size_bytes} bytes of a file of {name} and says that is all: pull again later",
        code="model.incomplete",
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
