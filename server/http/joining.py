"""How a connection of either kind gets to its session: a candidate's own, or one that a developer's key opens."""

from __future__ import annotations

import time

from common.errors import ProtocolError
from server.host import Server
from server.http.who import require, whose_is
from server.principal import Principal
from server.rights import Action
from server.sessions.session import Session
from server.wire.connection import SessionInfo
from server.wire.live import LiveSession


def session_of(server: Server, principal: Principal, model: str) -> Session:
    """Return a token's session, or a new one for the card that `model` names (`card:ID`); raises AppError."""
    if principal.session_id is not None:
        session = server.registry.get(principal.session_id)
        require(principal, Action.TAKE_PART, whose_is(session))
        return session
    require(principal, Action.CHOOSE_CARD)
    if not model.startswith("card:"):
        raise ProtocolError("a developer's key chooses a card: connect with ?model=card:ID", code="session.model")
    return server.registry.reserve(model.removeprefix("card:"), "practice")[0]


def new_live(server: Server, session: Session, principal: Principal) -> LiveSession:
    """Make the part of a joined session that connections attach to."""
    session.live = LiveSession(
        principal=principal,
        session_info=SessionInfo(
            id=session.id,
            card_id=session.card.id,
            expires_at_s=round(time.time()) + server.settings.session.session_s,
        ),
        make_driver=lambda input_hz, sink: server.drivers.make(session, input_hz, sink),
        settings=server.settings.server,
        resume_s=server.settings.session.resume_s,
        start_within_s=server.settings.session.start_within_s,
        over=lambda: server.registry.finish(session),
    )
    return session.live
