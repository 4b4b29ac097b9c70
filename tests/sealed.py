"""What tests open records with, which a server of theirs sealed with the key in its data folder."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

from audio.recorder import RECORDING_NAME
from common.seal import Seal
from common.sealed_files import read_file
from server.vault.key_service import LocalKeys
from server.vault.key_text import FixedText, KeyFile, new_key_word
from server.vault.opening import OWN_NAME
from server.vault.session_keys import write_key
from server.vault.vault import Vault


def new_vault() -> Vault:
    """Return a vault with a master key that is nowhere else."""
    return Vault(LocalKeys(FixedText(new_key_word())))


def vault_in(data: Path) -> Vault:
    """Return the vault of a data folder whose server made its own key."""
    return Vault(LocalKeys(KeyFile(data / OWN_NAME, strict=True)))


def seal_of(session: Path) -> Seal | None:
    """Return what a session's folder below such a data folder is sealed with."""
    return vault_in(session.parent.parent).open_session(session)


def recording_of(session: Path) -> io.BytesIO:
    """Return the recording of such a session, unsealed."""
    return io.BytesIO(read_file(session / RECORDING_NAME, seal_of(session)))


def copy_session(source: Path, target: Path) -> Seal:
    """Copy a session as another one, whose key is for its own name; return what it is sealed with."""
    vault, seal = vault_in(source.parent.parent), seal_of(source)
    assert seal is not None
    shutil.copytree(source, target)
    write_key(target, vault.keys.wrap(seal, about=f"session {target.name}"), durable=False)
    return seal
