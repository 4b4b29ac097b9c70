"""The folders of sessions: made where there is room, thrown away unused, recovered after a crash."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

import structlog

from common.errors import StorageError, storage_error
from pipelines.log.disk import DiskThread
from server.records.holder import Holder
from server.records.housekeeping import finish_erasing, join_left_over
from server.sessions.access import keep_bearer
from server.vault.vault import Vault

logger = structlog.get_logger("server.sessions.folders")

PROBE_BYTES = 4_096


class SessionFolders:
    """All sessions' folders below `root`."""

    def __init__(
        self,
        root: Path,
        *,
        vault: Vault,
        disk: DiskThread,
        chores: DiskThread,
        failed: Callable[[StorageError], None] = lambda _error: None,
        recorded: Callable[[str, str], None] = lambda _name, _digest: None,
        holder: Holder | None = None,
    ) -> None:
        self._holder = holder or Holder()
        self._failed = failed
        self._recorded = recorded
        self._root = root
        self._vault = vault
        self._disk = disk
        self._chores = chores

    def make(self, session_id: str) -> Path:
        """Return a session's new folder, in which something can be written; raises StorageError."""
        folder = self._root / session_id
        try:
            # Before there is a folder that another server could find and take for left behind.
            self._holder.hold(session_id)
            folder.mkdir(parents=True)
            probe = folder / "probe"
            probe.write_bytes(b"\0" * PROBE_BYTES)  # a full disk often still makes folders
            probe.unlink()
        except (OSError, StorageError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            self.let_go(session_id)
            refused = error if isinstance(error, StorageError) else storage_error(folder, error)
            self._failed(refused)
            raise refused from error
        return folder

    def keep_bearer(self, folder: Path, token: str) -> None:
        """Have the folder know with which token its session was opened; raises StorageError."""
        try:
            keep_bearer(folder, token)
        except OSError as error:
            raise storage_error(folder, error) from error

    def discard(self, folder: Path) -> None:
        """Delete the folder of a session that nobody joined."""
        self._chores.submit(lambda: shutil.rmtree(folder, ignore_errors=True))

    def let_go(self, session_id: str) -> None:
        """Hold a session no more, once what was asked for it is done: any server may look at what is left."""
        if self._holder.name is not None:
            self._chores.submit(partial(self._holder.let_go, session_id), _not_let_go)

    def tell_when_kept(self, written: asyncio.Event, joined: asyncio.Event) -> None:
        """Set the events once the log and the segments are on the disk, and once the recording is one file.

        The threads keep the order of what they are asked, so this is to be called after all else of a session.
        """
        loop = asyncio.get_running_loop()

        def tell(done: asyncio.Event) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(done.set)

        def on_disk() -> None:
            tell(written)
            self._chores.submit(lambda: tell(joined))

        self._disk.submit(on_disk)

    def recover(self, left: Collection[Path]) -> None:
        """Finish erasures, and join what a crash left in segments, in the folders of sessions that don't go on."""
        self._chores.submit(lambda: finish_erasing(left))
        self.join_again(left)

    def join_again(self, folders: Collection[Path]) -> None:
        """Join the recordings in these folders that still lie in segments; `recorded` is told of them on the loop."""
        loop = asyncio.get_running_loop()

        def tell(name: str, digest: str) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: the next start's audit will lack it
                loop.call_soon_threadsafe(self._recorded, name, digest)

        self._chores.submit(lambda: join_left_over(folders, self._vault, tell))


def _not_let_go(error: Exception) -> None:
    logger.warning("session_not_let_go", error=str(error))
