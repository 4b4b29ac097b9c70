"""How a connection of either kind gets to its session: that of a join token, one that a developer's key opens, or the
one that a ticket leads back to."""

from __future__ import annotations

from common.errors import AccessError, ProtocolError
from pipelines.patient.free import FREE_CARD, FREE_ID
from server.host import Server
from server.http.standing import as_of_now, check_bearer, check_owner
from server.http.who import require, whose_is
from server.principal import Principal
from server.rights import Action
from server.sessions.registry import check_goes_on
from server.sessions.session import Session
from server.wire.ticket import Ticket

CARD_PREFIX = "card:"
"""A program names the card by its model."""
FREE_MODEL = f"{CARD_PREFIX}{FREE_ID}"
HOW_TO_CHOOSE = f"connect with ?model=card:ID, or with ?model={FREE_MODEL} where a language model answers"


async def session_of(server: Server, principal: Principal, model: str) -> Session:
    """Return a token's session, or a new one for the card that `model` names (`card:ID`); raises AppError."""
    if principal.session_id is not None:
        session = server.registry.get(principal.session_id)
        require(principal, Action.TAKE_PART, whose_is(session))
        await check_bearer(server, principal, session)
        return session
    require(principal, Action.CHOOSE_CARD)
    if model in ("", FREE_MODEL):
        return _free_session(server, model)
    if not model.startswith(CARD_PREFIX):
        raise ProtocolError(f"a developer's key chooses a card: {HOW_TO_CHOOSE}", code="session.model")
    return server.registry.reserve(model.removeprefix(CARD_PREFIX), "practice")[0]


def _free_session(server: Server, model: str) -> Session:
    """Return a session without a card; raises ProtocolError where no language model answers on this server."""
    if server.choices.responder.speaks_freely:
        return server.registry.reserve_card(FREE_CARD, "practice")[0]
    if not model:
        raise ProtocolError(f"a developer's key chooses a card: {HOW_TO_CHOOSE}", code="session.model")
    raise ProtocolError(
        "a conversation without a card needs a language model, and on this server the card's words answer: "
        "set engines.responder to language-model or remote, or connect with ?model=card:ID",
        code="session.free",
        http_status=409,
    )


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
        require(await as_of_now(server, principal), Action.TAKE_PART, whose_is(session))
    await check_owner(server, session)
    # It may have ended while the database was asked.
    check_goes_on(session)
    return session
