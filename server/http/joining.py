"""How a connection of either kind gets to its session: that of a join token, one that a developer's key opens, or the
one that a ticket leads back to."""

from __future__ import annotations

import structlog

from common.errors import AccessError, DatabaseError, ProtocolError
from server.host import Server
from server.http.who import require, whose_is
from server.principal import Principal
from server.rights import Action
from server.sessions.registry import check_goes_on
from server.sessions.session import Session
from server.wire.ticket import Ticket

logger = structlog.get_logger("server.http.joining")


CARD_PREFIX = "card:"
"""A program names the card by its model."""


def session_of(server: Server, principal: Principal, model: str) -> Session:
    """Return a token's session, or a new one for the card that `model` names (`card:ID`); raises AppError."""
    if principal.session_id is not None:
        session = server.registry.get(principal.session_id)
        require(principal, Action.TAKE_PART, whose_is(session))
        return session
    require(principal, Action.CHOOSE_CARD)
    if not model.startswith(CARD_PREFIX):
        raise ProtocolError("a developer's key chooses a card: connect with ?model=card:ID", code="session.model")
    return server.registry.reserve(model.removeprefix(CARD_PREFIX), "practice")[0]


async def resumed(server: Server, bearer: Principal | None, ticket: Ticket) -> Session:
    """Return the session that a ticket leads back to, while its bearer may still take part; raises AppError.

    The ticket is enough; who brings a token or a key besides must be somebody who may take part too.
    """
    session = server.registry.resume(ticket)
    for principal in (check_goes_on(session).principal, bearer):
        if principal is None:
            continue
        if principal.session_id not in (None, session.id):
            raise AccessError("this ticket is for another session", http_status=403, close_code=4403)
        require(await _as_of_now(server, principal), Action.TAKE_PART, whose_is(session))
    if session.person_id is not None and not await _goes_on(server, session.person_id):
        raise _may_not_go_on()
    # It may have ended while the database was asked.
    check_goes_on(session)
    return session


async def _as_of_now(server: Server, principal: Principal) -> Principal:
    """Return what a key may do by now, and anybody else as they are; raises AccessError for one that was revoked."""
    if principal.session_id is not None or principal.name is None:
        return principal
    try:
        known = await server.key_ring.by_id(principal.name)
    except DatabaseError as error:
        logger.warning("resumed_unchecked", error=error.message)
        return principal
    if known is None:
        raise _may_not_go_on()
    return known


async def _goes_on(server: Server, person_id: str) -> bool:
    """Return whether somebody's account still lets them in; while that can't be asked, a role-play goes on."""
    try:
        return await server.accounts.is_active(person_id)
    except DatabaseError as error:
        logger.warning("resumed_unchecked", error=error.message)
        return True


def _may_not_go_on() -> AccessError:
    return AccessError(
        "you may not take part any more: the account is disabled, or the key revoked; ask an admin",
        http_status=403,
        close_code=4403,
    )
