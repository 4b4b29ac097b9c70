"""Objects in a store that speaks S3.

The client is `obstore` (MIT; the Rust crate `object_store`, without other packages). It is asked at the configured
address alone, and its key comes from the settings, so that it looks for none elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from obstore.store import ObjectStore, S3Store

from common.errors import SettingsError
from server.objects.objects import object_store_error
from server.settings.s3 import S3Settings

# A busy store is asked again; a candidate who wants to hear the recording does not wait for minutes.
RETRIES = 3
RETRIED_S = 15.0
CONNECT_S = 5.0


class StoredObjects:
    """Objects of an `obstore` store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def put(self, name: str, path: Path) -> None:
        """Write a file as one object, in parts when it is long."""
        with _told(name):
            obstore.put(self._store, name, path)

    def put_new(self, name: str, data: bytes) -> None:
        """Write an object; one of this name that is there stays as it is."""
        with _told(name), suppress(AlreadyExistsError):
            obstore.put(self._store, name, data, mode="create")

    def names(self, prefix: str) -> list[str]:
        """Return the names of the objects that begin so, in their order."""
        with _told(prefix):
            return sorted(str(one["path"]) for some in obstore.list(self._store, prefix) for one in some)

    def content(self, name: str) -> bytes:
        """Return a whole object."""
        with _told(name):
            return bytes(obstore.get(self._store, name).bytes())

    def read(self, name: str, start: int, length: int) -> bytes:
        """Return a range of an object."""
        with _told(name):
            return obstore.get_range(self._store, name, start=start, length=length).to_bytes()

    def delete(self, name: str) -> None:
        """Delete an object."""
        with _told(name):
            try:
                obstore.delete(self._store, name)
            except (NotFoundError, FileNotFoundError):
                return


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Make a StorageError of what the store's client raises; its own words may hold addresses and keys."""
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        raise object_store_error(f"'{name}' is not in the object store; restore it there") from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise object_store_error(
            "the object store refuses this server; check access_key_id, its secret and its rights"
        ) from error
    except (BaseError, OSError) as error:
        raise object_store_error("the object store does not answer as it should; check it, and its settings") from error


def connect(settings: S3Settings) -> StoredObjects:
    """Return the objects of the bucket that the settings name; nothing is asked yet. Raises SettingsError."""
    secret = settings.secret_access_key
    if settings.endpoint is None or settings.bucket is None or settings.access_key_id is None or secret is None:
        raise SettingsError("the settings of the object store are not complete; see `interlocutor config check`")
    store = S3Store(
        settings.bucket,
        endpoint=settings.endpoint,
        # A variable of this name in the environment would lead elsewhere.
        aws_endpoint_url_s3=settings.endpoint,
        region=settings.region,
        access_key_id=settings.access_key_id,
        secret_access_key=secret.get_secret_value(),
        # Many stores have no host name for each bucket, and all take the bucket in the path.
        virtual_hosted_style_request=False,
        # Not all know how to delete several at once.
        disable_bulk_delete=True,
        client_options={
            "allow_http": settings.endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=CONNECT_S),
            "timeout": timedelta(seconds=settings.timeout_s),
        },
        retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRIED_S)},
    )
    return StoredObjects(store)
