"""Whether somebody who was let in once still may: their account may have been disabled or erased since."""

from __future__ import annotations

import structlog

from common.errors import AccessError, DatabaseError
from server.host import Server
from server.principal import Principal
from server.sessions.session import Session

logger = structlog.get_logger("server.http.standing")


async def check_owner(server: Server, session: Session) -> None:
    """Raise AccessError where the account of whose session it is lets them in no longer; some are nobody's.

    While the database can't be asked, a role-play goes on.
    """
    if session.person_id is None:
        return
    try:
        active = await server.accounts.lets_in(session.person_id, since_ms=session.opened_ms)
    except DatabaseError as error:
        logger.warning("standing_unchecked", error=error.message)
        return
    if not active:
        raise no_longer()


async def check_bearer(server: Server, principal: Principal, session: Session) -> None:
    """Raise AccessError where a session's own token is that of somebody whose account lets them in no longer."""
    if principal.session_id is not None:
        await check_owner(server, session)


async def as_of_now(server: Server, principal: Principal) -> Principal:
    """Return what a key may do by now, and anybody else as they are; raises AccessError for one that was revoked."""
    if principal.session_id is not None or principal.name is None:
        return principal
    try:
        known = await server.key_ring.by_id(principal.name)
    except DatabaseError as error:
        logger.warning("standing_unchecked", error=error.message)
        return principal
    if known is None:
        raise no_longer()
    return known


def no_longer() -> AccessError:
    """Return what somebody is told who may not take part any more."""
    return AccessError(
        "you may not take part any more: the password was changed, the account is disabled, or the key revoked; log in "
        "again, or ask an admin",
        http_status=403,
        close_code=4403,
    )
