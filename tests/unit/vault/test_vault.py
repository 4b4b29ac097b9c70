"""The vault: keys that are wrapped, found again, rotated and destroyed, and what is said when they can't be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from common.errors import SettingsError, StorageError
from common.seal import Seal
from server.settings.tree import Settings
from server.vault.key_service import LocalKeys, WrappedKey, parse_keys
from server.vault.key_text import FixedText, KeyFile, make_key_file, new_key_word
from server.vault.opening import OWN_NAME, open_vault, vault_faults
from server.vault.session_keys import KEY_NAME, SIZE_BYTES, destroy_key, key_is_destroyed, read_key, sync_key
from server.vault.vault import Vault


def vault_of(*words: str) -> Vault:
    return Vault(LocalKeys(FixedText(" ".join(words) or new_key_word())))


def test_a_sessions_key_is_found_again_in_its_folder_alone(tmp_path: Path) -> None:
    vault, one, two = vault_of(), tmp_path / "sess_1", tmp_path / "sess_2"
    one.mkdir()
    two.mkdir()
    assert vault.open_session(one) is None
    sealed = vault.make_session(one).seal(b"words", about="event 1")
    sync_key(one)
    found = vault.open_session(one)
    assert found is not None
    assert found.open(sealed, about="event 1") == b"words"
    with pytest.raises(StorageError, match="has a key already"):
        vault.make_session(one)
    (two / KEY_NAME).write_bytes((one / KEY_NAME).read_bytes())
    with pytest.raises(StorageError) as raised:
        vault.open_session(two)
    assert raised.value.code == "storage.damaged"


def test_a_destroyed_key_is_gone_from_its_file_and_says_so(tmp_path: Path) -> None:
    vault = vault_of()
    vault.make_session(tmp_path)
    wrapped = read_key(tmp_path)
    assert wrapped is not None
    assert not key_is_destroyed(tmp_path)
    place = os.stat(tmp_path / KEY_NAME).st_ino
    for _ in range(2):
        destroy_key(tmp_path)
    left = (tmp_path / KEY_NAME).read_bytes()
    # Written over where it lay: no new file, no more room.
    assert (os.stat(tmp_path / KEY_NAME).st_ino, len(left)) == (place, SIZE_BYTES)
    assert wrapped.as_text().encode() not in left
    assert (read_key(tmp_path), vault.open_session(tmp_path), key_is_destroyed(tmp_path)) == (None, None, True)
    destroy_key(tmp_path / "nothing")


@pytest.mark.parametrize("content", [b"", b"not JSON", b'{"v": 2}', b'{"v": 1, "key": "v1.x"}', b'["key"]'])
def test_a_key_file_that_was_damaged_is_told_apart_from_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / KEY_NAME).write_bytes(content)
    with pytest.raises(StorageError, match="changed or damaged"):
        vault_of().open_session(tmp_path)


def test_another_master_key_is_named_and_never_shown(tmp_path: Path) -> None:
    first, second = new_key_word(), new_key_word()
    vault_of(first).make_session(tmp_path)
    with pytest.raises(StorageError) as raised:
        vault_of(second).open_session(tmp_path)
    assert raised.value.code == "storage.no_key"
    assert parse_keys(first)[0].id in raised.value.message
    assert first not in raised.value.message
    assert vault_of(second, first).open_session(tmp_path) is not None


def test_a_key_is_wrapped_anew_by_the_first_master_key_and_opens_the_same(tmp_path: Path) -> None:
    first, second = new_key_word(), new_key_word()
    sealed = vault_of(first).make_session(tmp_path).seal(b"words", about="event 1")
    seal, kept = vault_of(first).new_key("person 1")
    both = vault_of(second, first)
    assert both.rewrap_session(tmp_path)
    assert not both.rewrap_session(tmp_path)
    again = both.rewrapped(kept, "person 1")
    assert again is not None
    assert both.rewrapped(again, "person 1") is None
    alone = vault_of(second)
    found = alone.open_session(tmp_path)
    assert found is not None
    assert found.open(sealed, about="event 1") == b"words"
    assert alone.open_key(again, "person 1").open(seal.seal(b"Anna", about="name"), about="name") == b"Anna"
    with pytest.raises(StorageError):
        alone.open_key(again, "person 2")


def test_a_running_server_takes_up_a_key_that_was_put_into_the_file(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    assert make_key_file(path)
    assert not make_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    text = KeyFile(path, strict=True)
    keys = LocalKeys(text)
    before = keys.current
    KeyFile(path, strict=True).put_first(new_key_word())
    assert keys.current != before
    assert keys.known == (keys.current, before)
    path.unlink()
    # What it has read it keeps, until it can read something else.
    assert keys.known == (keys.current, before)
    with pytest.raises(SettingsError, match=r"^vault.key_file: the file .* can't be read"):
        LocalKeys(KeyFile(path, strict=True))


@pytest.mark.parametrize("text", ["", "short", "A" * 43 + "=", "ä" * 44, new_key_word()[:-4] + "===="])
def test_what_is_no_key_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^vault.key: ") as raised:
        parse_keys(text)
    assert not text or text not in raised.value.message


def test_a_wrapped_key_of_another_form_is_damaged() -> None:
    text = WrappedKey("0" * 16, Seal.new().seal(b"x", about="")).as_text()
    assert WrappedKey.from_text(text).as_text() == text
    for bad in ("v2" + text[2:], text + ".x", text[:-2] + "!!", ""):
        with pytest.raises(StorageError):
            WrappedKey.from_text(bad)


# ------------------------------------------------------------------ what the settings name


def settings(folder: Path, environment: str = "dev", **vault: object) -> Settings:
    return Settings.model_validate({"environment": environment, "data_path": folder, "vault": vault})


def test_dev_makes_a_key_in_its_data_folder_once_and_never_in_place_of_a_lost_one(tmp_path: Path) -> None:
    folder = tmp_path / "sessions" / "sess_1"
    folder.mkdir(parents=True)
    vault = open_vault(settings(tmp_path))
    vault.make_session(folder)
    assert open_vault(settings(tmp_path)).open_session(folder) is not None
    (tmp_path / OWN_NAME).unlink()
    with pytest.raises(SettingsError, match="is gone, and sess_1 is sealed with it"):
        open_vault(settings(tmp_path))
    assert not (tmp_path / OWN_NAME).exists()
    with pytest.raises(SettingsError, match="another master key than the one that sess_1 was sealed with"):
        open_vault(settings(tmp_path, key=new_key_word()))


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_others_need_a_key_from_outside_the_data_folder(tmp_path: Path, environment: str) -> None:
    data, outside = tmp_path / "data", tmp_path / "key"
    assert make_key_file(outside)
    assert make_key_file(data / "key")
    (line,) = vault_faults(settings(data, environment))
    assert line.startswith(f"vault.key_file: {environment} needs a master key from outside the data folder")
    with pytest.raises(SettingsError, match="needs a master key"):
        open_vault(settings(data, environment))
    (line,) = vault_faults(settings(data, environment, key_file=data / "key"))
    assert line.startswith("vault.key_file: lies in the data folder")
    assert vault_faults(settings(data, environment, key_file=outside)) == []
    assert open_vault(settings(data, environment, key_file=outside)).keys.current
    outside.chmod(0o644)
    (line,) = vault_faults(settings(data, environment, key_file=outside))
    assert "every user of this machine may read" in line
    with pytest.raises(SettingsError, match="every user of this machine may read"):
        open_vault(settings(data, environment, key_file=outside))
    assert open_vault(settings(data, environment, key=new_key_word())).keys.current
    with pytest.raises(SettingsError, match="remove one of them"):
        open_vault(settings(data, environment, key=new_key_word(), key_file=outside))


def test_the_key_of_a_folder_that_was_given_back_is_no_trouble_and_a_lost_one_is(tmp_path: Path) -> None:
    sync_key(tmp_path / "gone")
    (tmp_path / "there").mkdir()
    with pytest.raises(FileNotFoundError):
        sync_key(tmp_path / "there")
