"""Opens the vault that the settings name, or says in one sentence why it can't be."""

from __future__ import annotations

from pathlib import Path

import structlog

from common.errors import SettingsError, StorageError
from server.settings.tree import LENIENT, Settings
from server.vault.key_service import MAKE_KEY, LocalKeys
from server.vault.key_text import FixedText, KeyFile, KeyText, make_key_file
from server.vault.session_keys import KEY_NAME, read_key
from server.vault.vault import Vault

logger = structlog.get_logger("server.vault.opening")

OWN_NAME = "vault.key"
"""The key file that dev makes in its data folder."""


def vault_faults(settings: Settings) -> list[str]:
    """Return why a server must not start with this master key, one line each; nothing is wrong in dev and test."""
    if settings.environment in LENIENT:
        return []
    place = settings.vault
    if place.key is None and place.key_file is None:
        return [
            f"vault.key_file: {settings.environment} needs a master key from outside the data folder, for what is kept "
            f"of people; {MAKE_KEY}, keep a copy, and name its file"
        ]
    if place.key_file is not None and _is_below(place.key_file, settings.data_path):
        return [
            "vault.key_file: lies in the data folder, where it protects nothing: whoever takes the folder has the key "
            "too; move it elsewhere"
        ]
    try:
        LocalKeys(_text(settings))
    except SettingsError as error:
        return [error.message]
    return []


def open_vault(settings: Settings) -> Vault:
    """Return the vault; in dev and test its key file is made if there is none. Raises SettingsError or StorageError."""
    if faults := vault_faults(settings):
        raise SettingsError("\n".join(faults))
    keys = LocalKeys(_text(settings))
    vault = Vault(keys)
    _try_a_session(settings.data_path / "sessions", vault)
    return vault


def protection(settings: Settings) -> str:
    """Return in words what the master key protects against, by where it lies."""
    if settings.vault.key is None and _is_below(settings.vault.key_file or settings.data_path, settings.data_path):
        return "nothing from whoever can read the data folder: the master key lies in it"
    return "what is kept of people, from whoever has the data folder and not the master key"


def key_file(settings: Settings) -> KeyFile | None:
    """Return the file that the master keys are in, None where a variable has them; raises SettingsError."""
    text = _text(settings)
    return text if isinstance(text, KeyFile) else None


def _text(settings: Settings) -> KeyText:
    place = settings.vault
    if place.key is not None and place.key_file is not None:
        raise SettingsError("vault.key: is set, and so is vault.key_file; remove one of them")
    if place.key is not None:
        return FixedText(place.key.get_secret_value())
    strict = settings.environment not in LENIENT
    if place.key_file is not None:
        return KeyFile(place.key_file, strict=strict)
    own = settings.data_path / OWN_NAME
    if not own.exists():
        if (sealed := _a_sealed_session(settings.data_path / "sessions")) is not None:
            raise SettingsError(
                f"vault.key_file: {own} is gone, and {sealed.name} is sealed with it; put it back, since with another "
                "key nothing that is kept here can be read"
            )
        if make_key_file(own):
            logger.warning(
                "vault_key_made",
                path=str(own),
                note="it lies in the data folder, so it protects nothing from whoever can read that folder",
            )
    return KeyFile(own, strict=False)


def _try_a_session(root: Path, vault: Vault) -> None:
    """See that the master key is the one that this data folder was sealed with; raises SettingsError."""
    sealed = _a_sealed_session(root)
    if sealed is None:
        return
    try:
        vault.open_session(sealed)
    except StorageError as error:
        if error.code != "storage.no_key":
            return  # that one session is damaged; whoever asks for it is told
        raise SettingsError(
            f"vault.key_file: holds another master key than the one that {sealed.name} was sealed with; put that key "
            "back, after the new one if you mean to rotate"
        ) from None


def _a_sealed_session(root: Path) -> Path | None:
    """Return the newest session that has a key, if there is any."""
    if not root.is_dir():
        return None
    with_keys = ((path.stat().st_mtime_ns, path.parent) for path in root.glob(f"*/{KEY_NAME}"))
    for _, folder in sorted(with_keys, reverse=True):
        try:
            if read_key(folder) is not None:
                return folder
        except StorageError:
            continue
    return None


def _is_below(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
