"""Who is who: tokens stand for one session each, the developer's key for none in particular."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from common.errors import AccessError
from server.principal import Principal
from server.sessions.access import Access

KEY = "a-developers-key"


def test_a_token_stands_for_its_session_and_role() -> None:
    access = Access(None)
    candidate, developer = access.issue("sess_1", "candidate"), access.issue("sess_2", "developer")
    assert access.principal(candidate) == Principal("candidate", "sess_1")
    assert access.principal(developer) == Principal("developer", "sess_2")
    assert not access.is_developer(developer)


def test_a_revoked_token_stands_for_nobody() -> None:
    access = Access(None)
    gone, stays = access.issue("sess_1", "candidate"), access.issue("sess_2", "candidate")
    access.revoke({"sess_1"})
    with pytest.raises(AccessError, match="unknown or has expired"):
        access.principal(gone)
    assert access.principal(stays).session_id == "sess_2"


def test_the_developers_key_is_for_no_session() -> None:
    access = Access(SecretStr(KEY))
    assert access.principal(KEY) == Principal("developer", None)


@pytest.mark.parametrize("token", [None, "", KEY + "x", KEY[:-1], "\u2603"])
def test_anything_else_is_refused(token: str | None) -> None:
    access = Access(SecretStr(KEY))
    assert not access.is_developer(token)
    with pytest.raises(AccessError):
        access.principal(token)


@pytest.mark.parametrize("key", [None, SecretStr("")])
def test_without_a_key_nobody_is_a_developer(key: SecretStr | None) -> None:
    access = Access(key)
    assert not access.is_developer("")
    assert not access.is_developer(None)
