"""What is done with sessions' folders unasked: what a crash left is erased to its end, or put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

from audio.recorder import join as join_recording
from common.errors import AppError
from server.records.folder import RecordFolder
from server.records.log_facts import recording_digest
from server.vault.vault import Vault

logger = structlog.get_logger("server.records.housekeeping")


def session_folders(root: Path) -> list[Path]:
    """Return the folders of sessions that there are."""
    return [path for path in sorted(root.iterdir()) if path.is_dir()] if root.is_dir() else []


def finish_erasing(folders: Iterable[Path]) -> None:
    """Erase what a crash left of sessions that were being erased."""
    for folder in folders:
        record = RecordFolder(folder)
        try:
            if record.is_half_erased:
                record.erase()
                logger.info("erasure_finished", session=folder.name)
        except (AppError, OSError) as error:
            logger.error("erasure_not_finished", session=folder.name, error=str(error))


def join_left_over(
    folders: Iterable[Path], vault: Vault, recorded: Callable[[str, str], None] = lambda _name, _digest: None
) -> None:
    """Join the recordings that lie in segments, since a crash or a full disk kept their sessions from doing so.

    Not erased ones. `recorded` is told of each session that has a recording now, and its SHA-256.
    """
    for folder in folders:
        if RecordFolder(folder).erased:
            continue
        if any(folder.glob("segment-*.flac")):
            try:
                joined = join_recording(folder, seal=vault.open_session(folder))
                logger.info("recording_recovered", session=folder.name, ms=round(joined.duration_ms))
                if (digest := recording_digest(folder)) is not None:
                    recorded(folder.name, digest)
            except (AppError, OSError) as error:
                why = error.message if isinstance(error, AppError) else str(error)
                logger.warning("recording_not_recovered", session=folder.name, error=why)
