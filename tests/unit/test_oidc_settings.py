"""Settings of single sign-on: which roles claims stand for, and what is told to be missing."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from server.settings.oidc import OidcSettings, is_safe
from server.settings.store import AuthSettings
from server.settings.tree import Settings

WHOLE: dict[str, Any] = {"issuer": "https://login.example", "client_id": "us"}


def test_of_several_roles_the_one_that_may_most_counts() -> None:
    settings = OidcSettings(role_claim="groups", roles=("a=candidate", "b=examiner", "x=y=admin"), default_role=None)
    assert settings.role_of({"a", "b"}) == "examiner"
    assert settings.role_of({"x=y", "a"}) == "admin"
    assert settings.role_of({"c"}) is None
    assert OidcSettings().role_of(set()) == "candidate"


@pytest.mark.parametrize(
    "wrong",
    [
        {"roles": ("examiner",)},
        {"roles": ("=examiner",)},
        {"roles": ("a=king",)},
        {"scopes": ("profile",)},
        {"issuer": "login.example"},
        {"role_claim": "a..b"},
        {"default_role": "king"},
    ],
)
def test_what_can_not_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OidcSettings.model_validate(WHOLE | wrong)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, []),
        (WHOLE, []),
        ({"client_id": "us"}, ["auth.oidc.issuer"]),
        ({"issuer": "https://login.example"}, ["auth.oidc.client_id"]),
        ({"label": "OET School"}, ["auth.oidc.issuer", "auth.oidc.client_id"]),
        (WHOLE | {"issuer": "http://login.example"}, ["auth.oidc.issuer"]),
        (WHOLE | {"issuer": "http://127.0.0.1:8080"}, []),
        (WHOLE | {"roles": ("a=examiner",)}, ["auth.oidc.role_claim"]),
        (WHOLE | {"role_claim": "groups"}, ["auth.oidc.roles"]),
    ],
)
def test_what_is_missing_is_named(given: dict[str, Any], missing: list[str]) -> None:
    found = OidcSettings.model_validate(given).faults(public_url="https://oet.example", strict=True)
    assert [fault.partition(":")[0] for fault in found] == missing


def test_production_needs_the_address_that_people_come_back_to() -> None:
    auth = AuthSettings.model_validate({"oidc": WHOLE})
    faults = Settings(environment="production", auth=auth).production_faults()
    assert any(fault.startswith("auth.public_url: is missing") for fault in faults)
    (note, *_) = auth.oidc.notes(public_url="https://oet.example")
    assert "https://oet.example/login/oidc/callback" in note


def test_the_secret_is_shown_nowhere() -> None:
    auth = AuthSettings.model_validate({"oidc": WHOLE | {"client_secret": "a secret of theirs"}})
    settings = Settings(auth=auth)
    assert "a secret of theirs" not in str(settings.redacted())
    assert settings.redacted()["auth"]["oidc"]["client_secret"] == "********"
    other = Settings(auth=AuthSettings.model_validate({"oidc": WHOLE | {"client_secret": "another"}}))
    assert settings.digest() == other.digest()


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://a", True),
        ("http://a", False),
        ("http://127.0.0.1:1", True),
        ("http://[::1]", True),
        ("http://", False),
    ],
)
def test_an_address_is_safe_over_https_or_here(url: str, safe: bool) -> None:
    assert is_safe(url) is safe
