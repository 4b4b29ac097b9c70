"""People with accounts: in, out, invited, reset; each change stands in the audit in the same transaction."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import get_args

from common.errors import AccessError, ProtocolError
from server.accounts.account_names import login_of, name_of
from server.accounts.login_limits import LoginLimits
from server.accounts.passwords import Passwords, check_password, is_old
from server.principal import PERSON_ROLES, Role
from server.settings.store import AuthSettings
from server.store import audit, identities, people
from server.store.people import SEEN_EVERY_MS, Person, PersonState
from server.store.store import Store
from server.store.tokens import digest_of, new_id, new_token, now_ms

LOGIN_PREFIX, INVITATION_PREFIX = "il_", "iv_"
HOUR_MS, MINUTE_MS = 3_600_000, 60_000


class Accounts:
    """All that has to do with people. Raises DatabaseError, and what each method says."""

    def __init__(
        self,
        store: Store,
        settings: AuthSettings,
        *,
        now_s: Callable[[], float],
        passwords: Passwords | None = None,
        wall_ms: Callable[[], int] = now_ms,
    ) -> None:
        self._store = store
        self._settings = settings
        self.limits = LoginLimits(settings, now_s=now_s)
        self._passwords = passwords or Passwords()
        self._wall_ms = wall_ms

    # -------------------------------------------------------------- in and out

    async def log_in(self, login: object, password: object, network: str) -> tuple[str, Person]:
        """Return the secret of a new log-in, and whose it is; raises AccessError, RateError or CapacityError."""
        try:
            name = login_of(login)
        except ProtocolError:
            name = ""  # no name: it is wrong as any other is
        async with self._guess(name, network):
            async with self._store.database.reading() as connection:
                person = await people.by_login(connection, name)
            right = await self._passwords.is_right(password, person.password if person is not None else None)
        if person is None or not right or person.state != "active":
            known = person.id if person is not None else None
            await self._store.append("login.failed", person=known, network=network)
            raise AccessError("the log-in name or the password is wrong; try again", code="account.wrong")
        self.limits.succeeded(name, network)
        if is_old(person.password or ""):
            renewed = await self._passwords.digest(check_password(password, login=person.login))
            async with self._store.database.writing() as connection:
                await people.change(connection, person.id, password=renewed)
        return await self._begin(person, network), person

    @contextlib.asynccontextmanager
    async def _guess(self, login: str, network: str) -> AsyncIterator[None]:
        """Count a guess before it is compared, and take it back where it could not be; raises RateError."""
        self.limits.guess(login, network)
        try:
            yield
        except BaseException:
            self.limits.withdraw(login, network)
            raise

    async def let_in(self, person: Person, network: str) -> str:
        """Return the secret of a new log-in of somebody whom their organisation knows."""
        return await self._begin(person, network)

    async def _begin(self, person: Person, network: str) -> str:
        token, at_ms = new_token(LOGIN_PREFIX), self._wall_ms()
        async with self._store.database.writing() as connection:
            expires_ms = at_ms + round(self._settings.login_hours * HOUR_MS)
            await people.log_in(connection, digest_of(token), person.id, at_ms=at_ms, expires_ms=expires_ms)
            await audit.append(connection, "login.succeeded", person=person.id, network=network)
        return token

    async def who(self, token: str) -> Person | None:
        """Return who is logged in with this secret, or None once that is over."""
        at_ms, digest = self._wall_ms(), digest_of(token)
        async with self._store.database.reading() as connection:
            idle_ms = round(self._settings.idle_minutes * MINUTE_MS)
            login = await people.logged_in(connection, digest, at_ms=at_ms, idle_ms=idle_ms)
        if login is None:
            return None
        if at_ms - login.seen_ms >= SEEN_EVERY_MS:
            async with self._store.database.writing() as connection:
                await people.see(connection, digest, at_ms=at_ms)
        return login.person

    async def log_out(self, token: str, person_id: str) -> None:
        """End a log-in."""
        async with self._store.database.writing() as connection:
            await people.log_out(connection, digest_of(token))
            await audit.append(connection, "logout", person=person_id)

    async def change_password(self, person: Person, old: object, new: object, *, token: str, network: str) -> None:
        """Set another password, and end all other log-ins; raises AccessError, ProtocolError or RateError."""
        plain = check_password(new, login=person.login)
        async with self._guess(person.login, network):
            right = await self._passwords.is_right(old, person.password)
        if not right:
            raise AccessError("the old password is wrong; try again", code="account.wrong", http_status=403)
        self.limits.succeeded(person.login, network)
        digest = await self._passwords.digest(plain)
        async with self._store.database.writing() as connection:
            await people.change(connection, person.id, password=digest, password_ms=self._wall_ms())
            await people.log_out_everywhere(connection, person.id, but=digest_of(token))
            await audit.append(connection, "password.changed", person=person.id)

    # -------------------------------------------------------------- one-time links

    async def invite(self, by: str, *, login: object, name: object, role: object) -> tuple[Person, str]:
        """Add somebody; return them with the secret of the link by which they set a password. Raises ProtocolError."""
        at_ms = self._wall_ms()
        person = Person(new_id("per_"), login_of(login), name_of(name), role_of(role), "invited", None, at_ms)
        token = new_token(INVITATION_PREFIX)
        async with self._store.database.writing() as connection:
            await people.add(connection, person)
            expires_ms = at_ms + round(self._settings.invitation_hours * HOUR_MS)
            await people.invite(connection, digest_of(token), person.id, made_ms=at_ms, expires_ms=expires_ms)
            await audit.append(connection, "person.invited", by=by, person=person.id, role=person.role)
        return person, token

    async def reset(self, by: str, person_id: str) -> tuple[Person, str]:
        """End somebody's log-ins and their password; return the secret of a link to a new one. Raises ProtocolError."""
        token, at_ms = new_token(INVITATION_PREFIX), self._wall_ms()
        async with self._store.database.writing() as connection:
            person = _there(await people.by_id(connection, person_id))
            if person.state == "disabled":
                raise ProtocolError(
                    "this account is disabled; enable it first", code="account.disabled", http_status=409
                )
            await people.change(connection, person.id, password=None, state="invited")
            await people.log_out_everywhere(connection, person.id)
            expires_ms = at_ms + round(self._settings.invitation_hours * HOUR_MS)
            await people.invite(connection, digest_of(token), person.id, made_ms=at_ms, expires_ms=expires_ms)
            await audit.append(connection, "password.reset", by=by, person=person.id)
        return person, token

    async def invited(self, token: object) -> Person:
        """Return whom a link is for; raises AccessError once it was used or is too old."""
        async with self._store.database.reading() as connection:
            person = await people.invited(connection, digest_of(_text(token)), at_ms=self._wall_ms())
        if person is None:
            raise _bad_link()
        return person

    async def accept(self, token: object, password: object, network: str) -> tuple[str, Person]:
        """Set the password that a link is for, and log in; raises AccessError, ProtocolError or RateError."""
        self.limits.attempt(network)
        person = await self.invited(token)
        digest = await self._passwords.digest(check_password(password, login=person.login))
        async with self._store.database.writing() as connection:
            if not await people.use_invitation(connection, digest_of(_text(token))):
                raise _bad_link()
            at_ms = self._wall_ms()
            await people.change(connection, person.id, password=digest, password_ms=at_ms, state="active")
            await people.log_out_everywhere(connection, person.id)
            await audit.append(connection, "invitation.accepted", person=person.id, network=network)
        return await self._begin(person, network), person

    # -------------------------------------------------------------- what admins do

    async def everybody(self) -> list[Person]:
        """Return all people."""
        async with self._store.database.reading() as connection:
            return await people.everybody(connection)

    async def find(self, login: object) -> Person:
        """Return the person of a log-in name; raises ProtocolError."""
        async with self._store.database.reading() as connection:
            return _there(await people.by_login(connection, login_of(login)))

    async def lets_in(self, person_id: str, *, since_ms: int) -> bool:
        """Return whether what somebody was given at that time still lets them in.

        It does until their account is disabled or erased, or another password is set: whoever changes a password that
        others may know wants all of it to end.
        """
        async with self._store.database.reading() as connection:
            return await people.lets_in(connection, person_id, since_ms=since_ms)

    async def change(self, by: str, person_id: str, *, role: object = None, enabled: bool | None = None) -> Person:
        """Give somebody another role, disable their account with its log-ins and links, or enable it: all or nothing.

        What is None stays. It holds from their next request on; raises ProtocolError.
        """
        new_role = None if role is None else role_of(role)
        async with self._store.database.writing() as connection:
            person = _there(await people.by_id(connection, person_id))
            state: PersonState = person.state
            if enabled is not None:
                known = bool(person.password) or await identities.has_any(connection, person.id)
                state = ("active" if known else "invited") if enabled else "disabled"
            wanted = new_role or person.role
            stays = wanted == "admin" and state != "disabled"
            is_admin = person.role == "admin" and person.state != "disabled"
            if is_admin and not stays and await people.count_admins(connection) < 2:
                raise ProtocolError(
                    "this is the last admin; make another one first", code="account.last_admin", http_status=409
                )
            await people.change(connection, person.id, role=wanted, state=state)
            if state == "disabled":
                await people.log_out_everywhere(connection, person.id)
                await people.drop_links(connection, person.id)
            changed = {"role": new_role, "state": state if enabled is not None else None}
            await audit.append(connection, "person.changed", by=by, person=person.id, **changed)
            return _there(await people.by_id(connection, person_id))

    async def has_admin(self) -> bool:
        """Return whether there is an admin."""
        async with self._store.database.reading() as connection:
            return await people.count_admins(connection) > 0


def role_of(text: object) -> Role:
    """Return a role that people can have; raises ProtocolError."""
    for role in get_args(Role):
        if role == text and role in PERSON_ROLES:
            known: Role = role
            return known
    raise ProtocolError(f"there is no such role; use one of {', '.join(PERSON_ROLES)}", code="account.role")


def _there(person: Person | None) -> Person:
    if person is None or person.state in ("erasing", "erased"):
        raise ProtocolError("there is no such person here", code="account.unknown", http_status=404)
    return person


def _text(token: object) -> str:
    return token if isinstance(token, str) else ""


def _bad_link() -> AccessError:
    return AccessError(
        "this link was used already, or is too old; ask whoever sent it for a new one", code="account.link"
    )
