"""Logging in with an account elsewhere: a browser is sent to the issuer, and comes back as somebody.

A log-in that has begun is known by a secret of its browser's, kept here for ten minutes and used once. Accounts are
linked by issuer and subject alone: an e-mail address can be another's tomorrow, and opens nobody's account.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from common.errors import AccessError, ProtocolError
from server.accounts.account_names import MAX_NAME, login_of, name_of
from server.accounts.oidc_provider import OidcProvider
from server.settings.oidc import OidcSettings, PersonRole
from server.store import audit, identities, people
from server.store.people import Person
from server.store.store import Store
from server.store.tokens import new_id, now_ms

PENDING_S = 600.0
MOST_PENDING = 1_000
BY = "single sign-on"


@dataclass(frozen=True, slots=True)
class Begun:
    """A log-in that has begun: what only its browser and the issuer's answer can know."""

    browser: str
    nonce: str
    verifier: str
    then: str
    until_s: float


class SingleSignOn:
    """Sends people to the issuer, and takes them in when they come back; `now_s` is a monotonic clock."""

    def __init__(
        self, settings: OidcSettings, store: Store, *, now_s: Callable[[], float], wall_ms: Callable[[], int] = now_ms
    ) -> None:
        self.provider = OidcProvider(settings, now_s=now_s)
        self._settings = settings
        self._store = store
        self._now_s = now_s
        self._wall_ms = wall_ms
        self._begun: OrderedDict[str, Begun] = OrderedDict()  # by their state

    async def begin(self, *, then: str, redirect_uri: str) -> tuple[str, str]:
        """Return where to send a browser, and the secret that it must bring back; raises AccessError."""
        state, browser, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(4))
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        address = await self.provider.address(state=state, nonce=nonce, challenge=challenge, redirect_uri=redirect_uri)
        while self._begun and (len(self._begun) >= MOST_PENDING or self._first().until_s <= self._now_s()):
            self._begun.popitem(last=False)
        self._begun[state] = Begun(browser, nonce, verifier, then, self._now_s() + PENDING_S)
        return address, browser

    async def finish(self, answer: Mapping[str, str], *, browser: str, redirect_uri: str) -> tuple[Person, str]:
        """Return who came back, and the page to go on to; raises AccessError or ProtocolError."""
        begun = self._begun.pop(answer.get("state", ""), None)
        known = begun is not None and secrets.compare_digest(begun.browser, browser)
        if begun is None or not known or begun.until_s <= self._now_s():
            raise AccessError("this log-in was begun elsewhere, or too long ago; begin again", code="oidc.state")
        if answer.get("iss", self.provider.issuer) != self.provider.issuer:
            raise AccessError("this answer is another issuer's; begin again", code="oidc.state")
        if "code" not in answer:
            raise AccessError("your organisation did not log you in; try again", code="oidc.refused")
        claims = await self.provider.claims(
            answer["code"], verifier=begun.verifier, nonce=begun.nonce, redirect_uri=redirect_uri
        )
        return await self._person(claims), begun.then

    async def _person(self, claims: Mapping[str, Any]) -> Person:
        subject, role = claims["sub"], self._role(claims)
        async with self._store.database.writing() as connection:
            person_id = await identities.person_of(connection, self.provider.issuer, subject)
            person = await people.by_id(connection, person_id) if person_id is not None else None
            if person is None:
                if role is None:
                    raise _no_role()
                person = self._newcomer(claims, role)
                await people.add(connection, person)
                await identities.link(connection, self.provider.issuer, subject, person.id, made_ms=self._wall_ms())
                await audit.append(connection, "person.came", by=BY, person=person.id, role=role)
                return person
            if person.state not in ("active", "invited"):
                raise AccessError("this account is disabled; ask an admin", code="oidc.disabled", http_status=403)
            # Without a claim that says so, what somebody may do is what admins made of it.
            wanted = role if self._settings.role_claim is not None else person.role
            if wanted is None:
                raise _no_role()
            is_last = person.role == "admin" and await people.count_admins(connection) < 2
            changed = replace(person, role=person.role if is_last else wanted, state="active")
            if changed != person:
                await people.change(connection, person.id, role=changed.role, state=changed.state)
                told = {"role": changed.role, "state": changed.state}
                await audit.append(connection, "person.changed", by=BY, person=person.id, **told)
            return changed

    def _role(self, claims: Mapping[str, Any]) -> PersonRole | None:
        if self._settings.role_claim is None:
            return self._settings.default_role
        value: Any = claims
        for name in self._settings.role_claim.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        values = value if isinstance(value, list) else [value]
        return self._settings.role_of({each for each in values if isinstance(each, str)})

    def _newcomer(self, claims: Mapping[str, Any], role: PersonRole) -> Person:
        login = _first(claims, ("email", "preferred_username", "sub"), login_of) or new_id("sso_")
        name = _first(claims, ("name", "preferred_username", "email"), lambda text: name_of(str(text)[:MAX_NAME]))
        return Person(new_id("per_"), login, name or login[:MAX_NAME], role, "active", None, self._wall_ms())

    def _first(self) -> Begun:
        return next(iter(self._begun.values()))


def _first(claims: Mapping[str, Any], names: tuple[str, ...], form: Callable[[object], str]) -> str | None:
    """Return the first of the claims that is fit to be kept."""
    for name in names:
        try:
            if name in claims:
                return form(claims[name])
        except ProtocolError:
            continue
    return None


def _no_role() -> AccessError:
    return AccessError(
        "your organisation's account is not one that may use this server; ask an admin",
        code="oidc.no_role",
        http_status=403,
    )
