"""Where what is left of role-plays lies, and what opens it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from server.records.recordings import Recordings, recordings_of
from server.settings.tree import Settings
from server.vault.opening import open_vault
from server.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Records:
    """The folders of role-plays below `root`, the vault with their keys, and their recordings."""

    root: Path
    vault: Vault
    recordings: Recordings = field(default_factory=Recordings)


def open_records(settings: Settings) -> Records:
    """Return what is left of this deployment's role-plays; raises SettingsError, StorageError."""
    return Records(settings.data_path / "sessions", open_vault(settings), recordings_of(settings.recordings))
