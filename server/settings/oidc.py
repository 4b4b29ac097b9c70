"""Settings of single sign-on: whose people may log in here (OpenID Connect), and what they may do."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from server.principal import PERSON_ROLES

PersonRole = Literal["candidate", "examiner", "developer", "admin"]
# What a person may do who has several of the claim's values: the one that may most.
RANK: tuple[PersonRole, ...] = ("admin", "developer", "examiner", "candidate")


class OidcSettings(BaseModel):
    """Where people have accounts already. All of it is unset on a server with passwords alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s?#]+$",
        description="Issuer of the organisation's accounts (OpenID Connect), exactly as its discovery document "
        "writes it, e.g. https://login.example.org/realms/oet; unset: nobody logs in that way.",
    )
    client_id: str | None = Field(
        default=None, min_length=1, max_length=255, description="Name under which the issuer knows this server."
    )
    client_secret: SecretStr | None = Field(
        default=None, description="Secret that the issuer gave this server; unset for a public client."
    )
    client_secret_file: Path | None = Field(default=None, description="File that holds auth.oidc.client_secret.")
    label: str = Field(
        default="your organisation",
        min_length=1,
        max_length=80,
        description="Name of the organisation on the log-in page.",
    )
    scopes: tuple[str, ...] = Field(
        default=("openid", "profile", "email"), description="What the issuer is asked for; openid must be among it."
    )
    role_claim: str | None = Field(
        default=None,
        pattern=r"^[^\s.]+(\.[^\s.]+)*$",
        description="Claim that says what somebody may do, with dots into it, e.g. groups or realm_access.roles; "
        "unset: everybody who comes gets default_role, and admins change it.",
    )
    roles: tuple[str, ...] = Field(
        default=(),
        description="Values of that claim and the roles that they stand for, e.g. [oet-examiners=examiner]. At each "
        "log-in the one that may most counts.",
    )
    default_role: PersonRole | None = Field(
        default="candidate",
        description="Role of people whose claim names none of the roles; null: they may not log in.",
    )

    @field_validator("client_secret_file")
    @classmethod
    def _expand_home(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser()

    @field_validator("scopes")
    @classmethod
    def _asks_who(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in scopes:
            raise ValueError("must have openid among them: without it the issuer does not say who somebody is")
        return scopes

    @field_validator("roles")
    @classmethod
    def _are_pairs(cls, pairs: tuple[str, ...]) -> tuple[str, ...]:
        for pair in pairs:
            value, equals, role = pair.rpartition("=")
            if not equals or not value or role not in PERSON_ROLES:
                raise ValueError(f"must be pairs as oet-examiners=examiner, with one of {', '.join(PERSON_ROLES)}")
        return pairs

    @property
    def enabled(self) -> bool:
        """Whether people may log in this way."""
        return self.issuer is not None and self.client_id is not None

    def role_of(self, values: set[str]) -> PersonRole | None:
        """Return the role that the claim's values stand for; None where somebody may not log in."""
        named = {role for value, _, role in (pair.rpartition("=") for pair in self.roles) if value in values}
        return next((role for role in RANK if role in named), self.default_role)

    def faults(self, *, public_url: str | None, strict: bool) -> list[str]:
        """Return what is missing or wrong, one line each; with `strict`, as other people's accounts are at stake."""
        if self == OidcSettings():
            return []
        found = []
        if self.issuer is None:
            found.append("auth.oidc.issuer: is missing; set the issuer's address, as its discovery document writes it")
        elif not is_safe(self.issuer):
            found.append("auth.oidc.issuer: must begin with https://, or anybody on the way could log in as anybody")
        if self.client_id is None:
            found.append("auth.oidc.client_id: is missing; register this server with the issuer, and set its client id")
        if self.roles and self.role_claim is None:
            found.append("auth.oidc.role_claim: is missing; name the claim whose values auth.oidc.roles lists")
        if self.role_claim is not None and not self.roles:
            found.append("auth.oidc.roles: is empty; list which of the claim's values stand for which role")
        if public_url is None and strict:
            found.append(
                "auth.public_url: is missing; the issuer sends people back to it, so set this server's address"
            )
        return found

    def notes(self, *, public_url: str | None) -> list[str]:
        """Return what whoever sets it up may want to know, one line each."""
        if not self.enabled:
            return []
        base = public_url or "http://HOST:PORT"
        found = [f"auth.oidc: register {base}{CALLBACK} with the issuer as the redirect URI"]
        if self.client_secret is None:
            found.append("auth.oidc.client_secret: is unset, so the issuer must know this server as a public client")
        if self.role_claim is None:
            found.append(f"auth.oidc.role_claim: is unset; whoever comes is {self.default_role or 'refused'}")
        return found


CALLBACK = "/login/oidc/callback"


def is_safe(url: str) -> bool:
    """Return whether nobody on the way can read what is sent to an address: over https, or on this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return True
    try:
        return parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
